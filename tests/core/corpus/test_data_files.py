from __future__ import annotations

from pathlib import Path

import pytest

from mtner_cli.core.corpus.checks import commands_for


@pytest.mark.parametrize(
    ("path", "command"),
    [
        (
            "data/converted/CoNLL/test.txt",
            "mtner convert corpora configs/corpora/conll.yaml CoNLL",
        ),
        (
            "data/converted/multi-task/BC2GM/dev.txt",
            "mtner convert corpora configs/corpora/crichton.yaml BC2GM",
        ),
        (
            "data/converted/BC5CDR/dev.txt",
            "mtner convert corpora configs/corpora/protocols.yaml BC5CDR",
        ),
        (
            "data/converted/samples/clinic/train.txt",
            "mtner convert corpora configs/corpora/samples.yaml clinic",
        ),
    ],
)
def test_known_files_have_their_command(path: str, command: str) -> None:
    assert commands_for(Path(path))[-1] == command


def test_a_full_path_is_known_too() -> None:
    path = Path("/a folder/data/converted/BC5CDR/dev.txt")
    assert commands_for(path)[-1] == "mtner convert corpora configs/corpora/protocols.yaml BC5CDR"


def test_files_of_corpora_beside_the_experiment_are_read_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("configs/corpora")
    folder.mkdir(parents=True)
    listed = "My corpus: {converter: conll, splits: {train: {input: a.tsv, out: mine/train.txt}}}"
    (folder / "mine.yaml").write_text(listed)
    (folder / "broken.yaml").write_text("a: [")
    (folder / "other.yaml").write_text("a: 1\nb: {splits: 2}\nc: {splits: {x: 3, y: {in: 4}}}")
    (folder / "conll.yaml").write_text(listed.replace("mine/train", "own"))
    command = "mtner convert corpora configs/corpora/mine.yaml 'My corpus'"
    assert commands_for(Path("mine/train.txt"))[-1] == command
    assert commands_for(Path("own.txt"))[-1] == command.replace("mine.yaml", "conll.yaml")
    assert (
        "crichton.yaml BC2GM" in commands_for(Path("data/converted/multi-task/BC2GM/dev.txt"))[-1]
    )
    for path in ("data/converted/CoNLL/dev.txt", "3", "4"):
        assert "FORMAT" in commands_for(Path(path))[-1]


@pytest.mark.parametrize(
    "path",
    [
        "data/converted/CoNLL/testb.txt",
        "otherdata/converted/CoNLL/test.txt",
        "data/converted/flair/huner_a/huner_b.train",
        "data/converted/multi-task/a/b/train.txt",
        "mine.txt",
    ],
)
def test_other_files_have_a_general_one(path: str) -> None:
    assert commands_for(Path(path))[-1].startswith(f"mtner convert FORMAT INPUT --out {path}")


def test_a_missing_source_is_fetched_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("data/converted/multi-task/BC2GM/dev.txt")
    convert = "mtner convert corpora configs/corpora/crichton.yaml BC2GM"
    assert commands_for(path) == ["mtner fetch BC2GM", convert]
    source = Path("data/original/BC2GM/devel.tsv")
    source.parent.mkdir(parents=True)
    source.write_text("p53\tB-GENE\n")
    assert commands_for(path) == [convert]
    for known in ("data/converted/samples/clinic/train.txt", "data/converted/CoNLL/dev.txt"):
        assert len(commands_for(Path(known))) == 1, "it is here, or cannot be fetched"
