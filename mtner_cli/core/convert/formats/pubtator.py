"""Read and write PubTator: titles and abstracts with mentions by offset, as NCBI's tools do.

A document starts with ``id|t|title`` and ``id|a|abstract``. Its mentions follow, one per line: id,
start, end, wording, type and often identifiers, separated by tabs. Offsets count the characters of
the title, one separator and the abstract.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.convert.registry import Format
from mtner_cli.core.convert.sentence_splitting import Document, Passage, sentences_of
from mtner_cli.core.convert.writing import (
    Documents,
    Writer,
    WrittenDocument,
    with_replaced,
    with_whole_characters,
)
from mtner_cli.core.files.reading import numbered_lines
from mtner_cli.core.types import Place, SourceSentence, Span
from mtner_cli.errors import DataError, quoted

_TEXT_LINE = re.compile(r"([^|\t]+)\|([ta])\|(.*)")
_TITLE_LINE = re.compile(r"[^|\s]+\|t\|")
_OFFSET = re.compile(r"[0-9]{1,18}")
_LINE_END = re.compile(r"[\n\r]")
_TAB = re.compile("\t")
_NO_IDENTIFIER = "-"
_NO_NAME = re.compile(r"[|\t\ufeff]|^$")
_EXPECTED = (
    "expected 'id|t|title', 'id|a|abstract', or a mention as id, start, end, wording, type and, if "
    "known, identifiers, between tabs"
)


def read(inputs: Sequence[Path], ledger: Ledger) -> Iterator[SourceSentence]:
    """Stream the sentences of PubTator files; the end of a title also ends a sentence.

    Args:
        inputs: the files.
        ledger: records relations, which are not converted, and dropped mentions: those without a
            type, or with other text at their offsets.

    Raises:
        DataError: on a malformed line, or a line of another document than the lines around it.
    """
    for path in inputs:
        for document in _documents(path, ledger):
            yield from sentences_of(document, ledger)


def write(documents: Documents, ledger: Ledger) -> Iterator[str]:
    """Yield the lines of each document; its title is its first passage, line or sentence.

    Title and abstract are one character apart, which is read as a space. Without a place to part
    it, the whole text is the title.

    Args:
        ledger: records line ends, each of which becomes a space, and what a name cannot hold.
    """
    for document in documents:
        end = _end_of_title(document)
        document = with_whole_characters(document, ledger)
        document = with_replaced(document, _LINE_END, " ", "line end", ledger)
        document = with_replaced(document, _NO_NAME, "_", "| or tab", ledger, parts=["name"])
        document = with_replaced(document, _TAB, "_", "tab", ledger, parts=["types"])
        name, text = document.id, document.text
        lines = [f"{name}|t|{text[:end]}"]
        if end < len(text):
            lines.append(f"{name}|a|{text[end + 1 :]}")
        for mention in document.in_order():
            wording = document.wording(mention).replace("\t", " ")
            columns = (name, mention.start, mention.end, wording, mention.type, _NO_IDENTIFIER)
            lines.append("\t".join(map(str, columns)))
        yield "\n".join([*lines, "\n"])


def _end_of_title(document: WrittenDocument) -> int:
    """Return the offset of the white space between title and abstract; without it, of the end."""
    text = document.text
    for parts in (document.passages, document.sentences):
        if parts is document.sentences and (line_end := _LINE_END.search(text)):
            return line_end.start()
        if len(parts) > 1 and text[parts[0][1] : parts[0][1] + 1] in (" ", "\n", "\r"):
            return parts[0][1]
    return len(text)


WRITERS = {"pubtator": Writer(write=write, suffix=".pubtator")}

FORMAT = Format(
    read=read,
    layout=(
        "'id|t|title', 'id|a|abstract', then a mention a line: id, start, end, wording, type and "
        "often identifiers, between tabs. Offsets count the characters of the title, one "
        "separator and the abstract."
    ),
    sample={
        "corpus.pubtator": (
            "101|t|p53 in mice\n101|a|Loss of p53 is common. It causes tumours.\n"
            "101\t0\t3\tp53\tGene\t22060\n101\t20\t23\tp53\tGene\t22060\n"
            "101\t45\t52\ttumours\tDisease\n"
        )
    },
    example="corpus.pubtator --out corpus.txt",
    encodings=("simple-char",),
    looks_like=lambda head: bool(_TITLE_LINE.match(head)),
)


def _documents(path: Path, ledger: Ledger) -> Iterator[Document]:
    document: Document | None = None
    for number, line in numbered_lines(path):
        place = Place(path, number)
        if not line or line.isspace():
            continue
        text_line = _TEXT_LINE.fullmatch(line)
        if text_line is None:
            _add_row(document, line, place, ledger)
        elif text_line[2] == "t":
            if document is not None:
                yield document
            document = Document(place, text_line[1])
            document.add_passage(Passage(place, 0, text_line[3]))
        else:
            _add_abstract(document, text_line, place)
    if document is not None:
        yield document


def _add_abstract(document: Document | None, text_line: re.Match[str], place: Place) -> None:
    identifier, _, abstract = text_line.groups()
    if document is None or document.identifier != identifier or len(document.passages) != 1:
        message = f"expected the line {quoted(f'{identifier}|t|title')} right before this abstract"
        raise DataError(place.path, place.line, message)
    document.add_passage(Passage(place, len(document.text) + 1, abstract))


def _add_row(document: Document | None, line: str, place: Place, ledger: Ledger) -> None:
    """Add a mention or, if a letter follows the id, record a relation."""
    columns = line.split("\t")
    if not 4 <= len(columns) <= 7:
        raise DataError(place.path, place.line, f"{_EXPECTED}; found {quoted(line)}")
    identifier, start, end, wording, tag = [*columns, ""][:5]
    if document is None or document.identifier != identifier:
        message = (
            f"expected the lines of document {quoted(identifier)} below its title and abstract"
        )
        raise DataError(place.path, place.line, f"{message}; found {quoted(line)}")
    if start[:1].isalpha():
        ledger.drop("relation between mentions", place, "\t".join(columns[1:]))
        return
    if not (_OFFSET.fullmatch(start) and _OFFSET.fullmatch(end)):
        raise DataError(
            place.path, place.line, f"expected start and end as whole numbers; found {quoted(line)}"
        )
    document.add_mention(Span(int(start), int(end), tag), wording, place, ledger)
