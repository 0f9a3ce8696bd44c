"""Read and write brat's stand-off annotation: ``.txt`` files with their mentions in ``.ann`` files.

``T1<tab>Gene 8 11<tab>p53`` is a mention. Offsets count the characters of the text, including line
ends.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.convert.registry import Format
from mtner_cli.core.convert.sentence_splitting import Document, Passage, sentences_of
from mtner_cli.core.convert.writing import (
    Documents,
    Writer,
    WrittenDocument,
    WrittenMention,
    with_replaced,
    with_whole_characters,
)
from mtner_cli.core.corpus.action_files import DocumentNames
from mtner_cli.core.files.reading import numbered_lines, reading, whole_text
from mtner_cli.core.types import Mention, Place, SourceSentence, Span
from mtner_cli.errors import DataError, quoted

_MENTION = re.compile(r"T\S*\t(\S+) ([0-9]{1,18} [0-9]{1,18}(?:;[0-9]{1,18} [0-9]{1,18})*)\t(.*)")
_LINE = re.compile(r"[^\n]+")
_COLUMN_END = re.compile(r"[\t\n\r]")
_WHITE_SPACE = re.compile(r"\s")
_NO_FILE_NAME = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]|^[.]|[. ]$')
_LONGEST_NAME = 200
_BETWEEN_MENTIONS = {"R": "relation between mentions", "E": "event"}
_ABOUT_MENTIONS = ("A", "M", "N", "#", "*")
ENDINGS = (".txt", ".ann")
_BYTE_ORDER_MARK = "\ufeff"


def read(inputs: Sequence[Path], ledger: Ledger) -> Iterator[SourceSentence]:
    """Stream the sentences of brat's documents; the end of a line also ends a sentence.

    Args:
        inputs: folders, read with their subfolders in the order of names; or ``.txt`` files, or
            ``.ann`` files.
        ledger: records relations and events, which are not converted, links to folders and texts
            without annotations in a folder, and dropped mentions: those in several pieces, or
            with other text at their offsets. Attributes, notes and identifiers of mentions are
            ignored.

    Raises:
        DataError: if one of two files that belong together is missing, or a line is malformed.
    """
    for text_file in _text_files(inputs, ledger):
        yield from sentences_of(_document(text_file, ledger), ledger)


def write_files(documents: Documents, ledger: Ledger) -> Iterator[tuple[str, str]]:
    """Yield the two files of each document; the text is exact.

    A mention over several lines has a piece on each, as brat does it. The score and corpora of a
    mention that a model found are in a note.

    Args:
        ledger: records names that no file can have, and white space in types.
    """
    names = DocumentNames()
    for document in documents:
        document = with_whole_characters(document, ledger)
        white = "white space"
        document = with_replaced(document, _WHITE_SPACE, "_", white, ledger, parts=["types"])
        name = names.new(_file_name(document.id))
        if name != document.id:
            what = f"{document.id!r} became {name!r}"
            kind = "name of a document that no file or an earlier one has"
            ledger.repair(kind, document.place, what)
        lines = []
        for number, mention in enumerate(document.in_order(), 1):
            span, wording = _pieces(document, mention)
            lines.append(f"T{number}\t{mention.type} {span}\t{wording}\n")
            if mention.score is not None:
                note = f"score {mention.score:.4f}, {', '.join(mention.corpora)}"
                note = _WHITE_SPACE.sub(" ", note)
                lines.append(f"#{number}\tAnnotatorNotes T{number}\t{note}\n")
        yield f"{name}.txt", document.text
        yield f"{name}.ann", "".join(lines)


def _pieces(document: WrittenDocument, mention: WrittenMention | Mention) -> tuple[str, str]:
    """Return the character ranges of a mention on its lines, and its wording on one line."""
    wording = document.wording(mention)
    lines = [(found.start(), found.end()) for found in _LINE.finditer(wording)]
    if not lines or lines[0][0] > 0 or lines[-1][1] < len(wording):
        lines = [(0, len(wording))]  # it starts or ends with a line end, which would be lost
    ranges = ";".join(f"{mention.start + start} {mention.start + end}" for start, end in lines)
    on_one_line = " ".join(wording[start:end] for start, end in lines)
    if mention.start == 0 and on_one_line.startswith(_BYTE_ORDER_MARK):
        on_one_line = f" {on_one_line[1:]}"  # as it is read
    return ranges, _COLUMN_END.sub(" ", on_one_line)


def _file_name(name: str) -> str:
    """Return a name that a file can have on every system."""
    name = _NO_FILE_NAME.sub("_", name)
    return name.encode()[:_LONGEST_NAME].decode(errors="ignore") or "_"


WRITERS = {"brat": Writer(write_files=write_files)}

FORMAT = Format(
    read=read,
    layout=(
        "Two files a document. A line of the .ann file is a mention: its name, a tab, its type, "
        "start and end, a tab, its wording. Offsets count the characters of the .txt file."
    ),
    sample={"a.txt": "Loss of p53 is common.\n", "a.ann": "T1\tGene 8 11\tp53\n"},
    example="a.txt --out corpus.txt",
    encodings=("simple-char",),
    inputs="Folders, .txt files or .ann files.",
    takes_folders=True,
    read_together=ENDINGS,
)


def _text_files(inputs: Iterable[Path], ledger: Ledger) -> list[Path]:
    """Return the texts to read, each once, even if a text and its annotations are both given."""
    files: dict[Path, None] = {}
    for path in inputs:
        if os.path.isdir(path):
            found = sorted(_files_in(path, ledger))
            annotated = {file.with_suffix(".txt"): None for file in found if file.suffix == ".ann"}
            if not annotated:
                raise DataError(path, None, "expected .ann files in this folder; found none")
            for file in found:
                if file.suffix == ".txt" and file not in annotated:
                    what = f"{file.with_suffix('.ann').name} is not there"
                    ledger.drop("text without annotations", Place(file), what)
            files.update(annotated)
        elif path.suffix in ENDINGS:
            files[path.with_suffix(".txt")] = None
        else:
            raise DataError(path, None, "expected a folder, .txt files or .ann files of brat")
    return list(files)


def _files_in(folder: Path, ledger: Ledger) -> Iterator[Path]:
    """Yield all files of a folder and its subfolders; drop links to folders, which may be endless.

    Raises:
        DataError: if one of the folders cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise error

    with reading(folder):
        for parent, folders, names in os.walk(folder, onerror=refuse):
            for name in folders:
                if os.path.islink(os.path.join(parent, name)):
                    ledger.drop("link to a folder", Place(Path(parent, name)), "is not read")
            yield from (Path(parent, name) for name in names)


def _document(text_file: Path, ledger: Ledger) -> Document:
    text = whole_text(text_file)
    if text.startswith(_BYTE_ORDER_MARK):
        text = f" {text[1:]}"  # brat counts it as a character
    lines = text.split("\n")
    document = Document(Place(text_file), text_file.stem, " ".join(lines))
    start = 0
    for number, line in enumerate(lines, start=1):
        document.passages.append(Passage(Place(text_file, number), start, line))
        start += len(line) + 1
    annotations = text_file.with_suffix(".ann")
    for number, line in numbered_lines(annotations):
        if line and not line.isspace():
            _add_line(document, line, Place(annotations, number), ledger)
    return document


def _add_line(document: Document, line: str, place: Place, ledger: Ledger) -> None:
    kind = line[0]
    if kind in _BETWEEN_MENTIONS:
        ledger.drop(_BETWEEN_MENTIONS[kind], place, line)
        return
    if kind in _ABOUT_MENTIONS:
        return
    mention = _MENTION.fullmatch(line)
    if mention is None:
        expected = (
            "expected a mention as 'T1<tab>Type start end<tab>wording', or a line that starts with "
            f"one of {' '.join((*_BETWEEN_MENTIONS, *_ABOUT_MENTIONS))}"
        )
        raise DataError(place.path, place.line, f"{expected}; found {quoted(line)}")
    tag, ranges, wording = mention.groups()
    pieces = [tuple(map(int, piece.split())) for piece in ranges.split(";")]
    gaps = [(end, start) for (_, end), (start, _) in pairwise(pieces)]
    if any(end > start or document.text[end:start].strip() for end, start in gaps):
        what = f"{tag} {wording!r} in document {document.identifier}, {ranges}"
        ledger.drop("discontinuous mention", place, what)
        return
    if len(pieces) > 1:
        kind = "mention that a line end or other white space divides became one"
        ledger.repair(kind, place, f"{tag} {wording!r} in document {document.identifier}")
    span = Span(pieces[0][0], pieces[-1][1], tag)
    document.add_mention(span, wording, place, ledger)
