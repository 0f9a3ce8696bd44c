"""Split sentences that are too long for one input into segments or overlapping windows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from mtner_cli.core.features.tokenize import Integers, TokenizedSentence
from mtner_cli.core.types import TaggedSpan

SPECIAL_TOKENS = 2  # CLS and SEP


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive words of one sentence.

    Attributes:
        sentence: the sentence.
        start, end: the segment holds its words ``start:end``.
        first_word: the index of the first of them among the example's words.
        owned: where overlapping segments both hold a word, only one of them owns it, and mentions
            that start there are taken from that one; None is all words of the segment.
    """

    sentence: TokenizedSentence
    start: int
    end: int
    first_word: int = 0
    owned: tuple[int, int] | None = None

    @property
    def subwords(self) -> Integers:
        starts = self.sentence.word_starts
        return self.sentence.subwords[starts[self.start] : starts[self.end]]

    @property
    def gold(self) -> list[TaggedSpan]:
        """The mentions that lie within the segment, in word indices of the example."""
        shift = self.first_word - self.start
        return [
            (start + shift, end + shift, tag)
            for start, end, tag in self.sentence.gold
            if self.start <= start and end <= self.end
        ]

    def owns(self, word: int) -> bool:
        """Tell whether mentions that start at this word of the sentence are taken from here."""
        first, last = self.owned or (self.start, self.end)
        return first <= word < last


@dataclass
class ExampleNotes:
    """Numbers of mentions that training leaves out, by reason; evaluation still counts them."""

    left_out: Counter[str] = field(default_factory=Counter)


def segments_of(
    sentence: TokenizedSentence, max_tokens: int, notes: ExampleNotes | None = None
) -> list[Segment]:
    """Split a sentence into segments of at most ``max_tokens`` subwords, CLS and SEP included.

    Each segment holds as many words as fit. Segments end between words and, where that is
    possible, outside of mentions.
    """
    limit = max_tokens - SPECIAL_TOKENS
    starts = sentence.word_starts
    words = len(sentence.words)
    if int(starts[-1]) <= limit:
        return [Segment(sentence, 0, words)] if words else []
    inside = np.zeros(words + 1, dtype=bool)
    for start, end, _ in sentence.gold:
        inside[start + 1 : end] = True
    segments, start = [], 0
    while start < words:
        fitting = int(np.searchsorted(starts, starts[start] + limit, side="right")) - 1
        end = furthest = max(start + 1, min(fitting, words))
        while end > start and inside[end]:
            end -= 1
        if end == start:
            end = furthest
            if notes is not None:
                notes.left_out["mentions longer than max_tokens"] += sum(
                    mention_start < end < mention_end
                    for mention_start, mention_end, _ in sentence.gold
                )
        segments.append(Segment(sentence, start, end))
        start = end
    return segments


OVERLAP = 0.25
"""Share of a window that the next one holds, too."""


def windows_of(sentence: TokenizedSentence, max_tokens: int) -> list[Segment]:
    """Split a sentence into overlapping windows of at most ``max_tokens`` subwords, to predict.

    Each window holds as many words as fit and begins a quarter before the end of the one before.
    Of the words that two windows hold, the first half is owned by the first window. So each word
    has context on both sides, and each mention is taken from one window only.
    """
    limit = max_tokens - SPECIAL_TOKENS
    starts = sentence.word_starts
    words = len(sentence.words)
    if int(starts[-1]) <= limit:
        return [Segment(sentence, 0, words)] if words else []
    windows, start, owned = [], 0, 0
    while True:
        fitting = int(np.searchsorted(starts, starts[start] + limit, side="right")) - 1
        end = max(start + 1, min(fitting, words))
        if end == words:
            windows.append(Segment(sentence, start, end, owned=(owned, words)))
            return windows
        shared = starts[end] - int(limit * OVERLAP)
        following = max(start + 1, min(end, int(np.searchsorted(starts, shared))))
        border = max(owned, (following + end + 1) // 2)
        windows.append(Segment(sentence, start, end, owned=(owned, border)))
        start, owned = following, border
