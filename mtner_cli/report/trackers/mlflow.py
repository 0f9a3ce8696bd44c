"""Send metrics to MLflow in the background, so that no server can delay a training."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from types import TracebackType

from rich.console import Console

from mtner_cli.config.schema import ExperimentConfig
from mtner_cli.core.evaluate.scores import Evaluation
from mtner_cli.core.train.events import (
    DevelopmentDone,
    StepDone,
    Stopped,
    TrainingEvent,
    TrainingStarted,
)
from mtner_cli.core.train.run_folder import RunFolder
from mtner_cli.errors import reason_of
from mtner_cli.report.trackers.mlflow_server import (
    MlflowRun,
    Point,
    Status,
    evaluation_metrics,
    load_mlflow,
    metric_name,
    parameters,
)

FLUSH_SECONDS = 2.0
RETRY_SECONDS = 30.0
CLOSING_SECONDS = 30.0
# About 30 MB; if a server is unavailable for longer, the oldest points are dropped.
MAX_WAITING = 200_000


class MlflowDelivery(threading.Thread):
    """A thread that sends the waiting points every few seconds.

    After a failure it tries again every ``RETRY_SECONDS``, and once more at the end.

    Attributes:
        failure: the reason of the last failure; None while nothing has failed.
    """

    def __init__(self, run: MlflowRun) -> None:
        # A daemon: the process may end while a request hangs.
        super().__init__(name="mlflow", daemon=True)
        self.failure: str | None = None
        self._run = run
        self._waiting: deque[Point] = deque(maxlen=MAX_WAITING)
        self._batch: list[Point] = []
        self._loaded = threading.Event()
        self._closing = threading.Event()
        self._status: Status = "FINISHED"

    def put(self, point: Point) -> None:
        """Add a point to those that wait to be sent; return at once."""
        self._waiting.append(point)

    def close(self, status: Status) -> None:
        """Send the rest and the status; wait for the server ``CLOSING_SECONDS`` at most."""
        self._status = status
        self._closing.set()
        self._loaded.wait()
        self.join(CLOSING_SECONDS)
        if self.is_alive() and self.failure is None:
            self.failure = f"no answer within {CLOSING_SECONDS:.0f} seconds"

    def run(self) -> None:
        while True:
            is_last = self._closing.is_set()
            try:
                self._load()
                self._deliver()
                return
            except Exception as error:  # network, proxy, database: no error may stop the training
                self.failure = _root(error)
            if is_last:
                return
            self._closing.wait(RETRY_SECONDS)

    def _load(self) -> None:
        try:
            load_mlflow()
        finally:
            self._loaded.set()

    def _deliver(self) -> None:
        """Open the run and send until the end."""
        self._run.open()
        is_closing = False
        while not is_closing:
            is_closing = self._closing.wait(FLUSH_SECONDS)
            while self._waiting:
                self._batch.append(self._waiting.popleft())
            if self._batch:
                self._run.log(self._batch)
                self._batch = []
        self._run.end(self._status)


def _root(error: BaseException) -> str:
    """Return the root cause of an error of MLflow in one line, such as ``Connection refused``."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    text = reason_of(error)
    lines = text.splitlines()
    return lines[0] if lines else type(error).__name__


class MlflowLog:
    """Logs a training and its test to MLflow; it is a context manager.

    Only the end waits for the server, for a limited time. If the server cannot be reached, the
    console warns once, and the log in the run's folder has everything.

    Args:
        config: the configuration; its ``MLFlowLogger`` names the server.
        folder: the run's folder; MLflow's id of the run is written there, so that a resumed
            training continues the same run.
    """

    def __init__(self, config: ExperimentConfig, folder: RunFolder, console: Console) -> None:
        self._uri = config.MLFlowLogger.tracking_uri
        self._folder = folder
        self._console = console
        self._run = MlflowRun(config, folder)
        self._delivery = MlflowDelivery(self._run)
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
        if isinstance(event, TrainingStarted):
            self._run.tags = parameters({"version": event.versions, "data": event.data})
        # Not earlier, so that a training that cannot start leaves no run.
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
        """Log the final test, at the training's last step."""
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
            f"training continues, and {self._folder.log} has every step of it; MLflow gets what it "
            "missed if it is available again before the end."
        )
        self._console.print(message, style="yellow", soft_wrap=True)
