"""A whole training on a GPU: the encoder in bfloat16, the step plain and compiled."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from mtner_cli.cli.app import app


@pytest.mark.gpu
@pytest.mark.parametrize("compiled", ["false", "true"])
def test_train_then_test_on_a_gpu(experiment_file: Path, compiled: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    override = f"train.compile_step={compiled}"
    result = CliRunner().invoke(app, ["train", str(experiment_file), "--gpu", "0", "-o", override])
    assert result.exit_code == 0, result.output
    log = (experiment_file.parent / "run" / "log.jsonl").read_text().splitlines()
    losses = [event["loss"] for event in map(json.loads, log) if event["event"] == "step"]
    assert losses
    assert all(map(math.isfinite, losses))


def test_a_compiled_step_is_refused_on_a_cpu(experiment_file: Path) -> None:
    arguments = ["train", str(experiment_file), "--cpu", "-o", "train.compile_step=true"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert "train.compile_step" in str(result.exception)
    assert not (experiment_file.parent / "run").exists()
