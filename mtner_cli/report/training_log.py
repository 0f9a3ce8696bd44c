"""Write a training's events as JSON lines: one object a line, complete lines only."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from mtner_cli.core.evaluate.scores import Evaluation, in_percent, scores_record
from mtner_cli.core.results.scores_file import foreign_record
from mtner_cli.core.train.events import (
    CheckpointSaved,
    DevelopmentDone,
    EpochStarted,
    StepDone,
    Stopped,
    TrainingEvent,
    TrainingStarted,
)
from mtner_cli.errors import DataError


class TrainingLog:
    """Appends each event to the run's log; it is a context manager.

    Args:
        log: the file for all events.
        sampling: the file for the number of draws from each corpus, a line an epoch.
    """

    def __init__(self, log: Path, sampling: Path) -> None:
        self._log = _open(log)
        self._sampling = _open(sampling)

    def __enter__(self) -> TrainingLog:
        return self

    def __exit__(self, *_: object) -> None:
        for file in (self._log, self._sampling):
            with suppress(OSError):  # the line that failed has reported the full disk
                file.close()

    def handle(self, event: TrainingEvent) -> None:
        record = {"time": round(time.time(), 3), **event_record(event)}
        _write_line(self._log, record)
        if isinstance(event, EpochStarted):
            _write_line(self._sampling, _sampling(event))


def _open(path: Path) -> TextIO:
    """Open a log of the run for appending; a link is not followed."""

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | os.O_NOFOLLOW, 0o666)

    try:
        return open(path, "a", encoding="utf-8", buffering=1, opener=opener)
    except OSError as error:
        raise DataError(path, None, f"cannot be written: {error.strerror}") from None


def _write_line(file: TextIO, record: dict[str, Any]) -> None:
    try:
        file.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")
    except OSError as error:
        message = f"cannot be written: {error.strerror}; make room, then resume the run"
        raise DataError(file.name, None, message) from None


def _sampling(event: EpochStarted) -> dict[str, Any]:
    plan = event.plan
    record = {"epoch": event.epoch, "drawn": plan.drawn, "repeated": plan.repeated}
    if any(plan.appended.values()):
        record["appended"] = plan.appended
    return record


def event_record(event: TrainingEvent) -> dict[str, Any]:
    """Return the event as plain JSON values; precision, recall and F1 in per cent."""
    match event:
        case TrainingStarted():
            return {
                "event": "started",
                "step": event.step,
                "device": event.device,
                "versions": event.versions,
                "data": event.data,
            }
        case EpochStarted():
            return {"event": "epoch", "steps": event.steps, **_sampling(event)}
        case StepDone():
            return {
                "event": "step",
                "epoch": event.epoch,
                "step": event.step,
                "loss": event.loss,
                "learning_rates": event.learning_rates,
                "examples_per_second": round(event.examples / event.seconds, 2),
            }
        case DevelopmentDone():
            record: dict[str, Any] = {
                "event": "development",
                "epoch": event.epoch,
                "step": event.step,
                "f1": in_percent(event.scores.headline_f1),
                "f1_of_corpora": {
                    name: in_percent(f1) for name, f1 in event.scores.f1_of_corpora().items()
                },
                "is_best": event.is_best,
                "seconds": round(event.seconds, 2),
            }
            if isinstance(event.scores, Evaluation):
                record["joined"] = scores_record(event.scores.joined)
                record["separate"] = scores_record(event.scores.separate)
                record["foreign_predictions"] = foreign_record(event.scores.separate)
            return record
        case CheckpointSaved():
            return {"event": "checkpoint", "file": event.path.name, "step": event.step}
        case Stopped():
            return {
                "event": "stopped",
                "reason": event.reason,
                "epoch": event.epoch,
                "step": event.step,
            }
