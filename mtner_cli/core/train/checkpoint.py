"""Checkpoints: one safetensors file each, complete or absent; nothing is unpickled on loading.

The header of the file carries everything that is not a tensor, as JSON: the vocabulary, which tags
each corpus annotates, and how far the training had come.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from mtner_cli.core.actions.vocabulary import (
    ActionVocabulary,
    Tag,
    tags_in_order,
    vocabulary_from_json,
    vocabulary_to_json,
)
from mtner_cli.core.corpus.atomic import atomic_path
from mtner_cli.errors import CheckpointError

FORMAT = "mtner-checkpoint-1"
MODEL_PREFIX = "model."
OPTIMIZER_PREFIX = "optimizer."
_OPTIMIZER_STATE = ("exp_avg", "exp_avg_sq", "step")


@dataclass(frozen=True)
class TrainingProgress:
    """How far a training has come. All its random numbers follow from the seed and these.

    Attributes:
        epoch: the epoch that comes next or goes on, from 0.
        step_in_epoch: optimiser steps already done of it.
        step: optimiser steps done in all.
        best_score: the best headline F1 so far, in [0, 1]; None before the first development round.
        best_epoch: the epoch it was reached in.
        finished: whether nothing remains to be trained.
        best_of_corpora: the best joined F1 of each corpus so far, in [0, 1], where the best
            checkpoint of each corpus is kept.
    """

    epoch: int = 0
    step_in_epoch: int = 0
    step: int = 0
    best_score: float | None = None
    best_epoch: int | None = None
    finished: bool = False
    best_of_corpora: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelDescription:
    """What must be known to rebuild a model around its weights.

    Attributes:
        vocabulary: its actions.
        annotated: the tags that each of its training corpora annotates.
    """

    vocabulary: ActionVocabulary
    annotated: Mapping[str, frozenset[Tag]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        numbers = {tag: number for number, tag in enumerate(self.vocabulary.tags)}
        return {
            "tags": vocabulary_to_json(self.vocabulary),
            "with_out": self.vocabulary.with_out,
            "annotated": {
                corpus: [numbers[tag] for tag in tags_in_order(tags)]
                for corpus, tags in self.annotated.items()
            },
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> ModelDescription:
        vocabulary = vocabulary_from_json(data["tags"], data["with_out"])
        annotated = {
            corpus: frozenset(vocabulary.tags[number] for number in numbers)
            for corpus, numbers in data["annotated"].items()
        }
        return ModelDescription(vocabulary, annotated)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint as it was read; ``optimizer`` is empty where only weights were saved."""

    description: ModelDescription
    progress: TrainingProgress
    model: dict[str, Tensor]
    optimizer: dict[str, Tensor]


def save_checkpoint(
    path: Path,
    description: ModelDescription,
    progress: TrainingProgress,
    model: torch.nn.Module,
    optimizer: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a checkpoint; what stood at ``path`` stays until the new one is complete."""
    tensors = {MODEL_PREFIX + name: tensor for name, tensor in model.state_dict().items()}
    tensors |= {OPTIMIZER_PREFIX + name: tensor for name, tensor in (optimizer or {}).items()}
    header = {
        "format": FORMAT,
        "model": json.dumps(description.to_json()),
        "progress": json.dumps(asdict(progress)),
    }
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(plain, temporary, header)


def load_checkpoint(path: Path, with_optimizer: bool = False) -> Checkpoint:
    """Read a checkpoint onto the CPU.

    Raises:
        CheckpointError: if there is none, or the file is not one.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no checkpoint here")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise CheckpointError(f"{path}: not a checkpoint of this toolkit ({FORMAT})")
            description = ModelDescription.from_json(json.loads(header["model"]))
            progress = TrainingProgress(**json.loads(header["progress"]))
            prefixes = (MODEL_PREFIX, OPTIMIZER_PREFIX) if with_optimizer else (MODEL_PREFIX,)
            parts: dict[str, dict[str, Tensor]] = {MODEL_PREFIX: {}, OPTIMIZER_PREFIX: {}}
            for name in file.keys():  # noqa: SIM118 - not a dict
                for prefix in prefixes:
                    if name.startswith(prefix):
                        parts[prefix][name.removeprefix(prefix)] = file.get_tensor(name)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: the checkpoint cannot be read ({error})") from None
    return Checkpoint(description, progress, parts[MODEL_PREFIX], parts[OPTIMIZER_PREFIX])


def optimizer_tensors(optimizer: torch.optim.Optimizer, names: list[str]) -> dict[str, Tensor]:
    """AdamW's state by parameter name; ``names`` in the order of its parameter groups."""
    state = optimizer.state_dict()["state"]
    return {
        f"{kind}.{names[index]}": torch.as_tensor(values[kind])
        for index, values in state.items()
        for kind in _OPTIMIZER_STATE
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, names: list[str], tensors: Mapping[str, Tensor]
) -> None:
    """The reverse of :func:`optimizer_tensors`.

    Raises:
        CheckpointError: if the state is of another set of parameters.
    """
    expected = {f"{kind}.{name}" for name in names for kind in _OPTIMIZER_STATE}
    if tensors and set(tensors) != expected:
        raise CheckpointError("the checkpoint's optimiser state is of another model")
    blank = optimizer.state_dict()
    blank["state"] = {
        index: {kind: tensors[f"{kind}.{name}"] for kind in _OPTIMIZER_STATE}
        for index, name in enumerate(names)
        if tensors
    }
    optimizer.load_state_dict(blank)
