"""Files that appear complete or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from mtner_cli.errors import DataError


@contextmanager
def atomic_text_file(path: Path, encoding: str = "utf-8") -> Iterator[TextIO]:
    r"""Open a text file for writing that takes its place only when the block succeeds.

    The text goes to a temporary file beside ``path``, which is renamed at the end; on any
    exception, an interrupt included, it is removed and what stood at ``path`` stays. The parent
    folder is made if it is missing. Lines end in ``\n`` on every system.

    Raises:
        DataError: if the folder or the file cannot be made.
    """
    with (
        atomic_path(path) as temporary,
        open(temporary, "w", encoding=encoding, newline="\n") as file,
    ):
        yield file


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary file beside ``path`` for a library to write; otherwise as above.

    Raises:
        DataError: if the folder or the file cannot be made.
    """
    # A symbolic link keeps pointing where it points: the file behind it is replaced, not the link.
    target = path.resolve()
    try:
        if target.is_dir():
            raise DataError(path, None, "is a folder; give the name of a file to write")
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        os.close(handle)
    except OSError as error:
        raise DataError(path, None, f"cannot be written: {error.strerror}") from None
    try:
        yield Path(name)
        os.chmod(name, _usual_permissions())
        os.replace(name, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise


def _usual_permissions() -> int:
    """What a plainly opened new file would get; a temporary file is private to its owner."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
