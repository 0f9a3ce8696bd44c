"""Send an experiment's settings and scores to MLflow, under names that it allows.

MLflow allows letters, digits and a few signs; names of corpora and entity types may hold any
character. All other characters are written as ``:hexadecimal code point:``, so that different names
stay different and can be read back: the corpus ``genes$2`` is ``genes:24:2``. Metrics are paths of
a fixed depth for each kind, since MLflow may store a path as folders, where no name can be both a
metric and a folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from mtner_cli.config.schema import ExperimentConfig
from mtner_cli.core.evaluate.scores import CorpusScores, Counts, Evaluation, Scores
from mtner_cli.core.files.atomic import atomic_text_file
from mtner_cli.core.train.run_folder import RunFolder

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

MAX_NAME, MAX_VALUE = 250, 6000
"""The most characters that MLflow accepts."""


def metric_name(*parts: str) -> str:
    """Return the path of a metric, such as ``dev/joined/corpora/BC5CDR/f1``."""
    return _within_limit("/".join(map(_escaped, parts)))


def _escaped(name: str) -> str:
    # The full stop is allowed, but a part may not be "." or "..", and it joins the parts of keys.
    return re.sub(r"[^\w\- ]", lambda found: f":{ord(found[0]):x}:", name)


def _within_limit(name: str) -> str:
    """Return the name, or its start and a checksum of all of it if it is too long."""
    if len(name) <= MAX_NAME:
        return name
    checksum = ":" + hashlib.sha256(name.encode()).hexdigest()[:16]
    return name[: MAX_NAME - len(checksum)] + checksum


def parameters(settings: Mapping[str, object]) -> dict[str, str]:
    """Return settings as text by their dotted keys; a value that is cut ends in an ellipsis."""
    return {
        _within_limit(".".join(map(_escaped, keys))): _value_text(value)
        for keys, value in _leaves(settings)
    }


def _leaves(value: object, keys: Sequence[str] = ()) -> Iterator[tuple[Sequence[str], object]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, [*keys, key])
    else:
        yield keys, value


def _value_text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 1] + "…"


def evaluation_metrics(stage: str, evaluation: Evaluation) -> dict[str, float]:
    """Return every score of an evaluation in per cent, and the counts of foreign predictions.

    Args:
        stage: ``dev`` or ``test``; the first part of all names.
    """
    return {
        **_scores(stage, "joined", evaluation.joined),
        **_scores(stage, "separate", evaluation.separate),
        **_foreign(stage, evaluation.separate),
    }


def _scores(stage: str, tags: str, scores: Scores) -> dict[str, float]:
    metrics = _percentages((stage, tags), scores.mean_precision, scores.mean_recall, scores.mean_f1)
    for name, corpus in scores.corpora.items():
        metrics |= _of_counts((stage, tags, "corpora", name), corpus.micro)
        for tag, counts in corpus.per_tag.items():
            metrics |= _of_counts((stage, tags, "types", name, tag.entity_type), counts)
    return metrics


def _of_counts(path: Sequence[str], counts: Counts) -> dict[str, float]:
    return _percentages(path, counts.precision, counts.recall, counts.f1)


def _percentages(
    path: Sequence[str], precision: float, recall: float, f1: float
) -> dict[str, float]:
    values = {"precision": precision, "recall": recall, "f1": f1}
    return {metric_name(*path, name): 100 * value for name, value in values.items()}


def _foreign(stage: str, scores: Scores) -> dict[str, float]:
    metrics: dict[str, float] = {}
    for name, corpus in scores.corpora.items():
        metrics[metric_name(stage, "foreign", "corpora", name)] = sum(corpus.foreign.values())
        metrics |= _foreign_types((stage, "foreign", "types", name), corpus)
    return metrics


def _foreign_types(path: Sequence[str], corpus: CorpusScores) -> dict[str, float]:
    return {metric_name(*path, *filter(None, tag)): count for tag, count in corpus.foreign.items()}


Status = Literal["FINISHED", "KILLED", "FAILED"]

# Used unless the user's environment sets them.
ENVIRONMENT = {
    # By default, MLflow retries a server that is down for four minutes.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    # MLflow requires this before it writes into a plain folder.
    "MLFLOW_ALLOW_FILE_STORE": "true",
    # The console is for the training, and data is sent to the configured server only.
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


_RUN_ID = re.compile(r"[0-9a-f]{32}")


class Point(NamedTuple):
    """A value of a metric at a training step; ``time`` is in milliseconds since 1970."""

    name: str
    value: float
    step: int
    time: int


def load_mlflow() -> None:
    """Import MLflow, which takes seconds, with short timeouts and no output or telemetry."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import mlflow  # noqa: F401


class MlflowRun:
    """MLflow's run of a training; a resumed training continues the same run.

    Methods raise the errors of MLflow and of its dependencies, which may have any type.

    Attributes:
        tags: its tags by name; set them before it is opened.
    """

    def __init__(self, config: ExperimentConfig, folder: RunFolder) -> None:
        self._config = config
        self._folder = folder
        self.tags: dict[str, str] = {}
        self._client: MlflowClient
        self._id: str

    def open(self) -> None:
        """Create the run or find it again, and send parameters and tags; may be called again."""
        from mlflow import MlflowClient
        from mlflow.entities import Param, RunTag

        self._client = MlflowClient(self._config.MLFlowLogger.tracking_uri)
        run = self._known() or self._new()
        self._id = run.info.run_id
        # A parameter can be set once only, and a resumed run may write its logs elsewhere.
        missing = {
            name: value
            for name, value in parameters(self._config.model_dump(mode="json")).items()
            if name not in run.data.params
        }
        parameter_list = [Param(name, value) for name, value in missing.items()]
        tags = [RunTag(name, value) for name, value in self.tags.items()]
        self._client.log_batch(self._id, params=parameter_list, tags=tags, synchronous=True)
        self._client.log_artifact(self._id, str(self._folder.resolved_config))

    def _known(self) -> Run | None:
        """Return the run that an earlier part of this training created, if it still exists."""
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
                # Another training has created it in between.
                experiment = self._client.get_experiment_by_name(name)
        return experiment.experiment_id

    def log(self, points: Sequence[Point]) -> None:
        """Send points; MLflow splits them into requests and counts a repeated point once."""
        from mlflow.entities import Metric

        metrics = [Metric(point.name, point.value, point.time, point.step) for point in points]
        self._client.log_batch(self._id, metrics=metrics, synchronous=True)

    def end(self, status: Status) -> None:
        self._client.set_terminated(self._id, status)
