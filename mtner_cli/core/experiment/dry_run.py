"""Check what a training needs, and estimate its time, without writing into its folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mtner_cli.core.corpus.splits import CorpusSplit
from mtner_cli.core.experiment.corpora import tokenize_splits
from mtner_cli.core.experiment.training import (
    PreparedTraining,
    accelerator_for,
    new_model,
    new_trainer,
)
from mtner_cli.core.features.sampler import Draw, drawn_length
from mtner_cli.core.model.encoder import encoder_config, encoder_from_config
from mtner_cli.core.model.encoder_files import EncoderWeights, find_weights
from mtner_cli.core.model.ner_model import NerModel, build_model
from mtner_cli.core.tagger import Tagger
from mtner_cli.core.train.events import EpochStarted, StepDone
from mtner_cli.core.train.run_folder import RunFolder
from mtner_cli.errors import DataError

MOST_STEPS, MOST_SECONDS = 6, 10.0
"""Steps are timed until one of the two is reached; the first one only warms up."""
SCORED_SENTENCES = 32
"""Sentences of the development and test splits whose reading is timed."""


@dataclass(frozen=True)
class DiskNeeds:
    """The room for checkpoints, in bytes.

    Attributes:
        needed: what the run may take in addition to what it takes already.
        free: what is free on the disk of its folder.
    """

    needed: int
    free: int


@dataclass(frozen=True, kw_only=True)
class TimeEstimate:
    """The time of a training, in seconds, and what the estimate rests on.

    Attributes:
        training: training in one epoch.
        scoring: scoring the development splits after one epoch.
        testing: scoring the test splits at the end.
        epochs: the number of epochs to train at most.
        timed_steps: the number of steps that were timed.
        timed_sentences: the number of sentences whose reading was timed.
    """

    training: float
    scoring: float
    testing: float
    epochs: int
    timed_steps: int
    timed_sentences: int

    @property
    def total(self) -> float:
        """All epochs and the test."""
        return self.epochs * (self.training + self.scoring) + self.testing


def disk_needs(prepared: PreparedTraining) -> DiskNeeds:
    """Compute the room that the checkpoints take, one temporary file included."""
    config, settings = prepared.config, prepared.config.train.checkpoints
    encoder = encoder_config(config.models.embed_model.pretrained_name)
    with torch.device("meta"):
        model = build_model(encoder_from_config(encoder), prepared.description.vocabulary, config)
    weights = sum(map(_bytes, model.state_dict().values()))
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    files = []
    if settings.metric_based and prepared.dev:
        files += [weights] * (1 if settings.save_average_only else 1 + len(prepared.dev))
    if settings.most_recent or not prepared.dev:
        files.append(weights + 2 * sum(map(_bytes, trained)))  # with the optimiser's state
    folder = RunFolder(config.output_dir)
    present = sum(file.stat().st_size for file in folder.checkpoints.glob("*.safetensors"))
    # A checkpoint is complete before it replaces the one before it.
    needed = max(0, sum(files) - present) + max(files)
    there = next(path for path in (folder.path, *folder.path.parents) if path.exists())
    return DiskNeeds(needed, shutil.disk_usage(there).free)


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def refuse_full_disk(needs: DiskNeeds, prepared: PreparedTraining) -> None:
    """Refuse a disk that has no room for the checkpoints.

    Raises:
        DataError: if it has not.
    """
    if needs.needed > needs.free:
        message = "its disk has no room for the checkpoints; make room, or give another output_dir"
        raise DataError(prepared.config.output_dir, None, message)


def find_encoder(prepared: PreparedTraining) -> EncoderWeights:
    """Find the weights of the encoder.

    Raises:
        EncoderError: if they are not here and cannot be downloaded.
    """
    return find_weights(prepared.config.models.embed_model.pretrained_name)


def estimate_time(prepared: PreparedTraining, device: torch.device) -> TimeEstimate:
    """Train for a few steps and read a few sentences, and compute from that how long all takes.

    Raises:
        EncoderError: if the encoder's weights cannot be loaded.
        TrainingError: if the loss is not finite.
    """
    config = prepared.config
    # Nothing is saved and nothing is scored within these steps.
    checkpoints = config.train.checkpoints.model_copy(update={"every_minutes": None})
    train = config.train.model_copy(update={"checkpoints": checkpoints})
    short = replace(prepared, config=config.model_copy(update={"train": train}), dev=[])
    model = new_model(short)
    steps, training = _time_steps(short, model, device)
    scored, per_character = _time_reading(prepared, model)
    done = prepared.resumed.progress.epoch if prepared.resumed is not None else 0
    return TimeEstimate(
        training=training,
        scoring=per_character * _characters(prepared.dev) * _share(train.limit_val_batches),
        testing=per_character * _characters(prepared.test) * _share(train.limit_test_batches),
        epochs=prepared.length.epochs - done,
        timed_steps=steps,
        timed_sentences=scored,
    )


def _time_steps(
    prepared: PreparedTraining, model: NerModel, device: torch.device
) -> tuple[int, float]:
    """Return the number of timed steps, and the seconds of all steps of an epoch."""
    trainer = new_trainer(prepared, model, accelerator_for(device))
    accumulate = prepared.config.train.accumulate_grad_batches
    sizes: list[int] = []
    seconds: list[float] = []
    most = min(MOST_STEPS, prepared.length.steps)
    with closing(trainer.run()) as events:
        for event in events:
            if isinstance(event, EpochStarted):
                batches = event.plan.batches[: prepared.length.batches]
                sizes = [_size(batch, prepared) for batch in batches]
            if isinstance(event, StepDone):
                seconds.append(event.seconds)
                if len(seconds) == most or sum(seconds) > MOST_SECONDS:
                    break
    first = 1 if len(seconds) > 1 else 0
    timed = sizes[first * accumulate : len(seconds) * accumulate]
    return len(seconds) - first, sum(seconds[first:]) * sum(sizes) / sum(timed)


def _size(batch: Sequence[Draw], prepared: PreparedTraining) -> int:
    """Return the subwords of a batch, padding included: its time grows about as they do."""
    return len(batch) * max(drawn_length(draw, prepared.examples) for draw in batch)


def _time_reading(prepared: PreparedTraining, model: NerModel) -> tuple[int, float]:
    """Return the number of sentences that were read, and the seconds for each character."""
    splits = [*prepared.dev, *prepared.test]
    step = -(-sum(len(split.sentences) for split in splits) // SCORED_SENTENCES) or 1
    sample = [replace(split, sentences=split.sentences[::step], key=None) for split in splits]
    characters = _characters(sample)
    if not characters:
        return 0, 0.0
    separate = prepared.config.data_transform.train_with_separate_tags
    sentences = tokenize_splits(sample, prepared.tokenizer, separate)
    tagger = Tagger(prepared.config, prepared.description, prepared.tokenizer, model)
    started = time.perf_counter()
    tagger.tag(sentences)
    return len(sentences), (time.perf_counter() - started) / characters


def _characters(splits: Sequence[CorpusSplit]) -> int:
    return sum(len(sentence.text) for split in splits for sentence in split.sentences)


def _share(limit: float | int) -> float:
    """Return the share of the batches that a limit leaves; all of them for a number."""
    return limit if isinstance(limit, float) else 1.0
