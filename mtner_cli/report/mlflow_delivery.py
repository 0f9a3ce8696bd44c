"""Brings points to MLflow in the background, so that no server can hold up a training."""

from __future__ import annotations

import threading
from collections import deque

from mtner_cli.errors import reason_of
from mtner_cli.report.mlflow_run import MlflowRun, Point, Status, load_mlflow

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
