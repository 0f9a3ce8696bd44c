"""Read Flair's cache of the HUNER corpora: a token, a tag, and whether a space follows.

A line is ``p53 B-Gene -``; text and offsets are restored from the last column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from mtner_cli.core.actions.tag_schemes import SCHEMES, TagError, tags_to_spans
from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.convert.registry import Format, Help
from mtner_cli.core.files.reading import numbered_lines
from mtner_cli.core.types import Place, SourceSentence, Span
from mtner_cli.errors import DataError, quoted

_LINE = re.compile(r"\S.* (?:O|[BI]-\S+) [+-]")
_SPACE_AFTER = {"+": " ", "-": ""}


def read(
    inputs: Sequence[Path],
    ledger: Ledger,
    every_tenth: Annotated[
        Literal["leave_out", "only"] | None,
        Help(
            "Split a training file without a development file: 'only' reads every tenth sentence "
            "of all inputs, 'leave_out' reads all others.",
            default="all sentences are read",
        ),
    ] = None,
) -> Iterator[SourceSentence]:
    """Stream the sentences of cached files as raw text; the cache has no document boundaries.

    Args:
        inputs: the ``*_train.conll``, ``*_dev.conll`` or ``*_test.conll`` files.
        ledger: unused, since nothing is dropped from this format.

    Raises:
        DataError: on a malformed line, or a tag that IOB2 does not allow there.
    """
    for number, sentence in enumerate(_sentences(inputs), start=1):
        if every_tenth is None or (number % 10 == 0) == (every_tenth == "only"):
            yield sentence


def _looks_like_tokens(head: str) -> bool:
    lines = [line for line in head.split("\n") if line.strip()]
    return bool(lines) and all(map(_LINE.fullmatch, lines))


FORMAT = Format(
    read=read,
    layout=(
        "A token, its IOB2 tag, and + if a space follows or else -; columns are separated by "
        "spaces. Blank lines end sentences."
    ),
    sample={
        "gene_train.conll": "Loss O +\nof O +\np53 B-Gene -\n. O +\n\nTP B-Gene +\n53 I-Gene +\n"
    },
    example="gene_train.conll --out gene.train",
    encodings=("simple-char",),
    looks_like=_looks_like_tokens,
)


def _sentences(inputs: Sequence[Path]) -> Iterator[SourceSentence]:
    for path in inputs:
        sentence = _Sentence(path)
        for number, line in numbered_lines(path):
            if line and not line.isspace():
                sentence.add(number, line)
            elif sentence.tags:
                yield sentence.finished()
                sentence = _Sentence(path)
        if sentence.tags:
            yield sentence.finished()


class _Sentence:
    """One sentence's text, rebuilt token by token."""

    def __init__(self, path: Path) -> None:
        self.tags: list[str] = []
        self._path = path
        self._first_line = 0
        self._text = ""
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, number: int, line: str) -> None:
        columns = line.rsplit(" ", 2)
        if len(columns) != 3 or columns[2] not in _SPACE_AFTER:
            expected = "expected 'token tag +' or 'token tag -' (+: a space follows)"
            raise DataError(self._path, number, f"{expected}; found {quoted(line)}")
        token, tag, space = columns
        self._first_line = self._first_line or number
        self._starts.append(len(self._text))
        self._ends.append(len(self._text) + len(token))
        self._text += token + _SPACE_AFTER[space]
        self.tags.append(tag)

    def finished(self) -> SourceSentence:
        try:
            mentions = tags_to_spans(self.tags, SCHEMES["iob2"])
        except TagError as error:
            raise DataError(self._path, self._first_line + error.position, str(error)) from None
        spans = tuple(
            Span(self._starts[span.start], self._ends[span.end - 1], span.tag) for span in mentions
        )
        place = Place(self._path, self._first_line)
        return SourceSentence(place=place, text=self._text.rstrip(" "), mentions=spans)
