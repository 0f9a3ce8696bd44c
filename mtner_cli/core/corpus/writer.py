"""Write action files: streamed, and complete or not there at all."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from mtner_cli.core.actions.codecs import CODECS, EncodingName
from mtner_cli.core.actions.line import DOCUMENT_SEPARATOR
from mtner_cli.core.corpus.atomic import atomic_text_file
from mtner_cli.core.types import Sentence

_BYTE_ORDER_MARK = "\ufeff"


class CorpusWriter:
    """A context manager that writes one action file; leaving it with an error leaves no file.

    ``with CorpusWriter(Path("train.txt"), "simple") as writer: writer.write(sentence)``
    """

    def __init__(self, path: Path, mode: EncodingName) -> None:
        self._encode = CODECS[mode].encode
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
        """Write a sentence, and before it a separator if it is of another document.

        Raises:
            EncodingError: if the encoding cannot carry the sentence.
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
