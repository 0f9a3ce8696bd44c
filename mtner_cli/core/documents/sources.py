"""List inputs (files, folders, patterns, standard input), know their formats and read them."""

from __future__ import annotations

import glob
import importlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from mtner_cli.core.convert.formats.xml_events import xml_events
from mtner_cli.core.documents.items import Fields, Item, failure_of
from mtner_cli.core.files.packed import PACKED, InputPath
from mtner_cli.core.files.reading import reading
from mtner_cli.errors import ConfigError, DataError, did_you_mean, nearest, quoted, shown
from mtner_cli.paths import exists, is_folder, why_absent

STANDARD_INPUT = "-"
_SNIFFED_BYTES = 4096
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_PUBTATOR_START = re.compile(rb"[^|\t\r\n]+\|t\|")
_ROOTS = {
    "collection": "bioc",
    "PubmedArticleSet": "pubmed",
    "PubmedBookArticleSet": "pubmed",
    "PubmedArticle": "pubmed",
    "article": "jats",
    "pmc-articleset": "jats",
    "OAI-PMH": "jats",
}


class InputFormat(NamedTuple):
    """A format of documents.

    Attributes:
        name: its name for ``--input-format``.
        description: what a document is.
        suffixes: the ends of file names, in lower case, by which it is known.
        reader: the module and the function that read it.
    """

    name: str
    description: str
    suffixes: tuple[str, ...]
    reader: str


FORMATS = {
    made.name: made
    for made in (
        InputFormat("text", "one document a file", (".txt", ".text"), "plain.read_text"),
        InputFormat(
            "jsonl", "one JSON object a line", (".jsonl", ".ndjson"), "items.read_json_lines"
        ),
        InputFormat("csv", "one row, with commas", (".csv",), "tables.read_csv"),
        InputFormat("tsv", "one row, with tabs", (".tsv", ".tab"), "tables.read_tsv"),
        InputFormat("parquet", "one row", (".parquet",), "tables.read_parquet"),
        InputFormat(
            "pubtator",
            "title and abstract",
            (".pubtator", ".pubtator.txt"),
            "plain.read_pubtator",
        ),
        InputFormat("bioc", "BioC XML or JSON", (".json", ".bioc"), "plain.read_bioc"),
        InputFormat("brat", "a text beside its .ann file", (), "plain.read_brat"),
        InputFormat("pubmed", "PubMed XML: title and abstract", (), "articles.read_pubmed"),
        InputFormat("jats", "PMC's articles", (".nxml",), "articles.read_jats"),
    )
}
_ONE_DOCUMENT = ("text", "brat")
"""Formats with one document a file."""
_BY_CONTENT = (".xml", ".txt", ".text")
"""Suffixes of several formats; the first bytes of a file say which."""


class Source(NamedTuple):
    """A file to read.

    Attributes:
        path: the file as it was given or found; ``-`` is standard input.
        format: the name of its format; empty if its content says which.
    """

    path: str
    format: str


def list_sources(inputs: Iterable[str], input_format: str | None = None) -> Iterator[Source]:
    """Yield the files of inputs: files, folders, patterns such as ``*.txt``, standard input.

    Folders are read with their subfolders, in the order of names: the files of known formats,
    without hidden files and links to folders.

    Raises:
        ConfigError: if a file's format is not clear from its name.
        DataError: if there is no such file, or nothing to read in a folder or for a pattern.
    """
    for given in inputs:
        yield from _listed(given, input_format)


def check_inputs(inputs: Iterable[str], input_format: str | None = None) -> None:
    """Check that inputs exist and that their formats are known, before anything is read.

    Raises:
        ConfigError: if there is no such format; also as in :func:`list_sources`.
        DataError: as in :func:`list_sources`.
    """
    if input_format is not None and input_format not in FORMATS:
        hint = did_you_mean(nearest(input_format, FORMATS))
        message = f"--input-format {shown(input_format)}: expected {', '.join(FORMATS)}{hint}"
        raise ConfigError([message])
    for given in inputs:
        next(_listed(given, input_format))


def _listed(given: str, input_format: str | None) -> Iterator[Source]:
    path = Path(given)
    if given == STANDARD_INPUT:
        yield Source(given, input_format or "")
    elif is_folder(path):
        yield from _found_in(path, input_format)
    elif exists(path):
        yield Source(given, input_format or _format_of(given))
    elif glob.has_magic(given):
        matching = sorted(glob.glob(given, recursive=True))
        if not matching:
            raise DataError(path, None, "no file matches this pattern")
        for match in matching:
            yield from _listed(match, input_format)
    else:
        reason = why_absent(path)
        raise DataError(path, None, reason or "there is no such file")


def _format_of(path: str) -> str:
    """Return the format of a file's name; empty if its content says which.

    Raises:
        ConfigError: if it is not known.
    """
    known = _known_format(path)
    if known is None:
        message = f"{path}: the format is not known from its name; give --input-format "
        raise ConfigError([message + ", ".join(FORMATS)])
    return known


def _known_format(path: str) -> str | None:
    name = os.path.basename(path).lower()
    for suffix in PACKED:
        name = name.removesuffix(suffix)
    ends = {suffix: made.name for made in FORMATS.values() for suffix in made.suffixes}
    ends |= dict.fromkeys(_BY_CONTENT, "")
    found = [suffix for suffix in ends if name.endswith(suffix)]
    return ends[max(found, key=len)] if found else None


def _found_in(folder: Path, input_format: str | None) -> Iterator[Source]:
    wanted = None if input_format is None else _suffixes_of(input_format)
    empty = True
    for path in _files_in(folder):
        known = _known_format(path)
        if known is None or (wanted is not None and not _ends(path, wanted)):
            continue
        empty = False
        yield Source(path, input_format or known)
    if empty:
        suffixes = wanted or sorted({*_BY_CONTENT, *_suffixes_of(*FORMATS)})
        message = (
            f"no file to read in this folder; expected names that end in {', '.join(suffixes)}"
        )
        raise DataError(folder, None, message)


def _suffixes_of(*formats: str) -> list[str]:
    by_content = {"brat": (".txt",), "pubmed": (".xml",), "jats": (".xml",), "bioc": (".xml",)}
    return [
        suffix
        for name in formats
        for suffix in (*FORMATS[name].suffixes, *by_content.get(name, ()))
    ]


def _ends(path: str, suffixes: Iterable[str]) -> bool:
    name = path.lower()
    for packed in PACKED:
        name = name.removesuffix(packed)
    return name.endswith(tuple(suffixes))


def _files_in(folder: Path) -> Iterator[str]:
    """Yield the files of a folder and its subfolders, in the order of names."""

    def refuse(error: OSError) -> None:
        raise error

    with reading(folder):
        for parent, folders, names in os.walk(folder, onerror=refuse):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                if not name.startswith("."):
                    yield os.path.join(parent, name)


def read_source(source: Source, path: InputPath, fields: Fields) -> Iterator[Item]:
    """Stream the documents of a file, and what cannot be read of it.

    Args:
        path: the file, or the copy of a stream, to open.
    """
    name = source.format
    try:
        name = name or _sniffed(path)
        made = FORMATS[name]
        module, function = made.reader.split(".")
        reader = getattr(importlib.import_module(f"{__package__}.{module}"), function)
        yield from reader(path, fields)
    except DataError as error:
        failure = failure_of(error)
        if error.line is not None and name not in _ONE_DOCUMENT:
            failure = failure._replace(reason=f"{failure.reason}; the file is read up to here only")
        yield failure


def _sniffed(path: InputPath) -> str:
    """Return the format of a file's content."""
    with reading(path), path.open("rb") as file:
        start = file.read(_SNIFFED_BYTES).removeprefix(_BYTE_ORDER_MARK)
    content = start.lstrip()
    if path.suffix.lower() not in (".txt", ".text"):
        if content.startswith(b"<") or path.plain_name.lower().endswith(".xml"):
            return _sniffed_root(path)
        if content.startswith((b"{", b"[")):
            is_bioc = re.search(rb'"(documents|passages)"\s*:', start) is not None
            return "bioc" if is_bioc or content.startswith(b"[") else "jsonl"
        if start.startswith(b"PAR1"):
            return "parquet"
    if _PUBTATOR_START.match(content):
        return "pubtator"
    return "brat" if exists(path.with_name(f"{path.plain_stem}.ann")) else "text"


def _sniffed_root(path: InputPath) -> str:
    root = next((event.value for event in xml_events(path) if event.kind == "start"), "")
    if root not in _ROOTS:
        message = (
            f"expected XML of BioC, PubMed or JATS; found the element {quoted(root)}. Give "
            "--input-format if it is one of them"
        )
        raise DataError(path, None, message)
    return _ROOTS[root]
