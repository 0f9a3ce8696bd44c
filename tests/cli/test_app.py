"""The command line as a whole: errors, crashes, signals, odd terminals."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mtner_cli import __version__
from mtner_cli.cli import app
from mtner_cli.cli.interrupt import INTERRUPTED
from mtner_cli.core.convert import conversion
from tests.cli.conftest import mtner

ROW = "Flu\tB-Disease\n"


def run_main(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run the program in this process; returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["mtner", *map(str, arguments)])
    monkeypatch.setattr(app, "catch_ends", lambda: None)  # signal handlers are the test runner's
    with pytest.raises(SystemExit) as ended:
        app.main()
    return int(ended.value.code or 0)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "in.tsv"
    path.write_text(ROW)
    return path


def test_a_fault_of_the_program_is_one_line_and_a_report(
    source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("\x1b[2J" + "x" * 1000)

    monkeypatch.setattr(conversion, "write_sentences", broken)
    assert run_main(monkeypatch, "convert", "conll", source, "--out", "http://u:secret@h/o") == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert f"mtner {__version__} failed because of a bug (ZeroDivisionError" in errors
    assert "\x1b[2J" not in errors
    (report,) = source.parent.glob("mtner-crash-*.txt")
    assert str(report) in errors
    text = report.read_text()
    assert "conversion.py" in text
    assert "ZeroDivisionError" in text
    assert "secret" not in text
    assert report.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: 8 bytes"),
        RuntimeError("CUDA error: out of memory"),
        OSError(errno.ENOSPC, "No space left on device", "/tmp/x"),
    ],
    ids=["python", "torch", "cuda", "disk"],
)
def test_a_machine_that_is_too_small_is_no_fault_of_the_program(
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    def hungry(*_: object) -> None:
        raise error

    monkeypatch.setattr(conversion, "write_sentences", hungry)
    assert run_main(monkeypatch, "convert", "conll", source, "--out", "o.txt") == 1
    message = capsys.readouterr().err
    assert "a smaller train.batch_size" in message or "the disk is full" in message
    assert list(source.parent.glob("mtner-crash-*")) == []


def test_messages_show_control_characters(project: Path, tmp_path: Path) -> None:
    source = tmp_path / "e.tsv"
    source.write_text("x\tE-\x1b[2JX\n")
    done = mtner(project, tmp_path, "convert", "conll", source, "--out", "o.txt")
    assert done.returncode == 1
    assert "\x1b" not in done.stderr
    assert r"\x1b[2JX" in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8:strict"])
@pytest.mark.parametrize("name", ["\udcff", "größe→", "[/x]"])
def test_names_that_a_terminal_cannot_show(
    project: Path, source: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, name: str
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    out, ledger = source.parent / f"{name}.txt", source.parent / f"{name}.jsonl"
    odd = source.parent / f"{name}.tsv"
    odd.parent.mkdir(exist_ok=True)  # [/x] is the folder [ and the file x]
    odd.write_text("Flu\tB-Dis\u202e→[/x]\n", encoding="utf-8")
    options = ("--out", out, "--ledger", ledger)
    done = mtner(project, source.parent, "convert", "conll", odd, *options)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert out.exists()
    assert ledger.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_request_to_end_leaves_nothing_half_written(tmp_path: Path, number: int) -> None:
    source, out = tmp_path / "in", tmp_path / "out" / "o.txt"
    source.mkdir()
    (source / "a.txt").write_text("Flu is back.")
    (source / "a.ann").write_text("T1\tDisease 0 3\tFlu\n")
    os.mkfifo(source / "b.txt")  # a document that never comes
    (source / "b.ann").write_text("")
    command = [sys.executable, "-m", "mtner_cli", "convert", "brat", str(source)]
    process = subprocess.Popen(
        [*command, "--out", str(out)], stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    deadline = time.monotonic() + 60
    while not (out.parent.exists() and list(out.parent.iterdir())):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (INTERRUPTED, "Stopped.\n")
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize("command", ["--help", "--version", "convert --list"])
def test_a_full_disk_behind_the_output_is_an_error(project: Path, command: str) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "mtner_cli", *command.split()],
            cwd=project,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert done.stderr.count("error: ") == 1
    assert "No space left on device" in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_output_is_no_error(project: Path, source: Path, closed: str) -> None:
    command = f"{sys.executable} -m mtner_cli convert conll in.tsv --out o.txt {closed}"
    done = subprocess.run(
        ["bash", "-c", command], env={**os.environ, "PYTHONPATH": str(project)}, cwd=source.parent
    )
    assert done.returncode == 0
    assert "TRANSITION" in (source.parent / "o.txt").read_text()
    assert list(source.parent.glob("mtner-crash-*")) == []


def test_a_reader_that_ends_early_does_not_end_the_work(project: Path, source: Path) -> None:
    rows = "".join(f"Flu\tB-Type{number}\n\n" for number in range(5000))
    source.write_text(rows)
    command = f"{sys.executable} -m mtner_cli convert conll in.tsv --out o.txt | head -1; "
    done = subprocess.run(
        ["bash", "-c", command + "exit ${PIPESTATUS[0]}"],
        env={**os.environ, "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert done.stderr == ""
    assert len(re.findall("TRANSITION", (source.parent / "o.txt").read_text())) == 5000
