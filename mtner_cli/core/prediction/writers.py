"""Write annotated documents: one function for each output format."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from mtner_cli.core.types import AnnotatedDocument

_LINE_ENDS = re.compile("[\x85\u2028\u2029]")
"""Characters that JSON may hold as they are, but where some programs end a line."""


@dataclass(frozen=True)
class Details:
    """What is written beside the mentions.

    Attributes:
        sentences: write the character range of each sentence.
    """

    sentences: bool = False


class Writer(NamedTuple):
    """An output format in which a file is the text of its documents, one after the other.

    Attributes:
        name: its name for ``--format``.
        suffix: the end of its files' names.
        write: returns the text of one document.
    """

    name: str
    suffix: str
    write: Callable[[AnnotatedDocument, Details], str]


def json_line(document: AnnotatedDocument, details: Details) -> str:
    """Return a document as one line of JSON; scores have four decimals."""
    record: dict[str, object] = {
        "id": document.id,
        "text": document.text,
        "mentions": [
            {
                "start": mention.start,
                "end": mention.end,
                "text": mention.text,
                "type": mention.type,
                "score": round(mention.score, 4),
                "corpora": mention.corpora,
            }
            for mention in document.mentions
        ],
    }
    if details.sentences:
        record["sentences"] = document.sentences
    line = json.dumps(record, ensure_ascii=False)
    try:
        line.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        line = json.dumps(record)
    return _LINE_ENDS.sub(_escaped, line) + "\n"


def _escaped(character: re.Match[str]) -> str:
    return f"\\u{ord(character[0]):04x}"


WRITERS = {writer.name: writer for writer in (Writer("jsonl", ".jsonl", json_line),)}
