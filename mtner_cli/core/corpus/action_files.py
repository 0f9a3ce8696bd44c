"""Read and write action files: one sentence per line, in one of two action encodings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self, TextIO

from mtner_cli.config.encodings import EncodingName
from mtner_cli.core.actions import simple, simple_char
from mtner_cli.core.actions.action_text import DOCUMENT_SEPARATOR, EncodingError
from mtner_cli.core.files.atomic import atomic_text_file
from mtner_cli.core.files.reading import numbered_lines
from mtner_cli.core.types import Sentence
from mtner_cli.errors import DataError


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
        Sentences in file order. ``document`` is ``"0"``, ``"1"``, ... counted by the document
        separators, and None before the first one (so in a file without any).

    Raises:
        DataError: if a line is not in the action encoding (with its number), or if the file is
            missing, cannot be decoded, or holds no sentence.
        ConfigError: if the charset is unknown.
    """
    decode = CODECS[action_encoding].decode
    documents = 0
    document = None
    empty = True
    for number, line in numbered_lines(path, charset):
        if line == DOCUMENT_SEPARATOR:
            document = str(documents)
            documents += 1
            continue
        if not line or line.isspace():
            continue
        try:
            sentence = decode(line)
        except EncodingError as error:
            raise DataError(
                path, number, f"not a line of the {action_encoding!r} encoding: {error}"
            ) from None
        empty = False
        yield sentence if document is None else replace(sentence, document=document)
    if empty:
        raise DataError(
            path, None, f"expected sentences in the {action_encoding!r} encoding; found none"
        )


_BYTE_ORDER_MARK = "\ufeff"


class CorpusWriter:
    """A context manager that writes one action file; after an error there is no file.

    ``with CorpusWriter(Path("train.txt"), "simple") as writer: writer.write(sentence)``
    """

    def __init__(self, path: Path, action_encoding: EncodingName) -> None:
        self._encode = CODECS[action_encoding].encode
        self._opened: AbstractContextManager[TextIO] = atomic_text_file(path)
        self._file: TextIO | None = None
        self._document: str | None = None
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
        """Write a sentence, and a separator before it if its document is a new one.

        Raises:
            EncodingError: if the action encoding cannot express the sentence.
        """
        if self._file is None:
            raise ValueError("the writer is used outside its 'with' block")
        line = self._encode(sentence)
        if sentence.document != self._document:
            self._write_line(DOCUMENT_SEPARATOR)
            self._document = sentence.document
        self._write_line(line)

    def _write_line(self, line: str) -> None:
        assert self._file is not None
        # A reader drops one byte order mark at the start of a file: text that begins with one
        # gets a second, so that its offsets stay right.
        if self._at_start and line.startswith(_BYTE_ORDER_MARK):
            self._file.write(_BYTE_ORDER_MARK)
        self._at_start = False
        self._file.write(f"{line}\n")
