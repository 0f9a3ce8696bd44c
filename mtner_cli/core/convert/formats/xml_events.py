"""Read XML of any size safely, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from html.entities import html5
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

from mtner_cli.core.files.reading import reading
from mtner_cli.errors import DataError, quoted

_PIECE = 1 << 16


class XmlEvent(NamedTuple):
    """The start or end of an element, or text.

    Attributes:
        kind: ``"start"``, ``"end"``, ``"text"`` or ``"unknown"``.
        value: the element's name, the text (which may come in several pieces), or the name of an
            entity that is not known.
        attributes: the attributes of a start; empty otherwise.
        line: its line number, from 1.
    """

    kind: str
    value: str
    attributes: dict[str, str]
    line: int


def xml_events(path: Path, named_characters: bool = False) -> Iterator[XmlEvent]:
    """Stream a file's elements and text; an external document type definition is not read.

    Args:
        named_characters: read the names of characters that external definitions declare, such as
            ``&alpha;``, as HTML 5 and MathML define them, and yield other names as ``"unknown"``.

    Raises:
        DataError: if the file is missing or not well-formed, declares entities (whose expansion
            can fill any memory), or refers to one that is not declared (whose text would be lost).
    """
    events: list[XmlEvent] = []
    parser = _parser(path, events, named_characters)
    with reading(path), path.open("rb") as file:
        piece = b" "
        while piece:
            piece = file.read(_PIECE)
            fault = _parse(parser, piece, path)
            yield from events  # those before the fault, too
            events.clear()
            if fault is not None:
                raise fault


def _parse(parser: expat.XMLParserType, piece: bytes, path: Path) -> DataError | None:
    """Pass the parser a piece of the file; an empty piece is the end. Return what is wrong."""
    try:
        parser.Parse(piece, not piece)
    except DataError as error:
        return error
    except expat.ExpatError as error:
        problem = expat.ErrorString(error.code)
        return DataError(path, error.lineno, f"expected well-formed XML: {problem}")
    except (LookupError, ValueError):
        # Python, not the XML library, knows encodings other than UTF-8, UTF-16 and Latin-1.
        message = (
            "the charset that its first line names is unknown here, or not one byte for each "
            "character; save the file as UTF-8, and name that there"
        )
        return DataError(path, 1, message)
    return None


def _parser(path: Path, events: list[XmlEvent], named_characters: bool) -> expat.XMLParserType:
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def start(name: str, attributes: dict[str, str]) -> None:
        events.append(XmlEvent("start", name, attributes, parser.CurrentLineNumber))

    def end(name: str) -> None:
        events.append(XmlEvent("end", name, {}, parser.CurrentLineNumber))

    def text(data: str) -> None:
        events.append(XmlEvent("text", data, {}, parser.CurrentLineNumber))

    def refuse_declaration(name: str, *_: object) -> None:
        message = f"the entity {quoted(name)} is declared, and entities are refused"
        raise DataError(path, parser.CurrentLineNumber, f"{message}: write what it means")

    def reference(name: str, *_: object) -> None:
        if named_characters:
            known = html5.get(f"{name};")
            kind = "unknown" if known is None else "text"
            events.append(XmlEvent(kind, known or name, {}, parser.CurrentLineNumber))
            return
        message = f"the entity {quoted(name)} is not known here: write what it means"
        raise DataError(path, parser.CurrentLineNumber, message)

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.EntityDeclHandler = refuse_declaration
    parser.SkippedEntityHandler = reference
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    return parser
