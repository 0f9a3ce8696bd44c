"""Inputs that can be read only once, such as pipes: copied to the disk before any reader sees them.

Formats are told apart, and tag schemes found, in a first pass over a file. A pipe has nothing left
for a second one.
"""

from __future__ import annotations

import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PosixPath
from typing import Any

from mtner_cli.errors import DataError


class _Copied(PosixPath):
    """A path by which messages name an input, and which opens the copy of it."""

    content: Path

    def open(self, *arguments: Any, **options: Any) -> Any:
        return self.content.open(*arguments, **options)


@contextmanager
def rewindable(paths: Iterable[Path]) -> Iterator[list[Path]]:
    """Give the paths, of which each can be opened again and again while the block lasts.

    Raises:
        DataError: if a pipe or device cannot be copied.
    """
    with ExitStack() as copies:
        yield [_copied(path, copies) if _is_stream(path) else path for path in paths]


def _is_stream(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False  # the reader says what is wrong
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _copied(path: Path, copies: ExitStack) -> Path:
    try:
        copy = copies.enter_context(tempfile.NamedTemporaryFile(prefix="mtner-"))  # noqa: SIM115
        with path.open("rb") as stream:
            shutil.copyfileobj(stream, copy)
        copy.flush()
    except OSError as error:
        message = f"cannot be copied to the folder for temporary files: {error.strerror}"
        raise DataError(path, None, f"{message}; give a plain file instead") from None
    opened = _Copied(path)
    opened.content = Path(copy.name)
    return opened
