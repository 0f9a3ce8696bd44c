"""The errors a user can meet. Core raises them; only ``cli.app`` prints them.

Every message says what was wrong, where (file, line, key) and what to do about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class MtnerError(Exception):
    """Base of every error that is the user's to mend; shown without a traceback."""


class ConfigError(MtnerError):
    """One or more faults in a configuration, reported together.

    Attributes:
        faults: one sentence per fault, each naming its key and file.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


class DataError(MtnerError):
    """A file that does not hold what its format promises.

    Attributes:
        path: the file.
        line: 1-based line number, or None where the fault is not in one line.
    """

    def __init__(self, path: str | Path, line: int | None, message: str) -> None:
        self.path = Path(path)
        self.line = line
        where = f"{path}:{line}" if line is not None else f"{path}"
        super().__init__(f"{where}: {message}")


class CheckpointError(MtnerError):
    """A run folder or checkpoint that is missing, incomplete or of another model."""


class DeviceError(MtnerError):
    """The device asked for is not there."""


class EncoderError(MtnerError):
    """A pretrained encoder that cannot be found or cannot be used."""
