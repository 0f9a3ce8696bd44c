"""Define the events that a training sends to progress bar, log and tracking server.

Epochs and steps are counted from 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from mtner_cli.core.features.sampler import EpochPlan


class DevelopmentScores(Protocol):
    """The scores of a development round that the trainer uses; listeners may use more."""

    @property
    def headline_f1(self) -> float:
        """F1 in [0, 1] that decides about early stopping and the best checkpoint."""

    def f1_of_corpora(self) -> dict[str, float]:
        """Return the joined micro F1 of each corpus, in [0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingStarted:
    """A training begins or resumes; always the first event.

    Attributes:
        versions: the versions of mtner and torch, by name.
        data: for each corpus the SHA-256 hash of the file of each split, where it is known.
        device: the device of the model, such as ``cpu`` or ``cuda:0``.
        step: the optimiser steps that are already done.
    """

    versions: Mapping[str, str]
    data: Mapping[str, Mapping[str, str]]
    device: str
    step: int


@dataclass(frozen=True, slots=True)
class EpochStarted:
    """An epoch begins or resumes; ``steps`` is the number of all its steps."""

    epoch: int
    steps: int
    plan: EpochPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone:
    """One optimiser step; ``seconds`` is its duration."""

    epoch: int
    step_in_epoch: int
    step: int
    loss: float
    learning_rates: dict[str, float]
    examples: int
    seconds: float


@dataclass(frozen=True, slots=True)
class DevelopmentDone:
    """A development round at the end of an epoch."""

    epoch: int
    step: int
    scores: DevelopmentScores
    is_best: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class CheckpointSaved:
    """A checkpoint is complete on disk."""

    path: Path
    step: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """The training has ended in this epoch, after this step; always the last event."""

    reason: Literal["finished", "early_stop", "interrupted"]
    epoch: int
    step: int


TrainingEvent = (
    TrainingStarted | EpochStarted | StepDone | DevelopmentDone | CheckpointSaved | Stopped
)
