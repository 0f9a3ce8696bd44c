"""Look at paths without surprises, and find the files that come with the package."""

from __future__ import annotations

import stat
from pathlib import Path

from mtner_cli.errors import reason_of

_PACKAGED = Path(__file__).parent
"""The package, which holds the project's folder ``configs``."""


# The functions of pathlib raise errors for a path that is too long or not accessible.
def exists(path: Path) -> bool:
    """Tell whether something accessible is at a path."""
    return _kind(path) is not None


def is_file(path: Path) -> bool:
    """Tell whether a plain file is at a path."""
    return _kind(path) == stat.S_IFREG


def is_folder(path: Path) -> bool:
    """Tell whether a folder is at a path."""
    return _kind(path) == stat.S_IFDIR


def _kind(path: Path) -> int | None:
    try:
        return stat.S_IFMT(path.stat().st_mode)
    except (OSError, ValueError):
        return None


def why_absent(path: Path) -> str | None:
    """Return why a path cannot exist or is not accessible; None if it exists or is missing."""
    try:
        path.stat()
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        return "a folder in this path is a file"
    except (OSError, ValueError) as error:
        return reason_of(error)
    return None


def shipped(path: Path) -> Path:
    """Return the packaged file or folder for a path below ``configs`` that is not here.

    So the commands of the documentation work in any folder.
    """
    packaged = _PACKAGED / path
    is_below = path.parts[:1] == ("configs",) and ".." not in path.parts
    return packaged if is_below and not exists(path) and exists(packaged) else path
