from __future__ import annotations

import os
from pathlib import Path

import pytest

from mtner_cli.core.convert.conversion import convert
from mtner_cli.core.files.atomic import file_identity
from mtner_cli.errors import ConfigError, DataError, MtnerError

ROWS = "ER- cells\tB-X\n\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("in.tsv").write_text(ROWS)
    Path("other.txt").write_text("mine")
    return tmp_path


@pytest.mark.parametrize("name", ["other.txt", "hard", "soft", "sub/../other.txt", "sub/link.txt"])
@pytest.mark.parametrize("as_ledger", [False, True])
def test_no_file_that_is_read_is_overwritten(folder: Path, name: str, as_ledger: bool) -> None:
    Path("sub").mkdir()
    os.link("other.txt", "hard")
    Path("soft").symlink_to("other.txt")
    Path("sub/link.txt").symlink_to(folder / "soft")
    out, ledger = ("out.txt", Path(name)) if as_ledger else (name, None)
    with pytest.raises(ConfigError, match=r"would overwrite other\.txt: write to another file"):
        convert(
            "conll", [Path("in.tsv")], Path(out),
            ledger_path=ledger, also_read=[Path("other.txt")],
        )  # fmt: skip
    assert Path("other.txt").read_text() == "mine"
    assert not Path("out.txt").exists()


def test_a_path_among_the_options_is_not_overwritten(folder: Path) -> None:
    with pytest.raises(ConfigError, match="would overwrite"):
        convert("genia", [Path("in.xml")], folder / "other.txt", ids=Path("other.txt"))


@pytest.mark.parametrize(("given", "other"), [("a.txt", "a.ann"), ("a.ann", "a.txt")])
def test_what_belongs_to_an_input_is_not_overwritten(folder: Path, given: str, other: str) -> None:
    Path("a.txt").write_text("p53")
    Path("a.ann").write_text("T1\tGene 0 3\tp53\n")
    with pytest.raises(ConfigError, match="would overwrite"):
        convert("brat", [Path(given)], folder / other)


@pytest.mark.parametrize("ledger", ["out.txt", "sub/../out.txt", "link"])
def test_action_file_and_ledger_are_two_files(folder: Path, ledger: str) -> None:
    Path("sub").mkdir()
    Path("link").symlink_to("out.txt")
    with pytest.raises(ConfigError, match="would overwrite"):
        convert("conll", [Path("in.tsv")], Path("out.txt"), ledger_path=Path(ledger))


def test_pipes_and_devices_are_nothing_to_overwrite(folder: Path) -> None:
    nowhere = Path("/dev/null")
    assert file_identity(nowhere) is None
    assert convert("conll", [Path("in.tsv")], nowhere, ledger_path=nowhere).sentences == 1


@pytest.mark.parametrize("content", [f"{ROWS}a\n", "\n"])
def test_a_damaged_input_leaves_action_file_and_ledger_as_they_were(
    folder: Path, content: str
) -> None:
    Path("in.tsv").write_text(content)
    Path("out.txt").write_text("old")
    Path("ledger").write_text("old")
    with pytest.raises(DataError):
        convert("conll", [Path("in.tsv")], Path("out.txt"), ledger_path=Path("ledger"))
    assert Path("out.txt").read_text() == Path("ledger").read_text() == "old"
    assert len(list(folder.iterdir())) == 4


@pytest.mark.parametrize("broken", ["out.txt", "ledger"])
def test_action_file_and_ledger_are_written_both_or_neither(folder: Path, broken: str) -> None:
    for name in ("out.txt", "ledger"):
        Path(name).write_text("old")
    Path(broken).unlink()
    Path(broken).mkdir()
    with pytest.raises(DataError, match=f"{broken}: is a folder"):
        convert("conll", [Path("in.tsv")], Path("out.txt"), ledger_path=Path("ledger"))
    kept = "ledger" if broken == "out.txt" else "out.txt"
    assert Path(kept).read_text() == "old"


def test_a_full_disk_leaves_the_old_action_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    Path("out.txt").write_text("old")
    monkeypatch.setattr("mtner_cli.core.convert.ledger.json.dumps", full)
    with pytest.raises(MtnerError, match="the ledger cannot be written: No space left on device"):
        convert("conll", [Path("in.tsv")], Path("out.txt"), ledger_path=Path("ledger"))
    assert Path("out.txt").read_text() == "old"
    assert not Path("ledger").exists()


@pytest.mark.parametrize("name", ["x" * 300, "loop/x", "a\0b", "in.tsv/x"])
@pytest.mark.parametrize("role", ["input", "out", "ledger"])
def test_paths_that_cannot_be_used_are_one_error(folder: Path, name: str, role: str) -> None:
    Path("loop").symlink_to("loop")
    paths = {"input": Path("in.tsv"), "out": Path("out.txt"), "ledger": Path("ledger")}
    paths[role] = Path(name)
    with pytest.raises(MtnerError, match=r"cannot be (read|written)|there is no such file"):
        convert("conll", [paths["input"]], paths["out"], ledger_path=paths["ledger"])
    assert not Path("out.txt").exists()


def test_a_split_file_that_cannot_be_used_is_one_error(folder: Path) -> None:
    Path("in.xml").write_text("<set/>")
    for name in ("x" * 300, "a\0b", "none"):
        with pytest.raises(DataError, match=r"cannot be read|there is no such file"):
            convert("genia", [Path("in.xml")], Path("out.txt"), ids=Path(name))
