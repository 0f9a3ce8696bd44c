"""Ctrl-C, taken as a wish that the current step may finish first."""

from __future__ import annotations

import signal
from types import FrameType

import typer


class InterruptWish:
    """While it is entered, the first Ctrl-C only makes it true; the second interrupts at once."""

    def __init__(self) -> None:
        self._wanted = False
        self._before: object = None

    def __enter__(self) -> InterruptWish:
        self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)  # type: ignore[arg-type]

    def __call__(self) -> bool:
        return self._wanted

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._wanted:
            raise KeyboardInterrupt
        self._wanted = True
        typer.echo("Stopping after this step; press Ctrl-C again to stop at once.", err=True)
