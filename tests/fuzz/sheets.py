"""Annotation sheets: every row and every verdict counts."""

from __future__ import annotations

import csv
import re
from collections import Counter
from io import StringIO
from pathlib import Path
from typing import Literal

from hypothesis import strategies as st

from mtner_cli.cli.agreement import agreement
from mtner_cli.core.triage.agreement import agreement_by_type, measure_agreement, read_sheet
from tests.fuzz import seeds
from tests.fuzz.case import Case, NotCounted, WrongResult
from tests.fuzz.mutations import mutated_text_file

NAME = "sheets"
Quoting = Literal[0, 1]
SOURCE = "in/sheet.csv"
COLUMNS = (
    *("corpus", "document", "sent_idx", "sentence", "mention", "start", "end"),
    *("doc_start", "doc_end", "type", "score", "gold_mentions"),
)
VERDICTS = ("yes", "no", "", "Y", "0", " yes ", "+", "correct", "maybe", "\x1b[2J", "=1")
ANNOTATOR = re.compile(r"annotator_([1-9][0-9]?)")
RIGHT = ("yes", "y", "1", "true", "correct", "right", "+")


def cases(real: bool) -> st.SearchStrategy[Case]:
    """Sheets as ``mtner filter-ood`` writes them and spreadsheet programs save them, mutated."""
    return _cases()


@st.composite
def _cases(draw: st.DrawFn) -> Case:
    delimiter = draw(st.sampled_from(",;\t"))
    quoting: Quoting = draw(st.sampled_from((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)))
    text = _sheet(draw, delimiter, quoting)
    others = [_sheet(draw, ",", csv.QUOTE_MINIMAL)]
    show = draw(st.integers(0, 5)) == 5
    return Case(NAME, {SOURCE: mutated_text_file(draw, text, others)}, {"show": show})


def _sheet(draw: st.DrawFn, delimiter: str, quoting: Quoting) -> str:
    file = StringIO()
    writer = csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator="\n")
    annotators = draw(st.integers(1, 3))
    writer.writerow([*COLUMNS, *(f"annotator_{number + 1}" for number in range(annotators))])
    for number, text in enumerate(draw(st.sampled_from(seeds.documents()))):
        for start, end, kind in text.mentions:
            wording = text.text[start:end]
            marked = f"{text.text[:start]}«{wording}»{text.text[end:]}"
            verdicts = [draw(st.sampled_from(VERDICTS[:5])) for _ in range(annotators)]
            if draw(st.integers(0, 19)) == 19:
                verdicts[0] = draw(st.sampled_from(VERDICTS))
            gold = f"'{wording}'({start}, {end})//{kind}"
            place = ["molbio", "12", number, marked, wording, 0, 1, start, end]
            writer.writerow([*place, kind, 0.5, gold, *verdicts])
    return file.getvalue()


def run(case: Case, folder: Path) -> set[str]:
    """Read a sheet and compare rows and verdicts with those that a plain CSV reader finds."""
    judged = read_sheet(folder / SOURCE)
    whole = measure_agreement(judged)
    if case.settings["show"]:
        agreement(folder / SOURCE)
    try:
        rows = _rows(case.files[SOURCE].decode("utf-8-sig"))
    except (ValueError, csv.Error) as error:
        raise NotCounted from error
    # An apostrophe before what a spreadsheet would take for a formula is none of the name.
    found: Counter[tuple[str | bool | None, ...]] = Counter(
        (row.corpus.lstrip("'"), row.entity_type.lstrip("'"), *row.verdicts) for row in judged
    )
    if found != rows:
        raise WrongResult("rows differ from the sheet's", f"{found - rows} for {rows - found}")
    if sum(part.predictions for part in agreement_by_type(judged).values()) != whole.predictions:
        raise WrongResult("types do not add up")
    return set()


def _rows(text: str) -> Counter[tuple[str | bool | None, ...]]:
    """Corpus, type and verdicts of each row."""
    header = text[: text.find("\n")].partition("\r")[0]
    delimiter = max(",;\t", key=header.count)
    lines = csv.reader(StringIO(text, newline=""), delimiter=delimiter)
    names, *rows = (line for line in lines if any(cell.strip() for cell in line))
    numbers = [int(found[1]) for name in names if (found := ANNOTATOR.fullmatch(name))]
    annotators = [f"annotator_{number}" for number in range(1, max(numbers, default=1) + 1)]
    wanted = ("corpus", "type", *annotators)
    if any(names.count(name) != 1 for name in wanted):
        raise WrongResult("a column stands twice or is missing", names)
    places = [names.index(name) for name in wanted]
    found: Counter[tuple[str | bool | None, ...]] = Counter()
    for row in rows:
        padded = [*row, *[""] * len(names)]
        corpus, kind, *verdicts = (padded[place] for place in places)
        names_only = (corpus.lstrip("'"), kind.lstrip("'"))
        found[*names_only, *map(_verdict, verdicts)] += 1
    return found


def _verdict(text: str) -> bool | None:
    text = text.strip().casefold()
    return text in RIGHT if text else None
