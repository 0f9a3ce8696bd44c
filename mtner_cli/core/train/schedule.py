"""Determine how long a training is, and its learning rate at each step."""

from __future__ import annotations

from dataclasses import dataclass

from mtner_cli.config.schema import (
    DEFAULT_EPOCHS,
    EmbedOptimizerConfig,
    OptimizersConfig,
    PredOptimizerConfig,
    TrainConfig,
)
from mtner_cli.core.features.sampler import EpochSampler, limited

PartSettings = EmbedOptimizerConfig | PredOptimizerConfig

SMALL_WIDTH = 512
"""Greatest width of an encoder that counts as small; of usual sizes 384 is below, 768 above."""
CHOSEN = {
    "embed_model.lr": (2e-5, 1e-4),
    "embed_model.warm_up_in_epochs": (1.0, 0.3),
    "pred_model.lr": (3e-4, 1e-3),
    "pred_model.warm_up_in_epochs": (0.5, 0.3),
}
"""Settings that are chosen where they are not given, for a large and for a small encoder."""


def with_rates(settings: OptimizersConfig, width: int) -> OptimizersConfig:
    """Choose the settings that are not given, by the width of the encoder."""
    parts = {"embed_model": settings.embed_model, "pred_model": settings.pred_model}
    for key, choices in CHOSEN.items():
        part, name = key.split(".")
        if getattr(parts[part], name) is None:
            value = choices[width <= SMALL_WIDTH]
            parts[part] = parts[part].model_copy(update={name: value})
    return settings.model_copy(update=parts)


def chosen(value: float | None) -> float:
    """Return a setting that :func:`with_rates` has chosen or left as given."""
    if value is None:
        raise ValueError("the rates are not chosen yet: call with_rates first")
    return value


@dataclass(frozen=True, kw_only=True)
class TrainingLength:
    """The amount of data that a training reads.

    Attributes:
        inputs: the number of training inputs of all corpora.
        drawn: the number of inputs that an epoch draws.
        batches: the number of batches of an epoch.
        steps: the number of optimiser steps of an epoch.
        epochs: the number of epochs at most.
    """

    inputs: int
    drawn: int
    batches: int
    steps: int
    epochs: int

    @property
    def epochs_of_pass(self) -> float:
        """The number of epochs in which each input is read once on average."""
        return self.inputs / self.drawn

    @property
    def passes(self) -> float:
        """The number of times that all epochs read each input on average."""
        return self.epochs / self.epochs_of_pass


def training_length(sampler: EpochSampler, settings: TrainConfig) -> TrainingLength:
    """Compute the length of a training; ``num_passes`` is rounded to whole epochs, at least one."""
    batches = limited(sampler.batches_per_epoch, settings.limit_train_batches)
    drawn = min(sampler.examples_per_epoch, batches * settings.batch_size)
    epochs = settings.num_epochs or DEFAULT_EPOCHS
    if settings.num_passes is not None:
        epochs = max(1, round(settings.num_passes * sampler.examples / drawn))
    return TrainingLength(
        inputs=sampler.examples,
        drawn=drawn,
        batches=batches,
        steps=-(-batches // settings.accumulate_grad_batches),
        epochs=epochs,
    )


@dataclass(frozen=True)
class LinearSchedule:
    """Linear warm-up, then linear decay to zero, in optimiser steps."""

    warm_up_steps: float
    total_steps: int

    def factor(self, step: int) -> float:
        """Return the factor of the peak learning rate at ``step`` (from 0)."""
        if step < self.warm_up_steps:
            return (step + 1) / (self.warm_up_steps + 1)
        remaining = self.total_steps - step
        return max(0.0, remaining / max(1.0, self.total_steps - self.warm_up_steps))


def linear_schedule(part: PartSettings, steps_per_epoch: int, epochs: int) -> LinearSchedule:
    """Return the schedule of a part of the model over all steps of a training."""
    return LinearSchedule(
        chosen(part.warm_up_in_epochs) * steps_per_epoch, steps_per_epoch * epochs
    )


def rates_at(step: int, settings: OptimizersConfig, length: TrainingLength) -> dict[str, float]:
    """Return the learning rates of ``encoder`` and ``tagger`` at ``step`` (from 0)."""
    parts: dict[str, PartSettings] = {
        "encoder": settings.embed_model,
        "tagger": settings.pred_model,
    }
    return {
        name: chosen(part.lr) * linear_schedule(part, length.steps, length.epochs).factor(step)
        for name, part in parts.items()
    }
