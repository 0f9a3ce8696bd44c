"""Read and write BioC XML and JSON: documents of passages, with annotations by offset."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.convert.registry import Format
from mtner_cli.core.convert.sentence_splitting import Document, Passage, sentences_of
from mtner_cli.core.convert.writing import (
    JOINED_HALF,
    Documents,
    Writer,
    groups_of_passages,
    infons_of,
    json_text,
    with_replaced,
    with_whole_characters,
)
from mtner_cli.core.files.reading import reading
from mtner_cli.core.types import Place, SourceSentence, Span
from mtner_cli.errors import DataError, quoted

if TYPE_CHECKING:
    from mtner_cli.core.convert.formats.bioc_files import (
        BioCAnnotation,
        BioCDocument,
        BioCPassage,
        BioCSentence,
    )

_LARGEST_GAP = 1_000_000
"""Most characters between two passages; a larger gap is a wrong offset and fills the memory."""
_SIGN = re.compile(
    r"<.*<(?:collection|document|passage)\b"  # not the first, which is the declaration of XML
    r"|<(?:collection|document)\b"
    r"|[{\[].*\"(?:documents|passages)\"\s*:",
    re.DOTALL,
)
_BEFORE_JSON = b"\xef\xbb\xbf \t\r\n"


def read(inputs: Sequence[Path], ledger: Ledger) -> Iterator[SourceSentence]:
    """Stream the sentences of BioC files; the end of a passage or given sentence ends a sentence.

    Offsets count characters. The entity type is the infon ``type`` of an annotation.

    Args:
        inputs: XML files and JSON files; a JSON file may have one document per line.
        ledger: records relations, which are not converted, and dropped annotations: those with
            several locations or none, without a type, or with other text at their offsets.

    Raises:
        DataError: if a file is not valid BioC, or its XML declares entities.
    """
    from mtner_cli.core.convert.formats.bioc_files import checked, json_documents, xml_documents

    for path in inputs:
        records = json_documents(path) if is_json(path) else xml_documents(path)
        found = False
        for record in records:
            found = True
            yield from sentences_of(_document(checked(record, path), path, ledger), ledger)
        if not found:
            raise DataError(path, None, "expected BioC: documents with passages; found none")


def write_xml(documents: Documents, ledger: Ledger) -> Iterator[str]:
    """Yield a collection in XML; offsets count characters.

    Args:
        ledger: records characters that XML cannot hold, each of which becomes U+FFFD
            or, if it is white space, a space.
    """
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE collection SYSTEM "BioC.dtd">\n'
    yield "<collection><source>mtner</source><date></date><key></key>\n"
    for document in documents:
        document = with_replaced(document, _NOT_XML_SPACE, " ", _NO_XML, ledger)
        document = with_replaced(document, _NOT_XML, "\ufffd", _NO_XML, ledger)
        yield f"<document><id>{_escaped(document.id)}</id>\n"
        numbers = count(1)
        for start, text, mentions in groups_of_passages(document):
            yield f"<passage><offset>{start}</offset><text>{_escaped(text)}</text>\n"
            for mention in mentions:
                infons = "".join(
                    f'<infon key="{key}">{_escaped(value)}</infon>'
                    for key, value in infons_of(mention).items()
                )
                length = mention.end - mention.start
                yield (
                    f'<annotation id="T{next(numbers)}">{infons}'
                    f'<location offset="{mention.start}" length="{length}"/>'
                    f"<text>{_escaped(document.wording(mention))}</text></annotation>\n"
                )
            yield "</passage>\n"
        yield "</document>\n"
    yield "</collection>\n"


def write_json(documents: Documents, ledger: Ledger) -> Iterator[str]:
    """Yield a collection in JSON, a document a line.

    Args:
        ledger: records two halves of a surrogate pair in a row, which a reader would join.
    """
    yield '{"source": "mtner", "date": "", "key": "", "infons": {}, "documents": ['
    separator = "\n"
    for document in documents:
        document = with_whole_characters(document, ledger, JOINED_HALF)
        passages = []
        numbers = count(1)
        for start, text, mentions in groups_of_passages(document):
            annotations = []
            for mention in mentions:
                location = {"offset": mention.start, "length": mention.end - mention.start}
                annotations.append(
                    {
                        "id": f"T{next(numbers)}",
                        "infons": infons_of(mention),
                        "text": document.wording(mention),
                        "locations": [location],
                    }
                )
            content = {"offset": start, "infons": {}, "text": text, "sentences": []}
            passages.append({**content, "annotations": annotations, "relations": []})
        record = {"id": document.id, "infons": {}, "passages": passages}
        # Other readers want the empty lists, too.
        yield f"{separator}{json_text({**record, 'annotations': [], 'relations': []})}"
        separator = ",\n"
    yield "\n]}\n"


_NO_XML = "character that XML cannot hold"
_NOT_XML_SPACE = re.compile("[\v\f\x1c-\x1f]")
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)


WRITERS = {
    "bioc-xml": Writer(write=write_xml, suffix=".xml"),
    "bioc-json": Writer(write=write_json, suffix=".json"),
}

FORMAT = Format(
    read=read,
    layout=(
        "<document> with <passage>, <offset>, <text> and <annotation>, whose <infon key='type'> is "
        "the entity type; or the same as JSON, also a document a line."
    ),
    sample={
        "corpus.xml": """<collection>
<document><id>101</id>
<passage><offset>0</offset><text>Loss of p53 is common.</text>
<annotation id="T1"><infon key="type">Gene</infon>
<location offset="8" length="3"/><text>p53</text></annotation>
</passage>
</document>
</collection>
"""
    },
    example="corpus.xml --out corpus.txt",
    encodings=("simple-char",),
    looks_like=lambda head: bool(_SIGN.match(head)),
)


def is_json(path: Path) -> bool:
    """Tell whether a file holds JSON, from its first bytes."""
    with reading(path), path.open("rb") as file:
        start = file.read(1024).lstrip(_BEFORE_JSON)
    return start[:1] in (b"{", b"[")


def document_of(source: BioCDocument, path: Path) -> Document:
    """Return the text of a document, with its passages or given sentences.

    Raises:
        DataError: if two passages overlap, or one lies very far behind another.
    """
    document = Document(Place(path, source.line), source.id)
    texts = [
        part
        for passage in source.passages
        for part in ([passage] if passage.text else passage.sentences)
    ]
    for part in sorted(texts, key=lambda part: part.offset):
        if part.text:
            _add_text(document, part, path)
    return document


def _document(source: BioCDocument, path: Path, ledger: Ledger) -> Document:
    document = document_of(source, path)
    parts = [part for passage in source.passages for part in (passage, *passage.sentences)]
    for passage in source.passages:
        _name_lost_text(document, passage, path, ledger)
    for holder in (source, *parts):
        for annotation in holder.annotations:
            _add_annotation(document, annotation, path, ledger)
        for relation in holder.relations:
            line = relation.get("#line") if isinstance(relation, Mapping) else None
            what = f"in document {source.id}"
            ledger.drop("relation between mentions", Place(path, line), what)
    return document


def _add_text(document: Document, part: BioCSentence, path: Path) -> None:
    written = len(document.text)
    if not written <= part.offset <= written + _LARGEST_GAP:
        message = (
            f"expected the text of document {quoted(document.identifier)} to continue at offset "
            f"{written}, where the passage before ends, or soon after; found offset {part.offset}"
        )
        raise DataError(path, part.line, message)
    document.add_passage(Passage(Place(path, part.line), part.offset, part.text or ""))


def _name_lost_text(document: Document, passage: BioCPassage, path: Path, ledger: Ledger) -> None:
    """Record sentences whose text differs from the text of their passage, which is read."""
    for sentence in passage.sentences if passage.text else ():
        text = sentence.text or ""
        if document.text[sentence.offset : sentence.offset + len(text)] != text:
            place = Place(path, sentence.line)
            ledger.drop("sentence with other text than its passage", place, repr(text))


def _add_annotation(
    document: Document, annotation: BioCAnnotation, path: Path, ledger: Ledger
) -> None:
    place = Place(path, annotation.line)
    tag, wording = annotation.entity_type, annotation.text or ""
    what = f"{tag} {wording!r} in document {document.identifier}"
    match annotation.locations:
        case []:
            ledger.drop("mention without a location", place, what)
        case [location]:
            span = Span(location.offset, location.offset + location.length, tag)
            document.add_mention(span, wording, place, ledger)
        case several:
            ledger.drop("discontinuous mention", place, f"{what}, {_ranges(several)}")


def _ranges(locations: Iterable[Any]) -> str:
    return ", ".join(
        f"[{location.offset}, {location.offset + location.length})" for location in locations
    )
