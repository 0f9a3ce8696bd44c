"""Move the pointer of each sentence by the gold timesteps in training.

Shapes: B sentences, T timesteps, A actions.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.features.batch import GoldTimesteps


class Guide(Protocol):
    """Sets the pointer of each sentence for each timestep of the recurrence."""

    max_steps: int

    def pointer(self) -> Tensor:
        """Return (B,), int64, the slot of the next word, which the timestep writes to."""

    def advance(self, logits: Tensor) -> None:
        """Move to the next timestep, given the logits (B, A) of this one."""

    def finished(self) -> bool:
        """Tell whether every sentence has reached its end."""


# Steps between two checks whether all sentences have ended: each check synchronises a GPU.
STEPS_BETWEEN_CHECKS_ON_GPU = 8


class GoldPointer:
    """Moves the pointer by the gold timesteps (equation 10 of docs/model.md).

    It lets the model annotate what a sentence's corpus does not annotate: where gold is SHIFT and a
    foreign action is more probable, the SHIFT is postponed. The pointer then stays, and the next
    timestep repeats the gold row, once. Each sentence of the batch moves independently. After a
    run, ``row_of_step`` (B, steps) is the gold row of each timestep and ``postponed`` (B, steps)
    tells where a SHIFT was postponed.
    """

    def __init__(self, gold: GoldTimesteps, slots: int, step_limit: int | None = None) -> None:
        rows = gold.rows
        batch, timesteps, _ = rows.shape
        self._foreign = gold.foreign
        self.max_steps = timesteps if gold.foreign is None else step_limit or 2 * timesteps
        self._is_shift = rows[..., ActionVocabulary.SHIFT] > 0
        consumes = rows[..., (*gold.consuming, ActionVocabulary.EOA)].amax(-1).long()
        self._consumes = consumes
        self._lengths = gold.lengths
        self._last_row = gold.lengths - 1
        self._last_slot = slots - 1
        self._row = rows.new_zeros(batch, dtype=torch.long)
        self._pointer = torch.ones_like(self._row)
        self._just_postponed = torch.zeros_like(self._row, dtype=torch.bool)
        self._steps = 0
        self._steps_between_checks = STEPS_BETWEEN_CHECKS_ON_GPU if rows.is_cuda else 1
        if gold.foreign is None:
            moved = consumes.cumsum(1) - consumes + 1
            self._pointers = moved.clamp_(max=self._last_slot)
        else:
            self._rows_of_steps: list[Tensor] = []
            self._postponed: list[Tensor] = []

    def pointer(self) -> Tensor:
        return self._pointers[:, self._steps] if self._foreign is None else self._pointer

    def advance(self, logits: Tensor) -> None:
        """Move by the gold row, or postpone its SHIFT (equation 10 of docs/model.md)."""
        self._steps += 1
        if self._foreign is None:
            return
        row = self._row.clamp_max(timestep_limit := self._consumes.shape[1] - 1)
        shift = logits[:, ActionVocabulary.SHIFT, None]
        wants_foreign = ((logits > shift) & self._foreign).any(-1)
        at_row = row.unsqueeze(1)
        postponed = (
            wants_foreign & self._is_shift.gather(1, at_row).squeeze(1) & ~self._just_postponed
        )
        moves = self._consumes.gather(1, at_row).squeeze(1) * ~postponed
        self._rows_of_steps.append(self._row)
        self._postponed.append(postponed)
        self._pointer = (self._pointer + moves).clamp_max(self._last_slot)
        self._row = (self._row + ~postponed).clamp_max(timestep_limit + 1)
        self._just_postponed = postponed

    def finished(self) -> bool:
        if self._foreign is None:
            return self._steps >= self.max_steps
        if self._steps % self._steps_between_checks:
            return False
        return bool((self._row > self._last_row).all())

    @property
    def row_of_step(self) -> Tensor:
        if self._foreign is None:
            steps = torch.arange(self._steps, device=self._lengths.device)
            return steps.expand(len(self._lengths), -1)
        return torch.stack(self._rows_of_steps, 1)

    @property
    def postponed(self) -> Tensor:
        if self._foreign is None:
            return torch.zeros_like(self.row_of_step, dtype=torch.bool)
        return torch.stack(self._postponed, 1)
