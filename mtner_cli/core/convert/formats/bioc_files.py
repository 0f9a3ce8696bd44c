"""BioC's JSON and XML piece by piece, each object with its line, and the form each must have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from mtner_cli.core.convert.formats.xml_events import xml_events
from mtner_cli.core.files.reading import reading
from mtner_cli.errors import MOST_CHARACTERS, DataError, quoted, visible

_IN_DOCUMENTS = ("text", "sentences", "annotations", "locations")
_JSON_HOLDERS = (
    "documents",
    "passages",
    "sentences",
    "annotations",
    "locations",
    "relations",
    "infons",
)
_NO_DOCUMENTS = ("passages", "infons")
_PIECE = 1 << 20  # with smaller pieces a text of a hundred megabytes is slow
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(?P<half>u[dD][89a-fA-F])|.)", re.DOTALL
)
_LONGEST_ESCAPE = 12
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def json_documents(path: Path) -> Iterator[dict[str, Any]]:
    """Stream every object that has ``passages``, at any place in the file.

    This covers collections, lists of collections, and files with one object per line. Each object
    in a document has its line under the key ``#line``.

    Raises:
        DataError: if the file is not valid JSON, has a duplicate key in an object, or has mentions
            or text outside of documents; the message names the line.
    """
    open_values: list[Any] = []
    keys: list[str] = []
    for line, event, value in _events(path):
        if event == "start_map":
            open_values.append({"#line": line})
            continue
        if event == "start_array":
            open_values.append([])
            continue
        if event == "map_key":
            keys.append(value)
            continue
        if event in ("end_map", "end_array"):
            value = open_values.pop()
            if isinstance(value, dict) and "passages" in value:
                if holder := next((key for key in _NO_DOCUMENTS if key in keys), None):
                    message = f"expected no document in {holder!r}; move it out"
                    raise DataError(path, value["#line"], message)
                yield value
                # What was read is not kept, so that a large collection needs little memory.
                value = None
        if not open_values:
            _refuse_loss(value, path)
            continue
        if isinstance(open_values[-1], list):
            open_values[-1].append(value)
        else:
            key = keys.pop()
            if key in open_values[-1]:
                message = f"the key {quoted(key)} is twice in one object: leave one out"
                raise DataError(path, line, message)
            if isinstance(value, dict | list) and key not in _JSON_HOLDERS and "infons" not in keys:
                _refuse_loss(value, path)
            open_values[-1][key] = value


def _refuse_loss(rest: Any, path: Path) -> None:
    """Raise DataError if an unread part of a file has mentions or text."""
    values = [rest]
    while values:
        value = values.pop()
        if isinstance(value, list):
            values += value
        elif isinstance(value, dict):
            if lost := next((key for key in _IN_DOCUMENTS if value.get(key)), None):
                message = f"expected {lost!r} in a passage of a document; found it elsewhere"
                raise DataError(path, value["#line"], message)
            values += (inner for key, inner in value.items() if key != "infons")


def _events(path: Path) -> Iterator[tuple[int, str, Any]]:
    """Yield line, event name and value of each piece of the JSON."""
    import ijson
    from ijson.backends import python as slow_ijson

    events: Any = ijson.sendable_list()
    # The fast parser silently turns half of a surrogate pair into a question mark.
    parsing = slow_ijson if _has_half_characters(path) else ijson
    parser = parsing.basic_parse_coro(events, multiple_values=True)
    line = 1
    try:
        for piece in _line_pieces(path):
            parser.send(piece)
            for event, value in events:
                yield line, event, value
            del events[:]
            line += piece.endswith(b"\n")
        parser.close()
    except (ijson.JSONError, ValueError, SystemError) as error:
        # The parser raises SystemError on a number of thousands of digits.
        problem = error.args[0] if error.args else ""
        text = problem.decode("utf-8", "replace") if isinstance(problem, bytes) else str(problem)
        first_line = visible(text.strip().partition("\n")[0][:MOST_CHARACTERS])
        raise DataError(path, line, f"expected valid JSON; {first_line}") from None


def _has_half_characters(path: Path) -> bool:
    r"""Tell whether JSON escapes half a surrogate pair, such as ``\ud83d`` alone."""
    rest = b""
    for piece in _line_pieces(path):
        window = rest + piece
        end = len(window) if piece.endswith(b"\n") else max(len(window) - _LONGEST_ESCAPE, 0)
        while 0 < end < len(window) and window[end - 1 : end] == b"\\":
            end -= 1
        if _SURROGATE.search(window):
            for escape in _ESCAPE.finditer(window):
                if escape.start() >= end:
                    break
                if escape["half"]:
                    return True
                end = max(end, escape.end())
        rest = window[end:]
    return any(escape["half"] for escape in _ESCAPE.finditer(rest))


def _line_pieces(path: Path) -> Iterator[bytes]:
    """Yield the file in pieces that never extend beyond the end of a line."""
    with reading(path), path.open("rb") as file:
        if file.read(len(_BYTE_ORDER_MARK)) != _BYTE_ORDER_MARK:
            file.seek(0)
        while piece := file.readline(_PIECE):
            yield piece


_LISTS = {
    "passage": "passages",
    "sentence": "sentences",
    "annotation": "annotations",
    "relation": "relations",
    "location": "locations",
}
_TEXTS = frozenset(("id", "offset", "text"))
_TEXT_ONLY = _TEXTS | {"infon"}
_ATTRIBUTES = {"id", "offset", "length"}
_XML_HOLDERS = ("document", "passage", "sentence")
_PARENTS: Mapping[str, tuple[str, ...]] = {
    "document": ("",),
    "passage": ("document",),
    "sentence": ("passage",),
    "annotation": _XML_HOLDERS,
    "relation": _XML_HOLDERS,
    "location": ("annotation",),
    "text": ("passage", "sentence", "annotation"),
}
"""The allowed parents of each element that is read; elsewhere its content would be lost."""


@dataclass(slots=True)
class _Element:
    """An element that is still open."""

    name: str
    attributes: dict[str, str]
    record: dict[str, Any]
    text: list[str] = field(default_factory=list)


def xml_documents(path: Path) -> Iterator[dict[str, Any]]:
    """Stream the documents of a file; each object has its line under the key ``#line``.

    Raises:
        DataError: if the file is not well-formed XML, declares entities, or has elements or text
            where BioC has none; the message names the line.
    """
    open_elements: list[_Element] = []
    for event in xml_events(path):
        fault = ""
        if event.kind == "start":
            fault = _misplaced(event.value, open_elements[-1].name if open_elements else "")
            if open_elements or event.value == "document":
                record: dict[str, Any] = {"#line": event.line}
                for key in event.attributes.keys() & _ATTRIBUTES if event.attributes else ():
                    record[key] = event.attributes[key]
                open_elements.append(_Element(event.value, event.attributes, record))
        elif not open_elements:
            continue
        elif event.kind == "text":
            open_elements[-1].text.append(event.value)
        else:
            element = open_elements.pop()
            fault = _loose_text(element)
            if open_elements:
                fault = fault or _add(open_elements[-1], element)
            elif not fault:
                yield {"passages": [], **element.record}
        if fault:
            raise DataError(path, event.line, fault)


def _misplaced(name: str, parent: str) -> str:
    """Return what is wrong with an element in its parent; empty if it is allowed there."""
    parents = _PARENTS.get(name)
    if parent in _TEXT_ONLY:
        return f"expected text only in <{parent}>; found the element {quoted(name)}"
    if parents is None or parent in parents:
        return ""
    if name == "document":
        return "expected no <document> in another one: end the one before it"
    where = f"in {quoted(parent)}" if parent else "outside any document"
    return f"expected <{name}> in <{'> or <'.join(parents)}>; found it {where}"


def _loose_text(element: _Element) -> str:
    """Return what is wrong with text beside ``<text>``, which would be lost; empty otherwise."""
    if element.name in _TEXT_ONLY or element.name not in _PARENTS:
        return ""
    text = "".join(element.text).strip()
    if not text:
        return ""
    return f"expected the text of a <{element.name}> in <text>; found {quoted(text)} beside it"


def _add(parent: _Element, element: _Element) -> str:
    """Add a finished element to its parent; return what is wrong with it, empty otherwise."""
    section, key = parent.record, element.name
    if key in _LISTS:
        section.setdefault(_LISTS[key], []).append(element.record)
        return ""
    if key == "infon" and "key" in element.attributes:
        section, key = section.setdefault("infons", {}), element.attributes["key"]
        is_second = parent.name == "annotation" and key == "type" and key in section
    elif key in _TEXTS:
        is_second = key in section
    else:
        return ""
    section[key] = "".join(element.text)
    return f"expected one {key!r} in <{parent.name}>; found a second" if is_second else ""


def _nothing(value: Any) -> Any:
    if value:
        raise PydanticCustomError(
            "misplaced", "BioC has none here, so what it holds would be lost; move or delete it"
        )
    return value


def _with_plain_type(infons: dict[str, Any]) -> dict[str, Any]:
    if isinstance(infons.get("type"), dict | list):
        raise PydanticCustomError("type", "expected a text as the infon 'type'")
    return infons


Misplaced = Annotated[Any, AfterValidator(_nothing)]
Offset = Annotated[int, Field(ge=0, lt=1 << 62)]


class _Part(BaseModel):
    """Any object of a BioC file; a field that is not named here is not read."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    line: int | None = Field(default=None, alias="#line")

    # A class in which one of these fields belongs defines it with its real type.
    documents: Misplaced = None
    passages: Misplaced = None
    sentences: Misplaced = None
    annotations: Misplaced = None
    relations: Misplaced = None
    locations: Misplaced = None
    text: Misplaced = None


class BioCLocation(_Part):
    """Offset in the document and length, in characters."""

    offset: Offset
    length: Offset


class BioCAnnotation(_Part):
    """A mention; it is discontinuous if it has several locations."""

    text: str | None = None
    infons: Annotated[dict[str, Any], AfterValidator(_with_plain_type)] = Field(default={})
    locations: list[BioCLocation] = Field(default=[])

    @property
    def entity_type(self) -> str:
        """The entity type; empty if there is none."""
        named = self.infons.get("type")
        return "" if named is None else str(named)


class _Holder(_Part):
    """An object that can hold annotations."""

    annotations: list[BioCAnnotation] = Field(default=[])
    relations: list[Any] = Field(default=[])


class BioCSentence(_Holder):
    """A sentence that the file itself gives."""

    offset: Offset
    text: str | None = None


class BioCPassage(BioCSentence):
    """A title or paragraph, whose text may be given in sentences."""

    sentences: list[BioCSentence] = Field(default=[])


class BioCDocument(_Holder):
    """A document; its annotations are in it, in its passages or in their sentences."""

    id: str
    passages: list[BioCPassage]


def checked(record: dict[str, Any], path: Path) -> BioCDocument:
    """Return the document of a record, in which ``#line`` is the line of each object.

    Raises:
        DataError: with the line and the name of a missing or invalid field.
    """
    try:
        return BioCDocument.model_validate(record)
    except ValidationError as error:
        fault = error.errors()[0]
        line = None
        value: Any = record
        for key in fault["loc"]:
            if isinstance(value, dict):
                line = value.get("#line", line)
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                break
        name = ".".join(map(str, fault["loc"]))
        message = f"expected a BioC document; {name}: {fault['msg']}"
        raise DataError(path, line, message) from None
