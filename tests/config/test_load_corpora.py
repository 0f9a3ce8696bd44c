from __future__ import annotations

from pathlib import Path

import pytest

from mtner_cli.config.load import CorporaCheck, load_corpora
from mtner_cli.core.corpus.checks import find_corpus_faults
from mtner_cli.errors import ConfigError


def write(text: str, tmp_path: Path) -> Path:
    path = tmp_path / "corpora.yaml"
    path.write_text(text)
    return path


def faults(text: str, tmp_path: Path, *, check_files: CorporaCheck | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_corpora(write(text, tmp_path), check_files=check_files)
    return [fault.replace(f"{tmp_path}/", "") for fault in caught.value.faults]


def test_corpora_are_given_by_name_in_the_order_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("No finding ||| \n")
    path = write(
        f"ward:\n  mode: simple-char\n  split_paths: {{test: {tmp_path}/b.txt}}\n"
        f"clinic: {{mode: simple-char, split_paths: {{test: '{tmp_path}/b.txt'}},"
        " tag_dict: {A: B}}\n",
        tmp_path,
    )
    corpora = load_corpora(path)
    assert list(corpora) == ["ward", "clinic"]
    assert corpora["clinic"].tag_dict == {"A": "B"}
    assert corpora["ward"].split_paths.test == tmp_path / "b.txt"


def test_all_faults_are_reported_at_once(tmp_path: Path) -> None:
    text = """\
ward: {mode: simpel, split_paths: {tset: a.txt}}
clinic: {mode: simple, split_paths: {train: a.txt}}
lab: {mode: simple, split_path: {test: a.txt}}
desk: 3
home:
  mode: simple
  split_paths:
    test: no/such.txt
    test: other.txt
"""
    found = faults(text, tmp_path, check_files=find_corpus_faults)
    assert [fault.split(": ", 2)[:2] for fault in found] == [
        ["corpora.yaml:8", "home.split_paths.test"],
        ["corpora.yaml:1", "ward.mode"],
        ["corpora.yaml:1", "ward.split_paths.tset"],
        ["corpora.yaml:3", "lab.split_paths"],
        ["corpora.yaml:3", "lab.split_path"],
        ["corpora.yaml:4", "desk"],
        ["corpora.yaml:2", "clinic.split_paths"],
        ["corpora.yaml:2", "clinic.split_paths.train"],
        ["corpora.yaml:8", "home.split_paths.test"],
    ]
    assert "did you mean ward.split_paths.test?" in found[2]
    assert "did you mean lab.split_paths?" in found[4]
    assert "no test split to evaluate on; give split_paths.test" in found[6]


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    assert faults("", tmp_path) == [
        "corpora.yaml: expected at least 1 entry; found an empty section"
    ]


EXPERIMENT = """\
seed: 1
task_name: ward
datasets:
  clinic:
    mode: simple-char
    split_paths: {train: no/such.txt, test: "${task_name}.txt"}
    tag_dict: {A: B}
"""


def test_the_datasets_of_an_experiment_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ward.txt").write_text("No finding ||| \n")
    corpora = load_corpora(write(EXPERIMENT, tmp_path), check_files=find_corpus_faults)
    assert list(corpora) == ["clinic"]
    assert corpora["clinic"].split_paths.present() == {"test": Path("ward.txt")}
    assert corpora["clinic"].tag_dict == {"A": "B"}


def test_faults_of_an_experiment_name_their_place(tmp_path: Path) -> None:
    text = EXPERIMENT + "  lab: {mode: simple, split_paths: {dev: a.txt}}\ntrian: 3\n"
    found = faults(text, tmp_path, check_files=find_corpus_faults)
    assert [fault.split(": ", 2)[:2] for fault in found] == [
        ["corpora.yaml:9", "trian"],
        ["corpora.yaml:8", "datasets.lab.split_paths"],
        ["corpora.yaml:6", "datasets.clinic.split_paths.test"],
    ]


def test_a_corpus_may_be_called_datasets(tmp_path: Path) -> None:
    text = "datasets: {mode: simple, split_paths: {test: a.txt}}\n"
    assert list(load_corpora(write(text, tmp_path))) == ["datasets"]
