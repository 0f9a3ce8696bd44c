"""Faults of a configuration and their places; helpers for keys, names and paths."""

from __future__ import annotations

import difflib
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate, islice
from pathlib import Path

from mtner_cli.errors import reason_of, shown

_LONGEST_NAME = 100
"""In characters; comparing two names takes time up to the product of their lengths."""
_MOST_NAMES = 1000


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known name that is most similar to ``name``, or None if none is similar."""
    if len(name) > _LONGEST_NAME:
        return None
    short = [other for other in islice(known, _MOST_NAMES) if len(other) <= _LONGEST_NAME]
    return next(iter(difflib.get_close_matches(name, short, n=1, cutoff=cutoff)), None)


KeyPath = tuple[str, ...]
"""The path of a setting: keys from the top, such as ``("train", "batch_size")``."""


@dataclass(frozen=True)
class Fault:
    """A fault of one setting, or of the whole configuration if ``key`` is empty."""

    key: KeyPath
    message: str


@dataclass(frozen=True)
class Origin:
    """The places where settings were written.

    Attributes:
        name: the file.
        places: the place of each key that was written, such as ``exp.yaml:12``.
    """

    name: str
    places: Mapping[KeyPath, str]

    def describe(self, fault: Fault) -> str:
        """Return a line with place, key and message; an unwritten key has its section's place."""
        key = fault.key
        while key and key not in self.places:
            key = key[:-1]
        place = self.places.get(key, self.name)
        if not fault.key:
            return f"{place}: {fault.message}"
        return f"{place}: {shown_key(fault.key)}: {fault.message}"


def key_text(key: Iterable[str]) -> str:
    r"""Return the path as a user writes it; a dot inside a key is written ``\.``."""
    return ".".join(re.sub(r"([\\.=])", r"\\\1", part) for part in key)


def key_of_text(text: str) -> KeyPath:
    """Return the path that :func:`key_text` wrote as ``text``."""
    parts = re.findall(r"(?:^|\.)((?:\\.|[^\\.])*)", text)
    return tuple(re.sub(r"\\(.)", r"\1", part) for part in parts)


LONGEST_KEY = 1000
"""Most characters of one key; every fault within a section repeats the section's key."""


def shown_key(key: Iterable[str]) -> str:
    """Return the path for a message; a name that could spoil it is cut and in quotes."""
    return ".".join(key_text((part,)) if shown(part) == part else shown(part) for part in key)


def is_whole(text: str) -> bool:
    r"""Tell whether a text has no half of a character, such as ``\ud83d`` in YAML or JSON.

    Bytes of the command line that are not UTF-8 also become such halves.
    """
    return text.isascii() or not re.search("[\ud800-\udfff]", text)


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


class KeySet:
    """A set of keys that tells which other keys concern one of them."""

    def __init__(self, keys: Iterable[KeyPath] = ()) -> None:
        self._keys: set[KeyPath] = set()
        self._above: set[KeyPath] = set()
        for key in keys:
            self.add(key)

    def add(self, key: KeyPath) -> None:
        self._keys.add(key)
        self._above.update(ways_to(key))

    def concerns(self, key: KeyPath) -> bool:
        """Tell whether ``key`` is one of the keys, holds one, or lies within one."""
        return key in self._above or not self._keys.isdisjoint(ways_to(key))


def ways_to(key: KeyPath) -> Iterable[KeyPath]:
    """Return the sections that hold a key, from the top, then the key: ``()``, ``("a",)``, ..."""
    return accumulate(zip(key), initial=())
