"""Random choices that come out the same on every Python version."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Draw:
    """Draws from a seed.

    Only ``Random.random`` is used: Python promises that its numbers never change, which it does not
    for ``choice`` or ``shuffle``.
    """

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)

    def chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def integer(self, low: int, high: int) -> int:
        """A number from ``low`` to ``high``, both included."""
        return low + int(self._random.random() * (high - low + 1))

    def pick(self, items: Sequence[Item]) -> Item:
        return items[self.integer(0, len(items) - 1)]

    def shuffled(self, items: Sequence[Item]) -> list[Item]:
        return sorted(items, key=lambda _: self._random.random())


class Deck(Generic[Item]):
    """Deals items in random order, each once before any comes again."""

    def __init__(self, items: Sequence[Item], draw: Draw) -> None:
        self._items = items
        self._draw = draw
        self._left: list[Item] = []

    def deal(self) -> Item:
        if not self._left:
            self._left = self._draw.shuffled(self._items)
        return self._left.pop()
