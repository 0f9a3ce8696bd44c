"""A training's run on an MLflow server; every call goes over the network and may fail."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from mtner_cli.config.schema import ExperimentConfig
from mtner_cli.core.corpus.atomic import atomic_text_file
from mtner_cli.core.experiment.run_folder import RunFolder
from mtner_cli.report.mlflow_names import parameters

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

Status = Literal["FINISHED", "KILLED", "FAILED"]

# For what the user's environment leaves open.
ENVIRONMENT = {
    # Left to itself, MLflow tries a server that is down for four minutes.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    # MLflow asks for this before it writes into a plain folder.
    "MLFLOW_ALLOW_FILE_STORE": "true",
    # The console is for the training, and nothing is sent but to the server that was named.
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


_RUN_ID = re.compile(r"[0-9a-f]{32}")


class Point(NamedTuple):
    """A value of a metric at a training step; ``time`` in milliseconds since 1970."""

    name: str
    value: float
    step: int
    time: int


def load_mlflow() -> None:
    """Import MLflow, which takes seconds, with settings under which it keeps out of the way."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import mlflow  # noqa: F401


class MlflowRun:
    """The run of a training; one that goes on after a resume keeps its run.

    Errors are those of MLflow and of what it stands on, of any type.
    """

    def __init__(self, config: ExperimentConfig, folder: RunFolder) -> None:
        self._config = config
        self._folder = folder
        self._client: MlflowClient
        self._id: str

    def open(self) -> None:
        """Make the run or find it again, and tell its parameters; may be repeated."""
        from mlflow import MlflowClient
        from mlflow.entities import Param

        self._client = MlflowClient(self._config.MLFlowLogger.tracking_uri)
        run = self._known() or self._new()
        self._id = run.info.run_id
        # A parameter can be set once; a resumed run may differ in where its logs go.
        missing = {
            name: value
            for name, value in parameters(self._config.model_dump(mode="json")).items()
            if name not in run.data.params
        }
        parameter_list = [Param(name, value) for name, value in missing.items()]
        self._client.log_batch(self._id, params=parameter_list, synchronous=True)
        self._client.log_artifact(self._id, str(self._folder.resolved_config))

    def _known(self) -> Run | None:
        """The run that an earlier part of this training made, if it is still there."""
        from mlflow.exceptions import MlflowException

        file = self._folder.mlflow_run_id
        if file.is_symlink() or not file.is_file():
            return None
        run_id = file.read_text(encoding="utf-8", errors="replace").strip()
        if not _RUN_ID.fullmatch(run_id):
            return None
        try:
            run = self._client.get_run(run_id)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        if run.info.lifecycle_stage != "active":
            return None
        self._client.update_run(run_id, status="RUNNING")
        return run

    def _new(self) -> Run:
        settings = self._config.MLFlowLogger
        experiment_id = self._experiment_id(settings.experiment_name)
        run = self._client.create_run(experiment_id, run_name=settings.run_name)
        with atomic_text_file(self._folder.mlflow_run_id, own_folder=True) as file:
            file.write(f"{run.info.run_id}\n")
        return run

    def _experiment_id(self, name: str) -> str:
        from mlflow.exceptions import MlflowException

        experiment = self._client.get_experiment_by_name(name)
        if experiment is None:
            try:
                return self._client.create_experiment(name)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
                # Another training has made it in between.
                experiment = self._client.get_experiment_by_name(name)
        return experiment.experiment_id

    def log(self, points: Sequence[Point]) -> None:
        """Send points; a point that comes twice counts once. MLflow cuts them into requests."""
        from mlflow.entities import Metric

        metrics = [Metric(point.name, point.value, point.time, point.step) for point in points]
        self._client.log_batch(self._id, metrics=metrics, synchronous=True)

    def end(self, status: Status) -> None:
        self._client.set_terminated(self._id, status)
