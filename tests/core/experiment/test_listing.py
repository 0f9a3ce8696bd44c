from __future__ import annotations

import os
from pathlib import Path

import pytest

from mtner_cli.core.experiment.listing import ListedCorpus, list_experiments
from mtner_cli.errors import ConfigError

EXPERIMENT = """\
seed: 1
task_name: nerves
datasets:
  clinic:
    mode: simple
    split_paths: {train: data/converted/BC5CDR/train.txt, dev: here.txt}
    tag_dict: {Nerve: Structure, Bone: Structure, Drug: null, Test: Test}
  labs:
    mode: simple
    split_paths: {train: here.txt}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.txt").write_text("No finding ||| OUT OUT\n")
    (tmp_path / "configs" / "inner").mkdir(parents=True)
    (tmp_path / "configs" / "inner" / "nerves.yaml").write_text(EXPERIMENT)
    (tmp_path / "configs" / "corpora.yaml").write_text("clinic: {mode: simple}\n")
    return Path("configs")


def test_an_experiment_is_listed_with_corpora_types_and_files(folder: Path) -> None:
    (experiment,) = list_experiments(folder)
    assert experiment.path == folder / "inner" / "nerves.yaml"
    assert experiment.corpora == (
        ListedCorpus("clinic", ("Structure", "Test")),
        ListedCorpus("labs", ()),
    )
    assert [(str(file.path), file.present) for file in experiment.files] == [
        ("data/converted/BC5CDR/train.txt", False),
        ("here.txt", True),
        ("here.txt", True),
    ]
    assert experiment.files[0].commands == (
        "mtner fetch BC5CDR",
        "mtner convert corpora configs/corpora/protocols.yaml BC5CDR",
    )
    assert experiment.faults == ()


def test_an_experiment_that_cannot_be_used_is_listed_with_its_faults(folder: Path) -> None:
    (folder / "broken.yaml").write_text(EXPERIMENT.replace("seed", "sead"))
    (folder / "no_yaml.yaml").write_text("task_name: [")
    broken, usable, no_yaml = list_experiments(folder)
    assert [fault.partition(": ")[2] for fault in broken.faults] == [
        "seed: missing; it has no default and must be given",
        "sead: unknown key; did you mean seed?",
    ]
    assert "not valid YAML" in no_yaml.faults[0]
    assert not usable.faults


def test_a_folder_without_experiments_is_refused(folder: Path) -> None:
    (folder / "inner" / "nerves.yaml").unlink()
    with pytest.raises(ConfigError, match="configs: no experiment files"):
        list_experiments(folder)
    with pytest.raises(ConfigError, match="elsewhere: there is no such folder"):
        list_experiments(Path("elsewhere"))


def test_what_cannot_be_looked_at_is_no_crash(folder: Path) -> None:
    (folder / "folder.yaml").mkdir()
    os.mkfifo(folder / "pipe.yaml")  # reading it would wait for ever
    (folder / "deep.yaml").write_text(
        EXPERIMENT.replace("here.txt", f"{folder}/corpora.yaml/x").replace("nerves", "deep")
    )
    deep, _ = list_experiments(folder)
    assert [file.present for file in deep.files] == [False, False, False]
    with pytest.raises(ConfigError, match="there is no such folder"):
        list_experiments(Path("x" * 300))
