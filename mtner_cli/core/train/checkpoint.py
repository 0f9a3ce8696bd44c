"""Name, write, read and check the checkpoints of a run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import torch
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from mtner_cli.core.actions.vocabulary import (
    ActionVocabulary,
    tags_in_order,
    vocabulary_from_json,
    vocabulary_to_json,
)
from mtner_cli.core.files.atomic import atomic_path
from mtner_cli.core.types import Tag
from mtner_cli.errors import CheckpointError, DataError, quoted

LAST, BEST = "last.safetensors", "best.safetensors"
BEST_OF_CORPUS = "best:"
# File systems allow 255 bytes; a longer name of a corpus is cut, and a hash keeps it unique.
LONGEST = 150


def best_of_corpus(corpus: str) -> str:
    """Return the file name of the checkpoint that is best on one corpus, unique for each corpus."""
    # A name from the command line may hold bytes that are no text.
    content = corpus.encode(errors="surrogatepass")
    name = quote(content, safe=" ")
    if len(name) > LONGEST:
        name = f"{name[:LONGEST]}-{sha256(content).hexdigest()[:16]}"
    return f"best-of-{name}.safetensors"


def file_of_checkpoint(name: str) -> str:
    """Return the file name of ``best``, ``last`` or ``best:CORPUS``; others are file names."""
    if name.startswith(BEST_OF_CORPUS):
        return best_of_corpus(name.removeprefix(BEST_OF_CORPUS))
    return {"best": BEST, "last": LAST}.get(name, name)


FORMAT = "mtner-checkpoint-1"
MODEL_PREFIX = "model."
OPTIMIZER_PREFIX = "optimizer."
MOST_TAGS = 10_000
"""More entity types than any model has; a damaged or hostile file could name any number."""
_OPTIMIZER_STATE = ("exp_avg", "exp_avg_sq", "step")

Count = Annotated[int, Field(ge=0, lt=1 << 53)]
Score = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, kw_only=True)
class TrainingProgress:
    """The progress of a training; with the seed it determines all random numbers that follow.

    Attributes:
        epoch: the number of complete epochs.
        step_in_epoch: optimiser steps already done in the epoch after them.
        step: optimiser steps done in all.
        best_score: the best headline F1 so far, in [0, 1]; None before the first development round.
        best_epoch: the epoch of the best score, from 0.
        finished: whether the training is complete.
        best_of_corpora: the best joined F1 of each corpus so far, in [0, 1], if the best
            checkpoint of each corpus is kept.
    """

    epoch: Count = 0
    step_in_epoch: Count = 0
    step: Count = 0
    best_score: Score | None = None
    best_epoch: Count | None = None
    finished: bool = False
    best_of_corpora: dict[str, Score] = field(default_factory=dict)


class _StoredModel(BaseModel):
    """A model's description in the JSON form of a checkpoint's header."""

    model_config = ConfigDict(strict=True)

    tags: Annotated[list[tuple[str | None, str]], Field(max_length=MOST_TAGS)]
    with_out: bool
    annotated: dict[str, list[Count]]
    data: dict[str, dict[str, str]] = {}
    tokenizer: str | None = None
    encoder: dict[str, bool | int | float | str] = {}


@dataclass(frozen=True)
class ModelDescription:
    """The data that is needed to rebuild a model around its weights.

    Attributes:
        vocabulary: its actions.
        annotated: the tags that each of its training corpora annotates.
        data: for each corpus a hash of the file of each split, where it is known.
        tokenizer: its :attr:`~mtner_cli.core.features.tokenize.SubwordTokenizer.identity`.
        encoder: the settings of its encoder that have a single value.
    """

    vocabulary: ActionVocabulary
    annotated: Mapping[str, frozenset[Tag]] = field(default_factory=dict)
    data: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    tokenizer: str | None = None
    encoder: Mapping[str, bool | int | float | str] = field(default_factory=dict)

    def differences(self, then: ModelDescription) -> Iterator[str]:
        """Yield a clause for each difference from an earlier description; old ones hold less."""
        for corpus, splits in self.data.items():
            for split, content in splits.items():
                # A test file changes nothing of the training.
                if split != "test" and then.data.get(corpus, {}).get(split, content) != content:
                    yield f"datasets.{corpus}.split_paths.{split}: the file has changed"
        for corpus in self.annotated.keys() | then.annotated.keys():
            now, before = self.annotated.get(corpus, ()), then.annotated.get(corpus, ())
            if set(now) != set(before):
                types = " and ".join(
                    quoted(sorted(tag.entity_type for tag in tags)) for tags in (now, before)
                )
                yield f"corpus {corpus}: its entity types have changed ({types} before)"
        if self.vocabulary != then.vocabulary:
            yield "the actions of the model have changed"
        yield from self.reading_differences(then)

    def reading_differences(self, then: ModelDescription) -> Iterator[str]:
        """Yield a clause for each difference in the tokenizer or the encoder."""
        if None not in (self.tokenizer, then.tokenizer) and self.tokenizer != then.tokenizer:
            yield "the tokenizer splits text differently from the one trained with"
        for name in self.encoder.keys() & then.encoder.keys():
            if self.encoder[name] != then.encoder[name]:
                new, old = quoted(self.encoder[name]), quoted(then.encoder[name])
                yield f"the encoder's {name} is {new} and was {old} in training"

    def to_json(self) -> dict[str, Any]:
        numbers = {tag: number for number, tag in enumerate(self.vocabulary.tags)}
        return {
            "tags": vocabulary_to_json(self.vocabulary),
            "with_out": self.vocabulary.with_out,
            "annotated": {
                corpus: [numbers[tag] for tag in tags_in_order(tags)]
                for corpus, tags in self.annotated.items()
            },
            "data": self.data,
            "tokenizer": self.tokenizer,
            "encoder": self.encoder,
        }

    @staticmethod
    def from_json(text: str) -> ModelDescription:
        """Read the JSON text of what :meth:`to_json` returns.

        Raises:
            ValueError, IndexError: if the text has another form.
        """
        stored = _StoredModel.model_validate_json(text)
        vocabulary = vocabulary_from_json(stored.tags, stored.with_out)
        annotated = {
            corpus: frozenset(vocabulary.tags[number] for number in numbers)
            for corpus, numbers in stored.annotated.items()
        }
        return ModelDescription(
            vocabulary, annotated, stored.data, stored.tokenizer, stored.encoder
        )


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read; ``optimizer`` is empty if only weights were saved or read."""

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
    """Write a checkpoint of a run; an earlier file at ``path`` stays until the new one is complete.

    Raises:
        DataError: if it cannot be written.
        CheckpointError: if a weight is not finite, which makes a checkpoint useless.
    """
    weights = _on_cpu(model.state_dict(), MODEL_PREFIX)
    _check_finite(weights, path)
    tensors = weights | _on_cpu(optimizer or {}, OPTIMIZER_PREFIX)
    header = {
        "format": FORMAT,
        "model": json.dumps(description.to_json()),
        "progress": json.dumps(asdict(progress)),
    }
    with atomic_path(path, own_folder=True) as temporary:
        try:
            save_file(tensors, temporary, header)
        except SafetensorError as error:
            message = f"cannot be written: {error}; make room, then resume the run"
            raise DataError(path, None, message) from None


def _on_cpu(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {prefix + name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def load_checkpoint(path: Path, with_optimizer: bool = False) -> Checkpoint:
    """Read a checkpoint onto the CPU.

    Raises:
        CheckpointError: if there is no file, if it is no checkpoint, or if a weight is not finite.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no checkpoint here")
    prefixes = (MODEL_PREFIX, OPTIMIZER_PREFIX) if with_optimizer else (MODEL_PREFIX,)
    parts: dict[str, dict[str, Tensor]] = {MODEL_PREFIX: {}, OPTIMIZER_PREFIX: {}}
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise CheckpointError(f"{path}: not a checkpoint of this toolkit ({FORMAT})")
            description = ModelDescription.from_json(header["model"])
            progress = TypeAdapter(TrainingProgress).validate_json(header["progress"], strict=True)
            for name in file.keys():  # noqa: SIM118 - not a dict
                for prefix in prefixes:
                    if name.startswith(prefix):
                        parts[prefix][name.removeprefix(prefix)] = file.get_tensor(name)
    except (SafetensorError, LookupError, OSError, ValueError) as error:
        reason = quoted(" ".join(str(error).split()))
        message = f"the checkpoint cannot be read ({reason}); copy it again, or take another"
        raise CheckpointError(f"{path}: {message}") from None
    _check_finite(parts[MODEL_PREFIX], path)
    return Checkpoint(description, progress, parts[MODEL_PREFIX], parts[OPTIMIZER_PREFIX])


def _check_finite(tensors: Mapping[str, Tensor], path: Path) -> None:
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise CheckpointError(
                f"{path}: the weight {quoted(name)} holds numbers that are not finite, as after a "
                "training that diverged; train again with lower learning rates"
            )


def optimizer_tensors(optimizer: torch.optim.Optimizer, names: list[str]) -> dict[str, Tensor]:
    """Return AdamW's state by parameter name; ``names`` are in the order of its groups."""
    state = optimizer.state_dict()["state"]
    return {
        f"{kind}.{names[index]}": torch.as_tensor(values[kind])
        for index, values in state.items()
        for kind in _OPTIMIZER_STATE
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, names: list[str], tensors: Mapping[str, Tensor]
) -> None:
    """Restore AdamW's state from what :func:`optimizer_tensors` returned.

    Raises:
        CheckpointError: if the state belongs to other parameters.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    shapes = {
        f"{kind}.{name}": torch.Size() if kind == "step" else parameter.shape
        for name, parameter in zip(names, parameters, strict=True)
        for kind in _OPTIMIZER_STATE
    }
    if tensors and {name: tensor.shape for name, tensor in tensors.items()} != shapes:
        raise CheckpointError("the checkpoint's optimiser state belongs to another model")
    blank = optimizer.state_dict()
    blank["state"] = {
        index: {kind: tensors[f"{kind}.{name}"] for kind in _OPTIMIZER_STATE}
        for index, name in enumerate(names)
        if tensors
    }
    optimizer.load_state_dict(blank)


def check_shapes(model: torch.nn.Module, weights: Mapping[str, Tensor], checkpoint: Path) -> None:
    """Refuse weights of another model; only their names and shapes are compared.

    Raises:
        CheckpointError: naming the first difference.
    """
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise CheckpointError(
                f"{checkpoint}: its weights do not fit the model that the run's settings describe: "
                f"{quoted(name)} is {found.get(name, 'missing')}, and the model needs "
                f"{expected.get(name, 'no such weight')}"
            )
