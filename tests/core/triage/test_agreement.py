from __future__ import annotations

import os
import random
import threading
from contextlib import suppress
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtner_cli.core.triage.agreement import (
    Judged,
    Precision,
    agreement_by_type,
    measure_agreement,
    read_sheet,
)
from mtner_cli.core.triage.sheets import SheetSettings
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
    assert (result.predictions, result.shared, result.agreed) == (50, 50, 35)
    assert result.kappa == pytest.approx(0.4)


def test_each_precision_is_over_what_that_annotator_judged():
    result = measure_agreement(judged((True, None), (None, False), (True, True), (None, None)))
    assert [precision.value for precision in result.precisions] == [1.0, 0.5]
    assert (result.predictions, result.shared, result.agreed) == (4, 1, 1)


def test_kappa_is_undefined_where_chance_explains_all():
    assert measure_agreement(judged((True, True), (True, True))).kappa is None
    nothing = measure_agreement(judged((None, None)))
    assert (nothing.kappa, nothing.interval, nothing.precisions[0].value) == (None, None, None)
    assert measure_agreement([]).kappa is None


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


@settings(deadline=None)
@given(
    st.lists(st.tuples(*[st.sampled_from([None, True, False])] * 3), min_size=1, max_size=30),
)
def test_kappa_of_three_is_the_mean_over_pairs(verdicts):
    judging = [one for one in range(3) if any(votes[one] is not None for votes in verdicts)]
    pairs = list(combinations(judging, 2))
    kappas = [measure_agreement(judged(*[(v[a], v[b]) for v in verdicts])).kappa for a, b in pairs]
    kappa = measure_agreement(judged(*verdicts)).kappa
    if None in kappas or not pairs:
        assert kappa is None
    else:
        assert kappa == pytest.approx(sum(kappas) / len(pairs))


def test_an_annotator_without_verdicts_changes_no_agreement():
    two = [(True, True), (True, False), (False, False), (False, None)]
    with_empty = [(*votes[:1], None, *votes[1:]) for votes in two]
    expected, found = (
        measure_agreement([Judged("a", "T", votes) for votes in rows]) for rows in (two, with_empty)
    )
    assert found.precisions[1] == Precision(0, 0)
    assert (found.shared, found.agreed, found.kappa) == (3, 2, expected.kappa)
    assert found.interval == expected.interval
    alone = measure_agreement([Judged("a", "T", (True, None)), Judged("a", "T", (False, None))])
    assert (alone.shared, alone.agreed, alone.kappa) == (0, 0, None)


def test_the_interval_is_that_of_a_plain_bootstrap():
    verdicts = (
        [(True, True)] * 20 + [(False, False)] * 15 + [(True, False)] * 9 + [(None, True)] * 4
    )
    result = measure_agreement(judged(*verdicts))
    draw = random.Random(0)
    kappas = sorted(
        measure_without_interval([draw.choice(verdicts) for _ in verdicts]) for _ in range(2000)
    )
    assert result.interval == pytest.approx((kappas[50], kappas[1949]), abs=0.04)
    assert result.interval[0] < result.kappa < result.interval[1]


def measure_without_interval(verdicts):
    both = [pair for pair in verdicts if None not in pair]
    seen = sum(one == other for one, other in both) / len(both)
    yes = [sum(votes) / len(both) for votes in zip(*both, strict=True)]
    chance = yes[0] * yes[1] + (1 - yes[0]) * (1 - yes[1])
    return (seen - chance) / (1 - chance)


def test_by_type():
    rows = [*judged((True, True)), Judged("BC5", "LOC", (False, None)), *judged((False, True))]
    parts = agreement_by_type(rows)
    assert {key: part.predictions for key, part in parts.items()} == {
        ("BC5", "PER"): 2,
        ("BC5", "LOC"): 1,
    }


HEADER = SheetSettings().columns
CELLS = ["BC5", "", "0", '"by Zoë; 1, 2"', "Zoë", "1", "2", "", "", "PER", "0.5"]


@pytest.fixture
def sheet(tmp_path):
    def write(*verdicts, delimiter=",", encoding="utf-8-sig", header=HEADER):
        lines = [delimiter.join(header)]
        lines += [delimiter.join([*CELLS, *pair]) for pair in verdicts]
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
    with pytest.raises(DataError, match="no verdicts: fill the columns annotator_1, annotator_2, "):
        read_sheet(sheet(*verdicts))


def test_another_table(sheet):
    with pytest.raises(DataError, match=r"sheet\.csv:1: .*'annotator_1' is missing"):
        read_sheet(sheet(("yes", "no"), header=HEADER[:-2]))
    with pytest.raises(DataError, match=r"sheet\.csv:1: .*'annotator_2' is missing"):
        read_sheet(sheet(("yes", "no"), header=(*HEADER[:-1], "annotator_3")))


def test_any_number_of_annotators(sheet):
    alone = read_sheet(sheet(("yes",), ("",), header=HEADER[:-1]))
    assert alone == judged((True,), (None,))
    assert measure_agreement(alone).precisions == (Precision(1, 1),)
    assert measure_agreement(alone).kappa is None
    header = (*HEADER, "annotator_3")
    assert read_sheet(sheet(("yes", "no", ""), header=header)) == judged((True, False, None))


def test_files_that_are_no_sheet(tmp_path, sheet):
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_sheet(tmp_path / "none.csv")
    path = sheet(("yes", "no"), encoding="latin-1")
    with pytest.raises(DataError, match="not in UTF-8"):
        read_sheet(path)


@pytest.fixture
def broken(tmp_path):
    def write(*lines: str | bytes):
        path = tmp_path / "sheet.csv"
        head = b"corpus,sentence,type,annotator_1,annotator_2"
        raw = [line if isinstance(line, bytes) else line.encode() for line in lines]
        path.write_bytes(b"\n".join((head, b'BC5,"by\nZo\xc3\xab",PER,yes,no', *raw)))
        return path

    return write


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("c", "names no corpus or no type; fix the row"),
        ("BC5,by Zoë", "names no corpus or no type"),
        (",by Zoë,PER,yes,no", "names no corpus or no type"),
        ("BC5,by Zoë, seen,PER,yes,no", "has more cells than the header; fix the row"),
        ("BC5,by Zoë,PER,yes,\x1b[2Jno", r"found '\\x1b\[2Jno'"),
        ("BC5,by Zoë,PER,yes,n\0o", r"found 'n\\x00o'"),
        ("BC5,by Zoë,PER,yes," + "no" * 1000, r"found '(no)+'\.\.\. \(2,000 characters\)"),
        ('BC5,"by Zoë,PER,yes,no\nBC5,by,PER,yes,no', "is no row of a CSV file \\(unexpected end"),
        ('BC5,"by" Zoë,PER,yes,no', "is no row of a CSV file"),
        (f"BC5,{'x' * 200_000},PER,yes,no", "is no row of a CSV file \\(field larger than"),
        (b"BC5,by Zo\xeb,PER,yes,no", "is not in UTF-8; save the sheet as 'CSV UTF-8'"),
        (b"BC5,\xed\xb3\xbf,PER,yes,no", "is not in UTF-8"),
    ],
)
def test_a_malformed_row_is_told_with_its_line(broken, line, message):
    with pytest.raises(DataError, match=rf"sheet\.csv:4: .*{message}"):
        read_sheet(broken(line))


def test_empty_cells_at_the_end_and_blank_rows_are_passed_over(broken):
    rows = read_sheet(broken("BC5,by Zoë,PER", "BC5,by Zoë,PER,yes", ",,,,", "", "BC5,x,PER,,no,,"))
    assert rows == judged((True, False), (None, None), (True, None), (None, False))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("corpus,type,annotator_1,annotator_1,annotator_2", "'annotator_1' is there twice"),
        ("", "'corpus' is missing"),
        ("\0" * 10, "'corpus' is missing"),
        ('"corpus', "is no row of a CSV file"),
    ],
)
def test_a_wrong_header_is_told(tmp_path, header, message):
    (tmp_path / "sheet.csv").write_text(header)
    with pytest.raises(DataError, match=rf"sheet\.csv:1: .*{message}"):
        read_sheet(tmp_path / "sheet.csv")


def test_a_sheet_from_a_pipe(broken, tmp_path):
    content, pipe = broken().read_bytes(), tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    assert read_sheet(pipe) == judged((True, False))
    writer.join()


SHEET = b'corpus,type,annotator_1,annotator_2\r\nBC5,\'=PER,yes,no\r\n"BC5","P\nER",no,\r\n'


@given(st.lists(st.tuples(st.integers(0, len(SHEET)), st.binary(max_size=3)), max_size=4))
def test_any_damaged_sheet_is_read_or_is_one_error(tmp_path_factory, changes):
    raw = SHEET
    for place, new in changes:
        raw = raw[:place] + new + raw[place + len(new) + place % 2 :]
    path = tmp_path_factory.mktemp("sheet") / "sheet.csv"
    path.write_bytes(raw)
    with suppress(DataError):
        assert all(row.corpus and row.entity_type for row in read_sheet(path))
