from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from mtner_cli.core.corpus.checks import command_for


@pytest.mark.parametrize(
    ("path", "command"),
    [
        (
            "data/converted/CoNLL/test.txt",
            "mtner convert corpora configs/corpora/conll.yaml",
        ),
        (
            "data/converted/multi-task/BC2GM/dev.txt",
            "mtner convert corpora configs/corpora/crichton.yaml BC2GM",
        ),
        (
            "data/converted/BC5CDR/dev.txt",
            "mtner convert conll data/original/BC5CDR/devel.tsv "
            "--out data/converted/BC5CDR/dev.txt",
        ),
        (
            "data/converted/samples/clinic/train.txt",
            "mtner convert corpora configs/corpora/samples.yaml clinic",
        ),
    ],
)
def test_known_files_have_their_command(path: str, command: str) -> None:
    assert command_for(Path(path)) == command


def test_a_full_path_is_known_too() -> None:
    path = Path("/a folder/data/converted/BC5CDR/dev.txt")
    command = shlex.split(command_for(path))
    assert command[:3] == ["mtner", "convert", "conll"]
    assert command[-1] == str(path)


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
    assert command_for(Path(path)).startswith(f"mtner convert FORMAT INPUT --out {path}")
