"""What a training needs is known before it starts, and finding out leaves nothing behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from mtner_cli.core.experiment.dry_run import (
    DiskNeeds,
    disk_needs,
    estimate_time,
    find_encoder,
    refuse_full_disk,
)
from mtner_cli.core.experiment.resume import claimed_run
from mtner_cli.core.experiment.training import prepare_training, start_training
from mtner_cli.core.train.events import CheckpointSaved, Stopped
from mtner_cli.errors import DataError
from tests.settings import config_from_mapping

CPU = torch.device("cpu")


def sizes(run: Path) -> list[int]:
    return sorted(file.stat().st_size for file in (run / "checkpoints").glob("*.safetensors"))


@pytest.mark.parametrize("per_corpus", [False, True])
@pytest.mark.parametrize("finetune", [False, True])
def test_the_room_for_checkpoints_is_what_they_take(
    settings: dict[str, Any], per_corpus: bool, finetune: bool
) -> None:
    settings["train"]["checkpoints"] = {"save_average_only": not per_corpus}
    settings["ablation"] = {"embed_model": {"finetune": finetune}}
    config = config_from_mapping(settings)
    prepared = prepare_training(config)
    needs = disk_needs(prepared)
    for event in start_training(prepared, CPU):
        if isinstance(event, CheckpointSaved) and event.path.stem == "last":
            break
    taken = sizes(config.output_dir)
    assert len(taken) == (4 if per_corpus else 2)
    # Beside the tensors, a file holds their names.
    most = sum(taken) + taken[-1]
    assert 0.9 * most < needs.needed <= most
    assert needs.free > 0
    assert disk_needs(prepared).needed == pytest.approx(taken[-1], rel=0.1)


def test_a_disk_without_room_is_refused(settings: dict[str, Any]) -> None:
    prepared = prepare_training(config_from_mapping(settings))
    refuse_full_disk(DiskNeeds(needed=5, free=5), prepared)
    with pytest.raises(DataError, match="no room for the checkpoints; make room"):
        refuse_full_disk(DiskNeeds(needed=6, free=5), prepared)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_an_estimate_writes_nothing(
    settings: dict[str, Any], accumulate: int, tmp_path: Path
) -> None:
    probabilities = {"fever-1": {"genes$2": 0.6}, "genes$2": {"fever-1": 0.5}}
    settings["perturbations"] = {"use": True, "probs": probabilities}
    settings["train"] |= {"batch_size": 1, "accumulate_grad_batches": accumulate}
    settings["train"]["checkpoints"] = {"every_minutes": 1e-9}
    prepared = prepare_training(config_from_mapping(settings, ["train.num_epochs=7"]))
    before = sorted(tmp_path.rglob("*"))
    estimate = estimate_time(prepared, CPU)
    assert sorted(tmp_path.rglob("*")) == before
    # Of the four or two steps of an epoch the first only warms up.
    assert estimate.timed_steps == prepared.length.steps - 1
    assert estimate.timed_sentences == 5, "two of dev, three of test"
    assert min(estimate.training, estimate.scoring, estimate.testing) > 0
    assert estimate.epochs == 7
    assert estimate.total == pytest.approx(
        7 * (estimate.training + estimate.scoring) + estimate.testing
    )


def test_an_estimate_of_the_rest_of_a_run(settings: dict[str, Any]) -> None:
    for dataset in settings["datasets"].values():
        del dataset["split_paths"]["dev"], dataset["split_paths"]["test"]
    config = config_from_mapping(settings, ["train.num_epochs=3"])
    wishes = iter([False, False, True])  # one for each step
    with claimed_run(config, None) as (own, _):
        *_, stopped = start_training(prepare_training(own), CPU, None, lambda: next(wishes))
    assert stopped == Stopped("interrupted", 2, 3)
    with claimed_run(config, config.output_dir) as (own, checkpoint):
        estimate = estimate_time(prepare_training(own, checkpoint), CPU)
    assert estimate.epochs == 2, "the epoch that was interrupted counts in full"
    assert (estimate.timed_sentences, estimate.scoring, estimate.testing) == (0, 0, 0)


def test_the_encoder_is_found(settings: dict[str, Any], tiny_encoder: Path) -> None:
    weights = find_encoder(prepare_training(config_from_mapping(settings)))
    assert weights.place == "folder"
    assert weights.size == (tiny_encoder / "model.safetensors").stat().st_size
