"""Define what a reader of documents yields, and read lines of which each may be damaged."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from mtner_cli.core.convert.sentence_splitting import Document
from mtner_cli.core.files.packed import InputPath
from mtner_cli.core.files.reading import reading
from mtner_cli.core.types import Place
from mtner_cli.errors import DataError, quoted, shown

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Failure(NamedTuple):
    """A document that cannot be read, or the rest of a file.

    Attributes:
        place: where it is.
        reason: what is wrong.
    """

    place: Place
    reason: str


Item = Document | Failure


@dataclass(frozen=True)
class Fields:
    """The names of the columns or keys of a table's texts and names.

    Attributes:
        text: the field of the text.
        id: the field of the name; None is ``id`` if there is one, or else the line's number.
    """

    text: str = "text"
    id: str | None = None

    @property
    def wanted_id(self) -> str:
        return self.id or "id"


Reader = Callable[[InputPath, Fields], Iterator[Item]]


def record_document(text: Any, name: Any, place: Place, fields: Fields) -> Item:
    """Return the document of a record's text and name, or what is wrong with them.

    Args:
        name: None if the record has none.
    """
    if not isinstance(text, str):
        found = "null" if text is None else quoted(text)
        return Failure(place, f"expected text under {shown(fields.text)}; found {found}")
    if name is None and fields.id is None:
        name = line_name(place)
    if isinstance(name, bool) or not isinstance(name, str | int):
        found = "nothing" if name is None else quoted(name)
        reason = f"expected a name or a number under {shown(fields.wanted_id)}; found {found}"
        return Failure(place, reason)
    try:
        return Document(place, str(name), text)
    except ValueError:  # a number of thousands of digits
        return Failure(place, f"the number under {shown(fields.wanted_id)} is too long")


def line_name(place: Place) -> str:
    """Return a name for a document that has none: its file's name and its line."""
    name = InputPath.of(place.path).plain_stem
    return name if place.line is None else f"{name}:{place.line}"


def lines_of(path: InputPath) -> Iterator[tuple[Place, str, Failure | None]]:
    r"""Yield a file's lines, split at ``\n`` only, without ends, with what is wrong with each.

    Bytes that are not UTF-8 are replaced in a wrong line. A byte order mark at the start of the
    file is left out.

    Raises:
        DataError: if the file cannot be read.
    """
    with reading(path), path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            place = Place(path, number)
            if number == 1:
                line = line.removeprefix(_BYTE_ORDER_MARK)
            line = line.removesuffix(b"\n").removesuffix(b"\r")
            try:
                yield place, line.decode(), None
            except UnicodeDecodeError as error:
                byte = f"the byte 0x{error.object[error.start]:02X} ({error.reason})"
                fault = Failure(place, f"expected utf-8 text; found {byte}")
                yield place, line.decode(errors="replace"), fault


def read_json_lines(path: InputPath, fields: Fields) -> Iterator[Item]:
    """Stream the documents of a file with one JSON object a line."""
    for place, line, fault in lines_of(path):
        if fault is not None:
            yield fault
        elif line and not line.isspace():
            yield _of_json(line, place, fields)


def _of_json(line: str, place: Place, fields: Fields) -> Item:
    try:
        record = _DECODER.decode(line)
    except (ValueError, RecursionError) as error:
        return Failure(place, f"expected a JSON object on one line; {error}")
    if not isinstance(record, dict):
        return Failure(place, f"expected one JSON object a line; found {quoted(record)}")
    if fields.text not in record:
        keys = ", ".join(map(shown, list(record)[:10])) or "none"
        reason = f"expected a text under {shown(fields.text)} (--text-field); its keys are: {keys}"
        return Failure(place, reason)
    return record_document(record[fields.text], record.get(fields.wanted_id), place, fields)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object and refuse duplicate keys: JSON's reader would silently take the last."""
    made = dict(pairs)
    if len(made) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {quoted(twice)} is twice in one object: leave one out")
    return made


_DECODER = json.JSONDecoder(object_pairs_hook=_without_repeats)


def failure_of(error: DataError) -> Failure:
    """Return the failure that an error describes."""
    return Failure(Place(error.path, error.line), error.reason)
