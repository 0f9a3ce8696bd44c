"""Show a training's progress: a bar for all epochs, a line for each development round."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from mtner_cli.core.train.events import (
    CheckpointSaved,
    DevelopmentDone,
    EpochStarted,
    StepDone,
    Stopped,
    TrainingEvent,
)

# Loss and speed are shown as running means: single steps vary too much to be read.
MEMORY = 0.95


class TrainingDisplay:
    """Shows a training's events; it is a context manager.

    Args:
        console: the console to print to.
        epochs: the number of epochs at most.
        scored: whether each epoch ends with a development round, which is shown as a line.
    """

    def __init__(self, console: Console, epochs: int, scored: bool = True) -> None:
        self._console = console
        self._epochs = epochs
        self._scored = scored
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[status]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._task: TaskID | None = None
        self._loss: float | None = None
        self._speed: float | None = None
        self._steps = 0

    def __enter__(self) -> TrainingDisplay:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def handle(self, event: TrainingEvent) -> None:
        match event:
            case EpochStarted():
                self._start_epoch(event)
            case StepDone():
                self._show_step(event)
            case DevelopmentDone():
                self._show_scores(event)
            case CheckpointSaved():
                pass
            case Stopped(reason="early_stop"):
                self._console.print("No better score for the configured patience: stopped early.")
            case Stopped(reason="interrupted"):
                self._console.print(f"Stopped on request after step {event.step}.")

    def _start_epoch(self, event: EpochStarted) -> None:
        if self._task is None:
            # One bar for the whole training, so that the remaining time is that of all epochs.
            total = event.steps * self._epochs
            done = event.steps * (event.epoch - 1)
            self._task = self._progress.add_task("", total=total, completed=done, status="")
        description = f"epoch {event.epoch}/{self._epochs}"
        self._progress.update(self._task, description=description)
        self._steps = event.steps

    def _show_step(self, event: StepDone) -> None:
        speed = event.examples / event.seconds
        self._loss = _running(self._loss, event.loss)
        self._speed = _running(self._speed, speed)
        if self._task is not None:
            self._progress.update(
                self._task,
                completed=self._steps * (event.epoch - 1) + event.step_in_epoch,
                status=f"loss {self._loss:.4f}  {self._speed:.1f} sentences/s",
            )
        if not self._scored and event.step_in_epoch == self._steps:
            self._console.print(f"epoch {event.epoch}: loss {self._loss:.4f}")

    def _show_scores(self, event: DevelopmentDone) -> None:
        corpora = event.scores.f1_of_corpora()
        parts = "  ".join(f"{name} {100 * f1:.1f}" for name, f1 in corpora.items())
        loss = f"loss {self._loss:.4f}  " if self._loss is not None else ""
        line = Text.assemble(
            f"epoch {event.epoch}: {loss}development F1 ",
            (f"{100 * event.scores.headline_f1:.1f}", "bold"),
            f" ({parts})" if len(corpora) > 1 else "",
            ("  best so far", "green") if event.is_best else "",
        )
        self._console.print(line, soft_wrap=True)


def _running(mean: float | None, value: float) -> float:
    return value if mean is None else MEMORY * mean + (1 - MEMORY) * value


@contextmanager
def counting_bar(console: Console, what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar until the block ends; yield a function that sets the done and the total number."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
