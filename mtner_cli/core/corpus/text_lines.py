"""Lines of a text file with their numbers; faults of the file become errors that name the line."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mtner_cli.errors import ConfigError, DataError


def text_encoding(name: str) -> str:
    """The encoding to open a file with: ``utf-8`` also reads files that start with a BOM.

    Raises:
        ConfigError: if no encoding has this name.
    """
    try:
        canonical = codecs.lookup(name).name
    except LookupError:
        fault = f"unknown text encoding {name!r}: give a name such as utf-8 or latin-1"
        raise ConfigError([fault]) from None
    return "utf-8-sig" if canonical == "utf-8" else canonical


def numbered_lines(path: Path, encoding: str = "utf-8") -> Iterator[tuple[int, str]]:
    r"""Stream a file's lines, counted from 1, without their ends (``\n`` or ``\r\n``).

    No other character ends a line, so text with U+2028 or a form feed stays in one piece.

    Raises:
        ConfigError: if the encoding is unknown.
        DataError: if the file cannot be read or holds bytes that are not of the encoding.
    """
    codec = text_encoding(encoding)
    with _faults_named(path, encoding, codec), path.open(encoding=codec, newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            yield number, line.removesuffix("\n").removesuffix("\r")


def whole_text(path: Path) -> str:
    """A UTF-8 file to the character: with its line ends as they are, and its BOM.

    Raises:
        DataError: as :func:`numbered_lines` does.
    """
    with _faults_named(path, "utf-8", "utf-8"), path.open(encoding="utf-8", newline="") as file:
        return file.read()


@contextmanager
def _faults_named(path: Path, encoding: str, codec: str) -> Iterator[None]:
    """Turn faults of reading into errors that name the file and, where it helps, the line."""
    try:
        yield
    except FileNotFoundError:
        raise DataError(path, None, "there is no such file") from None
    except OSError as error:
        raise DataError(path, None, f"cannot be read: {error.strerror}") from None
    except UnicodeError:
        number, detail = _undecodable_line(path, codec)
        raise DataError(path, number, f"expected {encoding} text; found {detail}") from None


def _undecodable_line(path: Path, codec: str) -> tuple[int, str]:
    """Read again in small pieces, because a text file's buffer hides where decoding failed."""
    decoder = codecs.getincrementaldecoder(codec)()
    number = 1
    with path.open("rb") as pieces:
        for piece in pieces:
            try:
                number += decoder.decode(piece).count("\n")
            except UnicodeDecodeError as error:
                return number, f"the byte 0x{error.object[error.start]:02X} ({error.reason})"
            except UnicodeError as error:
                return number, f"undecodable bytes ({error})"
    return number, "an incomplete character at the end of the file"
