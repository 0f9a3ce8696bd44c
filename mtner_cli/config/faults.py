"""Faults of a configuration: which key, what is wrong, where it was written, what was meant."""

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
"""Characters; the comparison of two names takes up to the product of their lengths."""
_MOST_NAMES = 1000


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Give the known name that is most like ``name``, or None where none is like it."""
    if len(name) > _LONGEST_NAME:
        return None
    short = [other for other in islice(known, _MOST_NAMES) if len(other) <= _LONGEST_NAME]
    return next(iter(difflib.get_close_matches(name, short, n=1, cutoff=cutoff)), None)


KeyPath = tuple[str, ...]
"""A setting by the keys of its sections, from the top: ``("train", "batch_size")``."""


@dataclass(frozen=True)
class Fault:
    """Something wrong with one setting, or with the whole where ``key`` is empty."""

    key: KeyPath
    message: str


@dataclass(frozen=True)
class Origin:
    """Where settings were written.

    Attributes:
        name: the file.
        places: the place of each key that was written somewhere, such as ``exp.yaml:12``.
    """

    name: str
    places: Mapping[KeyPath, str]

    def describe(self, fault: Fault) -> str:
        """One sentence: place, key and message; a key nowhere written has its section's place."""
        key = fault.key
        while key and key not in self.places:
            key = key[:-1]
        place = self.places.get(key, self.name)
        if not fault.key:
            return f"{place}: {fault.message}"
        return f"{place}: {shown_key(fault.key)}: {fault.message}"


def key_text(key: Iterable[str]) -> str:
    r"""The path as a user writes it; a dot inside a key is written ``\.``."""
    return ".".join(re.sub(r"([\\.=])", r"\\\1", part) for part in key)


def key_of_text(text: str) -> KeyPath:
    """The inverse of :func:`key_text`."""
    parts = re.findall(r"(?:^|\.)((?:\\.|[^\\.])*)", text)
    return tuple(re.sub(r"\\(.)", r"\1", part) for part in parts)


LONGEST_KEY = 1000
"""Characters of one name; every fault within a section holds the section's name."""


def shown_key(key: Iterable[str]) -> str:
    """The path as messages show it; a name that could spoil a message is cut and in quotes."""
    return ".".join(key_text((part,)) if shown(part) == part else shown(part) for part in key)


def is_whole(text: str) -> bool:
    r"""Tell whether there is no half of a character, as ``\ud83d`` in YAML or JSON makes one.

    Bytes of the command line that are not UTF-8 arrive as such halves, too.
    """
    return text.isascii() or not re.search("[\ud800-\udfff]", text)


# Python's own raise errors for a path that is too long or that may not be looked at.
def exists(path: Path) -> bool:
    """Tell whether anything is there that can be looked at."""
    return _kind(path) is not None


def is_file(path: Path) -> bool:
    """Tell whether a plain file is there."""
    return _kind(path) == stat.S_IFREG


def is_folder(path: Path) -> bool:
    """Tell whether a folder is there."""
    return _kind(path) == stat.S_IFDIR


def _kind(path: Path) -> int | None:
    try:
        return stat.S_IFMT(path.stat().st_mode)
    except (OSError, ValueError):
        return None


def why_absent(path: Path) -> str | None:
    """Why nothing can be at a path or what is there cannot be seen; None where it just is not."""
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
    """Keys, to ask which others concern one of them: itself, what holds it and what is in it."""

    def __init__(self, keys: Iterable[KeyPath] = ()) -> None:
        self._keys: set[KeyPath] = set()
        self._above: set[KeyPath] = set()
        for key in keys:
            self.add(key)

    def add(self, key: KeyPath) -> None:
        self._keys.add(key)
        self._above.update(ways_to(key))

    def concerns(self, key: KeyPath) -> bool:
        """Tell whether ``key`` is one of the keys, or holds one, or lies within one."""
        return key in self._above or not self._keys.isdisjoint(ways_to(key))


def ways_to(key: KeyPath) -> Iterable[KeyPath]:
    """The sections that hold a key, from the top, and the key itself: ``()``, ``("a",)``, ..."""
    return accumulate(zip(key), initial=())
