"""The small, frozen values that travel between all stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


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
