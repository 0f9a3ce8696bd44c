"""Find out in which format a file or folder is, from its content and its name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from mtner_cli.core.actions.tag_schemes import split_tag
from mtner_cli.core.convert.formats import brat
from mtner_cli.core.convert.formats.conll import DOCUMENT_START, cells_of
from mtner_cli.core.files.reading import reading

_MOST_BYTES = 1 << 16
"""Only the start of a file is read."""
_HUNFLAIR = re.compile(r"\S.* (?:O|[BI]-\S+) [+-]")
_PUBTATOR = re.compile(r"\s*[^|\s]+\|t\|")
_GENIA = re.compile(r"<(?:bibliomisc|cons)\b")
_BIOC_XML = re.compile(r"<(?:collection|document|passage)\b")
_BIOC_JSON = re.compile(r'"(?:documents|passages)"\s*:')


def find_format(path: Path) -> str | None:
    """Return the name of the format, as ``mtner convert`` has it; None if it is not clear.

    Raises:
        DataError: if the file cannot be read.
    """
    if os.path.isdir(path):
        return "brat" if next(path.rglob("*.ann"), None) else None
    if path.suffix in brat.ENDINGS and all(path.with_suffix(end).exists() for end in brat.ENDINGS):
        return "brat"
    head = _head(path)
    return next((name for name, looks_like in _SIGNS.items() if looks_like(head)), None)


def _head(path: Path) -> str:
    """Return the first lines of a file; characters of another charset do not matter."""
    with reading(path), path.open("rb") as file:
        content = file.read(_MOST_BYTES)
    lines = content if len(content) < _MOST_BYTES else content.rpartition(b"\n")[0] or content
    return lines.decode("utf-8-sig", "replace").lstrip()


def _is_hunflair(head: str) -> bool:
    lines = [line for line in head.split("\n") if line.strip()]
    return bool(lines) and all(map(_HUNFLAIR.fullmatch, lines))


def _is_conll(head: str) -> bool:
    """Tell whether there are columns, and one of them holds a tag in every row."""
    rows = [
        cells_of(line)
        for line in head.split("\n")
        if line.strip() and not line.startswith(DOCUMENT_START)
    ]
    columns = [
        {at for at, cell in enumerate(cells) if at and split_tag(cell.strip(" "))[0]}
        for cells in rows
    ]
    return bool(columns and set.intersection(*columns))


def _is_json(head: str) -> bool:
    return head.startswith(("{", "["))


_SIGNS: Mapping[str, Callable[[str], bool]] = {
    "pubtator": lambda head: bool(_PUBTATOR.match(head)),
    "genia": lambda head: head.startswith("<") and bool(_GENIA.search(head)),
    "bioc": lambda head: (
        (head.startswith("<") and bool(_BIOC_XML.search(head)))
        or (_is_json(head) and bool(_BIOC_JSON.search(head)))
    ),
    "jsonl": _is_json,
    "hunflair": _is_hunflair,
    "conll": _is_conll,
}
"""For each format, what the start of a file must look like; the first that fits is taken."""

FORMATS_OF_FILES = (*_SIGNS, "brat")
"""The formats that can be found, or named."""
