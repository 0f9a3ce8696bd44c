"""The fuzz tests are themselves tested: faults are planted, and each must be found."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Container
from dataclasses import replace
from pathlib import Path

import pytest

from mtner_cli.config.encodings import EncodingName
from mtner_cli.core.convert import conversion
from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.types import Sentence, SourceSentence
from mtner_cli.errors import ConfigError, DataError, MtnerError
from tests.fuzz import cage, formats, sheets
from tests.fuzz.cage import Cage
from tests.fuzz.case import Case, Finding, read_case
from tests.fuzz.counting import COUNTERS
from tests.fuzz.families import FAMILIES, Family
from tests.fuzz.hunt import Tally, hunt

INPUTS = 200
Prepare = Callable[[SourceSentence, EncodingName, Ledger], Sentence | None]


class AllBut(Container[str]):
    """Every key but those that start in one of some ways: only these are looked for."""

    def __init__(self, *starts: str) -> None:
        self._starts = starts

    def __contains__(self, key: object) -> bool:
        return not str(key).startswith(self._starts)


def losing(change: Callable[[Sentence], Sentence | None]) -> Prepare:
    """A ``prepare`` that changes every fifth sentence."""
    prepare, count = conversion.prepare, 0

    def leaky(source: SourceSentence, mode: EncodingName, ledger: Ledger) -> Sentence | None:
        nonlocal count
        count += 1
        sentence = prepare(source, mode, ledger)
        return sentence if sentence is None or count % 5 else change(sentence)

    return leaky


@pytest.mark.parametrize("name", sorted(COUNTERS))
@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda sentence: replace(sentence, mentions=sentence.mentions[1:]), ("mentions lost",)),
        (lambda sentence: None, ("mentions lost", "text lost", "words lost")),
    ],
    ids=["a mention", "a sentence"],
)
def test_a_loss_in_every_fifth_sentence_is_found(
    name: str,
    change: Callable[[Sentence], Sentence | None],
    found: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(conversion, "prepare", losing(change))
    of_format = Family(formats.NAME, lambda real: formats.MADE[name](real), formats.run, INPUTS)
    caught = hunt(of_format, Cage(tmp_path), INPUTS, Tally(), AllBut(*found))
    assert caught is not None
    assert caught[1].place == name


def tried(run: cage.Run, folder: Path) -> cage.Outcome | Finding:
    return Cage(folder).try_case(Case("plant", {"in/a.txt": b"x"}), run)


def test_a_traceback_is_found_and_made_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_sheet(path: Path) -> list[object]:
        if b"yes" in path.read_bytes():
            raise KeyError("planted")
        return []

    monkeypatch.setattr(sheets, "read_sheet", read_sheet)
    found = hunt(FAMILIES["sheets"], Cage(tmp_path), INPUTS, Tally(), AllBut("KeyError"))
    assert found is not None
    case, finding = found
    assert "planted" in finding.report
    kept = finding.keep(case, tmp_path / "findings")
    assert read_case(kept) == case
    assert (kept / "in" / "sheet.csv").read_bytes() == case.files[sheets.SOURCE]


def leave_file(case: Case, folder: Path) -> set[str]:
    (folder / "in" / ".mtner-abcdefgh.tmp").touch()
    return set()


def leave_file_on_error(case: Case, folder: Path) -> set[str]:
    (folder / "out" / "half").touch()
    raise DataError(folder, None, "is refused")


def change_input(case: Case, folder: Path) -> set[str]:
    (folder / "in" / "a.txt").write_bytes(b"y")
    return set()


def write_nothing(case: Case, folder: Path) -> set[str]:
    return {"out/file"}


def connect(case: Case, folder: Path) -> set[str]:
    try:
        socket.create_connection(("127.0.0.1", 9))
    except OSError:
        return set()
    return set()


def start_program(case: Case, folder: Path) -> set[str]:
    try:
        os.system("true")
    except OSError:
        return set()
    return set()


def run_code(case: Case, folder: Path) -> set[str]:
    exec(compile("pass", str(folder / "in" / "a.txt"), "exec"))
    return set()


def write_elsewhere(case: Case, folder: Path) -> set[str]:
    (folder.parent / "elsewhere").write_bytes(b"")
    return set()


def show_escape(case: Case, folder: Path) -> set[str]:
    print("\x1b[2J")  # noqa: T201
    return set()


def say(error: MtnerError) -> cage.Run:
    def run(case: Case, folder: Path) -> set[str]:
        raise error

    return run


@pytest.mark.parametrize(
    ("run", "kind"),
    [
        (leave_file, "wrong files afterwards"),
        (leave_file_on_error, "wrong files afterwards"),
        (write_nothing, "wrong files afterwards"),
        (change_input, "input file changed"),
        (connect, "forbidden deed"),
        (start_program, "forbidden deed"),
        (run_code, "PermissionError"),
        (write_elsewhere, "PermissionError"),
        (show_escape, "control character on the terminal"),
        (say(MtnerError("type \x1b[2J")), "control character in a message"),
        (say(MtnerError("type \u202e")), "control character in a message"),
        (say(MtnerError("x" * 5000)), "message too long"),
        (say(MtnerError("")), "message that is not one line"),
    ],
)
def test_a_planted_fault_is_found(run: cage.Run, kind: str, tmp_path: Path) -> None:
    outcome = tried(run, tmp_path)
    assert isinstance(outcome, Finding)
    assert outcome.kind == kind


def test_what_is_well_is_no_finding(tmp_path: Path) -> None:
    assert tried(lambda case, folder: set(), tmp_path) == "ok"
    assert tried(say(ConfigError(["a: is missing", "b: is missing"])), tmp_path) == "error"


def test_what_takes_too_long_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cage, "MOST_SECONDS", 0.2)

    def hang(case: Case, folder: Path) -> set[str]:
        while True:
            try:
                time.sleep(0.01)
            except Exception:
                return set()

    outcome = tried(hang, tmp_path)
    assert isinstance(outcome, Finding)
    assert outcome.kind == "OutOfTime"


def test_what_needs_too_much_memory_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cage, "MOST_MEMORY", 100_000_000)

    def fill(case: Case, folder: Path) -> set[str]:
        return {"x" * 1_000_000_000}

    outcome = tried(fill, tmp_path)
    assert isinstance(outcome, Finding)
    assert outcome.kind == "MemoryError"
