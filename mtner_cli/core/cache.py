"""Arrays kept on disk between runs, under a hash of everything they were made from.

Whatever changes, a file or a setting, thus leads to another name, and nothing is ever out of date.
A cache must not make a run fail: what cannot be read is made anew, what cannot be written is not.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtner_cli.core.corpus.atomic import atomic_path
from mtner_cli.errors import DataError

MOST_BYTES = 2 * 1024**3
VARIABLE = "MTNER_CACHE"

Arrays = Mapping[str, NDArray[Any]]


def cache_folder() -> Path | None:
    """The folder that ``MTNER_CACHE`` names, or one of the user's; None for ``MTNER_CACHE=off``."""
    given = os.environ.get(VARIABLE, "")
    if given.lower() == "off":
        return None
    if given:
        return Path(given)
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(caches) / "mtner" / "features"


def cache_key(*parts: object) -> str:
    """A hash of values that JSON can hold; the order of mappings does not count."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def content_hash(path: Path) -> str | None:
    """A hash of a file's bytes; None if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def load_arrays(key: str) -> Arrays | None:
    """What was stored under a key; None if there is nothing, or only something damaged."""
    path = _path(key)
    if path is None:
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except Exception:  # there is no file, or a damaged one: numpy raises whatever comes of it
        return None
    with suppress(OSError):
        os.utime(path)  # the least recently used go first
    return arrays


def store_arrays(key: str, arrays: Arrays) -> None:
    """Keep arrays for later runs if that is possible, in place of the least recently used."""
    path = _path(key)
    if path is None:
        return
    with suppress(DataError, OSError), atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    with suppress(OSError):
        _shrink(path.parent)


def _path(key: str) -> Path | None:
    folder = cache_folder()
    return None if folder is None else folder / f"{key}.npz"


def _shrink(folder: Path) -> None:
    """Delete files, the least recently used first, until the rest is small enough."""
    files = [(path, path.stat()) for path in folder.iterdir()]
    total = sum(status.st_size for _, status in files)
    for path, status in sorted(files, key=lambda item: item[1].st_mtime):
        if total <= MOST_BYTES:
            return
        path.unlink(missing_ok=True)
        total -= status.st_size
