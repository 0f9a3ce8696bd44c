"""Show a prediction's progress and what it read and found."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mtner_cli.core.prediction.engine import Outcome
from mtner_cli.core.prediction.output import Output

SECONDS_BETWEEN_LINES = 60.0


class PredictionProgress:
    """Shows documents a second and the time left: a bar in a terminal, else a line a minute.

    It is a context manager, and called with each number of new documents and the share of the
    inputs that was read.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._documents = 0
        self._started = self._last_line = time.monotonic()
        self._first_share: float | None = None
        self._bar: Progress | None = None
        if console.is_terminal:
            columns: tuple[Any, ...] = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f} %"),
                TimeElapsedColumn(),
                TimeRemainingColumn(elapsed_when_finished=False),
            )
            self._bar = Progress(*columns, console=console, transient=True)
            self._task = self._bar.add_task("reading", total=None)

    def __enter__(self) -> PredictionProgress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, documents: int, share: float | None) -> None:
        self._documents += documents
        if self._first_share is None:
            self._first_share = share or 0.0
        if self._bar is not None:
            total = None if share is None else 1.0
            self._bar.update(self._task, description=self._rate, completed=share, total=total)
        elif time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            self._console.print(f"{self._rate}{self._time_left(share)}")

    @property
    def _rate(self) -> str:
        seconds = max(time.monotonic() - self._started, 1e-9)
        return f"{self._documents:,} documents, {self._documents / seconds:,.1f} a second"

    def _time_left(self, share: float | None) -> str:
        done = (share or 0.0) - (self._first_share or 0.0)
        if not share or done <= 0:
            return ""
        left = (time.monotonic() - self._started) * (1 - share) / done
        return f", {100 * share:.0f} % read, about {max(1, round(left / 60)):,} minutes left"


def closing_lines(outcome: Outcome, output: Output | None) -> Iterator[str]:
    """Yield what a prediction read, found, could not read and wrote."""
    counts = outcome.counts
    yield (
        f"{counts.documents:,} documents, {counts.sentences:,} sentences, {counts.words:,} words, "
        f"{counts.characters:,} characters, of which {counts.unread:,} were not read"
    )
    if counts.windows:
        yield f"sentences too long for the encoder were read in {counts.windows:,} windows"
    if counts.cut_words:
        yield (
            f"{counts.cut_words:,} words are too long for the encoder, which read only their start"
        )
    types = [f"{count:,} {name}" for name, count in sorted(counts.mentions.items())]
    yield f"{counts.mentions.total():,} mentions" + (f": {', '.join(types)}" if types else "")
    if counts.failures:
        yield f"{counts.failures:,} could not be read:"
        for place, reason in outcome.failures:
            yield f"  {place}: {reason}"
        if counts.failures > len(outcome.failures):
            yield f"  ... and {counts.failures - len(outcome.failures):,} more"
    if output is not None:
        if counts.failures:
            yield f"wrote {output.failed}"
        yield f"wrote {output.target}"
