from __future__ import annotations

import pickle

import pytest
import typer
from typer.testing import CliRunner

from mtner_cli.cli.filter_ood import filter_ood
from mtner_cli.errors import ConfigError, DataError
from tests.cli.conftest import mtner
from tests.core.results.pickle_programs import BOMBS, data_frame, program, sentences

app = typer.Typer()
app.command()(filter_ood)


@pytest.fixture
def original(shared_data):
    return shared_data / "original-pickle" / "test_results.pkl"


@pytest.fixture
def run(tmp_path):
    def invoke(specification: str, pickle_path, *options):
        (tmp_path / "spec.yaml").write_text(specification)
        return CliRunner().invoke(
            app,
            [
                "--spec",
                str(tmp_path / "spec.yaml"),
                "--pickle",
                str(pickle_path),
                *map(str, options),
            ],
        )

    return invoke


def test_all_predictions_of_the_original_systems_file(run, original, tmp_path):
    out = tmp_path / "new" / "out.txt"
    result = run("BC5: [BC5$Disease, BC5$Chemical, LOC]", original, "--out", out)
    assert result.exit_code == 0, result.output
    text = out.read_text("utf-8")
    predicted = [
        block.partition("PRED MENTIONS:\n")[2].splitlines() for block in text.split("-" * 80)
    ]
    assert sum(len(lines) for lines in predicted) == 146
    assert sum(len(lines) > 1 for lines in predicted) == 36
    assert "LOC: 0 (also predicted there: nothing else)" in result.output
    assert "BC5: 146 predictions in " in result.output


@pytest.mark.parametrize(("name", "options"), [("o.csv", []), ("sheet", ["--format", "csv"])])
def test_the_sheet(run, original, tmp_path, name, options):
    result = run("BC5: [BC5$Chemical]", original, "--out", tmp_path / name, *options)
    assert result.exit_code == 0, result.output
    assert len((tmp_path / name).read_text("utf-8").splitlines()) == 1 + 92


def test_a_sample_for_three_annotators(run, original, tmp_path):
    out = tmp_path / "o.csv"
    options = ("--sample", "20", "--seed", "1", "--annotators", "3", "--show-gold")
    result = run("BC5: [BC5$Chemical]", original, "--out", out, *options)
    assert result.exit_code == 0, result.output
    header, *rows = out.read_text("utf-8-sig").splitlines()
    assert header.endswith('"gold_mentions","annotator_1","annotator_2","annotator_3"')
    assert len(rows) == 20
    assert "BC5: 20 predictions in " in result.output


@pytest.mark.parametrize("options", [["--annotators", "3"], ["--show-gold"]])
def test_options_of_a_sheet_are_refused_for_other_formats(run, original, tmp_path, options):
    result = run("BC5: [BC5$Chemical]", original, "--out", tmp_path / "o.txt", *options)
    assert isinstance(result.exception, ConfigError)
    assert "belong to a csv sheet; add --format csv" in str(result.exception)
    assert not (tmp_path / "o.txt").exists()


def test_a_wrong_specification_writes_nothing(run, original, tmp_path):
    out = tmp_path / "out.txt"
    result = run("BC5CDR: [LOC]", original, "--out", out)
    assert isinstance(result.exception, ConfigError)
    assert "no corpus 'BC5CDR'; they have BC5" in str(result.exception)
    assert not out.exists()


def test_a_hostile_pickle_is_refused(run, tmp_path):
    class Hostile:
        def __reduce__(self):
            return exec, (f"open({str(tmp_path / 'executed')!r}, 'w')",)

    (tmp_path / "r.pkl").write_bytes(pickle.dumps({"data": Hostile()}))
    result = run("BC5: [LOC]", tmp_path / "r.pkl", "--out", tmp_path / "out.txt")
    assert isinstance(result.exception, DataError)
    assert "asks for builtins.exec" in str(result.exception)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.pkl", "spec.yaml"]


@pytest.mark.parametrize("out", ["r.pkl", "link", "spec.yaml", "new/../spec.yaml"])
def test_no_input_is_overwritten(run, tmp_path, out):
    (tmp_path / "r.pkl").write_bytes(b"kept")
    (tmp_path / "link").symlink_to("r.pkl")
    (tmp_path / "new").mkdir()
    result = run("BC5: [LOC]", tmp_path / "r.pkl", "--out", tmp_path / out)
    assert isinstance(result.exception, ConfigError)
    assert (tmp_path / "r.pkl").read_bytes() == b"kept"
    assert (tmp_path / "spec.yaml").read_text() == "BC5: [LOC]"


def test_a_pickle_that_would_exhaust_the_machine_is_one_error(project, tmp_path):
    """On the command line, from another folder; an older output stays."""
    (tmp_path / "spec.yaml").write_text("clinic: [Protein]")
    (tmp_path / "r.pkl").write_bytes(program(BOMBS["memory of 4 billion places"]))
    (tmp_path / "out.txt").write_text("older")
    options = ("--spec", "spec.yaml", "--pickle", "r.pkl", "--out", "out.txt")
    done = mtner(project, tmp_path, "filter-ood", *options)
    assert done.returncode == 1
    assert done.stderr.startswith("error: r.pkl: takes more memory than a result file of its size")
    assert (tmp_path / "out.txt").read_text() == "older"
    (tmp_path / "r.pkl").write_bytes(program(sentences(data_frame())))
    done = mtner(project, tmp_path, "filter-ood", *options)
    assert done.returncode == 0, done.stderr
    assert "'p53'(0, 1)//Protein" in (tmp_path / "out.txt").read_text()
    assert len(list(tmp_path.iterdir())) == 3
