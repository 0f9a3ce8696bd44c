"""Experiment files that mtner writes: they are valid whatever their names, and replace nothing."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtner_cli.config.load import load_experiment
from mtner_cli.core.corpus.checks import find_file_faults
from mtner_cli.core.experiment.drafts import copy_experiment, write_draft
from mtner_cli.errors import ConfigError

SIMPLE = "no fever ||| OUT TRANSITION(Disease) SHIFT REDUCE(Disease)\n"
CHARACTERS = "no fever ||| TRANSITION(Disease,3) REDUCE(Disease,8)\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, content in (("BC5", SIMPLE), ("Gene", CHARACTERS)):
        (tmp_path / name).mkdir()
        for split in ("train", "dev", "test"):
            (tmp_path / name / f"{split}.txt").write_text(content)
    (tmp_path / "notes.md").write_text("no columns")
    (tmp_path / "raw.tsv").write_text("fever\tB-Disease\n")
    return tmp_path


@pytest.mark.parametrize("for_gpu", [True, False])
def test_a_draft_is_valid_and_finds_the_encodings(folder: Path, for_gpu: bool) -> None:
    files = ["BC5/train.txt", "BC5/dev.txt", "BC5/test.txt"]
    write_draft(Path("my.yaml"), [files, ["G=Gene/train.txt", "Gene/dev.txt"]], for_gpu)
    config = load_experiment(Path("my.yaml"), check_files=find_file_faults)
    assert config.task_name == "my"
    assert {name: dataset.mode for name, dataset in config.datasets.items()} == {
        "BC5": "simple",
        "G": "simple-char",
    }
    paths = config.datasets["BC5"].split_paths.present()
    assert [str(path) for path in paths.values()] == files
    assert list(config.datasets["G"].split_paths.present()) == ["train", "dev"]
    assert (config.models.embed_model.pretrained_name == "builtin:minilm") is not for_gpu
    assert config.train.optimizers.embed_model.lr is None  # chosen by the width of the encoder


NAMES = st.text(st.characters(exclude_characters="/=\0", codec="utf-8"), min_size=1, max_size=8)


@given(name=NAMES, file=NAMES)
@settings(max_examples=50, deadline=None)
def test_any_name_gives_a_valid_draft(name: str, file: str) -> None:
    with TemporaryDirectory() as temporary:
        corpus = Path(temporary) / f"{file}x.txt"
        corpus.write_text(SIMPLE)
        path = Path(temporary) / "my.yaml"
        write_draft(path, [[f"{name}={corpus}"]], for_gpu=False)
        (dataset,) = load_experiment(path).datasets.items()
    assert (dataset[0], dataset[1].split_paths.train) == (name, corpus)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([["none.txt"]], "^none.txt: there is no such file; give an action file$"),
        ([["BC5"]], "^BC5: it is not a file"),
        ([["raw.tsv"]], "not an action file; convert it first: mtner convert conll raw.tsv --out"),
        ([["notes.md"]], "not an action file; convert it first: mtner convert FORMAT notes.md"),
        ([["BC5/train.txt", "Gene/dev.txt"]], "BC5: its files are simple and simple-char"),
        ([["BC5/train.txt"] * 4], "BC5: expected a training, development and test file; found BC5"),
        ([["BC5/train.txt"], ["BC5/dev.txt"]], "two corpora have the name BC5; name one of them"),
    ],
)
def test_what_no_draft_can_be_written_for(
    folder: Path, files: list[list[str]], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        write_draft(Path("my.yaml"), files, for_gpu=False)
    assert not Path("my.yaml").exists()


def test_nothing_is_replaced(folder: Path, project: Path) -> None:
    for name in ("my.yaml", "MT.yaml"):
        Path(name).write_text("mine")
    with pytest.raises(ConfigError, match=r"my.yaml exists already, and is not replaced"):
        write_draft(Path("my.yaml"), [["BC5/train.txt"]], for_gpu=False)
    with pytest.raises(ConfigError, match=r"MT.yaml exists already, and is not replaced; move it"):
        copy_experiment("MT", Path("configs"))
    assert Path("my.yaml").read_text() == Path("MT.yaml").read_text() == "mine"


@pytest.mark.parametrize(
    "name", ["multi-task/MT", "MT", "MT.yaml", "configs/experiment/multi-task/MT.yaml"]
)
def test_an_experiment_that_comes_with_mtner_is_copied(
    folder: Path, project: Path, name: str
) -> None:
    assert copy_experiment(name, Path("configs")) == Path("MT.yaml")
    original = project / "configs/experiment/multi-task/MT.yaml"
    assert Path("MT.yaml").read_text() == original.read_text()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("quikstart", "did you mean quickstart"),
        ("zzz", "'mtner experiments' lists all"),
        ("samples", "'mtner experiments' lists all"),  # a file of corpora, not an experiment
    ],
)
def test_a_name_that_cannot_be_copied(folder: Path, name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        copy_experiment(name, Path("configs"))


def test_an_ambiguous_name_is_refused(folder: Path) -> None:
    for inner in ("a", "b"):
        write_draft(folder / "mine" / inner / "x.yaml", [["BC5/train.txt"]], for_gpu=False)
    with pytest.raises(ConfigError, match="x may be a/x or b/x; give one of them"):
        copy_experiment("x", Path("mine"))
    assert copy_experiment("a/x", Path("mine")) == Path("x.yaml")
