"""Split sentences that are too long for one input into segments."""

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
    """

    sentence: TokenizedSentence
    start: int
    end: int
    first_word: int = 0

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
