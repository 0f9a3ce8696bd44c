"""Look at paths without surprises, and find the files that come with the package."""

from __future__ import annotations

import stat
from pathlib import Path

from mtner_cli.errors import reason_of

PACKAGED = Path(__file__).parent
"""The package, which holds what comes with mtner: the folders of ``_SHIPPED``."""
FETCHED = Path("data/original")
"""Where ``mtner fetch`` puts corpora if the user names no other place."""
_SHIPPED = (Path("configs"), Path("data/samples"))


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
    """Return the packaged file or folder for a path that is not here but comes with mtner.

    So the commands of the documentation work in any folder.
    """
    if ".." in path.parts or not any(path.is_relative_to(folder) for folder in _SHIPPED):
        return path
    packaged = PACKAGED / path
    return packaged if not exists(path) and exists(packaged) else path


def named_path(text: str) -> tuple[str | None, Path]:
    """Return the name and the path of ``NAME=PATH``; the name is None for a path alone.

    A path that exists may hold an equals sign itself.
    """
    name, equals, path = text.partition("=")
    named = bool(name and equals and path) and "/" not in name and not exists(Path(text))
    return (name, Path(path)) if named else (None, Path(text))
