"""Part the documents of a corpus into splits at random, with exact shares."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

from mtner_cli.core.types import SourceSentence
from mtner_cli.errors import ConfigError, quoted

SPLIT_NAMES = ("train", "dev", "test")
_SHARES = re.compile(r"[0-9]{1,9}(?:/[0-9]{1,9}){1,2}")


@dataclass(frozen=True)
class Split:
    """How to part a corpus.

    Attributes:
        shares: the shares of train, dev and, if there are three, test; only their ratio counts.
        seed: the seed of the random choice.
    """

    shares: tuple[int, ...]
    seed: int

    @staticmethod
    def of(shares: str, seed: int) -> Split:
        """Return the split of shares such as ``80/10/10`` or, without a test split, ``90/10``.

        Raises:
            ConfigError: if there are not two or three whole numbers above 0.
        """
        numbers = tuple(map(int, shares.split("/"))) if _SHARES.fullmatch(shares) else (0,)
        if 0 in numbers:
            message = "expected the shares of train, dev and test, such as 80/10/10 (or 90/10 "
            message += f"without a test split), each above 0; found {quoted(shares)}"
            raise ConfigError([message])
        return Split(numbers, seed)

    @property
    def names(self) -> tuple[str, ...]:
        return SPLIT_NAMES[: len(self.shares)]

    def sizes(self, count: int) -> list[int]:
        """Return how many of ``count`` documents each split gets: exact to one document.

        The documents that are left after rounding down go to the splits that lose most by it.
        """
        total = sum(self.shares)
        sizes = [count * share // total for share in self.shares]
        lost = [count * share % total for share in self.shares]
        for number in sorted(range(len(lost)), key=lambda number: -lost[number]):
            if sum(sizes) < count:
                sizes[number] += 1
        return sizes


@dataclass
class Documents:
    """The documents of a corpus in their order: each is a key, counted when it is first seen.

    Documents with one name are one document here, since they may have one text. A sentence without
    a document counts as a document.
    """

    count: int = 0
    without_document: int = 0
    _numbers: dict[object, int] = field(default_factory=dict)

    def number_of(self, sentence: SourceSentence) -> int:
        """Return the number of a sentence's document, from 0."""
        if sentence.document is None:
            self.without_document += 1
            self.count += 1
            return self.count - 1
        key = sentence.document.name or sentence.document.place
        number = self._numbers.setdefault(key, self.count)
        self.count += number == self.count
        return number


def parts_of_documents(split: Split, count: int) -> bytes:
    """Return the number of the split of each document, drawn at random.

    The same seed and count give the same splits with every version of Python.

    Raises:
        ConfigError: if a split would be empty.
    """
    sizes = split.sizes(count)
    if 0 in sizes:
        empty = split.names[sizes.index(0)]
        found = "1 document" if count == 1 else f"{count:,} documents"
        message = f"{found} cannot be split {'/'.join(map(str, split.shares))}: {empty} would be "
        raise ConfigError([f"{message}empty; give it a larger share"])
    parts = bytearray(b"".join(bytes([part]) * size for part, size in enumerate(sizes)))
    chance = random.Random(split.seed)
    for last in range(count - 1, 0, -1):
        other = int(chance.random() * (last + 1))  # shuffle() may change with a version of Python
        parts[last], parts[other] = parts[other], parts[last]
    return bytes(parts)
