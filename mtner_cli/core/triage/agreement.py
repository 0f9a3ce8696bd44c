"""Measure precision and agreement from the verdicts of annotators on a sheet."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from mtner_cli.core.triage.sheets import ANNOTATOR, unguarded
from mtner_cli.errors import DataError, quoted

_VERDICTS = {
    **dict.fromkeys(("yes", "y", "1", "true", "correct", "right", "+"), True),
    **dict.fromkeys(("no", "n", "0", "false", "incorrect", "wrong", "-"), False),
    "": None,
}
_DELIMITERS = (",", ";", "\t")  # spreadsheet programs choose one by the user's country
_COLUMNS = ("corpus", "type")
_ANNOTATOR = re.compile(rf"{ANNOTATOR}([1-9][0-9]?)")
Verdicts = tuple[bool | None, ...]
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_FIX_ROW = "fix the row, or copy the verdicts into a new sheet of 'mtner filter-ood'"


@dataclass(frozen=True, slots=True)
class Judged:
    """A prediction's corpus and type, and the verdicts on it; None is no verdict yet."""

    corpus: str
    entity_type: str
    verdicts: Verdicts


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
        shared: number of predictions that all annotators judged; who judged none of the
            predictions does not count, so an empty column changes nothing.
        agreed: number of these on which all agree.
        kappa: Cohen's kappa, for more than two annotators its mean over all pairs (Light 1971),
            each over what the pair judged; None if it is undefined for one of them (nothing judged
            by both, or all verdicts equal).
        interval: the 95 % bootstrap interval of kappa over predictions; None if kappa is None.
    """

    predictions: int
    precisions: tuple[Precision, ...]
    shared: int
    agreed: int
    kappa: float | None
    interval: tuple[float, float] | None


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
    if all(verdict is None for row in judged for verdict in row.verdicts):
        columns = f"the columns {ANNOTATOR}1, {ANNOTATOR}2, ..."
        raise DataError(path, None, f"holds no verdicts: fill {columns} with yes or no")
    return judged


def measure_agreement(judged: Iterable[Judged]) -> Agreement:
    """Measure precision over what each annotator judged, and agreement over what all judged."""
    verdicts = [row.verdicts for row in judged]
    precisions = tuple(
        Precision(votes.count(True), len(votes) - votes.count(None))
        for votes in zip(*verdicts, strict=True)
    )
    active = [column for column, precision in enumerate(precisions) if precision.judged]
    compared = [tuple(votes[column] for column in active) for votes in verdicts]
    shared = [votes for votes in compared if len(active) > 1 and None not in votes]
    agreed = sum(len(set(votes)) == 1 for votes in shared)
    patterns = Counter(compared)
    kappa = float(_kappas(list(patterns), np.array([list(patterns.values())]))[0])
    return Agreement(
        len(verdicts),
        precisions,
        len(shared),
        agreed,
        None if np.isnan(kappa) else kappa,
        None if np.isnan(kappa) else _interval(patterns),
    )


def _kappas(patterns: Sequence[Verdicts], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the kappa of several samples of rows.

    Args:
        patterns: P different rows of verdicts.
        counts: (S, P), how often each of them is in each of S samples.

    Returns:
        (S,), NaN where kappa is undefined.
    """
    if not patterns:
        return np.full(len(counts), np.nan)
    votes = np.array([[_NUMBER[verdict] for verdict in pattern] for pattern in patterns])
    kappas = []
    for one, other in combinations(range(votes.shape[1]), 2):
        both = (votes[:, one] >= 0) & (votes[:, other] >= 0)
        of_pair = counts[:, both]
        first, second = votes[both, one], votes[both, other]
        total = of_pair.sum(1)
        agreed = of_pair @ (first == second)
        yes = of_pair @ first, of_pair @ second
        chance = yes[0] * yes[1] + (total - yes[0]) * (total - yes[1])  # times total squared
        with np.errstate(divide="ignore", invalid="ignore"):
            kappa = (agreed * total - chance) / (total**2 - chance)
        kappas.append(np.where(chance < total**2, kappa, np.nan))
    return np.mean(kappas, axis=0) if kappas else np.full(len(counts), np.nan)


_NUMBER = {None: -1, False: 0, True: 1}
_RESAMPLES = 10_000


def _interval(patterns: Counter[Verdicts]) -> tuple[float, float]:
    """Return the 95 % interval of kappa by the percentile bootstrap (Efron and Tibshirani 1993).

    Samples in which kappa is undefined are left out.
    """
    total = patterns.total()
    shares = np.array(list(patterns.values())) / total
    counts = np.random.default_rng(0).multinomial(total, shares, _RESAMPLES)
    low, high = np.nanpercentile(_kappas(list(patterns), counts), (2.5, 97.5))
    return float(low), float(high)


def agreement_by_type(judged: Iterable[Judged]) -> dict[tuple[str, str], Agreement]:
    """Measure precision and agreement for every corpus and type."""
    groups: dict[tuple[str, str], list[Judged]] = {}
    for row in judged:
        groups.setdefault((row.corpus, row.entity_type), []).append(row)
    return {key: measure_agreement(group) for key, group in groups.items()}


def _checked_lines(path: Path, file: TextIO) -> Iterator[str]:
    for number, line in enumerate(file, 1):
        if _NOT_UTF8.search(line):
            message = "is not in UTF-8; save the sheet as 'CSV UTF-8'"
            raise DataError(path, number, message)
        yield line


def _judged_rows(path: Path, lines: Iterator[str]) -> Iterator[Judged]:
    rows = _rows(path, lines)
    _, header = next(rows, (1, []))
    numbers = [int(found[1]) for name in header if (found := _ANNOTATOR.fullmatch(name))]
    annotators = range(1, max(numbers, default=1) + 1)
    columns = [*_COLUMNS, *(f"{ANNOTATOR}{number}" for number in annotators)]
    wrong = [name for name in columns if header.count(name) != 1]
    if wrong:
        raise DataError(
            path,
            1,
            f"expected the columns of 'mtner filter-ood --format csv'; {wrong[0]!r} is "
            f"{'there twice' if wrong[0] in header else 'missing'}",
        )
    places = [header.index(name) for name in columns]
    for line, cells in rows:
        if any(cells[len(header) :]):
            raise DataError(path, line, f"has more cells than the header; {_FIX_ROW}")
        # Some spreadsheet programs leave out the empty cells at the end of a row.
        cells += [""] * (len(header) - len(cells))
        corpus, entity_type, *texts = (cells[place] for place in places)
        if not corpus or not entity_type:
            raise DataError(path, line, f"names no corpus or no type; {_FIX_ROW}")
        verdicts = tuple(_verdict(path, line, text) for text in texts)
        yield Judged(unguarded(corpus), unguarded(entity_type), verdicts)


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
