"""The two memories of the slot model and its one step, shared by training and decoding.

Shapes: B sentences, S slots (CLS, words, SEP), A actions, K mask sets, L latents, d width,
H = 2d hidden units.

A step uses the memory in two ways, both linear in it: it scores the slots against the latents, and
it puts their average, the context, through the hidden layer. And it writes to one slot only. So the
memory itself is never formed: its scores (``scores``) and what each slot would give to the hidden
layer (``context_hidden``) are computed once, and a write adds a row of two small tables to them. A
step then reads a window of the scores of the positions, and its one large product is the average.

In training, dropout makes K versions of the latents and positions, which the timesteps use in turn;
elsewhere K is 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

MASKED = -1e12


@dataclass(frozen=True, slots=True)
class StepTables:
    """Everything a step reads that does not change from step to step.

    Attributes:
        position_scores: (K, 2S - 1, L), score of a latent for relative position
            ``row - (S - 1)``.
        cls_position_scores: (K, L), the same for slot 0, which has a position of its own.
        action_scores: (A, K L), what a full unit of an action adds to a slot's scores.
        action_hidden: (A, H), what it adds to what the slot gives to the hidden layer; (B, A, H)
            under dropout.
        word_hidden: (B, S, H), the hidden layer's input from the word of each slot, with bias.
        output_weight: (A, H).
        output_bias: (A,).
    """

    position_scores: Tensor
    cls_position_scores: Tensor
    action_scores: Tensor
    action_hidden: Tensor
    word_hidden: Tensor
    output_weight: Tensor
    output_bias: Tensor

    def rows(self, kept: Tensor) -> StepTables:
        """The tables of a subset of the sentences, for inference; ``kept`` is (rows,) int64."""
        return replace(self, word_hidden=self.word_hidden[kept])


@dataclass(frozen=True, slots=True)
class AttentionDropout:
    """Dropout of the attention scores, the same at all timesteps.

    Attributes:
        scale: (B, S), 0 or 1 / keep.
        padding: (B, S), bool, True on padding slots.
    """

    scale: Tensor
    padding: Tensor


class StepValues(NamedTuple):
    """A step's logits (B, A), hidden units (B, H), attention (B, S) and best latents (B, S).

    The latents are None where they were not asked for: only a backward pass needs them.
    """

    logits: Tensor
    hidden: Tensor
    attention: Tensor
    latents: Tensor | None


StepFunction = Callable[..., StepValues]


class SlotMemory:
    """The action memory of a batch while its sentences are read; changed in place by each step.

    Args:
        scores: (B, S, K L), the slots' scores against the latents; padding slots hold ``MASKED``.
        context_hidden: (B, S, H), what each slot gives to the hidden layer when it is the context.
        step_function: :func:`take_step`, or that compiled.
    """

    def __init__(
        self,
        scores: Tensor,
        context_hidden: Tensor,
        tables: StepTables,
        shift: int,
        step_function: StepFunction,
    ) -> None:
        self._scores = scores
        self._context_hidden = context_hidden
        self._tables = tables
        self._shift = shift
        self._step_function = step_function
        self._mask_sets, _, self._latents = tables.position_scores.shape
        batch, slots, _ = scores.shape
        self._first_slots = torch.arange(batch, device=scores.device) * slots
        self._windows = position_windows(tables.position_scores, slots)
        # Nothing is written to slot 0, and its position does not change: nor do its scores.
        cls_scores = scores[:, 0].view(batch, *tables.cls_position_scores.shape)
        self._cls = (cls_scores + tables.cls_position_scores).max(2)

    def step(
        self,
        number: int,
        centre: Tensor,
        pointer: Tensor,
        dropout: AttentionDropout | None = None,
        keep_latents: bool = False,
    ) -> StepValues:
        """Take the timestep ``number`` (from 0): read, decide, and write what was decided.

        Args:
            centre: (B,), int64, the slot that the attention is seen from.
            pointer: (B,), int64, the slot of the next word, which is written.
        """
        mask_set = number % self._mask_sets
        tables = self._tables
        return self._step_function(
            self._windows[mask_set],
            self._cls.values[:, mask_set],
            self._cls.indices[:, mask_set],
            self._scores,
            mask_set * self._latents,
            self._context_hidden,
            tables,
            self._first_slots,
            centre,
            pointer,
            self._shift,
            dropout,
            keep_latents,
        )

    def rows(self, kept: Tensor) -> SlotMemory:
        """The memory of a subset of the sentences; ``kept`` is (rows,) int64."""
        return SlotMemory(
            self._scores[kept],
            self._context_hidden[kept],
            self._tables.rows(kept),
            self._shift,
            self._step_function,
        )


def take_step(
    windows: Tensor,
    cls_score: Tensor,
    cls_latent: Tensor,
    scores: Tensor,
    first_latent: int,
    context_hidden: Tensor,
    tables: StepTables,
    first_slots: Tensor,
    centre: Tensor,
    pointer: Tensor,
    shift: int,
    dropout: AttentionDropout | None,
    keep_latents: bool,
) -> StepValues:
    """One timestep on tensors alone, so that it can be compiled; see :meth:`SlotMemory.step`.

    Args:
        windows: (S, S, L), see :func:`position_windows`.
        cls_score, cls_latent: (B,), the score of slot 0, and the latent that gives it.
        scores, context_hidden: changed in place.
        first_latent: which of the K L columns of ``scores`` is the first of this step's mask set.
        first_slots: (B,), where the slots of each sentence start among the B S slots.
    """
    slots, _, latents_of_set = windows.shape
    of_slots = windows.index_select(0, slots - 1 - centre)
    of_slots += scores.narrow(2, first_latent, latents_of_set)
    latents = None
    if keep_latents:
        best_scores, latents = of_slots.max(2)
        latents[:, 0] = cls_latent
    else:
        best_scores = of_slots.amax(2)
    best_scores[:, 0] = cls_score
    if dropout is not None:
        best_scores = (best_scores * dropout.scale).masked_fill(dropout.padding, MASKED)
    attention = best_scores.softmax(-1)
    slot = first_slots + pointer
    word = tables.word_hidden.flatten(0, 1).index_select(0, slot).unsqueeze(1)
    hidden = torch.baddbmm(word, attention.unsqueeze(1), context_hidden).squeeze(1).tanh_()
    logits = torch.addmm(tables.output_bias, hidden, tables.output_weight.t())
    written = soft_actions(logits, shift)
    to_hidden = torch.matmul(written.unsqueeze(1), tables.action_hidden).squeeze(1)
    _add_to_slots(context_hidden, slot, to_hidden)
    _add_to_slots(scores, slot, written @ tables.action_scores)
    return StepValues(logits, hidden, attention, latents)


def _add_to_slots(table: Tensor, slot: Tensor, values: Tensor) -> None:
    """Add to one slot of each sentence; (B, S, n), (B,) among the B S slots, and (B, n).

    Read, add, put back: no slot is written twice, and an accumulating write is far slower.
    """
    of_slots = table.flatten(0, 1)
    of_slots.index_copy_(0, slot, values + of_slots.index_select(0, slot))


def position_windows(position_scores: Tensor, slots: int) -> Tensor:
    """(K, S, S, L) view: entry [k, S - 1 - c] holds the position scores seen from slot c."""
    mask_sets, rows, latents = position_scores.shape
    strides = (rows * latents, latents, latents, 1)
    return position_scores.contiguous().as_strided((mask_sets, slots, slots, latents), strides)


def soft_actions(logits: Tensor, shift: int) -> Tensor:
    """(..., A), the softmax of the logits, kept for actions at least as likely as SHIFT."""
    at_least_shift = logits >= logits[..., shift : shift + 1]
    return logits.softmax(-1) * at_least_shift
