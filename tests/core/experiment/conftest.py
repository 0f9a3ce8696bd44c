"""Two tiny corpora with different types, and an experiment on them that trains in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mtner_cli.config.schema import ExperimentConfig
from tests.settings import config_from_mapping

FEVER = {
    "train": [
        "aspirin relieves fever ||| TRANSITION(Chemical) SHIFT REDUCE(Chemical) OUT "
        "TRANSITION(Disease) SHIFT REDUCE(Disease)",
        "no fever was seen ||| OUT TRANSITION(Disease) SHIFT REDUCE(Disease) OUT OUT",
        "patients took ibuprofen ||| OUT OUT TRANSITION(Chemical) SHIFT REDUCE(Chemical)",
        "severe renal failure ||| TRANSITION(Disease) SHIFT TRANSITION(Disease) SHIFT SHIFT "
        "REDUCE(Disease) REDUCE(Disease)",
    ],
    "dev": [
        "ibuprofen relieves fever ||| TRANSITION(Chemical) SHIFT REDUCE(Chemical) OUT "
        "TRANSITION(Disease) SHIFT REDUCE(Disease)",
    ],
    "test": [
        "aspirin and fever ||| TRANSITION(Chemical) SHIFT REDUCE(Chemical) OUT "
        "TRANSITION(Disease) SHIFT REDUCE(Disease)",
        "nothing was seen here ||| OUT OUT OUT OUT",
    ],
}
GENES = {
    "train": [
        "-- doc-sep --",
        "IL-2 gene is active ||| TRANSITION(DNA,0) TRANSITION(Protein,0) REDUCE(Protein,4) "
        "REDUCE(DNA,9)",
        "fever needs TNF ||| TRANSITION(Disease,0) REDUCE(Disease,5) TRANSITION(Protein,12) "
        "REDUCE(Protein,15)",
        "-- doc-sep --",
        "no gene ||| ",
    ],
    "dev": ["TNF gene ||| TRANSITION(DNA,0) TRANSITION(Protein,0) REDUCE(Protein,3) REDUCE(DNA,8)"],
    # The second mention ends inside a word of the tokenizer.
    "test": [
        "IL-2 and fevers ||| TRANSITION(Protein,0) REDUCE(Protein,4) TRANSITION(Disease,9) "
        "REDUCE(Disease,14)"
    ],
}


def write_corpora(folder: Path) -> dict[str, Any]:
    datasets: dict[str, Any] = {}
    for name, mode, splits in (("fever-1", "simple", FEVER), ("genes$2", "simple-char", GENES)):
        paths = {}
        for split, lines in splits.items():
            path = folder / f"{name}.{split}.txt"
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            paths[split] = str(path)
        datasets[name] = {"mode": mode, "split_paths": paths}
    return datasets


@pytest.fixture
def settings(tmp_path: Path, tiny_encoder: Path) -> dict[str, Any]:
    """An experiment file's content; tests change it and build a configuration of it."""
    return {
        "seed": 3,
        "task_name": "tiny",
        "output_dir": str(tmp_path / "run"),
        "datasets": write_corpora(tmp_path),
        "models": {"embed_model": {"pretrained_name": str(tiny_encoder)}},
        "train": {
            "batch_size": 2,
            "num_epochs": 2,
            "use_deterministic": True,
            "optimizers": {
                "embed_model": {"lr": 1e-3, "warm_up_in_epochs": 1.0},
                "pred_model": {"lr": 3e-3, "warm_up_in_epochs": 0.5},
            },
        },
    }


@pytest.fixture
def config(settings: dict[str, Any]) -> ExperimentConfig:
    return config_from_mapping(settings)
