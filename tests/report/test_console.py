"""What is printed is the text itself: no markup, no control character, no end by a closed pipe."""

from __future__ import annotations

import io
import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from mtner_cli.report.console import PlainConsole
from tests.test_errors import STEERING

HOSTILE = "\x1b[2J\x1b]0;pwn\x07[/x][bold red]q[link=file:///etc/passwd]:smile:\u202e\x9b1m"
SHOWN = r"\x1b[2J\x1b]0;pwn\x07[/x][bold red]q[link=file:///etc/passwd]:smile:\u202e\x9b1m"


def shown(*renderables: object, width: int = 300) -> str:
    file = io.StringIO()
    console = PlainConsole(file=file, width=width, color_system=None)
    for renderable in renderables:
        console.print(renderable)
    return file.getvalue()


def test_text_is_shown_as_it_is() -> None:
    assert shown(HOSTILE) == f"{SHOWN}\n"


def test_cells_headings_and_titles_of_tables_are_shown_as_they_are() -> None:
    table = Table(HOSTILE, title=HOSTILE, caption=HOSTILE)
    table.add_row(HOSTILE)
    assert shown(table).count(SHOWN) == 4


def test_a_table_of_hostile_names_is_still_aligned() -> None:
    table = Table("name", "count")
    for name in ("\x1b[2J", "plain"):
        table.add_row(name, "1")
    lines = shown(table, width=80).splitlines()
    assert len({len(line) for line in lines if line.strip()}) == 1


def test_what_is_no_string_is_made_visible_too() -> None:
    assert "\x1b" not in shown(Text("\x1b[2Jx"))


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_status_shows_any_name(is_terminal: bool) -> None:
    file = io.StringIO()
    console = PlainConsole(file=file, force_terminal=is_terminal, width=200)
    with console.status("converting to [/x]\x1b]0;pwn\x07"):
        pass
    assert ("converting to [/x]" in file.getvalue()) == is_terminal
    assert "\x1b]0;" not in file.getvalue()


@given(st.text(max_size=20))
def test_no_text_steers_the_terminal(text: str) -> None:
    table = Table(text)
    table.add_row(text)
    assert not STEERING.search(re.sub("[\n ]", "", shown(text, table, Text(text))))


@pytest.mark.parametrize("columns", [None, "40"])
def test_a_pipe_or_file_gets_whole_names(
    monkeypatch: pytest.MonkeyPatch, columns: str | None
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    table = Table("name", "words")
    table.add_row("x" * 200, "two words " * 20)
    file = io.StringIO()
    PlainConsole(file=file).print(table)
    assert ("x" * 200 in file.getvalue()) == (columns is None)
    assert max(map(len, file.getvalue().splitlines())) < 500


def test_work_continues_when_nobody_reads_the_output() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        console = PlainConsole(file=pipe)
        for _ in range(3):
            console.print("x" * 100_000)


def test_a_full_disk_behind_the_output_is_said_once(capfd: pytest.CaptureFixture[str]) -> None:
    with open("/dev/full", "w") as full:
        console = PlainConsole(file=full)
        for _ in range(3):
            console.print("x")
    message = "error: the output cannot be written: No space left on device; the work continues\n"
    assert capfd.readouterr().err == message
