"""Measure precision and agreement from the verdicts of two annotators on a sheet."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TextIO

from mtner_cli.core.triage.sheets import ANNOTATORS, unguarded
from mtner_cli.errors import DataError, quoted

_VERDICTS = {
    **dict.fromkeys(("yes", "y", "1", "true", "correct", "right", "+"), True),
    **dict.fromkeys(("no", "n", "0", "false", "incorrect", "wrong", "-"), False),
    "": None,
}
_DELIMITERS = (",", ";", "\t")  # spreadsheet programs choose one by the user's country
_COLUMNS = ("corpus", "type", *ANNOTATORS)
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_FIX_ROW = "fix the row, or copy the verdicts into a new sheet of 'mtner filter-ood'"


@dataclass(frozen=True, slots=True)
class Judged:
    """A prediction's corpus and type, and the two verdicts on it; None is no verdict yet."""

    corpus: str
    entity_type: str
    verdicts: tuple[bool | None, bool | None]


@dataclass(frozen=True)
class Precision:
    """The number of right predictions among those that one annotator judged."""

    right: int
    judged: int

    @property
    def value(self) -> float | None:
        """The precision in [0, 1]; None if nothing was judged."""
        return self.right / self.judged if self.judged else None


@dataclass(frozen=True)
class Agreement:
    """The verdicts on some predictions.

    Attributes:
        predictions: number of predictions, judged or not.
        precisions: precision by each annotator.
        both: number of predictions that both judged.
        agreed: number of these on which they agree.
        kappa: Cohen's kappa over ``both``; None if it is undefined (nothing judged by both, or all
            verdicts equal).
    """

    predictions: int
    precisions: tuple[Precision, Precision]
    both: int
    agreed: int
    kappa: float | None


def read_sheet(path: Path) -> list[Judged]:
    """Read an annotation sheet, as a spreadsheet program may have saved it.

    Raises:
        DataError: if the file is not such a sheet, a verdict is neither yes nor no, or there are no
            verdicts.
    """
    try:
        # A byte that is not UTF-8 becomes half of a surrogate pair, so that its line is known.
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            judged = list(_judged_rows(path, _checked_lines(path, file)))
    except OSError as error:
        raise DataError(path, None, f"cannot be read: {error.strerror}") from None
    if all(row.verdicts == (None, None) for row in judged):
        raise DataError(path, None, f"holds no verdicts: fill {' and '.join(ANNOTATORS)} (yes, no)")
    return judged


def measure_agreement(judged: Iterable[Judged]) -> Agreement:
    """Measure precision over what each annotator judged, and agreement over what both judged."""
    verdicts = [row.verdicts for row in judged]
    first, second = (
        Precision(votes.count(True), len(votes) - votes.count(None))
        for votes in ([pair[0] for pair in verdicts], [pair[1] for pair in verdicts])
    )
    both = [pair for pair in verdicts if None not in pair]
    agreed = sum(one == other for one, other in both)
    return Agreement(len(verdicts), (first, second), len(both), agreed, _kappa(both, agreed))


def agreement_by_type(judged: Iterable[Judged]) -> dict[tuple[str, str], Agreement]:
    """Measure precision and agreement for every corpus and type."""
    groups: dict[tuple[str, str], list[Judged]] = {}
    for row in judged:
        groups.setdefault((row.corpus, row.entity_type), []).append(row)
    return {key: measure_agreement(group) for key, group in groups.items()}


def _kappa(both: list[tuple[bool | None, bool | None]], agreed: int) -> float | None:
    count = len(both)
    yes = [sum(bool(pair[annotator]) for pair in both) for annotator in (0, 1)]
    chance = yes[0] * yes[1] + (count - yes[0]) * (count - yes[1])  # times count squared
    return (agreed * count - chance) / (count**2 - chance) if chance < count**2 else None


def _checked_lines(path: Path, file: TextIO) -> Iterator[str]:
    for number, line in enumerate(file, 1):
        if _NOT_UTF8.search(line):
            message = "is not in UTF-8; save the sheet as 'CSV UTF-8'"
            raise DataError(path, number, message)
        yield line


def _judged_rows(path: Path, lines: Iterator[str]) -> Iterator[Judged]:
    rows = _rows(path, lines)
    _, header = next(rows, (1, []))
    wrong = [name for name in _COLUMNS if header.count(name) != 1]
    if wrong:
        raise DataError(
            path,
            1,
            f"expected the columns of 'mtner filter-ood --format csv'; {wrong[0]!r} is "
            f"{'there twice' if wrong[0] in header else 'missing'}",
        )
    places = [header.index(name) for name in _COLUMNS]
    for line, cells in rows:
        if any(cells[len(header) :]):
            raise DataError(path, line, f"has more cells than the header; {_FIX_ROW}")
        # Some spreadsheet programs leave out the empty cells at the end of a row.
        cells += [""] * (len(header) - len(cells))
        corpus, entity_type, *texts = (cells[place] for place in places)
        if not corpus or not entity_type:
            raise DataError(path, line, f"names no corpus or no type; {_FIX_ROW}")
        first, second = (_verdict(path, line, text) for text in texts)
        yield Judged(unguarded(corpus), unguarded(entity_type), (first, second))


def _rows(path: Path, lines: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, each with the number of its first line."""
    header = next(lines, "")
    delimiter = max(_DELIMITERS, key=header.count)
    reader = csv.reader(chain([header], lines), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(path, line, f"is no row of a CSV file ({error}); {_FIX_ROW}") from None


def _verdict(path: Path, line: int, text: str) -> bool | None:
    verdict = text.strip().casefold()
    if verdict not in _VERDICTS:
        raise DataError(
            path, line, f"expected the verdict yes or no, or nothing; found {quoted(text)}"
        )
    return _VERDICTS[verdict]
