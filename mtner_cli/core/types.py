"""Small, frozen values that all stages share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple


class Span(NamedTuple):
    """A typed range of a sentence; a tuple, because millions are made, hashed and sorted.

    Attributes:
        start: first position, from 0 (a word index or a character offset: its owner says which).
        end: one past the last position, so ``end > start``.
        tag: the entity type, any text.
    """

    start: int
    end: int
    tag: str


class Tag(NamedTuple):
    """A tag that the model predicts: an entity type, and its corpus if tags are per corpus.

    The corpus is a separate field, so names may hold any character; ``str`` is for display.
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
        text: the sentence; if words are given, the words joined by single spaces.
        mentions: sorted and without duplicates; in word indices if ``words`` is given, else in
            character offsets into ``text``.
        words: the given words, or None for raw text that a tokenizer will split.
        document: the name of its document, or None if the corpus has no documents.
        start: the offset of ``text`` in its document, in characters; 0 without a document.
    """

    text: str
    mentions: tuple[Span, ...] = ()
    words: tuple[str, ...] | None = None
    document: str | None = None
    start: int = 0

    @staticmethod
    def of_words(
        words: list[str] | tuple[str, ...],
        mentions: list[Span] | tuple[Span, ...] = (),
        document: str | None = None,
        start: int = 0,
    ) -> Sentence:
        """Return a pre-tokenised sentence; ``mentions`` are in word indices, in any order."""
        spans = tuple(sorted(set(mentions)))
        return Sentence(" ".join(words), spans, tuple(words), document, start)

    @staticmethod
    def of_text(
        text: str,
        mentions: list[Span] | tuple[Span, ...] = (),
        document: str | None = None,
        start: int = 0,
    ) -> Sentence:
        """Return a raw sentence; ``mentions`` are in character offsets, in any order."""
        return Sentence(text, tuple(sorted(set(mentions))), None, document, start)


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a source, shown as ``file:line``."""

    path: Path
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.path}" if self.line is None else f"{self.path}:{self.line}"


class SourceDocument(NamedTuple):
    """A document of a source.

    Attributes:
        name: its name in the source, which another document may have too; None if it has no name.
        place: where it starts, which tells documents with one name apart.
    """

    name: str | None
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSentence:
    """A sentence as its source gives it: nothing is checked, repaired or dropped yet.

    Attributes:
        place: where it starts in its source.
        words: the given words, or None for raw text.
        text: the raw text if ``words`` is None, else unused.
        mentions: in word indices or, for raw text, character offsets; in any order.
        mention_places: where each mention is in the source; empty if that is ``place``.
        document: its document; None without documents.
        start: the offset of ``text`` in its document, in characters; None if the source gives no
            text of the document: then one character separates it from the sentence before.
    """

    place: Place
    words: tuple[str, ...] | None = None
    text: str = ""
    mentions: tuple[Span, ...] = ()
    mention_places: tuple[Place, ...] = ()
    document: SourceDocument | None = None
    start: int | None = None

    @property
    def content(self) -> str | tuple[str, ...]:
        """The words or characters that ``mentions`` count."""
        return self.text if self.words is None else self.words

    def place_of(self, mention: int) -> Place:
        """Return the place of a mention, given by its number in ``mentions``."""
        return self.mention_places[mention] if self.mention_places else self.place


def named_mention(mention: Span, content: str | Sequence[str], shift: int = 0) -> str:
    """Return a mention's type, positions (plus ``shift``) and text, for a message."""
    covered = content[max(mention.start, 0) : max(mention.end, 0)]
    text = covered if isinstance(covered, str) else " ".join(covered)
    return f"{mention.tag} [{mention.start + shift}, {mention.end + shift}) {text!r}"


class ScoredMention(NamedTuple):
    """A predicted mention: word indices, end exclusive, and how sure the model is (0 to 1).

    The score is NaN where a result file gives none.
    """

    start: int
    end: int
    tag: Tag
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TestedSentence:
    """A sentence after testing, as the model gives it or as a result file holds it.

    Attributes:
        corpus: the corpus it comes from.
        index: its position in its corpus's split, or in the result file, from 0.
        document: the name of its document, or None if the corpus has none.
        start: the offset of ``text`` in its document, in characters; 0 without a document.
        text: the sentence as it was read.
        words: W words, as the model sees them.
        word_offsets: W character ranges into ``text``, end exclusive.
        gold: annotated mentions in word indices.
        gold_unmatched: annotated mentions in CHARACTER offsets that do not start and end at word
            boundaries, so no prediction can equal them.
        predicted: mentions that the model finds, in word indices.
    """

    __test__: ClassVar[bool] = False  # because of the name, pytest would collect it as a test class

    corpus: str
    index: int
    document: str | None
    start: int
    text: str
    words: tuple[str, ...]
    word_offsets: tuple[tuple[int, int], ...]
    gold: tuple[TaggedSpan, ...]
    gold_unmatched: tuple[TaggedSpan, ...]
    predicted: tuple[ScoredMention, ...]

    def characters(self, start: int, end: int) -> tuple[int, int]:
        """Return the character range in ``text`` of the words ``start`` to ``end`` (exclusive)."""
        return self.word_offsets[start][0], self.word_offsets[end - 1][1]

    def wording(self, start: int, end: int) -> str:
        """Return the text of the words ``start`` to ``end`` (exclusive)."""
        first, last = self.characters(start, end)
        return self.text[first:last]


@dataclass(frozen=True, slots=True)
class Mention:
    """A mention that a model finds in a text.

    Attributes:
        start: first character (first word, if words are given), from 0.
        end: one past the last one.
        text: the exact text of the mention.
        type: the entity type.
        corpora: the corpora from which the model learned this type.
        score: how sure the model is, 0 to 1.
    """

    start: int
    end: int
    text: str
    type: str
    corpora: tuple[str, ...]
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedDocument:
    """A document with the mentions that a model finds in it.

    Attributes:
        id: its name.
        text: its text, unchanged.
        mentions: in the order of their start, longer ones first, in characters of the text.
        sentences: the character range of each sentence, without outer white space. Together they
            hold every character of the text but white space.
        words: the number of words that the model has read.
        windows: the number of overlapping windows in which sentences that are too long for one
            input of the encoder were read; 0 if no sentence was too long.
        cut_words: the number of single words that are too long for one input, of which the model
            has read only the start.
    """

    id: str
    text: str
    mentions: tuple[Mention, ...]
    sentences: tuple[tuple[int, int], ...]
    words: int
    windows: int = 0
    cut_words: int = 0

    @property
    def unread(self) -> int:
        """The number of characters, white space aside, that are in no sentence: it must be 0."""
        edges = [0, *(edge for sentence in self.sentences for edge in sentence), len(self.text)]
        gaps = zip(edges[::2], edges[1::2], strict=True)
        return sum(len("".join(self.text[start:end].split())) for start, end in gaps)
