"""Read documents from text files, PubTator files, brat's texts and BioC files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mtner_cli.core.convert.formats.bioc import document_of, is_json
from mtner_cli.core.convert.sentence_splitting import Document, Passage
from mtner_cli.core.documents.items import Failure, Fields, Item, failure_of, lines_of
from mtner_cli.core.files.packed import InputPath
from mtner_cli.core.files.reading import whole_text
from mtner_cli.core.types import Place
from mtner_cli.errors import DataError, quoted

PUBTATOR_TEXT = re.compile(r"([^|\t]+)\|([ta])\|(.*)", re.DOTALL)
_MAYBE_TEXT = re.compile(r"\|[ta]\|")
_ANNOTATIONS = ("annotations", "relations")


def read_text(path: InputPath, fields: Fields) -> Iterator[Item]:
    """Yield the one document of a text file, with its exact text."""
    yield Document(Place(path), path.plain_stem, whole_text(path))


def read_brat(path: InputPath, fields: Fields) -> Iterator[Item]:
    """Yield the document of a text that brat annotates: each end of a line ends a sentence."""
    document = Document(Place(path), path.plain_stem, whole_text(path))
    start = 0
    for number, line in enumerate(document.text.split("\n"), start=1):
        document.passages.append(Passage(Place(path, number), start, line))
        start += len(line) + 1
    yield document


def read_pubtator(path: InputPath, fields: Fields) -> Iterator[Item]:
    """Stream the documents of a PubTator file: title, a space, abstract."""
    item: Item | None = None
    name: str | None = None
    for place, line, fault in lines_of(path):
        if not line or line.isspace():
            continue
        text_line = PUBTATOR_TEXT.fullmatch(line)
        if text_line is None:
            first, tab, _ = line.partition("\t")
            if not tab or (first != name and _MAYBE_TEXT.search(line)):
                reason = "expected 'id|t|title', 'id|a|abstract', or columns between tabs; found "
                item = _spoilt(item, fault or Failure(place, f"{reason}{quoted(line)}"))
        elif text_line[2] == "t" or text_line[1] != name:
            if item is not None:
                yield item
            name = text_line[1]
            item = fault or _with_title(text_line, place)
        else:
            item = _spoilt(item, fault) if fault else _with_abstract(item, text_line, place)
    yield item or Failure(
        Place(path), "expected documents that start with 'id|t|title'; found none"
    )


def _with_title(text_line: re.Match[str], place: Place) -> Item:
    identifier, kind, title = text_line.groups()
    if kind != "t":
        expected = quoted(f"{identifier}|t|title")
        return Failure(place, f"expected the line {expected} right before this abstract")
    document = Document(place, identifier)
    document.add_passage(Passage(place, 0, title))
    return document


def _with_abstract(item: Item | None, text_line: re.Match[str], place: Place) -> Item:
    if isinstance(item, Document) and len(item.passages) == 1:
        item.add_passage(Passage(place, len(item.text) + 1, text_line[3]))
        return item
    reason = f"expected one abstract of document {quoted(text_line[1])}; found a second"
    return _spoilt(item, Failure(place, reason))


def _spoilt(item: Item | None, failure: Failure) -> Failure:
    """Return the first failure of a document."""
    return item if isinstance(item, Failure) else failure


def read_bioc(path: InputPath, fields: Fields) -> Iterator[Item]:
    """Stream the documents of BioC XML or JSON, each passage at its offset."""
    from mtner_cli.core.convert.formats.bioc_files import checked, json_documents, xml_documents

    found = False
    for record in json_documents(path) if is_json(path) else xml_documents(path):
        found = True
        try:
            yield document_of(checked(_without_annotations(record), path), path)
        except DataError as error:
            yield failure_of(error)
    if not found:
        reason = "expected BioC: documents with passages; found none"
        yield Failure(Place(path), reason)


def _without_annotations(value: Any) -> Any:
    """Return the record of a document without annotations, which need not be valid here."""
    if isinstance(value, list):
        return [_without_annotations(item) for item in value]
    if isinstance(value, dict):
        return {
            key: _without_annotations(item) if key in ("passages", "sentences") else item
            for key, item in value.items()
            if key not in _ANNOTATIONS
        }
    return value
