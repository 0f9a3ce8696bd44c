from __future__ import annotations

import pytest

from mtner_cli.report.training_tables import duration, size_text, times_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "under 1 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (12_345, "3 h 25 min"),
        (200_000, "2 days 7 h"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(700, "1 kB"), (90_868_376, "91 MB"), (1_300_000_000, "1.3 GB"), (69e9, "69 GB")],
)
def test_a_size_has_two_digits(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("number", "text"), [(1, "once"), (1.04, "once"), (1.1, "1.1 times"), (1200, "1,200 times")]
)
def test_once_is_not_written_as_a_number(number: float, text: str) -> None:
    assert times_text(number) == text
