"""Documents of raw text with mentions by character offset, as sentences."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.types import Place, SourceSentence, Span


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a document that ends its last sentence: a title, a paragraph, a line.

    Attributes:
        place: where it stands in its source.
        start: the offset of its first character in the document.
        text: what it says.
    """

    place: Place
    start: int
    text: str


@dataclass(slots=True)
class Document:
    """One document as its source gives it.

    Attributes:
        place: where it starts in its source.
        identifier: its name there.
        text: what the offsets count in.
        passages: in their order, without overlap.
        mentions: those that are known to lie within the text; see :meth:`add_mention`.
    """

    place: Place
    identifier: str
    text: str = ""
    passages: list[Passage] = field(default_factory=list)
    mentions: list[Span] = field(default_factory=list)

    def add_passage(self, passage: Passage) -> None:
        """Put a passage after the others; a gap between the two is filled with spaces."""
        self.text = self.text.ljust(passage.start) + passage.text
        self.passages.append(passage)

    def add_mention(self, mention: Span, wording: str, place: Place, ledger: Ledger) -> None:
        """Add a mention if the text at its offsets is the wording that its source gives.

        One whose white space alone differs is added and named as a repair; others are dropped.
        """
        found = self.text[max(mention.start, 0) : max(mention.end, 0)]
        what = f"{mention.tag} [{mention.start}, {mention.end}) {wording!r}"
        what += f" in document {self.identifier}"
        if mention.start >= mention.end:
            ledger.drop("empty mention", place, what)
        elif mention.start < 0 or mention.end > len(self.text):
            ledger.drop("mention outside its document", place, what)
        elif not mention.tag:
            ledger.drop("mention without a type", place, what)
        elif found.split() != wording.split():
            reason = "mention with other text at its offsets"
            ledger.drop(reason, place, f"{what}, where the text is {found!r}")
        else:
            if found != wording:
                kind = "white space in a mention is as in the text"
                ledger.repair(kind, place, f"{what} became {found!r}")
            self.mentions.append(mention)


def sentences_of(document: Document, ledger: Ledger) -> Iterator[SourceSentence]:
    """The sentences of a document, each an exact piece of its text without white space around it.

    Where a mention crosses the border of two sentences or passages, they stay in one piece.

    Args:
        document: with all its passages and mentions.
        ledger: gains the document where it has no text.
    """
    if not document.text.strip():
        ledger.drop("document without text", document.place, document.identifier)
    name = f"{document.place}:{document.identifier}"
    mentions = sorted(document.mentions)
    pieces = [*_sentence_edges(document), *((span.start, span.end) for span in mentions)]
    first = 0
    for start, end in _united(pieces):
        last = bisect_left(mentions, end, lo=first, key=lambda span: span.start)
        inside = tuple(
            Span(span.start - start, span.end - start, span.tag) for span in mentions[first:last]
        )
        first = last
        yield SourceSentence(
            _place_of(start, document), None, document.text[start:end], inside, name
        )


def split_sentences(text: str) -> list[int]:
    """The offsets at which the sentences of a passage start; what stands before is of the first.

    docs/formats.md says why by this splitter.
    """
    from syntok import segmenter

    return [sentence[0].offset for paragraph in segmenter.analyze(text) for sentence in paragraph]


def sentence_edges(text: str) -> Iterator[tuple[int, int]]:
    """Give start and end of every sentence of a text but for the white space around it."""
    for start, end in pairwise([0, *split_sentences(text)[1:], len(text)]):
        sentence = text[start:end]
        if stripped := sentence.strip():
            start += len(sentence) - len(sentence.lstrip())
            yield start, start + len(stripped)


def _sentence_edges(document: Document) -> Iterator[tuple[int, int]]:
    """The edges of all sentences of all passages."""
    for passage in document.passages:
        for start, end in sentence_edges(passage.text):
            yield start + passage.start, end + passage.start


def _united(pieces: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The pieces in order, those that overlap as one."""
    start = end = 0
    for next_start, next_end in sorted(pieces):
        if next_start < end:
            end = max(end, next_end)
            continue
        if end:
            yield start, end
        start, end = next_start, next_end
    if end:
        yield start, end


def _place_of(offset: int, document: Document) -> Place:
    number = bisect_right(document.passages, offset, key=lambda passage: passage.start)
    return document.passages[max(number - 1, 0)].place
