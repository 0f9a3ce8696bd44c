"""A small experiment on disk, for commands to work on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from mtner_cli.cli.app import app
from mtner_cli.errors import MtnerError
from tests.core.experiment.conftest import write_corpora


@pytest.fixture
def experiment_file(tmp_path: Path, tiny_encoder: Path) -> Path:
    return write_experiment(tmp_path, tiny_encoder)


def run(*arguments: object) -> str:
    """What a command prints, run in this process; its error is raised as it is."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if isinstance(result.exception, MtnerError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def mtner(project: Path, folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, in ``folder``; it must not crash."""
    done = subprocess.run(
        [sys.executable, "-m", "mtner_cli", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(project), "COLUMNS": "120", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
    )
    assert done.returncode != 2 or "mtner-crash" not in done.stderr, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done


def write_experiment(folder: Path, encoder: Path) -> Path:
    """An experiment on two tiny corpora, two epochs of two steps, in a folder of its own."""
    settings = {
        "seed": 3,
        "task_name": "tiny",
        "output_dir": str(folder / "run"),
        "datasets": write_corpora(folder),
        "models": {"embed_model": {"pretrained_name": str(encoder)}},
        "train": {"batch_size": 2, "num_epochs": 2, "use_deterministic": True},
    }
    path = folder / "tiny.yaml"
    path.write_text("# @package _global_\n" + yaml.safe_dump(settings), encoding="utf-8")
    return path
