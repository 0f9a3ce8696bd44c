"""Handle Ctrl-C, a request to end (SIGTERM) and a closed terminal (SIGHUP) in the same way."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from types import FrameType

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C or a signal ended."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SAME_WISH = 1.0
"""Seconds in which another Ctrl-C counts as the same request."""
_NOTE = b"Stopping after this step; press Ctrl-C again to stop at once.\n"


def catch_ends() -> None:
    """Let SIGTERM and SIGHUP end a command like Ctrl-C, so that temporary files are removed."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # keep ignoring what nohup ignores
            signal.signal(number, interrupt)


class GracefulInterrupt:
    """Inside its block, the first signal only makes it true; a later Ctrl-C interrupts at once.

    A closed terminal and a job system each send several signals within a short time, which are one
    request.
    """

    def __init__(self) -> None:
        self._wanted = False
        self._since = 0.0
        self._before: dict[int, object] = {}

    def __enter__(self) -> GracefulInterrupt:
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def __call__(self) -> bool:
        return self._wanted

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._wanted:
            if number == signal.SIGINT and time.monotonic() - self._since >= _SAME_WISH:
                raise KeyboardInterrupt
            return
        self._wanted, self._since = True, time.monotonic()
        with suppress(OSError):  # the terminal may be closed
            os.write(2, _NOTE)
