"""What the Tab key offers, asked for as the shell asks."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from mtner_cli.config.load import load_experiment
from mtner_cli.core.fetch.download import load_catalogue
from tests.cli.conftest import write_experiment


def completed(project: Path, folder: Path, line: str) -> list[str]:
    """Return what bash would offer for the last word of a line."""
    words = shlex.split(line) + [""] * line.endswith(" ")
    environment = {
        **os.environ,
        "PYTHONPATH": str(project),
        "_MTNER_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    code = "import sys; sys.argv[0] = 'mtner'; from mtner_cli.cli.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_corpora_to_fetch(project: Path, tmp_path: Path) -> None:
    assert completed(project, tmp_path, "mtner fetch ") == list(load_catalogue().corpora)
    assert completed(project, tmp_path, "mtner fetch NCBIDisease BC5") == ["BC5CDR"]


def test_settings(project: Path, tmp_path: Path, tiny_encoder: Path) -> None:
    path = write_experiment(tmp_path, tiny_encoder)
    offered = completed(project, tmp_path, f"mtner train {path} -o ")
    assert {"seed=", "train.num_epochs=", "train.optimizers.embed_model.lr="} <= set(offered)
    assert {"datasets.fever-1.mode=", "datasets.genes$2.split_paths.dev="} <= set(offered)
    for key in ("train=", "datasets=", "models.embed_model="):
        assert (key in offered) == (key == "datasets=")
    assert completed(project, tmp_path, "mtner train -o train.num_e") == ["train.num_epochs="]
    config = load_experiment(path).model_dump()
    for key in offered:
        section = config
        for name in key.removesuffix("=").split("."):
            section = section[name]


@pytest.mark.parametrize("experiment", ["none.yaml", "broken.yaml", "odd.yaml"])
def test_settings_without_a_good_experiment(project: Path, tmp_path: Path, experiment: str) -> None:
    (tmp_path / "broken.yaml").write_text("datasets: [")
    (tmp_path / "odd.yaml").write_text("datasets: 3")
    assert "seed=" in completed(project, tmp_path, f"mtner train {experiment} -o ")


def test_checkpoints_of_a_run(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run" / "checkpoints"
    folder.mkdir(parents=True)
    for name in ("best", "last", "best-of-BC5CDR"):
        (folder / f"{name}.safetensors").touch()
    offered = ["best", "best-of-BC5CDR.safetensors", "last"]
    assert completed(project, tmp_path, "mtner test run --checkpoint ") == offered
    assert completed(project, tmp_path, "mtner test run/resolved_cfg.yaml --checkpoint l") == [
        "last"
    ]
    assert completed(project, tmp_path, "mtner predict-cross --model run --checkpoint ") == offered
    assert completed(project, tmp_path, "mtner test --checkpoint ") == []


def test_experiments_to_copy(project: Path, tmp_path: Path) -> None:
    offered = completed(project, tmp_path, "mtner experiments --copy ")
    assert {"quickstart", "experiment/multi-task/MT", "genia-nested"} <= set(offered)
    assert "corpora/samples" not in offered
