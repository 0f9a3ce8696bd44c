"""Find out in which format a file or folder is, from its content and its name."""

from __future__ import annotations

import os
from pathlib import Path

from mtner_cli.core.convert.registry import FORMATS, Format, format_named
from mtner_cli.core.files.reading import reading

_MOST_BYTES = 1 << 20
"""Only the start of a file is read."""


def formats_of_files() -> dict[str, Format]:
    """Return the formats of which one file or folder makes one action file, by name."""
    formats = {name: format_named(name) for name in FORMATS}
    return {name: found for name, found in formats.items() if found.targets is None}


def find_format(path: Path) -> str | None:
    """Return the name of the format of a file or folder; None if none or several fit.

    Raises:
        DataError: if the file cannot be read.
    """
    formats = formats_of_files()
    if os.path.isdir(path):
        found = [name for name, one in formats.items() if one.takes_folders]
    else:
        found = [name for name, one in formats.items() if _has_companions(path, one)]
        if not found:
            head = _head(path)
            found = [
                name for name, one in formats.items() if one.looks_like and one.looks_like(head)
            ]
    return found[0] if len(found) == 1 else None


def _has_companions(path: Path, source_format: Format) -> bool:
    """Tell whether all files that belong together in a format are there."""
    endings = source_format.read_together
    return path.suffix in endings and all(path.with_suffix(end).is_file() for end in endings)


def _head(path: Path) -> str:
    """Return the first whole lines of a file; bytes of another charset do not matter."""
    with reading(path), path.open("rb") as file:
        content = file.read(_MOST_BYTES)
    if len(content) == _MOST_BYTES:
        content = content.rpartition(b"\n")[0] or content
    return content.decode("utf-8-sig", "replace").replace("\r\n", "\n").lstrip()
