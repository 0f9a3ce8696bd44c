"""What messages show of a file's content."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtner_cli.errors import MOST_FAULTS, ConfigError, quoted, visible

# A terminal acts on these: C0, DEL, C1, and the characters that turn the direction of text.
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("größe 表 α", "größe 表 α"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[2J\x07", r"\x1b[2J\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\u202eb", r"a\u202eb"),
        ("a\rb", r"a\rb"),
        ("\udcff", r"\udcff"),
        ("می\u200cخواهم 👩\u200d🔬 co\u00adop", "می\u200cخواهم 👩\u200d🔬 co\u00adop"),
        ("a\u061cb\ufeff", r"a\u061cb\ufeff"),
    ],
)
def test_control_characters_become_visible(text: str, expected: str) -> None:
    assert visible(text) == expected


@given(st.text(alphabet=st.characters(), max_size=30))
def test_nothing_steers_a_terminal(text: str) -> None:
    assert not STEERING.search(visible(text))
    assert not STEERING.search(quoted(text))
    visible(text).encode("utf-8")
    quoted(text).encode("utf-8")


def test_content_is_cut() -> None:
    assert quoted("x" * 10**6).endswith("... (1,000,000 characters)")
    assert len(quoted("x" * 10**6)) < 250
    assert len(quoted([["x" * 10**6] * 10**5] * 10)) < 250
    assert quoted("short") == "'short'"


@pytest.mark.parametrize(
    "number", [10**5000, -(10**5000), 2**10_001], ids=["long", "negative", "just"]
)
def test_numbers_too_long_to_be_written_are_shown(number: int) -> None:
    assert quoted(number) == f"<whole number of {number.bit_length():,} bits>"
    assert quoted([number]).startswith("[<whole number of ")
    assert quoted(7) == "7"


def test_a_list_inside_itself_is_shown() -> None:
    endless: list[object] = []
    endless.append(endless)
    assert len(quoted(endless)) < 50


def test_many_faults_are_counted() -> None:
    message = str(ConfigError([f"fault {number}" for number in range(60_000)]))
    assert message.count("\n") == MOST_FAULTS
    assert message.endswith("... and 59,980 more faults")


def test_no_fault_of_a_configuration_steers_a_terminal() -> None:
    error = ConfigError(["a.yaml:1: \x1b[2J: unknown", "b: \u202e"])
    assert str(error) == "a.yaml:1: \\x1b[2J: unknown\nb: \\u202e"
    assert error.faults == ("a.yaml:1: \\x1b[2J: unknown", "b: \\u202e")
