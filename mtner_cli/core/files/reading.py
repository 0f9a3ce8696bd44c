"""Read files: text by lines, and inputs that can be read only once, such as pipes."""

from __future__ import annotations

import codecs
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from io import UnsupportedOperation
from pathlib import Path, PosixPath
from typing import Any, BinaryIO, TextIO

from mtner_cli.config.encodings import text_encoding
from mtner_cli.errors import DataError, reason_of


def numbered_lines(path: Path, charset: str = "utf-8") -> Iterator[tuple[int, str]]:
    r"""Stream a file's lines, counted from 1, without their ends (``\n`` or ``\r\n``).

    No other character ends a line, so text with U+2028 or a form feed stays in one piece.

    Raises:
        ConfigError: if the charset is unknown.
        DataError: if the file cannot be read or holds bytes that are not valid in the charset.
    """
    codec = text_encoding(charset)
    with (
        reading(path),
        path.open(encoding=codec, newline="\n") as lines,
        _decoding(path, lines, charset, codec),
    ):
        for number, line in enumerate(lines, start=1):
            yield number, line.removesuffix("\n").removesuffix("\r")


def whole_text(path: Path) -> str:
    """Read the exact text of a UTF-8 file, with unchanged line ends and its BOM.

    Raises:
        DataError: as :func:`numbered_lines` does.
    """
    with (
        reading(path),
        path.open(encoding="utf-8", newline="") as file,
        _decoding(path, file, "utf-8", "utf-8"),
    ):
        return file.read()


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn the error of a missing or unreadable file into an error that names it.

    Raises:
        DataError: instead of OSError, and of ValueError (from a path with a NUL character).
    """
    try:
        yield
    except FileNotFoundError:
        raise DataError(path, None, "there is no such file") from None
    except (OSError, ValueError) as error:
        reason = reason_of(error)
        raise DataError(path, None, f"cannot be read: {reason}") from None


@contextmanager
def _decoding(path: Path, file: TextIO, charset: str, codec: str) -> Iterator[None]:
    """Turn bytes that are not valid in the charset into an error that names the line."""
    try:
        yield
    except UnicodeError:
        number, detail = _undecodable_line(file.buffer, codec)
        raise DataError(path, number, f"expected {charset} text; found {detail}") from None


def _undecodable_line(file: BinaryIO, codec: str) -> tuple[int | None, str]:
    """Return the number and the fault of the first line that cannot be decoded.

    The file is read again in small pieces, because a text file's buffer hides where decoding
    failed.
    """
    try:
        file.seek(0)
    except (OSError, UnsupportedOperation):  # a pipe
        return None, "other bytes"
    decoder = codecs.getincrementaldecoder(codec)()
    number = 1
    for piece in file:
        try:
            number += decoder.decode(piece).count("\n")
        except UnicodeDecodeError as error:
            return number, f"the byte 0x{error.object[error.start]:02X} ({error.reason})"
        except UnicodeError as error:
            return number, f"undecodable bytes ({error})"
    return number, "an incomplete character at the end of the file"


class _Copied(PosixPath):
    """The path of an input as messages show it; it opens a copy of the input."""

    content: Path

    def open(self, *arguments: Any, **options: Any) -> Any:
        return self.content.open(*arguments, **options)


@contextmanager
def rewindable(paths: Iterable[Path]) -> Iterator[list[Path]]:
    """Yield paths that can each be opened repeatedly within the block.

    Raises:
        DataError: if a pipe or device cannot be copied.
    """
    with ExitStack() as copies:
        yield [_copied(path, copies) if _is_stream(path) else path for path in paths]


def _is_stream(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False  # the reader says what is wrong
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _copied(path: Path, copies: ExitStack) -> Path:
    try:
        copy = copies.enter_context(tempfile.NamedTemporaryFile(prefix="mtner-"))  # noqa: SIM115
        with path.open("rb") as stream:
            shutil.copyfileobj(stream, copy)
        copy.flush()
    except OSError as error:
        message = f"cannot be copied to the folder for temporary files: {error.strerror}"
        raise DataError(path, None, f"{message}; give a plain file instead") from None
    opened = _Copied(path)
    opened.content = Path(copy.name)
    return opened
