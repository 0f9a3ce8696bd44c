from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtner_cli.core.evaluate.agreement import (
    Judged,
    Precision,
    agreement_by_type,
    measure_agreement,
    read_sheet,
)
from mtner_cli.core.evaluate.out_of_domain_files import SHEET_COLUMNS
from mtner_cli.errors import DataError


def judged(*verdicts):
    return [Judged("BC5", "PER", pair) for pair in verdicts]


def test_precision_and_kappa_of_the_textbook_example():
    """Fifty proposals: 20 both yes, 15 both no, 5 and 10 split; kappa is 0.4."""
    result = measure_agreement(
        judged(
            *[(True, True)] * 20,
            *[(False, False)] * 15,
            *[(True, False)] * 5,
            *[(False, True)] * 10,
        )
    )
    assert result.precisions == (Precision(25, 50), Precision(30, 50))
    assert (result.predictions, result.both, result.agreed) == (50, 50, 35)
    assert result.kappa == pytest.approx(0.4)


def test_each_precision_is_over_what_that_annotator_judged():
    result = measure_agreement(judged((True, None), (None, False), (True, True), (None, None)))
    assert [precision.value for precision in result.precisions] == [1.0, 0.5]
    assert (result.predictions, result.both, result.agreed) == (4, 1, 1)


def test_kappa_is_undefined_where_chance_explains_all():
    assert measure_agreement(judged((True, True), (True, True))).kappa is None
    nothing = measure_agreement([])
    assert (nothing.kappa, nothing.precisions[0].value) == (None, None)


VERDICTS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30)


@settings(deadline=None)
@given(VERDICTS)
def test_kappa_is_agreement_beyond_chance(verdicts):
    kappa = measure_agreement(judged(*verdicts)).kappa
    seen = sum(one == other for one, other in verdicts) / len(verdicts)
    yes = [sum(votes) / len(verdicts) for votes in zip(*verdicts, strict=True)]
    chance = yes[0] * yes[1] + (1 - yes[0]) * (1 - yes[1])
    if len({verdict for pair in verdicts for verdict in pair}) == 1:
        assert kappa is None
    else:
        assert kappa == pytest.approx((seen - chance) / (1 - chance))


def test_by_type():
    rows = [*judged((True, True)), Judged("BC5", "LOC", (False, None)), *judged((False, True))]
    parts = agreement_by_type(rows)
    assert {key: part.predictions for key, part in parts.items()} == {
        ("BC5", "PER"): 2,
        ("BC5", "LOC"): 1,
    }


@pytest.fixture
def sheet(tmp_path):
    def write(*verdicts, delimiter=",", encoding="utf-8-sig", header=SHEET_COLUMNS):
        lines = [delimiter.join(header)]
        lines += [
            delimiter.join(["BC5", "0", '"by Zoë; 1, 2"', "Zoë", "1", "2", "PER", "", *pair])
            for pair in verdicts
        ]
        path = tmp_path / "sheet.csv"
        path.write_text("\n".join(lines), encoding=encoding)
        return path

    return write


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_sheet_as_spreadsheet_programs_save_it(sheet, delimiter, encoding):
    rows = read_sheet(
        sheet(("yes", "N"), ("TRUE ", "0"), ("", "+"), delimiter=delimiter, encoding=encoding)
    )
    assert rows == judged((True, False), (True, False), (None, True))


def test_a_verdict_that_is_none_is_told_with_its_line(sheet):
    with pytest.raises(DataError, match=r"sheet\.csv:3: expected the verdict yes or no.*'perhaps'"):
        read_sheet(sheet(("yes", "no"), ("perhaps", "no")))


@pytest.mark.parametrize("verdicts", [[], [("", "")]])
def test_a_sheet_without_verdicts(sheet, verdicts):
    with pytest.raises(DataError, match="no verdicts: fill annotator_1 and annotator_2"):
        read_sheet(sheet(*verdicts))


def test_another_table(sheet):
    with pytest.raises(DataError, match=r"sheet\.csv:1: .*'annotator_2' is missing"):
        read_sheet(sheet(("yes", "no"), header=SHEET_COLUMNS[:-1]))


def test_files_that_are_no_sheet(tmp_path, sheet):
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_sheet(tmp_path / "none.csv")
    path = sheet(("yes", "no"), encoding="latin-1")
    with pytest.raises(DataError, match="not in UTF-8"):
        read_sheet(path)
