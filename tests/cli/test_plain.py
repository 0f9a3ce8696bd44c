"""Help in plain words, suggestions and colours."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from mtner_cli import __version__
from mtner_cli.cli.app import app
from tests.cli.conftest import mtner


def commands() -> Iterator[tuple[str, ...]]:
    yield ()
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        yield (name,)
        yield from ((name, inner) for inner in getattr(command, "commands", ()))


@pytest.fixture(params=commands(), ids=" ".join)
def help_text(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "80")
    result = CliRunner().invoke(app, [*request.param, "--help"])
    assert result.exit_code == 0, result.output
    return result.output


def test_help_shows_no_types_of_python(help_text: str) -> None:
    shown = "\n".join(
        line for line in help_text.splitlines() if line[:1] != " " or "Usage:" in line
    )
    assert "--help" in shown  # what is left out are descriptions and samples of formats
    assert not re.search(r"<\w|[{}]|\blist\[|\bPath\b|\bbool\b", shown), shown


def test_a_flag_has_no_value(help_text: str) -> None:
    flags = ("--help", "--version", "--cpu", "--list", "--dry-run", "--show-gold")
    for line in help_text.splitlines():
        words = line.strip("│ ").split()
        if words and words[0] in flags:
            after = [word for word in words[1:] if not re.fullmatch("-[a-zA-Z]", word)]
            assert after[0][0].isupper(), line
            assert not after[0].isupper(), line


@pytest.mark.parametrize(
    ("command", "option", "choices"),
    [
        ("filter-ood", "--format", "txt jsonl csv"),
        ("convert conll", "--action-encoding", "simple simple-char"),
    ],
)
def test_choices_are_named_in_the_help_and_not_broken(
    monkeypatch: pytest.MonkeyPatch, command: str, option: str, choices: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = CliRunner().invoke(app, [*command.split(), "--help"]).output.splitlines()
    (start,) = (number for number, line in enumerate(lines) if f" {option} " in line)
    words = " ".join(lines[start : start + 4]).replace(",", "").split()
    assert set(choices.split()) <= set(words)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("predikt", "predict"),
        ("predict-cros", "predict-cross"),
        ("trian", "train"),
        ("xyz", None),
        ("convert conl", "conll"),
    ],
)
def test_only_a_near_command_is_suggested(
    project: Path, tmp_path: Path, typed: str, meant: str | None
) -> None:
    done = mtner(project, tmp_path, *typed.split(), "x")
    assert done.returncode == 2
    assert f"No such command '{typed.split()[-1]}'." in done.stderr
    assert ("Did you mean" in done.stderr) == (meant is not None)
    assert meant is None or f"Did you mean '{meant}'?" in done.stderr


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version(option: str) -> None:
    assert CliRunner().invoke(app, [option]).output == f"mtner {__version__}\n"


@pytest.mark.parametrize("no_color", [True, False])
def test_no_color_also_holds_for_errors(project: Path, tmp_path: Path, no_color: bool) -> None:
    terminal, inner = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(project), "TERM": "xterm"}
    environment.pop("NO_COLOR", None)
    subprocess.run(
        [sys.executable, "-m", "mtner_cli", "train", "no-such.yaml"],
        cwd=tmp_path,
        env={**environment, **({"NO_COLOR": "1"} if no_color else {})},
        stderr=inner,
        check=False,
    )
    os.close(inner)
    shown = os.read(terminal, 4096).decode()
    os.close(terminal)
    assert "error:" in shown
    assert ("\x1b[31m" in shown) is not no_color
