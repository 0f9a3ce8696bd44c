"""Faults of a configuration: which key, what is wrong, and where the key was written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

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
        return f"{place}: {key_text(fault.key)}: {fault.message}"


def key_text(key: Iterable[str]) -> str:
    r"""The path as a user writes it; a dot inside a key is written ``\.``."""
    return ".".join(re.sub(r"([\\.=])", r"\\\1", part) for part in key)


def key_of_text(text: str) -> KeyPath:
    """The inverse of :func:`key_text`."""
    parts = re.findall(r"(?:^|\.)((?:\\.|[^\\.])*)", text)
    return tuple(re.sub(r"\\(.)", r"\1", part) for part in parts)


def concerns(key: KeyPath, others: Iterable[KeyPath]) -> bool:
    """Whether ``key`` is one of ``others``, or holds one of them, or lies within one of them."""
    return any(key[: len(other)] == other[: len(key)] for other in others)
