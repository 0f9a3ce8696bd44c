"""Split documents of raw text, with mentions by character offset, into sentences."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.types import Place, SourceDocument, SourceSentence, Span


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a document (title, paragraph or line) whose end also ends a sentence.

    Attributes:
        place: its place in the source.
        start: the offset of its first character in the document.
        text: its text.
    """

    place: Place
    start: int
    text: str


@dataclass(slots=True)
class Document:
    """One document as its source gives it.

    Attributes:
        place: the place of its start in the source.
        identifier: its name in the source.
        text: the text that the offsets refer to.
        passages: its passages in order, without overlap.
        mentions: mentions that lie within the text, with their places; see :meth:`add_mention`.
    """

    place: Place
    identifier: str
    text: str = ""
    passages: list[Passage] = field(default_factory=list)
    mentions: list[tuple[Span, Place]] = field(default_factory=list)

    def add_passage(self, passage: Passage) -> None:
        """Append a passage; a gap before it is filled with spaces."""
        self.text = self.text.ljust(passage.start) + passage.text
        self.passages.append(passage)

    def add_mention(self, mention: Span, wording: str, place: Place, ledger: Ledger) -> None:
        """Add a mention if the text at its offsets is the wording that the source gives.

        A mention that differs only in white space is added and recorded as a repair. Others are
        dropped.
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
            self.mentions.append((mention, place))


def sentences_of(document: Document, ledger: Ledger) -> Iterator[SourceSentence]:
    """Yield the sentences of a document, each an exact piece of its text.

    Sentences have no outer white space. If a mention crosses the border of two sentences or
    passages, they stay one sentence.

    Args:
        document: a document with all its passages and mentions.
        ledger: records the document if it has no text.
    """
    if not document.text.strip():
        ledger.drop("document without text", document.place, document.identifier)
    source = SourceDocument(document.identifier or None, document.place)
    mentions = sorted(document.mentions, key=lambda placed: placed[0])
    edges = [*edges_of_document(document), *((span.start, span.end) for span, _ in mentions)]
    first = 0
    for start, end in united(edges):
        last = bisect_left(mentions, end, lo=first, key=lambda placed: placed[0].start)
        inside = mentions[first:last]
        first = last
        yield SourceSentence(
            place=_place_of(start, document),
            text=document.text[start:end],
            mentions=tuple(
                Span(span.start - start, span.end - start, span.tag) for span, _ in inside
            ),
            mention_places=tuple(place for _, place in inside),
            document=source,
            start=start,
        )


def split_sentences(text: str) -> list[int]:
    """Return the offsets at which the sentences of a passage start.

    Text before the first offset belongs to the first sentence. docs/formats.md says why this
    splitter is used.
    """
    from syntok import segmenter

    return [sentence[0].offset for paragraph in segmenter.analyze(text) for sentence in paragraph]


def sentence_edges(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of every sentence of a text, without outer white space."""
    for start, end in pairwise([0, *split_sentences(text)[1:], len(text)]):
        sentence = text[start:end]
        if stripped := sentence.strip():
            start += len(sentence) - len(sentence.lstrip())
            yield start, start + len(stripped)


def edges_of_document(document: Document) -> Iterator[tuple[int, int]]:
    """Yield start and end of every sentence of a document, as document offsets."""
    for passage in document.passages:
        for start, end in sentence_edges(passage.text):
            yield start + passage.start, end + passage.start


def united(pieces: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the pieces in order, with overlapping pieces merged."""
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
