"""Read articles in XML: PubMed's titles and abstracts, and full texts of PMC (JATS)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mtner_cli.core.convert.formats.xml_events import XmlEvent, xml_events
from mtner_cli.core.convert.sentence_splitting import Document, Passage
from mtner_cli.core.documents.items import Failure, Fields, Item, line_name
from mtner_cli.core.files.packed import InputPath
from mtner_cli.core.types import Place
from mtner_cli.errors import quoted

_SPACES = re.compile(r"[ \t\r\n]+")


@dataclass(frozen=True)
class _Form:
    """What the elements of a kind of article mean.

    Attributes:
        articles: elements that are one article each.
        read: elements whose text is read: pairs of the element and one around it (any at all, not
            only the nearest; empty is any).
        left_out: elements within these whose text is not read.
        breaks: elements whose start and end also end a passage.
        names: pairs of an element that holds a name, and its parent.
    """

    articles: frozenset[str]
    read: frozenset[tuple[str, str]]
    left_out: frozenset[str]
    breaks: frozenset[str]
    names: frozenset[tuple[str, str]]


_PUBMED = _Form(
    articles=frozenset(("PubmedArticle", "PubmedBookArticle")),
    read=frozenset(
        (
            ("ArticleTitle", "Article"),
            ("ArticleTitle", "BookDocument"),
            ("AbstractText", "Abstract"),
        )
    ),
    left_out=frozenset(),
    breaks=frozenset(),
    names=frozenset((("PMID", "MedlineCitation"), ("PMID", "BookDocument"))),
)
_JATS = _Form(
    articles=frozenset(("article",)),
    read=frozenset(
        (
            ("article-title", "title-group"),
            ("subtitle", "title-group"),
            ("abstract", "article-meta"),
            ("body", ""),
            ("floats-group", ""),
        )
    ),
    left_out=frozenset(
        (
            "table",
            "tex-math",
            "label",
            "object-id",
            "back",
            "sub-article",
            "response",
            "permissions",
        )
    ),
    breaks=frozenset(
        (
            *("p", "title", "sec", "caption", "fig", "table-wrap", "list", "list-item", "term"),
            *("def-item", "def", "disp-quote", "disp-formula", "verse-line", "boxed-text", "fn"),
            *(
                "statement",
                "speech",
                "attrib",
                "table-wrap-foot",
                "media",
                "supplementary-material",
            ),
        )
    ),
    names=frozenset((("article-id", "article-meta"),)),
)


def read_pubmed(path: InputPath, fields: Fields) -> Iterator[Item]:
    """Stream the titles and abstracts of PubMed's XML, each section of an abstract with its label.

    The name of a document is its PMID; from version 2 on, the version follows: ``123.2``.
    """
    return _articles(path, _PUBMED)


def read_jats(path: InputPath, fields: Fields) -> Iterator[Item]:
    """Stream articles in JATS: title, abstracts, paragraphs, headings and captions.

    Tables, formulas in TeX, references and answers to the article are left out. The name of a
    document is its PMC number, or else its PMID, its DOI or its file's name.
    """
    return _articles(path, _JATS)


@dataclass(kw_only=True)
class _Article:
    """An article that is being read."""

    form: _Form
    place: Place
    around: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    passages: list[tuple[Place, str]] = field(default_factory=list)
    fault: Failure | None = None
    reading: int = 0
    ignoring: int = 0
    label: str = ""
    name_kind: str | None = None
    text: str = ""
    pieces: list[str] = field(default_factory=list)
    since: Place | None = None

    def start(self, event: XmlEvent, place: Place) -> None:
        name, form = event.value, self.form
        parent = self.around[-1] if self.around else ""
        starts = any((name, outer) in form.read for outer in ("", *self.around))
        if name in form.left_out:
            self.ignoring += 1
        if starts or (self.reading and name in form.breaks):
            self.end_passage()
        self.reading += starts
        if starts:
            self.label = event.attributes.get("Label", "")
        if self.reading and name == "xref" and event.attributes.get("ref-type") == "bibr":
            self.separate()
        if self.reading and name == "break":
            self.pieces.append(" ")
        if (name, parent) in form.names:
            kind = event.attributes.get("pub-id-type", "")
            version = event.attributes.get("Version", "1")
            self.name_kind = kind or ("" if version == "1" else f".{version}")
        self.around.append(name)

    def end(self, event: XmlEvent) -> None:
        name, form = self.around.pop(), self.form
        ends = any((name, outer) in form.read for outer in ("", *self.around))
        if ends or (self.reading and name in form.breaks):
            self.end_passage()
        self.reading -= ends
        self.ignoring -= name in form.left_out
        if self.name_kind is not None:
            self.names.setdefault(self.name_kind, self.text.strip())
            self.name_kind, self.text = None, ""

    def add(self, text: str, place: Place) -> None:
        if self.name_kind is not None:
            self.text += text
        elif self.reading and not self.ignoring:
            self.since = self.since or place
            self.pieces.append(text)

    def refuse(self, entity: str, place: Place) -> None:
        """Note an entity that is not known, if its text would be read."""
        if self.fault is None and self.reading and not self.ignoring:
            reason = f"the entity {quoted(entity)} is not known here: write what it means"
            self.fault = Failure(place, reason)

    def separate(self) -> None:
        """Add a space before the number of a reference that directly follows a word."""
        if self.pieces and self.pieces[-1][-1:].isalnum():
            self.pieces.append(" ")

    def end_passage(self) -> None:
        text = _SPACES.sub(" ", "".join(self.pieces)).strip(" ")
        if text:
            if self.label and self.label != "UNLABELLED":
                text = f"{self.label}: {text}"
            self.label = ""
            self.passages.append((self.since or self.place, text))
        self.pieces, self.since = [], None

    def item(self) -> Item:
        """Return the document, or why it cannot be read."""
        if self.fault is not None:
            return self.fault
        document = Document(self.place, self.name, "\n".join(text for _, text in self.passages))
        start = 0
        for place, text in self.passages:
            document.passages.append(Passage(place, start, text))
            start += len(text) + 1
        return document

    @property
    def name(self) -> str:
        for kind in ("pmcid", "pmc", "pmid", "doi"):
            if name := self.names.get(kind):
                is_number = kind in ("pmcid", "pmc") and name.isdecimal()
                return f"PMC{name}" if is_number else name
        if self.form is _PUBMED and self.names:
            version, name = next(iter(self.names.items()))
            return f"{name}{version}"
        return line_name(self.place)


def _articles(path: InputPath, form: _Form) -> Iterator[Item]:
    article: _Article | None = None
    found = False
    for event in xml_events(path, named_characters=True):
        place = Place(path, event.line)
        if article is None:
            if event.kind == "start" and event.value in form.articles:
                article, found = _Article(form=form, place=place), True
        elif event.kind == "start":
            article.start(event, place)
        elif event.kind == "text":
            article.add(event.value, place)
        elif event.kind == "unknown":
            article.refuse(event.value, place)
        elif article.around:
            article.end(event)
        else:
            yield article.item()
            article = None
    if not found:
        elements = " or ".join(f"<{name}>" for name in sorted(form.articles))
        yield Failure(Place(path), f"expected articles, each in {elements}; found none")
