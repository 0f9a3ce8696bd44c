"""Keep arrays on disk between runs, under a hash of everything they are made from.

Any change of a file or a setting gives another hash, so a stored array is never out of date.
A cache must not make a run fail: what cannot be read is computed again, what cannot be written is
not kept. The files lie in a separate subfolder, and other files there are never touched.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mtner_cli.core.files.atomic import atomic_path, remove_temporaries
from mtner_cli.errors import DataError

MOST_BYTES = 2 * 1024**3
VARIABLE = "MTNER_CACHE"
SUBFOLDER = "mtner-features"
_OWN_NAME = re.compile(r"[0-9a-f]{64}\.npz")
_LONGEST_WRITE = 3600.0  # seconds after which a temporary file belongs to no living process

Arrays = Mapping[str, NDArray[Any]]
Content = TypeVar("Content")


def cache_folder() -> Path | None:
    """Return the cache's folder: below ``MTNER_CACHE`` if that is set; None if it is ``off``."""
    given = os.environ.get(VARIABLE, "")
    if given.lower() == "off":
        return None
    if given:
        return Path(given) / SUBFOLDER
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(caches) / "mtner" / "features"


def cache_key(*parts: object) -> str:
    """Return a hash of values that JSON can hold; the order of a mapping's keys has no effect."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def content_hash(path: Path) -> str | None:
    """Return a hash of a file's bytes, or None if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):  # a name with NUL is a ValueError
        return None


def load_cached(key: str, unpack: Callable[[Arrays], Content]) -> Content | None:
    """Unpack the arrays stored under a key; return None if they are missing or damaged."""
    path = _path(key)
    if path is None:
        return None
    try:
        with (
            open(path, "rb", opener=_open_plain) as file,
            np.load(file, allow_pickle=False) as zipped,
        ):
            content = unpack({name: zipped[name] for name in zipped.files})
    except Exception:  # no file, or a damaged one: numpy and ``unpack`` raise any error
        return None
    with suppress(OSError):
        os.utime(path)  # the least recently used are deleted first
    return content


def store_arrays(key: str, arrays: Arrays) -> None:
    """Store arrays for later runs if possible, and delete the least recently used ones."""
    path = _path(key)
    if path is None:
        return
    with suppress(DataError, OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            atomic_path(path, own_folder=True, sync=False) as temporary,
            temporary.open("wb") as file,
        ):
            np.savez(file, **arrays)  # type: ignore[arg-type]
        _shrink(path.parent)


def _path(key: str) -> Path | None:
    folder = cache_folder()
    return None if folder is None else folder / f"{key}.npz"


def _open_plain(path: str, flags: int) -> int:
    """Open a plain file; a pipe with a cache file's name would block a run for ever."""
    handle = os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError("no plain file")
    return handle


def _shrink(folder: Path) -> None:
    """Delete the cache's least recently used files until it has at most ``MOST_BYTES``."""
    remove_temporaries(folder, older_than=time.time() - _LONGEST_WRITE)
    own = [path for path in folder.iterdir() if _OWN_NAME.fullmatch(path.name)]
    files = [(path, status) for path in own if stat.S_ISREG((status := path.lstat()).st_mode)]
    total = sum(status.st_size for _, status in files)
    for path, status in sorted(files, key=lambda item: item[1].st_mtime):
        if total <= MOST_BYTES:
            return
        path.unlink(missing_ok=True)
        total -= status.st_size
