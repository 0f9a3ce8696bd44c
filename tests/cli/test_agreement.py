from __future__ import annotations

import typer
from typer.testing import CliRunner

from mtner_cli.cli.agreement import agreement
from mtner_cli.core.triage.out_of_domain import filter_predictions
from mtner_cli.core.triage.sheets import write_filtered
from mtner_cli.errors import DataError
from tests.core.results.sentences import mention, result_sentence

app = typer.Typer()
app.command()(agreement)


def test_from_the_sheet_to_the_scores(tmp_path):
    sheet = tmp_path / "sheet.csv"
    mentions = [mention(0, 1, "CONLLen$LOC"), mention(2, 3, "CONLLen$PER")]
    sentences = [
        result_sentence("BC5", "Paris saw Zoë", mentions, index=number) for number in range(3)
    ]
    corpora = filter_predictions(sentences, {"BC5": ("CONLLen$LOC", "CONLLen$PER")})
    write_filtered(sheet, corpora, "csv")
    header, *rows = sheet.read_text("utf-8-sig").splitlines()
    verdicts = ["yes,yes", "no,yes", "yes,yes", "no,no", "yes,", ","]
    rows.sort(key=lambda row: (row.split(",")[2], "LOC" not in row))
    filled = [row.removesuffix('"",""') + pair for row, pair in zip(rows, verdicts, strict=True)]
    sheet.write_text("\n".join([header, *filled]), "utf-8-sig")
    result = CliRunner().invoke(app, [str(sheet)], env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.output
    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    assert "BC5 CONLLen$LOC 3 100.00 (3/3) 100.00 (2/2) 2/2 - -" in lines
    assert "BC5 CONLLen$PER 3 0.00 (0/2) 50.00 (1/2) 1/2 0.000 0.000 to 0.000" in lines
    assert "all 6 60.00 (3/5) 75.00 (3/4) 3/4 0.500 0.000 to 1.000" in lines


def test_a_missing_sheet_is_the_users_error(tmp_path):
    result = CliRunner().invoke(app, [str(tmp_path / "none.csv")])
    assert isinstance(result.exception, DataError)
