"""Measure how deep annotated mentions are nested, and how many of each depth are found."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import groupby

from mtner_cli.core.types import TaggedSpan


@dataclass(frozen=True, slots=True)
class Found:
    """The number of found mentions among ``total`` annotated mentions."""

    found: int = 0
    total: int = 0

    def __add__(self, other: Found) -> Found:
        return Found(self.found + other.found, self.total + other.total)

    @property
    def recall(self) -> float:
        """The recall in [0, 1]; 0.0 if there is nothing to find."""
        return self.found / self.total if self.total else 0.0


@dataclass(frozen=True)
class NestingRecall:
    """Recall by nesting.

    Attributes:
        by_depth: counts by the number of other mentions of the sentence that contain a mention
            (equal spans of different types contain each other).
        within_own_type: mentions contained in at least one other mention of their own type.
    """

    by_depth: dict[int, Found]
    within_own_type: Found

    def __add__(self, other: NestingRecall) -> NestingRecall:
        by_depth = dict(self.by_depth)
        for depth, found in other.by_depth.items():
            by_depth[depth] = by_depth.get(depth, Found()) + found
        return NestingRecall(
            dict(sorted(by_depth.items())), self.within_own_type + other.within_own_type
        )


@dataclass
class NestingTally:
    """Counts of annotated mentions, collected sentence by sentence."""

    _found: Counter[int] = field(default_factory=Counter)
    _total: Counter[int] = field(default_factory=Counter)
    _own_type_found: int = 0
    _own_type_total: int = 0

    def add(self, mentions: Collection[TaggedSpan], hits: set[TaggedSpan]) -> None:
        """Count a sentence's distinct annotated mentions (joined tags); ``hits`` were found."""
        if not _overlap(mentions):
            self.add_flat(len(mentions), len(hits))
            return
        by_tag: dict[object, list[tuple[int, int]]] = {}
        for start, end, tag in mentions:
            by_tag.setdefault(tag, []).append((start, end))
        depth_of = nesting_depths((start, end) for start, end, _ in mentions)
        own_depth_of = {tag: nesting_depths(spans) for tag, spans in by_tag.items()}
        for mention in mentions:
            start, end, tag = mention
            depth = depth_of[start, end]
            self._total[depth] += 1
            if mention in hits:
                self._found[depth] += 1
            if own_depth_of[tag][start, end]:
                self._own_type_total += 1
                self._own_type_found += mention in hits

    def add_flat(self, total: int, found: int) -> None:
        """Count mentions of sentences in which none lies within another."""
        self._total[0] += total
        self._found[0] += found

    def result(self) -> NestingRecall:
        return NestingRecall(
            {
                depth: Found(self._found[depth], total)
                for depth, total in sorted(self._total.items())
                if total
            },
            Found(self._own_type_found, self._own_type_total),
        )


def _overlap(mentions: Collection[TaggedSpan]) -> bool:
    last_end = 0
    for start, end, _ in sorted(mentions):
        if start < last_end:
            return True
        last_end = end
    return False


def nesting_depths(spans: Iterable[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Count, for every distinct span, the *other* given spans that contain it (or equal it)."""
    ordered = sorted(spans, key=lambda span: (span[0], -span[1]))
    ends: list[int] = []
    depths: dict[tuple[int, int], int] = {}
    for span, equal_spans in groupby(ordered):
        for _ in equal_spans:
            insort(ends, span[1])
        depths[span] = len(ends) - bisect_left(ends, span[1]) - 1
    return depths
