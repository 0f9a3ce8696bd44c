"""The small, frozen values that travel between all stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple


class Span(NamedTuple):
    """A typed stretch of a sentence; a tuple, because millions are made, hashed and sorted.

    Attributes:
        start: first position, from 0 (a word index or a character offset: the holder says which).
        end: one past the last position, so ``end > start``.
        tag: the entity type, any text.
    """

    start: int
    end: int
    tag: str


class Tag(NamedTuple):
    """What the model predicts: an entity type, and its corpus where corpora keep separate tags.

    The corpus is a field of its own, so names may hold any character; ``str`` is for display.
    """

    corpus: str | None
    entity_type: str

    def __str__(self) -> str:
        return self.entity_type if self.corpus is None else f"{self.corpus}${self.entity_type}"


TaggedSpan = tuple[int, int, Tag]


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a corpus with its gold mentions.

    Attributes:
        text: the sentence; where words are given, the words joined by single spaces.
        mentions: sorted and without duplicates; word indices where ``words`` is given,
            character offsets into ``text`` otherwise.
        words: the given words, or None for raw text that a tokenizer will split.
        document: the document it belongs to, or None where the corpus knows no documents.
    """

    text: str
    mentions: tuple[Span, ...] = ()
    words: tuple[str, ...] | None = None
    document: str | None = None

    @staticmethod
    def of_words(
        words: list[str] | tuple[str, ...],
        mentions: list[Span] | tuple[Span, ...] = (),
        document: str | None = None,
    ) -> Sentence:
        """A pre-tokenised sentence; ``mentions`` are in word indices, in any order."""
        return Sentence(" ".join(words), tuple(sorted(set(mentions))), tuple(words), document)

    @staticmethod
    def of_text(
        text: str, mentions: list[Span] | tuple[Span, ...] = (), document: str | None = None
    ) -> Sentence:
        """A raw sentence; ``mentions`` are in character offsets, in any order."""
        return Sentence(text, tuple(sorted(set(mentions))), None, document)


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a source something stands; shown as ``file:line``."""

    path: Path
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.path}" if self.line is None else f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class SourceSentence:
    """A sentence as its source gives it: nothing is checked, repaired or left out yet.

    Attributes:
        place: where it starts in its source.
        words: the given words, or None for raw text.
        text: the raw text where ``words`` is None, else unused.
        mentions: in word indices or, for raw text, character offsets; in any order.
        document: sentences in a row with one value are of one document; None where there are none.
    """

    place: Place
    words: tuple[str, ...] | None = None
    text: str = ""
    mentions: tuple[Span, ...] = ()
    document: str | None = None


def named_mention(mention: Span, content: str | Sequence[str]) -> str:
    """Say which mention of a text, or of words, is meant."""
    covered = content[max(mention.start, 0) : max(mention.end, 0)]
    text = covered if isinstance(covered, str) else " ".join(covered)
    return f"{mention.tag} [{mention.start}, {mention.end}) {text!r}"


class ScoredMention(NamedTuple):
    """A predicted mention: word indices, end exclusive, and how sure the model was (0 to 1)."""

    start: int
    end: int
    tag: Tag
    score: float


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


@dataclass(frozen=True, slots=True)
class Mention:
    """A mention that a model found in a text.

    Attributes:
        start: first character (first word, where words were given), from 0.
        end: one past the last one.
        text: what is there, exactly.
        type: the entity type.
        corpora: the corpora that taught the model this type.
        score: how sure the model is, 0 to 1.
    """

    start: int
    end: int
    text: str
    type: str
    corpora: tuple[str, ...]
    score: float
