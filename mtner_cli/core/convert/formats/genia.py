"""Read the merged XML of the GENIA corpus 3.02: nested mentions over given words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from mtner_cli.core.convert.formats.xml_events import XmlEvent, xml_events
from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.convert.registry import Format, Help
from mtner_cli.core.files.reading import numbered_lines
from mtner_cli.core.types import Place, SourceDocument, SourceSentence, Span
from mtner_cli.errors import DataError

_TYPE = re.compile(r"G#(DNA|RNA|protein|cell_line|cell_type)(?:_.*)?")
_SIGN = re.compile(r"<.*<(?:bibliomisc|cons)\b", re.DOTALL)
_MEMBER = re.compile(r"G#[^\s()]+")


def read(
    inputs: Sequence[Path],
    ledger: Ledger,
    ids: Annotated[
        Path | None, Help("File of MEDLINE ids, one a line: only these documents are read.", "all")
    ] = None,
) -> Iterator[SourceSentence]:
    """Stream the sentences of GENIA files, in their order, with the five usual entity types.

    ``sem`` values such as ``G#DNA_domain_or_region`` become ``DNA``; values of other types are not
    mentions. Members of a coordination (``sem="(AND G#x G#y)"``) share words. They are dropped,
    since published counts leave them out. If a document occurs twice, the later version is read
    and the earlier one is dropped.

    Args:
        inputs: the XML files.
        ledger: records coordinations, documents that are not read, words that are not marked, and
            text and mentions outside of sentences.

    Raises:
        DataError: if a file is not such XML, has a sentence or word within another one, or the
            file of ids is missing or empty.
    """
    wanted = None if ids is None else _identifiers(ids)
    missing = dict(wanted or {})
    for path in inputs:
        versions_left = Counter(article.identifier for article in _articles(path))
        for article in _articles(path):
            versions_left[article.identifier] -= 1
            missing.pop(article.identifier, None)
            if wanted is not None and article.identifier not in wanted:
                continue
            if versions_left[article.identifier]:
                reason = "document that occurs again later"
                ledger.drop(reason, Place(path, article.line), article.identifier)
                continue
            ledger.add_entries(article.ledger)
            yield from article.sentences
    for identifier, place in missing.items():
        ledger.drop("document of the ids that is not in the corpus", place, identifier)


FORMAT = Format(
    read=read,
    layout=(
        "<article> with <bibliomisc>, and <sentence> with <w> and nested <cons>, as in "
        "GENIAcorpus3.02.merged.fixed.xml."
    ),
    sample={
        "corpus.xml": """<set>
<article>
<articleinfo><bibliomisc>MEDLINE:95000001</bibliomisc></articleinfo>
<abstract>
<sentence><cons lex="T_cell_line" sem="G#cell_line">
<cons lex="T_cell" sem="G#cell_type"><w>T</w> <w>cell</w></cons>
<w>line</w></cons> <w>growth</w></sentence>
</abstract>
</article>
</set>
""",
        "ids.txt": "95000001\n",
    },
    example="corpus.xml --ids ids.txt --out dev.parser",
    encodings=("simple", "simple-char"),
    looks_like=lambda head: bool(_SIGN.match(head)),
)


def _identifiers(path: Path) -> dict[str, Place]:
    """Return the ids of a file and the place of each."""
    lines = ((number, line.strip()) for number, line in numbered_lines(path))
    identifiers = {_full(line): Place(path, number) for number, line in lines if line}
    if not identifiers:
        raise DataError(path, None, "expected a MEDLINE id on each line; found none")
    return identifiers


def _full(identifier: str) -> str:
    return f"MEDLINE:{identifier.strip().removeprefix('MEDLINE:')}"


@dataclass
class _Article:
    """One document; its ledger is used only if the document is written."""

    line: int
    identifier: str = ""
    sentences: list[SourceSentence] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)


def _articles(path: Path) -> Iterator[_Article]:
    article: _Article | None = None
    sentence: _SentenceReader | None = None
    in_identifier = found = False
    for event in xml_events(path):
        edge = (event.kind, event.value)
        if fault := _misplaced(event, article is not None, sentence is not None):
            raise DataError(path, event.line, fault)
        if edge == ("start", "article"):
            article = _Article(event.line)
        elif article is None:
            continue
        elif edge == ("start", "sentence"):
            sentence = _SentenceReader(Place(path, event.line), article.ledger)
        elif edge == ("end", "sentence") and sentence is not None:
            name = _full(_known_identifier(path, article))
            document = SourceDocument(name, Place(path, article.line))
            article.sentences.append(sentence.finished(document))
            sentence = None
        elif sentence is not None:
            sentence.take(event)
        elif event.value == "bibliomisc" and event.kind != "text":
            in_identifier = event.kind == "start"
        elif in_identifier:
            if event.kind != "text":
                message = "expected the article's id only in <bibliomisc>; found an element in it"
                raise DataError(path, event.line, message)
            article.identifier += event.value
        elif edge == ("end", "article"):
            found = True
            article.identifier = _full(_known_identifier(path, article))
            yield article
            article = None
        else:
            _name_outside(event, Place(path, event.line), article.ledger)
    if not found:
        raise DataError(path, None, "expected GENIA's XML: <article> elements; found none")


def _misplaced(event: XmlEvent, in_article: bool, in_sentence: bool) -> str:
    """Return what is wrong with an element if it would lead to loss; empty otherwise."""
    if event.kind != "start":
        return ""
    if event.value == "article" and in_article:
        return "expected no <article> in another one: end the one before it"
    if event.value == "sentence" and in_sentence:
        return "expected no <sentence> in another one: end the one before it"
    if event.value in ("sentence", "cons", "w") and not in_article:
        return f"expected <{event.value}> in an <article>; found it outside any"
    return ""


def _name_outside(event: XmlEvent, place: Place, ledger: Ledger) -> None:
    """Record mentions and text of an article that are in none of its sentences."""
    if event.kind == "text" and event.value.strip():
        ledger.drop("text outside <sentence>", place, repr(event.value.strip()))
    elif event.value == "cons" and (types := _types(event)):
        for name in types:
            ledger.drop("mention outside <sentence>", place, _what(name, event))


def _types(opening: XmlEvent) -> list[str]:
    """Return the types of a ``<cons>``: one or none, or those of the members of a coordination."""
    meaning = opening.attributes.get("sem", "")
    members = _MEMBER.findall(meaning) if meaning.startswith("(") else [meaning]
    return [found[1] for member in members if (found := _TYPE.fullmatch(member))]


def _what(entity_type: str, opening: XmlEvent) -> str:
    return f"{entity_type} in {opening.attributes.get('lex', '')}"


def _known_identifier(path: Path, article: _Article) -> str:
    if not article.identifier.strip():
        message = "expected the article's MEDLINE id in <bibliomisc> before its sentences"
        raise DataError(path, article.line, message)
    return article.identifier


class _SentenceReader:
    """A builder of one sentence from the XML events within it."""

    def __init__(self, place: Place, ledger: Ledger) -> None:
        self._place = place
        self._ledger = ledger
        self._words: list[str] = []
        self._mentions: list[Span] = []
        self._open: list[tuple[tuple[int, int], XmlEvent]] = []
        self._word: str | None = None
        self._text = ""

    def take(self, event: XmlEvent) -> None:
        if event.kind == "text":
            if self._word is None:
                self._text += event.value
            else:
                self._word += event.value
            return
        self._keep_text()
        match event.kind, event.value:
            case "start", "w":
                if self._word is not None:
                    message = "expected no <w> in another one: end the one before it"
                    raise DataError(self._place.path, event.line, message)
                self._word = ""
            case "end", "w":
                self._words.append(self._word or "")
                self._word = None
            case "start", "cons":
                self._open.append((self._position(), event))
            case "end", "cons":
                self._close(*self._open.pop())

    def finished(self, document: SourceDocument) -> SourceSentence:
        self._keep_text()
        return SourceSentence(
            place=self._place,
            words=tuple(self._words),
            mentions=tuple(self._mentions),
            document=document,
        )

    def _keep_text(self) -> None:
        """Turn text between ``<w>`` elements into words; most of it is white space."""
        for word in self._text.split():
            self._ledger.repair("text outside <w> became a word", self._place, repr(word))
            self._words.append(word)
        self._text = ""

    def _position(self) -> tuple[int, int]:
        """Return the number of words, and of characters in the open word, if there is one."""
        return len(self._words), len(self._word or "")

    def _close(self, opened_at: tuple[int, int], opening: XmlEvent) -> None:
        in_word = self._word is not None and self._position() != opened_at
        start, end = opened_at[0], len(self._words) + in_word
        place = Place(self._place.path, opening.line)
        for entity_type in _types(opening):
            if in_word or opened_at[1]:
                kind = "mention within <w> covers the whole word"
                self._ledger.repair(kind, place, _what(entity_type, opening))
            if opening.attributes["sem"].startswith("("):
                what = _what(entity_type, opening)
                self._ledger.drop("member of a coordination", place, what)
            else:
                self._mentions.append(Span(start, end, entity_type))
