from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mtner_cli.config.load import load_experiment
from mtner_cli.core.corpus.checks import find_file_faults
from mtner_cli.errors import ConfigError

SIMPLE = "The ulnar nerve ||| OUT TRANSITION(Nerve) SHIFT SHIFT REDUCE(Nerve)\n"
CHARACTERS = "The ulnar nerve ||| TRANSITION(Nerve,4) REDUCE(Nerve,15)\n"
UNMENTIONED = "No finding ||| \n"


@pytest.fixture
def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the experiment's corpus, whose files are there."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "clinic"
    folder.mkdir()
    for split in ("train", "dev"):
        (folder / f"{split}.txt").write_text(SIMPLE)
    return folder


@pytest.fixture
def check(faults: Callable[..., list[str]]) -> Callable[..., list[str]]:
    return lambda addition="", *overrides: faults(
        addition, *overrides, check_files=find_file_faults
    )


def test_files_that_are_there_are_no_fault(clinic: Path, check: Callable[..., list[str]]) -> None:
    assert check() == []


def test_a_missing_file_names_where_was_looked_and_what_makes_it(
    clinic: Path, check: Callable[..., list[str]]
) -> None:
    (clinic / "dev.txt").unlink()
    assert check() == [
        "nerves.yaml:8: datasets.clinic.split_paths.dev: file not found: clinic/dev.txt "
        f"(looked in {clinic.parent}); make it with: mtner convert FORMAT INPUT --out "
        "clinic/dev.txt ('mtner convert --list' names the formats)"
    ]


def test_the_command_for_a_known_file_is_given(
    clinic: Path, check: Callable[..., list[str]]
) -> None:
    path = "data/converted/CoNLL/dev.txt"
    (fault,) = check("", f"datasets.clinic.split_paths.dev={path}")
    assert fault.endswith("make it with: mtner convert corpora configs/corpora/conll.yaml CoNLL")


def test_a_folder_is_no_corpus_file(clinic: Path, check: Callable[..., list[str]]) -> None:
    (fault,) = check("", "datasets.clinic.split_paths.dev=clinic")
    command = "mtner convert brat clinic --out FILE"
    assert fault.endswith(f"clinic is not a file; convert it first: {command}")
    (fault,) = check("", "datasets.clinic.split_paths.dev=/dev/null")
    assert fault.endswith("/dev/null is not a file; give the action file itself")


@pytest.mark.parametrize(
    ("mode", "content", "other"),
    [
        ("simple", CHARACTERS, "simple-char"),
        ("simple-char", SIMPLE, "simple"),
        ("simple", "-- doc-sep --\n" + UNMENTIONED + CHARACTERS, "simple-char"),
    ],
)
def test_a_file_of_the_other_encoding_is_noticed(
    mode: str, content: str, other: str, clinic: Path, check: Callable[..., list[str]]
) -> None:
    for split in ("train", "dev"):
        (clinic / f"{split}.txt").write_text(content)
    found = check("", f"datasets.clinic.mode={mode}")
    assert [fault.split(": ", 1)[1] for fault in found] == [
        f"datasets.clinic.mode: is {mode}, but clinic/{split}.txt is written in {other}"
        for split in ("train", "dev")
    ]


def test_a_file_of_neither_encoding_is_left_to_the_reader(
    clinic: Path, check: Callable[..., list[str]]
) -> None:
    (clinic / "dev.txt").write_text("no actions here\n")
    assert check() == []


@pytest.mark.parametrize(
    ("tag_dict", "dropped"),
    [
        ("{Nerve: null}", True),
        ("{Nerve: null, Bone: null}", True),
        ("{Nerve: null, Bone: Bone}", False),  # a type that only the other splits may have
        ("{Bone: null}", False),  # types that are not named stay
        ("{}", False),
        ("null", False),
    ],
)
def test_dropping_every_type_is_a_fault(
    tag_dict: str, dropped: bool, clinic: Path, check: Callable[..., list[str]]
) -> None:
    found = check(f"    tag_dict: {tag_dict}\n")
    message = (
        "nerves.yaml:9: datasets.clinic.tag_dict: drops every entity type of clinic/train.txt "
        "(Nerve); keep at least one"
    )
    assert found == ([message] if dropped else [])


def test_a_checkpoint_that_is_not_there_is_a_fault(
    clinic: Path, check: Callable[..., list[str]]
) -> None:
    (fault,) = check("", "train.resume_from_checkpoint=logs/nerves/first")
    assert fault.endswith(
        f"train.resume_from_checkpoint: there is no logs/nerves/first (looked in {clinic.parent}); "
        "name a run folder or a checkpoint"
    )
    assert check("", f"train.resume_from_checkpoint={clinic}") == []


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("x" * 256, "no file or folder can have a name of more than 255 bytes"),
        ("é" * 128 + "/x", "no file or folder can have a name of more than 255 bytes"),
        ("x/" * 2050, "no path can have more than 4,096 bytes"),
        ("a\0b", "no path can hold a NUL character"),
    ],
)
def test_a_path_that_no_file_system_has_is_refused(
    path: str, reason: str, clinic: Path, check: Callable[..., list[str]]
) -> None:
    text = path.replace("\0", r"\0")
    for key in (
        "datasets.clinic.split_paths.dev",
        "output_dir",
        "train.resume_from_checkpoint",
    ):
        (fault,) = check("", f'{key}="{text}"')
        assert f": {key}: expected a path; {reason}; found the text " in fault
        assert len(fault) < 500


def test_a_name_of_255_bytes_is_only_missing(clinic: Path, check: Callable[..., list[str]]) -> None:
    (fault,) = check("", f"datasets.clinic.split_paths.dev={'x' * 255}")
    assert ": file not found: " in fault


def test_a_path_under_a_file_cannot_be_read(clinic: Path, check: Callable[..., list[str]]) -> None:
    (clinic / "loop").symlink_to("loop")
    for key in ("datasets.clinic.split_paths.dev", "train.resume_from_checkpoint"):
        (fault,) = check("", f"{key}=clinic/train.txt/x")
        assert "a folder in this path is a file" in fault
        (fault,) = check("", f"{key}=clinic/loop")
        assert "Too many levels of symbolic links" in fault


def test_names_in_messages_are_cut(clinic: Path, check: Callable[..., list[str]]) -> None:
    types = [f"T{number}" for number in range(5000)]
    lines = [f"x ||| TRANSITION({name}) SHIFT REDUCE({name})\n" for name in types]
    (clinic / "train.txt").write_text("".join(lines))
    (fault,) = check(f"    tag_dict: {{{', '.join(f'{name}: null' for name in types)}}}\n")
    assert "(T0, T1, " in fault
    assert fault.endswith("... (5,000 in all)); keep at least one")


def test_files_are_only_looked_for_when_asked(experiment: Callable[..., Path]) -> None:
    path = experiment()
    load_experiment(path)
    with pytest.raises(ConfigError):
        load_experiment(path, check_files=find_file_faults)
