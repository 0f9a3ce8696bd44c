"""Trackers: each file here sends trainings to one tracking system.

A training is a stream of events. Whatever listens to it has the form of :class:`Listener`: the
progress bar, the run's own log, and the trackers. To add a tracker, write a file with a class of
the form of :class:`Tracker` and open it in :func:`open_trackers`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console

    from mtner_cli.config.schema import ExperimentConfig
    from mtner_cli.core.evaluate.scores import Evaluation
    from mtner_cli.core.train.events import TrainingEvent
    from mtner_cli.core.train.run_folder import RunFolder


class Listener(Protocol):
    """Something that follows a training."""

    def handle(self, event: TrainingEvent) -> None:
        """Take note of an event; return soon, because the training waits."""


class Tracker(Listener, Protocol):
    """A listener that sends a training and its test to a tracking system.

    It never stops a training: where its server fails, it warns once and drops what it must.
    """

    def log_test(self, evaluation: Evaluation) -> None:
        """Send the scores of the test that follows the training."""


@contextmanager
def open_trackers(
    config: ExperimentConfig, folder: RunFolder, console: Console
) -> Iterator[list[Tracker]]:
    """Open the trackers that a configuration asks for; close them when the block ends."""
    with ExitStack() as stack:
        trackers: list[Tracker] = []
        if config.MLFlowLogger.use:
            from mtner_cli.report.trackers.mlflow import MlflowLog

            trackers.append(stack.enter_context(MlflowLog(config, folder, console)))
        yield trackers
