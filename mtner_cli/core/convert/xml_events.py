"""XML read piece by piece, so that its size does not matter and nothing in it can do harm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

from mtner_cli.errors import DataError

_PIECE = 1 << 16


class XmlEvent(NamedTuple):
    """The start or end of an element, or text between the two.

    Attributes:
        kind: ``"start"``, ``"end"`` or ``"text"``.
        value: the element's name, or the text (which may come in several pieces).
        attributes: of a start; empty otherwise.
        line: where it stands, from 1.
    """

    kind: str
    value: str
    attributes: dict[str, str]
    line: int


def xml_events(path: Path) -> Iterator[XmlEvent]:
    """Stream a file's elements and text; an outside document type definition is not read.

    Raises:
        DataError: if the file is missing or not well-formed, declares entities (whose expansion
            can fill any memory), or refers to one that is not declared (whose text would be lost).
    """
    events: list[XmlEvent] = []
    parser = _parser(path, events)
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                parser.Parse(piece, False)
                yield from events
                events.clear()
            parser.Parse(b"", True)
            yield from events
    except FileNotFoundError:
        raise DataError(path, None, "there is no such file") from None
    except OSError as error:
        raise DataError(path, None, f"cannot be read: {error.strerror}") from None
    except expat.ExpatError as error:
        problem = expat.ErrorString(error.code)
        raise DataError(path, error.lineno, f"expected well-formed XML: {problem}") from None


def _parser(path: Path, events: list[XmlEvent]) -> expat.XMLParserType:
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def start(name: str, attributes: dict[str, str]) -> None:
        events.append(XmlEvent("start", name, attributes, parser.CurrentLineNumber))

    def end(name: str) -> None:
        events.append(XmlEvent("end", name, {}, parser.CurrentLineNumber))

    def text(data: str) -> None:
        events.append(XmlEvent("text", data, {}, parser.CurrentLineNumber))

    def refuse_declaration(name: str, *_: object) -> None:
        message = f"the entity {name!r} is declared, and entities are refused: write what it means"
        raise DataError(path, parser.CurrentLineNumber, message)

    def refuse_reference(name: str, *_: object) -> None:
        message = f"the entity {name!r} is not known here: write what it means"
        raise DataError(path, parser.CurrentLineNumber, message)

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.EntityDeclHandler = refuse_declaration
    parser.SkippedEntityHandler = refuse_reference
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    return parser
