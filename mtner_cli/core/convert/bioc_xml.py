"""BioC's XML read document by document, into the form of BioC's JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mtner_cli.core.convert.xml_events import xml_events

_LISTS = {
    "passage": "passages",
    "sentence": "sentences",
    "annotation": "annotations",
    "relation": "relations",
    "location": "locations",
}
_TEXTS = ("id", "offset", "text")


@dataclass
class _Element:
    """An element that is still open."""

    attributes: dict[str, str]
    record: dict[str, Any]
    text: list[str] = field(default_factory=list)


def xml_documents(path: Path) -> Iterator[dict[str, Any]]:
    """Stream the documents; each object in one has its line under the key ``#line``.

    Raises:
        DataError: if the file is no well-formed XML or declares entities, with the line.
    """
    open_elements: list[_Element] = []
    for event in xml_events(path):
        if event.kind == "start":
            if open_elements or event.value == "document":
                record = {"#line": event.line, **event.attributes}
                open_elements.append(_Element(event.attributes, record))
        elif not open_elements:
            continue
        elif event.kind == "text":
            open_elements[-1].text.append(event.value)
        else:
            element = open_elements.pop()
            if open_elements:
                _add(open_elements[-1].record, event.value, element)
            else:
                yield {"passages": [], **element.record}


def _add(record: dict[str, Any], name: str, element: _Element) -> None:
    text = "".join(element.text)
    if name in _LISTS:
        record.setdefault(_LISTS[name], []).append(element.record)
    elif name in _TEXTS:
        record[name] = text
    elif name == "infon" and "key" in element.attributes:
        record.setdefault("infons", {})[element.attributes["key"]] = text
