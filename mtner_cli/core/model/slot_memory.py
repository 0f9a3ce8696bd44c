"""Hold the memory of the slot model and compute its step, for training and decoding.

Shapes: B sentences, S slots (CLS, words, SEP), A actions, K mask sets, L latents, d width,
H = 2d hidden units.

A step uses the memory in two ways, both linear in it: it scores the slots against the latents, and
it passes their average, the context, to the hidden layer. And it writes to one slot only. So the
memory itself is never computed. Instead, its scores (``scores``) and what each slot adds to the
hidden layer (``context_hidden``) are computed once, and a write adds a row of two small tables to
them. A step also reads a window of the scores of positions; its only large product is the average.

In training, dropout makes K versions of the latents and positions: timestep t uses version t mod K.
Elsewhere K is 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

MASKED = -1e12


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTables:
    """The tables that a step reads and that no step changes.

    Attributes:
        position_scores: (K, 2S - 1, L), score of a latent for relative position
            ``row - (S - 1)``.
        cls_position_scores: (K, L), the same for slot 0, which has a separate position.
        action_scores: (A, K L), what a full unit of an action adds to the slot's ``scores``.
        action_hidden: (A, H), what it adds to the slot's ``context_hidden``; (B, A, H) under
            dropout.
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

    @classmethod
    def of(cls, tensors: Iterable[Tensor]) -> StepTables:
        """Make the tables of tensors in the order of the attributes."""
        return cls(**dict(zip(cls.__slots__, tensors, strict=True)))

    def rows(self, kept: Tensor) -> StepTables:
        """Return the tables of some of the sentences, for inference; ``kept`` is (rows,), int64."""
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


class MemoryTables(NamedTuple):
    """The memory as a step uses it, both tables changed in place.

    Attributes:
        scores: (B, S, K L), equation 12 of docs/model.md.
        hidden: (B, S, H), equation 13.
    """

    scores: Tensor
    hidden: Tensor


class MaskSet(NamedTuple):
    """The part of a mask set that a step reads.

    Attributes:
        windows: (S, S, L), see :func:`position_windows`.
        cls_score: (B,), the score of slot 0.
        cls_latent: (B,), int64, the latent with that score.
    """

    windows: Tensor
    cls_score: Tensor
    cls_latent: Tensor


class Places(NamedTuple):
    """The slots that a step reads and writes, (B,), int64 each.

    Attributes:
        first_slots: where the slots of each sentence start among the B S slots.
        centre: the slot from which positions are counted.
        pointer: the slot of the next word, which the step writes to.
    """

    first_slots: Tensor
    centre: Tensor
    pointer: Tensor


class StepOptions(NamedTuple):
    """The options of a step.

    Attributes:
        shift: the number of the SHIFT action.
        dropout: of the attention scores.
        keep_latents: whether the best latents are returned, for a backward pass.
    """

    shift: int
    dropout: AttentionDropout | None = None
    keep_latents: bool = False


class StepValues(NamedTuple):
    """A step's logits (B, A), hidden units (B, H), attention (B, S) and best latents (B, S).

    The latents are None unless the caller asks for them: only a backward pass needs them.
    """

    logits: Tensor
    hidden: Tensor
    attention: Tensor
    latents: Tensor | None


StepFunction = Callable[..., StepValues]


class SlotMemory:
    """The memory of a batch while its sentences are read; each step changes it in place.

    Args:
        scores: (B, S, K L), the slots' scores against the latents; padding slots hold ``MASKED``.
        context_hidden: (B, S, H), what each slot adds to the hidden layer as the whole context.
        step_function: :func:`take_step`, plain or compiled.
    """

    def __init__(
        self,
        scores: Tensor,
        context_hidden: Tensor,
        tables: StepTables,
        shift: int,
        step_function: StepFunction,
    ) -> None:
        self._memory = MemoryTables(scores, context_hidden)
        self._tables = tables
        self._shift = shift
        self._step_function = step_function
        self._mask_sets, _, self._latents = tables.position_scores.shape
        batch, slots, _ = scores.shape
        self._first_slots = torch.arange(batch, device=scores.device) * slots
        self._windows = position_windows(tables.position_scores, slots)
        # Nothing is written to slot 0, and its position is fixed, so its scores never change.
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
        """Take the timestep ``number`` (from 0): read the memory, compute the logits, and write.

        Args:
            centre: (B,), int64, the slot from which positions are counted.
            pointer: (B,), int64, the slot of the next word, which the step writes to.
            keep_latents: also return the best latents.
        """
        number %= self._mask_sets
        return self._step_function(
            self._memory,
            MaskSet(
                self._windows[number],
                self._cls.values[:, number],
                self._cls.indices[:, number],
            ),
            number * self._latents,
            Places(self._first_slots, centre, pointer),
            self._tables,
            StepOptions(self._shift, dropout, keep_latents),
        )

    def rows(self, kept: Tensor) -> SlotMemory:
        """Return the memory of some of the sentences; ``kept`` is (rows,), int64."""
        return SlotMemory(
            self._memory.scores[kept],
            self._memory.hidden[kept],
            self._tables.rows(kept),
            self._shift,
            self._step_function,
        )


def take_step(
    memory: MemoryTables,
    mask_set: MaskSet,
    first_latent: int,
    places: Places,
    tables: StepTables,
    options: StepOptions,
) -> StepValues:
    """Take one timestep (equations 3', 4, 6', 7 and 9' of docs/model.md).

    It takes tensors only, so that it can be compiled; see :meth:`SlotMemory.step`.

    Args:
        memory: changed in place.
        first_latent: index, among the K L columns of the scores, of the first of the mask set. It
            is apart from that, since a compiled step is made again for each number in a tuple.
    """
    scores, context_hidden = memory
    windows, cls_score, cls_latent = mask_set
    first_slots, centre, pointer = places
    shift, dropout, keep_latents = options
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
    """Add a vector to one slot of each sentence (equation 9' of docs/model.md).

    It reads, adds and writes: each slot occurs once, and an accumulating write is far slower.

    Args:
        table: (B, S, n), changed in place.
        slot: (B,), indices among the B S slots.
        values: (B, n).
    """
    of_slots = table.flatten(0, 1)
    of_slots.index_copy_(0, slot, values + of_slots.index_select(0, slot))


def position_windows(position_scores: Tensor, slots: int) -> Tensor:
    """Return a view (K, S, S, L): [k, S - 1 - c] holds the position scores around the centre c."""
    mask_sets, rows, latents = position_scores.shape
    strides = (rows * latents, latents, latents, 1)
    return position_scores.contiguous().as_strided((mask_sets, slots, slots, latents), strides)


def soft_actions(logits: Tensor, shift: int) -> Tensor:
    """Return (..., A), how much of each action is written (equation 8 of docs/model.md)."""
    at_least_shift = logits >= logits[..., shift : shift + 1]
    return logits.softmax(-1) * at_least_shift
