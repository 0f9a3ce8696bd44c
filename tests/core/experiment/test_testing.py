"""A run is tested on its own files, and says so where they are missing or have changed."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import torch

from mtner_cli.core.experiment.testing import check_test_files, evaluate_run
from mtner_cli.core.experiment.training import prepare_training, start_training
from mtner_cli.core.tagger import Tagger
from mtner_cli.errors import ConfigError
from tests.settings import config_from_mapping


def test_missing_test_files_say_where_they_were_looked_for(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, dataset in settings["datasets"].items():
        paths = dataset["split_paths"]
        paths["test"] = f"mine/{name}.txt" if name == "fever-1" else f"{tmp_path}/gone.txt"
    datasets = config_from_mapping(settings).datasets
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(ConfigError) as raised:
        check_test_files(Path("../a run"), datasets)
    *faults, cure = raised.value.faults
    assert faults == [
        "datasets.fever-1.split_paths.test: file not found: mine/fever-1.txt "
        f"(looked in {tmp_path}/elsewhere)",
        f"datasets.genes$2.split_paths.test: file not found: {tmp_path}/gone.txt",
    ]
    command = shlex.split(cure.rpartition(": ")[2])
    assert command == ["mtner", "predict-cross", "--model", "../a run", "--corpora", "FILE"]
    for path in ("mine/fever-1.txt", f"{tmp_path}/gone.txt"):
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).touch()
    check_test_files(Path("../a run"), datasets)


def test_a_test_file_that_has_changed_is_named(settings: dict[str, Any]) -> None:
    config = config_from_mapping(settings)
    list(start_training(prepare_training(config), torch.device("cpu")))
    tagger = Tagger.load(config.output_dir, device="cpu")
    outcome = evaluate_run(tagger)
    assert outcome is not None
    assert outcome.changed == ()
    path = config.datasets["genes$2"].split_paths.present()["test"]
    path.write_text(path.read_text() + "no gene ||| \n")
    outcome = evaluate_run(tagger)
    assert outcome is not None
    assert outcome.changed == ("genes$2",)
    development = evaluate_run(tagger, "dev")
    assert development is not None
    assert development.changed == ()
