"""BioC's JSON read piece by piece, each object with the line on which it starts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mtner_cli.core.corpus.text_lines import reading
from mtner_cli.errors import MOST_CHARACTERS, DataError, quoted, visible

_IN_DOCUMENTS = ("text", "sentences", "annotations", "locations")
_JSON_HOLDERS = ("documents", "passages", "sentences", "annotations", "locations", "relations", "infons")
_NO_DOCUMENTS = ("passages", "infons")
_PIECE = 1 << 20  # smaller ones make a text of a hundred megabytes slow
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(?P<half>u[dD][89a-fA-F])|.)", re.DOTALL
)
_LONGEST_ESCAPE = 12
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def json_documents(path: Path) -> Iterator[dict[str, Any]]:
    """Stream every object that has ``passages``, wherever in the file it stands.

    So collections are read, lists of them, and files with an object a line. Each object in a
    document has its line under the key ``#line``.

    Raises:
        DataError: if the file is not valid JSON, has a key twice in an object, or has mentions
            or text outside of documents, with the line.
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
    """Raise if mentions or text stand in what is not read of a file."""
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
    """Line, name and value of each piece of the JSON."""
    import ijson
    from ijson.backends import python as slow_ijson

    events: Any = ijson.sendable_list()
    # The fast parser makes a question mark of half a character, without a word.
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
        # A number of thousands of digits is a SystemError of the parser.
        problem = error.args[0] if error.args else ""
        if isinstance(problem, bytes):
            problem = problem.decode("utf-8", "replace")
        first_line = visible(problem.strip().partition("\n")[0][:MOST_CHARACTERS])
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
    """The file in pieces none of which goes beyond the end of a line."""
    with reading(path), path.open("rb") as file:
        if file.read(len(_BYTE_ORDER_MARK)) != _BYTE_ORDER_MARK:
            file.seek(0)
        while piece := file.readline(_PIECE):
            yield piece
