"""Which signals end a training after its step, and which at once."""

from __future__ import annotations

import signal
from collections.abc import Sequence

import pytest

from mtner_cli.cli import interrupt
from mtner_cli.cli.interrupt import GracefulInterrupt

INT, TERM, HUP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP


def answer(monkeypatch: pytest.MonkeyPatch, signals: Sequence[tuple[float, signal.Signals]]) -> str:
    """Send this process signals at given times, in seconds; how it takes them."""
    now = 0.0
    monkeypatch.setattr(interrupt.time, "monotonic", lambda: now)
    try:
        with GracefulInterrupt() as wish:
            assert not wish()
            for now, number in signals:  # noqa: B007  (read by the clock)
                signal.raise_signal(number)
            return "after the step" if wish() else "never"
    except KeyboardInterrupt:
        return "at once"


@pytest.mark.parametrize(
    ("signals", "expected"),
    [
        ([(1, INT)], "after the step"),
        ([(1, TERM)], "after the step"),
        ([(1, HUP)], "after the step"),
        ([(1, INT), (3, INT)], "at once"),
        ([(1, TERM), (3, INT)], "at once"),
        ([(1, INT), (1.2, INT)], "after the step"),
        ([(1, INT), (1.2, INT), (2.5, INT)], "at once"),
        ([(1, HUP), (1.1, TERM)], "after the step"),
        ([(1, TERM), (30, TERM), (60, HUP)], "after the step"),
    ],
)
def test_only_a_later_ctrl_c_ends_at_once(
    monkeypatch: pytest.MonkeyPatch, signals: list[tuple[float, signal.Signals]], expected: str
) -> None:
    assert answer(monkeypatch, signals) == expected


def test_what_is_ignored_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(HUP, signal.SIG_IGN)
    try:
        assert answer(monkeypatch, [(1, HUP)]) == "never"
        assert signal.getsignal(HUP) is signal.SIG_IGN
    finally:
        signal.signal(HUP, before)
