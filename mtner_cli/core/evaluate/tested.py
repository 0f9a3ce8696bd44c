"""One sentence with what is annotated in it and what a model found: all that scoring needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mtner_cli.core.actions.timesteps import TaggedSpan
from mtner_cli.core.decode.mentions import ScoredMention

__all__ = ["ScoredMention", "TestedSentence"]


@dataclass(frozen=True, slots=True)
class TestedSentence:
    """A sentence after testing.

    Attributes:
        corpus: the corpus it comes from.
        index: its place within its corpus's split, from 0.
        document: its document, or None where the corpus knows none.
        text: the sentence as it was read.
        words: W words, as the model saw them.
        word_offsets: W character ranges into ``text``, end exclusive.
        gold: annotated mentions in word indices.
        gold_unmatched: annotated mentions in CHARACTER offsets that do not start and end at word
            boundaries, so that no prediction can be equal to them.
        predicted: mentions found by the model, in word indices.
    """

    __test__: ClassVar[bool] = False  # pytest would take the name for a test class

    corpus: str
    index: int
    document: str | None
    text: str
    words: tuple[str, ...]
    word_offsets: tuple[tuple[int, int], ...]
    gold: tuple[TaggedSpan, ...]
    gold_unmatched: tuple[TaggedSpan, ...]
    predicted: tuple[ScoredMention, ...]

    def characters(self, start: int, end: int) -> tuple[int, int]:
        """The character range in ``text`` of the words ``start`` to ``end`` (exclusive)."""
        return self.word_offsets[start][0], self.word_offsets[end - 1][1]
