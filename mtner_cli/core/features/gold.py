"""The gold side of a batch. B sentences, T timesteps, A actions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mtner_cli.core.actions.vocabulary import ActionVocabulary


@dataclass(frozen=True, slots=True)
class GoldTimesteps:
    """The gold side of a batch.

    Attributes:
        rows: (B, T, A), multi-hot, zero after a sentence's last timestep.
        lengths: (B,), int64, timesteps of each sentence, EOA included.
        foreign: (B, A), bool, actions of tags that the sentence's corpus does not annotate;
            None where there is only one corpus.
        consuming: the actions that consume a word.
    """

    rows: Tensor
    lengths: Tensor
    foreign: Tensor | None
    consuming: tuple[int, ...] = (ActionVocabulary.SHIFT,)

    def to(self, device: torch.device) -> GoldTimesteps:
        return GoldTimesteps(
            self.rows.to(device, non_blocking=True),
            self.lengths.to(device, non_blocking=True),
            None if self.foreign is None else self.foreign.to(device, non_blocking=True),
            self.consuming,
        )
