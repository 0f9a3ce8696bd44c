from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from mtner_cli.cli.experiments import experiments
from mtner_cli.core.experiment.listing import list_experiments

app = typer.Typer()
app.command()(experiments)


@pytest.fixture
def shown(project: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(project)
    monkeypatch.setenv("COLUMNS", "100")
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 0, result.output
    return result.output


def test_every_experiment_is_shown_with_its_corpora(shown: str, project: Path) -> None:
    for experiment in list_experiments(project / "configs"):
        name = experiment.path.relative_to(project / "configs").with_suffix("").as_posix()
        assert f" {name} " in shown
        assert all(corpus.name in shown for corpus in experiment.corpora)
    assert "mtner train configs/EXPERIMENT.yaml" in shown


def test_missing_files_come_with_a_command_that_can_be_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "40")
    (tmp_path / "here.txt").touch()
    (tmp_path / "mine.yaml").write_text(
        "seed: 1\ntask_name: '[b]'\ndatasets:\n  '[red]C':\n    mode: simple\n    split_paths:\n"
        "      {train: data/converted/CoNLL/train.txt, dev: here.txt}\n"
    )
    (tmp_path / "spoilt.yaml").write_text("task_name: [1\n")
    (tmp_path / "genes.yaml").write_text(
        "seed: 1\ntask_name: genes\ndatasets:\n  G:\n    mode: simple\n    split_paths:\n"
        "      {train: data/converted/multi-task/my genes/train.txt, dev: here.txt}\n"
    )
    (tmp_path / "configs" / "corpora").mkdir(parents=True)
    (tmp_path / "configs" / "corpora" / "genes.yaml").write_text(
        "my genes:\n  converter: conll\n  splits:\n"
        "    train: {input: g.tsv, out: data/converted/multi-task/my genes/train.txt}\n"
    )
    lines = [line.strip() for line in CliRunner().invoke(app, ["."]).output.splitlines()]
    assert "mtner convert corpora configs/corpora/conll.yaml CoNLL" in lines
    assert "mtner convert corpora configs/corpora/genes.yaml 'my genes'" in lines
    assert any("[red]C" in line and "1 of 2" in line for line in lines)
    assert any(line.startswith("spoilt") and "not usable" in line for line in lines)
    assert any(line.startswith("spoilt.yaml:2: not valid YAML") for line in lines)


@pytest.mark.parametrize("columns", ["60", None])
def test_no_name_is_cut(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, columns: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    output = CliRunner().invoke(app, []).output
    assert "…" not in output
    assert "\n  data/converted/flair/huner_all_biored: huner_all_biored.train" in output
    lines = [line.strip() for line in output.splitlines()]
    fetch, convert = (
        "mtner fetch BC2GM",
        "mtner convert corpora configs/corpora/crichton.yaml BC2GM",
    )
    assert lines.index(fetch) < lines.index(convert)


def test_a_folder_that_is_not_there_is_an_error() -> None:
    result = CliRunner().invoke(app, ["no/such/folder"])
    assert result.exit_code == 1
    assert "no/such/folder: there is no such folder" in str(result.exception)
