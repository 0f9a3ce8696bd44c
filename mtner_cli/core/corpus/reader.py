"""Read action files: the one on-disk format that training, testing and statistics start from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mtner_cli.core.actions.boundaries import EncodingError
from mtner_cli.core.actions.codecs import CODECS, EncodingName
from mtner_cli.core.actions.line import DOCUMENT_SEPARATOR
from mtner_cli.core.corpus.text_lines import numbered_lines
from mtner_cli.core.types import Sentence
from mtner_cli.errors import DataError


def read_corpus(path: Path, mode: EncodingName, encoding: str = "utf-8") -> Iterator[Sentence]:
    """Stream the sentences of an action file; blank lines are ignored.

    Args:
        path: the file.
        mode: the action encoding of its lines.
        encoding: the text encoding of its bytes.

    Yields:
        Sentences in file order. ``document`` is ``"0"``, ``"1"``, ... counted by the document
        separators, and None before the first one (so in a file without any).

    Raises:
        DataError: naming the line, where it is not of the encoding; also if the file is missing,
            cannot be decoded, or holds no sentence.
        ConfigError: if the text encoding is unknown.
    """
    decode = CODECS[mode].decode
    documents = 0
    document = None
    empty = True
    for number, line in numbered_lines(path, encoding):
        if line == DOCUMENT_SEPARATOR:
            document = str(documents)
            documents += 1
            continue
        if not line or line.isspace():
            continue
        try:
            sentence = decode(line)
        except EncodingError as error:
            raise DataError(path, number, f"not a line of the {mode!r} encoding: {error}") from None
        empty = False
        yield sentence if document is None else replace(sentence, document=document)
    if empty:
        raise DataError(path, None, f"expected sentences in the {mode!r} encoding; found none")
