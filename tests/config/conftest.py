"""An experiment that can be loaded, to be spoilt by each test in its own way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mtner_cli.config.load import Check, load_experiment
from mtner_cli.errors import ConfigError

EXPERIMENT = """\
seed: 7
task_name: nerves
datasets:
  clinic:
    mode: simple
    split_paths:
      train: clinic/train.txt
      dev: clinic/dev.txt
"""


@pytest.fixture
def experiment(tmp_path: Path) -> Callable[..., Path]:
    """Writes an experiment file: by default one that is complete, and what is added to it."""

    def write(addition: str = "", base: str = EXPERIMENT) -> Path:
        path = tmp_path / "nerves.yaml"
        path.write_text(base + addition, encoding="utf-8")
        return path

    return write


@pytest.fixture
def faults(experiment: Callable[..., Path]) -> Callable[..., list[str]]:
    """The faults of an experiment, without the folder of its file."""

    def load(
        addition: str = "",
        *overrides: str,
        base: str = EXPERIMENT,
        check_files: Check | None = None,
    ) -> list[str]:
        path = experiment(addition, base)
        try:
            load_experiment(path, overrides, check_files=check_files)
        except ConfigError as error:
            return [fault.replace(f"{path.parent}/", "") for fault in error.faults]
        return []

    return load
