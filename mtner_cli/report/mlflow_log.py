"""A training's events and scores for MLflow, beside the run's own log."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType

from rich.console import Console

from mtner_cli.config.schema import ExperimentConfig
from mtner_cli.core.evaluate.scores import Evaluation
from mtner_cli.core.experiment.run_folder import RunFolder
from mtner_cli.core.train.events import DevelopmentDone, StepDone, Stopped, TrainingEvent
from mtner_cli.report.mlflow_delivery import MlflowDelivery
from mtner_cli.report.mlflow_names import evaluation_metrics, metric_name
from mtner_cli.report.mlflow_run import MlflowRun, Point, Status


class MlflowLog:
    """Logs a training and its test to MLflow; opened with ``with``.

    Nothing waits for the server but the end, for a bounded time. When it cannot be reached, the
    console says so once, and the run's own log has everything.

    Args:
        config: whose ``MLFlowLogger`` says where to.
        folder: the run's; what MLflow calls the run is kept there, to go on with it on a resume.
    """

    def __init__(self, config: ExperimentConfig, folder: RunFolder, console: Console) -> None:
        self._uri = config.MLFlowLogger.tracking_uri
        self._folder = folder
        self._console = console
        self._delivery = MlflowDelivery(MlflowRun(config, folder))
        self._step = 0
        self._stopped: str | None = None
        self._warned = False

    def __enter__(self) -> MlflowLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._delivery.ident is None:
            return
        self._delivery.close(self._status(kind))
        self._warn_once()

    def handle(self, event: TrainingEvent) -> None:
        # Only now: a training that cannot start leaves no run behind.
        if self._delivery.ident is None:
            self._delivery.start()
        self._warn_once()
        match event:
            case StepDone():
                self._step = event.step
                self._put({"loss": event.loss}, "train")
                self._put(event.learning_rates, "train", "learning_rate")
            case DevelopmentDone():
                self._step = event.step
                self._put_evaluation("dev", event.scores.headline_f1, event.scores)
            case Stopped():
                self._step = event.step
                self._stopped = event.reason

    def log_test(self, evaluation: Evaluation) -> None:
        """The final test, at the training's last step."""
        self._put_evaluation("test", evaluation.headline_f1, evaluation)

    def _put_evaluation(self, stage: str, headline_f1: float, scores: object) -> None:
        self._put({"f1": 100 * headline_f1}, stage)
        if isinstance(scores, Evaluation):
            self._put_named(evaluation_metrics(stage, scores))

    def _put(self, values: Mapping[str, float], *path: str) -> None:
        self._put_named({metric_name(*path, name): value for name, value in values.items()})

    def _put_named(self, metrics: Mapping[str, float]) -> None:
        now = int(1000 * time.time())
        for name, value in metrics.items():
            self._delivery.put(Point(name, value, self._step, now))

    def _status(self, error: type[BaseException] | None) -> Status:
        if self._stopped == "interrupted" or error is KeyboardInterrupt:
            return "KILLED"
        return "FAILED" if error else "FINISHED"

    def _warn_once(self) -> None:
        if self._warned or self._delivery.failure is None:
            return
        self._warned = True
        message = (
            f"Warning: MLflow at {self._uri} takes no data ({self._delivery.failure}). The "
            f"training goes on, and {self._folder.log} has every step of it; MLflow gets what it "
            "missed if it is back before the end."
        )
        self._console.print(message, style="yellow", soft_wrap=True)
