"""Read and write action files: one sentence per line, in one of two action encodings.

Two kinds of lines hold no sentence. ``-- doc-sep -- NAME`` starts a document; without a name, as in
files of the original system, its number is its name. ``-- sent-start -- 118`` gives the offset of
the next sentence in its document; without it, one character separates a sentence from the one
before, and the first one starts at 0.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self, TextIO, get_args

from mtner_cli.config.encodings import EncodingName
from mtner_cli.core.actions import simple, simple_char
from mtner_cli.core.actions.action_text import (
    DOCUMENT_SEPARATOR,
    SENTENCE_START,
    SEPARATOR,
    EncodingError,
)
from mtner_cli.core.files.atomic import atomic_text_file
from mtner_cli.core.files.reading import numbered_lines
from mtner_cli.core.types import Sentence
from mtner_cli.errors import DataError, quoted


class Codec(NamedTuple):
    """Both directions of an action encoding; each raises ``EncodingError`` on invalid input."""

    encode: Callable[[Sentence], str]
    decode: Callable[[str], Sentence]


CODECS: dict[str, Codec] = {
    "simple": Codec(simple.encode, simple.decode),
    "simple-char": Codec(simple_char.encode, simple_char.decode),
}


def read_corpus(
    path: Path, action_encoding: EncodingName, charset: str = "utf-8"
) -> Iterator[Sentence]:
    """Stream the sentences of an action file; blank lines are ignored.

    Args:
        path: the file.
        action_encoding: the action encoding of its lines.
        charset: the charset of its bytes.

    Yields:
        Sentences in file order, with their documents; ``document`` is None before the first one.

    Raises:
        DataError: if a line is not in the action encoding (with its number), or if the file is
            missing, cannot be decoded, or holds no sentence.
        ConfigError: if the charset is unknown.
    """
    decode = CODECS[action_encoding].decode
    position = Position()
    empty = True
    for number, line in numbered_lines(path, charset):
        if not line or line.isspace():
            continue
        try:
            if line.startswith("-- ") and position.take(line):
                continue
            sentence = decode(line)
        except EncodingError as error:
            raise DataError(
                path, number, f"not a line of the {action_encoding!r} encoding: {error}"
            ) from None
        empty = False
        yield position.placed(sentence)
    if empty:
        raise DataError(
            path, None, f"expected sentences in the {action_encoding!r} encoding; found none"
        )


def action_encoding_of(path: Path, charset: str = "utf-8") -> EncodingName | None:
    """Return the action encoding of a file's first sentence; None if it is not an action file."""
    for name in get_args(EncodingName):
        with suppress(DataError):
            next(read_corpus(path, name, charset))
            found: EncodingName = name
            return found
    return None


class DocumentNames:
    """The names of the documents of one file, each of which is given once."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def __len__(self) -> int:
        return len(self._given)

    def new(self, name: str | None) -> str:
        """Return the name of the next document: its own, its number, or one with ``(2)`` added."""
        wanted = name or str(len(self._given))
        new, copies = wanted, 1
        while new in self._given:
            copies += 1
            new = f"{wanted} ({copies})"
        self._given.add(new)
        return new


class Position:
    """The document and the offset of the next sentence, while a file is read, made or written."""

    def __init__(self) -> None:
        self._names = DocumentNames()
        self.document: str | None = None
        self.offset = 0

    def take(self, line: str) -> bool:
        """Read a line that starts a document or gives an offset; return False for other lines.

        Raises:
            EncodingError: if the name or the offset is not valid.
        """
        if SEPARATOR.rstrip() in line:
            return False
        if f"{line} ".startswith(f"{DOCUMENT_SEPARATOR} "):
            self.start(_name_of(line.removeprefix(DOCUMENT_SEPARATOR)))
            return True
        if f"{line} ".startswith(f"{SENTENCE_START} "):
            offset = line.removeprefix(SENTENCE_START).strip()
            if not (offset.isdecimal() and offset.isascii() and int(offset) <= _GREATEST_OFFSET):
                raise EncodingError(
                    f"expected an offset in characters after {SENTENCE_START!r}; "
                    f"found {quoted(offset)}"
                )
            self.offset = int(offset)
            return True
        return False

    def start(self, name: str | None) -> None:
        """Start a document; None takes its number as its name, an empty name ends documents."""
        self.document = None if name == "" else self._names.new(name)
        self.offset = 0

    @property
    def is_numbered(self) -> bool:
        """Tell whether the document has the name that one without a name gets."""
        return self.document == str(len(self._names) - 1)

    def placed(self, sentence: Sentence) -> Sentence:
        """Return the sentence with its document and offset."""
        if self.document is None:
            return sentence
        start = self.offset
        self.offset += len(sentence.text) + 1
        return replace(sentence, document=self.document, start=start)


_GREATEST_OFFSET = 2**31 - 1


def _name_of(text: str) -> str | None:
    """Return the name of a document that :func:`_name_text` wrote."""
    text = text.removeprefix(" ")
    if not text.startswith('"'):
        return text or None
    try:
        name = json.loads(text)
    except ValueError:
        name = None
    if not isinstance(name, str):
        raise EncodingError(f"expected the name of a document as JSON text; found {quoted(text)}")
    return name


def _name_text(name: str) -> str:
    """Return a name as it is if a line can hold it, else as a JSON text."""
    if name.isprintable() and name.strip() == name != "" and name[0] != '"' and "|" not in name:
        return name
    return json.dumps(name).replace("|", r"\u007c")


_BYTE_ORDER_MARK = "\ufeff"


class CorpusWriter:
    """A context manager that writes one action file; after an error there is no file.

    ``with CorpusWriter(Path("train.txt"), "simple") as writer: writer.write(sentence)``
    """

    def __init__(self, path: Path, action_encoding: EncodingName) -> None:
        self._encode = CODECS[action_encoding].encode
        self._opened: AbstractContextManager[TextIO] = atomic_text_file(path)
        self._file: TextIO | None = None
        self._position = Position()
        self._at_start = True

    def __enter__(self) -> Self:
        self._file = self._opened.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._opened.__exit__(kind, error, traceback)
        self._file = None

    def write(self, sentence: Sentence) -> None:
        """Write a sentence, and before it what a reader needs to know its document and offset.

        Raises:
            EncodingError: if the action encoding cannot express the sentence.
            ValueError: if an earlier document has the same name, so a reader would rename it.
        """
        if self._file is None:
            raise ValueError("the writer is used outside its 'with' block")
        line = self._encode(sentence)
        if sentence.document != self._position.document:
            self._start_document(sentence.document)
        if sentence.document is not None and sentence.start != self._position.offset:
            self._position.offset = sentence.start
            self._write_line(f"{SENTENCE_START} {sentence.start}")
        self._position.placed(sentence)
        self._write_line(line)

    def _start_document(self, name: str | None) -> None:
        self._position.start("" if name is None else name)
        if self._position.document != name:
            raise ValueError(f"two documents have the name {name!r}")
        if self._position.is_numbered:
            self._write_line(DOCUMENT_SEPARATOR)  # a reader gives it this name
        else:
            self._write_line(f"{DOCUMENT_SEPARATOR} {_name_text(name or '')}")

    def _write_line(self, line: str) -> None:
        assert self._file is not None
        # A reader drops one byte order mark at the start of a file: text that begins with one
        # gets a second, so that its offsets stay right.
        if self._at_start and line.startswith(_BYTE_ORDER_MARK):
            self._file.write(_BYTE_ORDER_MARK)
        self._at_start = False
        self._file.write(f"{line}\n")
