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

from dataclasses import dataclass, replace

import torch
from torch import Tensor

MASKED = -1e12


@dataclass(frozen=True, slots=True)
class StepTables:
    """Everything a step reads that does not change from step to step.

    Attributes:
        position_scores: (K, L, 2S - 1), score of a latent for relative position
            ``column - (S - 1)``.
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


class SlotMemory:
    """The action memory of a batch while its sentences are read; changed in place by each step.

    Attributes:
        context_hidden: (B, S, H), what each slot gives to the hidden layer when it is the context.
        scores: (B, K L, S), the slots' scores against the latents; padding slots hold ``MASKED``.
    """

    def __init__(self, context_hidden: Tensor, scores: Tensor, tables: StepTables) -> None:
        self.context_hidden = context_hidden
        self.scores = scores
        self.tables = tables
        batch, slots, hidden = context_hidden.shape
        self._mask_sets, self._latents, _ = tables.position_scores.shape
        self._flat_context_hidden = context_hidden.view(batch * slots, hidden)
        self._flat_word_hidden = tables.word_hidden.view(batch * slots, hidden)
        self._row_starts = torch.arange(batch, device=scores.device) * slots
        self._windows = position_windows(tables.position_scores, slots)
        self._last_slot = slots - 1

    def latent_scores(self, centre: Tensor, step: int) -> Tensor:
        """(B, L, S), every latent's score for every slot, seen from slot ``centre`` (B,)."""
        mask_set = step % self._mask_sets
        of_memory = self.scores.narrow(1, mask_set * self._latents, self._latents)
        scores = self._windows[mask_set][self._last_slot - centre]
        scores += of_memory
        cls = self.tables.cls_position_scores[mask_set]
        torch.add(of_memory[:, :, 0], cls, out=scores[:, :, 0])
        return scores

    def hidden(self, attention: Tensor, pointer: Tensor) -> Tensor:
        """(B, H), hidden units for the word at ``pointer`` (B,), the context being ``attention``.

        Args:
            attention: (B, S), the weights of the slots.
        """
        word = self._flat_word_hidden[self._row_starts + pointer].unsqueeze(1)
        hidden = torch.baddbmm(word, attention.unsqueeze(1), self.context_hidden)
        return hidden.squeeze(1).tanh_()

    def logits(self, hidden: Tensor) -> Tensor:
        """(B, A)."""
        return torch.addmm(self.tables.output_bias, hidden, self.tables.output_weight.t())

    def write(self, soft_actions: Tensor, pointer: Tensor) -> None:
        """Add ``soft_actions`` (B, A) to the slots at ``pointer`` (B,)."""
        hidden = torch.matmul(soft_actions.unsqueeze(1), self.tables.action_hidden).squeeze(1)
        self._flat_context_hidden.index_add_(0, self._row_starts + pointer, hidden)
        added = (soft_actions @ self.tables.action_scores).unsqueeze(2)
        self.scores.scatter_add_(2, pointer.view(-1, 1, 1).expand_as(added), added)

    def rows(self, kept: Tensor) -> SlotMemory:
        """The memory of a subset of the sentences; ``kept`` is (rows,) int64."""
        return SlotMemory(self.context_hidden[kept], self.scores[kept], self.tables.rows(kept))


def position_windows(position_scores: Tensor, slots: int) -> Tensor:
    """(K, S, L, S) view: entry [k, S - 1 - c] holds the position scores seen from slot c."""
    mask_sets, latents, columns = position_scores.shape
    strides = (latents * columns, 1, columns, 1)
    return position_scores.contiguous().as_strided((mask_sets, slots, latents, slots), strides)


def soft_actions(logits: Tensor, shift: int) -> Tensor:
    """(..., A), the softmax of the logits, kept for actions at least as likely as SHIFT."""
    at_least_shift = logits >= logits[..., shift : shift + 1]
    return logits.softmax(-1) * at_least_shift
