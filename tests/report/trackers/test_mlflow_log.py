"""Tracking with real MLflow servers, which may be down, die, hang and come back."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from mtner_cli.core.train.events import StepDone
from mtner_cli.core.train.run_folder import RunFolder
from mtner_cli.report.console import PlainConsole
from mtner_cli.report.trackers.mlflow import MlflowLog
from tests.cli.conftest import mtner, write_experiment
from tests.report.trackers.mlflow_server import TrackingServer
from tests.settings import config_from_mapping

RATES = "train/learning_rate"
LongTraining = Callable[[list[str]], subprocess.Popen[str]]


@pytest.fixture(scope="module")
def any_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackingServer]:
    """A server that runs or not."""
    server = TrackingServer(tmp_path_factory.mktemp("mlflow"))
    yield server
    server.kill()


@pytest.fixture
def server(any_server: TrackingServer) -> TrackingServer:
    any_server.start()
    return any_server


@pytest.fixture
def dead_server(any_server: TrackingServer) -> TrackingServer:
    any_server.kill()
    return any_server


@pytest.fixture
def experiment(tmp_path: Path, tiny_encoder: Path) -> Path:
    return write_experiment(tmp_path, tiny_encoder)


def tracked(experiment: Path, uri: str, *overrides: str) -> list[str]:
    """The arguments of a training that is tracked under the name of its folder."""
    name = f"experiment_name={experiment.parent.name}"
    settings = ["use=true", f"tracking_uri={uri}", name, "run_name=first try"]
    overrides = (*(f"MLFlowLogger.{setting}" for setting in settings), *overrides)
    command = ["train", str(experiment), "--cpu"]
    return command + [part for override in overrides for part in ("-o", override)]


def events(experiment: Path, kind: str) -> list[dict[str, Any]]:
    log = experiment.parent / "run" / "log.jsonl"
    if not log.exists():
        return []
    # The last line of a log that is being written may be incomplete.
    lines = log.read_text(encoding="utf-8").split("\n")[:-1]
    return [event for event in map(json.loads, lines) if event["event"] == kind]


@pytest.fixture
def long_training(project: Path) -> Iterator[LongTraining]:
    """Starts trainings that go on until they are interrupted, or the test is over."""
    # Without development rounds, whose scores after every second step would keep the server busy.
    corpora = ("fever-1", "genes$2")
    overrides = [f"datasets.{corpus}.split_paths.dev=null" for corpus in corpora]
    overrides += ["train.num_epochs=100000", "train.early_stop=null"]
    overrides += ["train.checkpoints.metric_based=false"]
    endless = [part for override in overrides for part in ("-o", override)]
    environment = os.environ | {"PYTHONPATH": str(project), "COLUMNS": "120"}
    started: list[subprocess.Popen[str]] = []

    def start(arguments: list[str]) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "mtner_cli", *arguments, *endless],
            env=environment | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with process:
            process.kill()


def wait_for_steps(experiment: Path, steps: int, process: subprocess.Popen[str]) -> None:
    while len(events(experiment, "step")) < steps:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def wait_for_points(
    server: TrackingServer, name: str, points: int, process: subprocess.Popen[str]
) -> None:
    def there() -> int:
        return sum(len(server.history(run, "train/loss")) for run in server.runs(name))

    while there() < points:
        assert process.poll() is None, process.communicate()
        time.sleep(0.2)


def interrupt(process: subprocess.Popen[str]) -> tuple[str, str]:
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    return output, errors


def test_a_training_and_its_test_are_tracked(
    project: Path, server: TrackingServer, experiment: Path, tmp_path: Path
) -> None:
    result = mtner(project, tmp_path, *tracked(experiment, server.uri))
    assert result.returncode == 0, result.stderr
    assert "Warning" not in result.stdout + result.stderr
    (run,) = server.runs(tmp_path.name)
    assert (run.info.run_name, run.info.status) == ("first try", "FINISHED")
    assert run.data.params["train.batch_size"] == "2"
    assert run.data.params["datasets.genes:24:2.mode"] == "simple-char"
    assert run.data.params["train.grad_norm_clip"] == "1.0"
    (started,) = events(experiment, "started")
    assert run.data.tags["version.mtner"] == started["versions"]["mtner"]
    assert run.data.tags["version.torch"] == started["versions"]["torch"]
    assert run.data.tags["data.genes:24:2.test"] == started["data"]["genes$2"]["test"]
    resolved = RunFolder(tmp_path / "run").resolved_config.read_text(encoding="utf-8")
    assert server.artifact(run, "resolved_cfg.yaml", tmp_path) == resolved

    steps = events(experiment, "step")
    assert len(steps) == 4
    for metric, values in {
        "train/loss": [step["loss"] for step in steps],
        f"{RATES}/embed": [step["learning_rates"]["embed"] for step in steps],
        f"{RATES}/pred": [step["learning_rates"]["pred"] for step in steps],
    }.items():
        history = [(point.step, point.value) for point in server.history(run, metric)]
        assert history == list(enumerate(values, start=1))
    rounds = events(experiment, "development")
    for metric, values in {
        "dev/f1": [entry["f1"] for entry in rounds],
        "dev/joined/corpora/genes:24:2/f1": [e["f1_of_corpora"]["genes$2"] for e in rounds],
        "dev/foreign/corpora/fever-1": [
            sum(entry["foreign_predictions"]["fever-1"].values()) for entry in rounds
        ],
    }.items():
        history = server.history(run, metric)
        assert [point.step for point in history] == [2, 4]
        assert [point.value for point in history] == pytest.approx(values, abs=0.005)
    types = {"fever-1": {"Chemical", "Disease"}, "genes:24:2": {"DNA", "Protein", "Disease"}}
    for stage in ("dev", "test"):
        for tags in ("joined", "separate"):
            for corpus, names in types.items():
                for name in names:
                    score = run.data.metrics[f"{stage}/{tags}/types/{corpus}/{name}/recall"]
                    assert 0 <= score <= 100
    assert [point.step for point in server.history(run, "test/f1")] == [4]


def test_a_resumed_training_goes_on_in_its_run(
    long_training: LongTraining, server: TrackingServer, experiment: Path, tmp_path: Path
) -> None:
    arguments = tracked(experiment, server.uri)
    process = long_training(arguments)
    wait_for_points(server, tmp_path.name, 1, process)
    interrupt(process)
    (run,) = server.runs(tmp_path.name)
    assert run.info.status == "KILLED"
    trained = len(events(experiment, "step"))
    assert len(server.history(run, "train/loss")) == trained

    changed = ["--resume", str(tmp_path / "run"), "-o", "MLFlowLogger.run_name=second try"]
    process = long_training([*arguments, *changed])
    wait_for_points(server, tmp_path.name, trained + 1, process)
    assert server.runs(tmp_path.name)[0].info.status == "RUNNING"
    interrupt(process)
    (run,) = server.runs(tmp_path.name)
    assert run.info.status == "KILLED"
    steps = [point.step for point in server.history(run, "train/loss")]
    assert steps == list(range(1, len(events(experiment, "step")) + 1))
    assert "test/f1" not in run.data.metrics


def test_a_server_that_dies_does_not_stop_the_training(
    long_training: LongTraining, server: TrackingServer, experiment: Path, tmp_path: Path
) -> None:
    process = long_training(tracked(experiment, server.uri))
    wait_for_points(server, tmp_path.name, 1, process)
    server.kill()
    wait_for_steps(experiment, len(events(experiment, "step")) + 20, process)
    output, errors = interrupt(process)
    assert output.count("Warning: MLflow") == 1
    assert "Warning" not in errors
    assert "Traceback" not in errors
    steps = [event["step"] for event in events(experiment, "step")]
    assert steps == list(range(1, len(steps) + 1))
    assert events(experiment, "stopped")[0]["step"] == steps[-1]


def test_a_server_that_is_down_is_one_warning(
    project: Path, dead_server: TrackingServer, experiment: Path, tmp_path: Path
) -> None:
    result = mtner(project, tmp_path, *tracked(experiment, dead_server.uri))
    assert result.returncode == 0, result.stderr
    warning = f"Warning: MLflow at {dead_server.uri} takes no data (Connection refused)."
    assert result.stdout.count("Warning") == result.stdout.count(warning) == 1
    assert "Warning" not in result.stderr
    assert "Traceback" not in result.stderr
    assert len(events(experiment, "step")) == 4
    assert events(experiment, "stopped")[0]["reason"] == "finished"
    assert (tmp_path / "run" / "test_results.jsonl").is_file()


def test_a_server_that_never_answers_is_given_up(
    project: Path, experiment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        result = mtner(project, tmp_path, *tracked(experiment, uri))
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("Warning") == 1
    assert "takes no data (timed out)" in result.stdout
    assert len(events(experiment, "step")) == 4


def test_a_server_that_comes_back_gets_what_it_missed(
    dead_server: TrackingServer, tmp_path: Path
) -> None:
    settings = {"seed": 1, "task_name": "late", "datasets": {"a": {"mode": "simple"}}}
    settings["datasets"]["a"]["split_paths"] = {"train": "t", "dev": "d"}  # type: ignore[index]
    settings["MLFlowLogger"] = {"use": True, "tracking_uri": dead_server.uri}
    config = config_from_mapping(settings, [f"output_dir={tmp_path}"])
    folder = RunFolder(tmp_path)
    folder.start("seed: 1\n", is_new=True)
    shown = StringIO()
    with MlflowLog(config, folder, PlainConsole(file=shown)) as log:
        step = 0
        while "Warning" not in shown.getvalue():
            step += 1
            log.handle(
                StepDone(
                    epoch=0,
                    step_in_epoch=step,
                    step=step,
                    loss=1 / step,
                    learning_rates={"embed": 0.1},
                    examples=2,
                    seconds=0.5,
                )
            )
            time.sleep(0.05)
        dead_server.start()
    (run,) = dead_server.runs("SRUNER-late")
    assert run.info.status == "FINISHED"
    points = dead_server.history(run, "train/loss")
    assert [(point.step, point.value) for point in points] == [
        (number, 1 / number) for number in range(1, step + 1)
    ]
    assert shown.getvalue().count("Warning") == 1
