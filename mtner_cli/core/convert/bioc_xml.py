"""BioC's XML read document by document, into the form of BioC's JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mtner_cli.core.convert.xml_events import xml_events
from mtner_cli.errors import DataError, quoted

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
"""Where each element that is read may stand; anywhere else what it holds would be lost."""


@dataclass(slots=True)
class _Element:
    """An element that is still open."""

    name: str
    attributes: dict[str, str]
    record: dict[str, Any]
    text: list[str] = field(default_factory=list)


def xml_documents(path: Path) -> Iterator[dict[str, Any]]:
    """Stream the documents; each object in one has its line under the key ``#line``.

    Raises:
        DataError: if the file is no well-formed XML, declares entities, or has elements or text
            where BioC has none, with the line.
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
    """Say what is wrong with an element in another one; empty where it may stand there."""
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
    """Say what is wrong with text that stands beside ``<text>``, where it would be lost."""
    if element.name in _TEXT_ONLY or element.name not in _PARENTS:
        return ""
    text = "".join(element.text).strip()
    if not text:
        return ""
    return f"expected the text of a <{element.name}> in <text>; found {quoted(text)} beside it"


def _add(parent: _Element, element: _Element) -> str:
    """Take what a finished element holds into the one around it, or say what is wrong with it."""
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
