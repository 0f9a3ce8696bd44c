"""Read and write CoNLL-like columns: one word per line, with a tag of the BIO family."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

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
from mtner_cli.core.convert.sentence_splitting import sentence_edges, united
from mtner_cli.core.convert.writing import (
    Documents,
    Writer,
    WrittenDocument,
    WrittenMention,
    with_replaced,
    with_whole_characters,
)
from mtner_cli.core.files.reading import numbered_lines
from mtner_cli.core.types import Mention, Place, SourceDocument, SourceSentence
from mtner_cli.errors import ConfigError, DataError, quoted

DOCUMENT_START = "-DOCSTART-"
_DOCUMENT_NAME = re.compile(r"\s+\(\s*(\S[^()]*?)\s*\)")
_SPACES = re.compile(" +")
_WHITE_SPACE = re.compile(r"\s")
_NO_NAME = re.compile(r"[()]|[^\S ]|^ | $")
_WORD = re.compile(r"\w+|[^\w\s]")


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


Flat = Literal["outermost", "innermost"]
"""Which mentions of those that overlap are written: the longest or the shortest."""


def write(documents: Documents, ledger: Ledger, flat: Flat = "outermost") -> Iterator[str]:
    """Yield columns with BIO tags: a word and its tag a line, between them a tab.

    Words that are not given are found by their letters and digits, and cut where a mention starts
    or ends. Sentences that are not given are split; those that a mention crosses become one.

    Args:
        flat: which of overlapping mentions to keep. Of two that are equally long, the one with the
            higher score is kept, then the first.
        ledger: records the other mentions, mentions without a word, white space at the ends of
            mentions and in types, and names that a ``-DOCSTART-`` line cannot hold.
    """
    for document in documents:
        document = with_whole_characters(document, ledger)
        white = "white space"
        document = with_replaced(document, _WHITE_SPACE, "_", white, ledger, parts=["types"])
        document = with_replaced(
            document, _NO_NAME, "_", "white space or bracket", ledger, parts=["name"]
        )
        mentions = _flat_mentions(document, flat, ledger)
        name = f" ({document.id})" if document.id else ""
        rows = _rows(document, mentions, ledger)
        yield "".join([f"{DOCUMENT_START}{name}\t{OUTSIDE}\n\n", *rows])


def _flat_mentions(
    document: WrittenDocument, flat: Flat, ledger: Ledger
) -> list[WrittenMention | Mention]:
    """Return mentions that do not overlap, in order, and drop the others."""
    longest_first = -1 if flat == "outermost" else 1
    wanted = sorted(
        document.in_order(),
        key=lambda it: (longest_first * (it.end - it.start), -(it.score or 0), it.start),
    )
    kept: list[WrittenMention | Mention] = []
    for mention in wanted:
        if not document.wording(mention).strip():
            ledger.drop("mention of white space only", document.place, document.named(mention))
            continue
        place = bisect_left(kept, mention.start, key=lambda it: it.start)
        before = place > 0 and kept[place - 1].end > mention.start
        if before or (place < len(kept) and kept[place].start < mention.end):
            reason = f"nested or crossing mention ({flat} ones are kept)"
            ledger.drop(reason, document.place, document.named(mention))
        else:
            kept.insert(place, mention)
    return kept


def _rows(
    document: WrittenDocument, mentions: Sequence[WrittenMention | Mention], ledger: Ledger
) -> Iterator[str]:
    """Yield the rows of each sentence, with a blank line after it."""
    for mention in mentions:
        if (wording := document.wording(mention)) != wording.strip():
            what = document.named(mention)
            ledger.repair("white space at the ends of a mention was left out", document.place, what)
    edges = document.sentences or list(sentence_edges(document.text))
    edges = list(united([*edges, *((mention.start, mention.end) for mention in mentions)]))
    ends = iter([end for _, end in edges[:-1]])
    next_end = next(ends, len(document.text))
    number, before = 0, 0
    words = document.words or list(_words_of(document.text))
    for start, end in _cut(words, mentions):
        if start >= next_end:
            yield "\n" if before else ""
        while start >= next_end:
            next_end = next(ends, len(document.text))
        while number < len(mentions) and mentions[number].end <= start:
            number += 1
        tag = OUTSIDE
        if number < len(mentions) and mentions[number].start <= start:
            letter = "I" if before > mentions[number].start else "B"
            tag = f"{letter}-{mentions[number].type}"
        word = document.text[start:end]
        if word.startswith(DOCUMENT_START):
            word = f"_{word[1:]}"
            ledger.repair(f"word {DOCUMENT_START} became {word}", document.place, document.id)
        yield f"{word}\t{tag}\n"
        before = end
    if before:
        yield "\n"


def _words_of(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of runs of letters and digits with their accents, and of other signs."""
    start = end = 0
    for found in _WORD.finditer(text):
        sign, last = found[0][0], text[end - 1 : end]
        joined = found.start() == end and end > start
        if joined and (_is_mark(sign) or (_is_mark(last) and sign.isalnum())):
            end = found.end()
            continue
        if end > start:
            yield start, end
        start, end = found.span()
    if end > start:
        yield start, end


def _is_mark(character: str) -> bool:
    return not character.isascii() and unicodedata.category(character)[0] == "M"


def _cut(
    words: Iterable[tuple[int, int]], mentions: Iterable[WrittenMention | Mention]
) -> Iterator[tuple[int, int]]:
    """Yield the words, cut where a mention starts or ends."""
    edges = [edge for mention in mentions for edge in (mention.start, mention.end)]
    for start, end in words:
        inside = edges[bisect_right(edges, start) : bisect_left(edges, end)]
        yield from pairwise([start, *dict.fromkeys(inside), end])


WRITERS = {"conll": Writer(write=write, suffix=".conll", options=("flat",))}


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
