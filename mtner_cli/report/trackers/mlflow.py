"""Brings points to MLflow in the background, so that no server can hold up a training."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from types import TracebackType

from rich.console import Console

from mtner_cli.config.schema import ExperimentConfig
from mtner_cli.core.evaluate.scores import Evaluation
from mtner_cli.core.train.events import DevelopmentDone, StepDone, Stopped, TrainingEvent
from mtner_cli.core.train.run_folder import RunFolder
from mtner_cli.errors import reason_of
from mtner_cli.report.trackers.mlflow_server import (
    MlflowRun,
    Point,
    Status,
    evaluation_metrics,
    load_mlflow,
    metric_name,
)

FLUSH_SECONDS = 2.0
RETRY_SECONDS = 30.0
CLOSING_SECONDS = 30.0
# Some 30 MB; while a server is away for longer than that, the oldest are given up.
MAX_WAITING = 200_000


class MlflowDelivery(threading.Thread):
    """A thread that sends what is waiting every few seconds.

    What fails is tried again now and then until the end, where it is tried once more.

    Attributes:
        failure: why sending failed last; None as long as it never did.
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
        """Have a point sent; never waits."""
        self._waiting.append(point)

    def close(self, status: Status) -> None:
        """Send the rest and the status; waits for the server, but no more than half a minute."""
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
            except Exception as error:  # network, proxy, database: nothing may stop the training
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
    """What lies under MLflow's account of it, as ``Connection refused``, in one line."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    text = reason_of(error)
    lines = text.splitlines()
    return lines[0] if lines else type(error).__name__


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
