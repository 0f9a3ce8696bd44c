"""Read CoNLL-like columns: one word per line, with a tag of the BIO family in one column."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from mtner_cli.core.actions.tag_schemes import (
    OUTSIDE,
    SCHEME_NAMES,
    Scheme,
    SchemeDetector,
    TagError,
    scheme_named,
    split_tag,
    tags_to_spans,
)
from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.convert.registry import Charset, Format, Help
from mtner_cli.core.files.reading import numbered_lines
from mtner_cli.core.types import Place, SourceDocument, SourceSentence
from mtner_cli.errors import ConfigError, DataError, quoted

DOCUMENT_START = "-DOCSTART-"
_DOCUMENT_NAME = re.compile(r"\s+\(\s*(\S[^()]*?)\s*\)")
_SPACES = re.compile(" +")


@dataclass(slots=True)
class _Rows:
    """The rows of one sentence, on consecutive lines."""

    first_line: int
    document: SourceDocument | None
    words: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)


def checked_column(column: int) -> int:
    """Return the column unchanged, if it is valid.

    Raises:
        ConfigError: if there can be no such column.
    """
    if column == 0:
        raise ConfigError(["columns are counted from 1, or from the last with -1: not from 0"])
    return column


TagScheme = Annotated[
    str | None,
    Help(
        f"The tag scheme: {', '.join(SCHEME_NAMES)}.",
        default="found in a first pass over each file",
        check=scheme_named,
    ),
]


def read(
    inputs: Sequence[Path],
    ledger: Ledger,
    scheme: TagScheme = None,
    word_column: Annotated[
        int, Help("Column of the words, from 1; negative counts from the last.", "", checked_column)
    ] = 1,
    tag_column: Annotated[
        int, Help("Column of the tags, counted in the same way.", "", checked_column)
    ] = -1,
    charset: Charset = "utf-8",
) -> Iterator[SourceSentence]:
    """Stream the sentences of column files.

    Args:
        inputs: the files; ``-DOCSTART-`` lines in them, if any, start documents; ``-DOCSTART- (7)``
            starts a document with the name 7.
        ledger: unused, since nothing is dropped from columns.

    Raises:
        DataError: on a row with too few columns or a tag that the scheme does not allow there,
            and on a ``-DOCSTART-`` line with the tag of a mention.
        ConfigError: on a column 0 or an unknown scheme or charset.
    """
    for path in inputs:
        columns = _Columns(path, charset, word_column, tag_column)
        tag_scheme = scheme_named(scheme) if scheme is not None else columns.find_scheme()
        for rows in columns.sentences():
            try:
                mentions = tags_to_spans(rows.tags, tag_scheme)
            except TagError as error:
                raise columns.wrong_tag(rows.first_line + error.position, error) from None
            yield SourceSentence(
                place=Place(path, rows.first_line),
                words=tuple(rows.words),
                mentions=tuple(mentions),
                document=rows.document,
            )


def _looks_like_columns(head: str) -> bool:
    """Tell whether one column holds a tag in every row, and the last is not + or - as in Flair."""
    rows = [
        cells_of(line)
        for line in head.split("\n")
        if line.strip() and not line.startswith(DOCUMENT_START)
    ]
    columns = [
        {at for at, cell in enumerate(cells) if at and split_tag(cell.strip(" "))[0]}
        for cells in rows
    ]
    as_in_flair = all(cells[-1] in ("+", "-") for cells in rows)
    return bool(columns and set.intersection(*columns)) and not as_in_flair


FORMAT = Format(
    read=read,
    layout=(
        "A word a line, with its tag in the last column; columns are separated by tabs or spaces. "
        "Blank lines end sentences, and -DOCSTART- lines start documents."
    ),
    sample={
        "train.tsv": (
            "-DOCSTART-\tO\n\nCisplatin\tB-Chemical\ncaused\tO\nrenal\tB-Disease\n"
            "failure\tI-Disease\n.\tO\n\nNo\tO\nnausea\tB-Disease\n"
        )
    },
    example="train.tsv --out data/converted/mine/train.txt",
    encodings=("simple", "simple-char"),
    looks_like=_looks_like_columns,
)


@dataclass(frozen=True)
class _Columns:
    """One file and the columns to read of it, counted as :func:`read` does."""

    path: Path
    charset: str
    word_column: int
    tag_column: int

    def __post_init__(self) -> None:
        checked_column(self.word_column)
        checked_column(self.tag_column)

    def find_scheme(self) -> Scheme:
        detector = SchemeDetector()
        try:
            for rows in self.sentences():
                detector.add(rows.tags, rows.first_line)
            return detector.scheme()
        except TagError as error:
            raise self.wrong_tag(error.position, error) from None

    def wrong_tag(self, line: int, error: TagError) -> DataError:
        """Return the error for a tag that does not fit; it names the column of tags if it can."""
        cure = (
            "fix the file, or name its scheme (--scheme) or the column of its tags (--tag-column)"
        )
        for column in sorted(self._columns_of_tags())[:1]:
            cure = f"column {column} holds only tags, so give --tag-column {column}"
        return DataError(self.path, line, f"{error}: {cure}")

    def _columns_of_tags(self) -> set[int]:
        """Return the columns that hold only tags, with mentions; none if the chosen one does."""
        columns: set[int] | None = None
        mentions: set[int] = set()
        chosen = 0
        for _, line in numbered_lines(self.path, self.charset):
            if not line or line.isspace() or line.startswith(DOCUMENT_START):
                continue
            letters = [split_tag(cell.strip(" "))[0] for cell in cells_of(line)]
            tags = {column for column, letter in enumerate(letters, 1) if letter}
            columns = tags if columns is None else columns & tags
            mentions |= {column for column in tags if letters[column - 1] != OUTSIDE}
            chosen = self.tag_column % (len(letters) + 1)
        found = mentions & (columns or set())
        return set() if chosen in found else found

    def sentences(self) -> Iterator[_Rows]:
        document: SourceDocument | None = None
        rows = _Rows(0, None)
        for number, line, cells in self._lines():
            if cells:
                if not rows.words:
                    rows = _Rows(number, document)
                rows.words.append(cells[0])
                rows.tags.append(cells[1])
                continue
            if rows.words:
                yield rows
                rows = _Rows(0, None)
            if line.startswith(DOCUMENT_START):
                named = _DOCUMENT_NAME.match(line, len(DOCUMENT_START))
                name = named[1] if named else None
                document = SourceDocument(name, Place(self.path, number))
        if rows.words:
            yield rows

    def _lines(self) -> Iterator[tuple[int, str, tuple[str, str] | None]]:
        """Yield each line with its number and, if it is a row, its word and tag."""
        word, tag = (column - (column > 0) for column in (self.word_column, self.tag_column))
        least = max(2, abs(self.word_column), abs(self.tag_column))
        most = None
        for number, line in numbered_lines(self.path, self.charset):
            if not line or line.isspace():
                yield number, line, None
                continue
            cells = cells_of(line)
            if line.startswith(DOCUMENT_START) and line.split(None, 1)[0] == DOCUMENT_START:
                self._refuse_tag(number, cells, tag)
                yield number, line, None
                continue
            if not least <= len(cells) <= (most or len(cells)):
                raise self._miscounted(number, line, len(cells), least, most)
            # Counting from the last column finds a wrong one in a row with a missing or extra cell.
            if most is None and (word < 0 or tag < 0):
                least = most = len(cells)
            yield number, line, (cells[word], cells[tag].strip(" "))

    def _refuse_tag(self, number: int, cells: list[str], column: int) -> None:
        """Raise DataError if the line that starts a document has a mention, which would be lost."""
        tag = cells[column].strip(" ") if -len(cells) <= column < len(cells) else OUTSIDE
        if split_tag(tag)[0] not in ("", OUTSIDE):
            message = f"expected no mention on a {DOCUMENT_START} line; found the tag {quoted(tag)}"
            raise DataError(self.path, number, f"{message}: write {OUTSIDE} there")

    def _miscounted(
        self, number: int, line: str, found: int, least: int, most: int | None
    ) -> DataError:
        expected = f"at least {least} columns, split by tabs or spaces"
        if most is not None:
            expected = f"{most} columns, as before"
        return DataError(self.path, number, f"expected {expected}; found {found}: {quoted(line)}")


def cells_of(line: str) -> list[str]:
    """Return the columns of a line."""
    by_tabs = "\t" in line
    return line.rstrip("\t ").split("\t") if by_tabs else _SPACES.split(line.strip(" "))
