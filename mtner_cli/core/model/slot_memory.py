"""The two memories of the slot model and its one step, shared by training and decoding.

Shapes: B sentences, S slots (CLS, words, SEP), A actions, K mask sets, L latents, d width,
H = 2d hidden units.

Attention scores are bilinear in the memory, and a step writes to one slot only. So the scores of
the memory against the latents (``scores``) and those of the positions (``position_scores``) are
kept ready; a step reads a window of one, adds a vector to the other, and never touches a tensor of
B x S x d values but for the one product that forms the context.

In training, dropout makes K versions of the latents and positions, which the timesteps use in turn;
elsewhere K is 1.
"""

from __future__ import annotations

from dataclasses import dataclass

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
        action_embeddings: (A, d), what it adds to the slot's memory.
        word_hidden: (B, S, H), the hidden layer's input from the word of each slot, with bias.
        context_weight: (H, d), the hidden layer's weight for the raw context.
        output_weight: (A, H).
        output_bias: (A,).
    """

    position_scores: Tensor
    cls_position_scores: Tensor
    action_scores: Tensor
    action_embeddings: Tensor
    word_hidden: Tensor
    context_weight: Tensor
    output_weight: Tensor
    output_bias: Tensor

    def rows(self, kept: Tensor) -> StepTables:
        """The tables of a subset of the sentences; ``kept`` is (rows,) int64."""
        return StepTables(
            self.position_scores,
            self.cls_position_scores,
            self.action_scores,
            self.action_embeddings,
            self.word_hidden[kept],
            self.context_weight,
            self.output_weight,
            self.output_bias,
        )


class SlotMemory:
    """The action memory of a batch while its sentences are read; changed in place by each step.

    Attributes:
        memory: (B, S, d), the encoder's slots plus all actions written so far.
        scores: (B, K L, S), its scores against the latents; padding slots hold ``MASKED``.
    """

    def __init__(self, memory: Tensor, scores: Tensor, tables: StepTables) -> None:
        self.memory = memory
        self.scores = scores
        self.tables = tables
        batch, slots, width = memory.shape
        self._mask_sets, self._latents, _ = tables.position_scores.shape
        self._flat_memory = memory.view(batch * slots, width)
        self._flat_hidden = tables.word_hidden.view(batch * slots, -1)
        self._row_starts = torch.arange(batch, device=memory.device) * slots
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

    def context(self, attention: Tensor) -> Tensor:
        """(B, d), the memory averaged by ``attention`` (B, S)."""
        return torch.bmm(attention.unsqueeze(1), self.memory).squeeze(1)

    def hidden(self, context: Tensor, pointer: Tensor) -> Tensor:
        """(B, H), hidden units for the word at ``pointer`` (B,) and a raw ``context`` (B, d)."""
        word = self._flat_hidden[self._row_starts + pointer]
        return torch.addmm(word, context, self.tables.context_weight.t()).tanh_()

    def logits(self, hidden: Tensor) -> Tensor:
        """(B, A)."""
        return torch.addmm(self.tables.output_bias, hidden, self.tables.output_weight.t())

    def write(self, soft_actions: Tensor, pointer: Tensor) -> None:
        """Add ``soft_actions`` (B, A) to the slots at ``pointer`` (B,)."""
        self._flat_memory.index_add_(
            0, self._row_starts + pointer, soft_actions @ self.tables.action_embeddings
        )
        added = (soft_actions @ self.tables.action_scores).unsqueeze(2)
        self.scores.scatter_add_(2, pointer.view(-1, 1, 1).expand_as(added), added)

    def rows(self, kept: Tensor) -> SlotMemory:
        """The memory of a subset of the sentences; ``kept`` is (rows,) int64."""
        return SlotMemory(self.memory[kept], self.scores[kept], self.tables.rows(kept))


def position_windows(position_scores: Tensor, slots: int) -> Tensor:
    """(K, S, L, S) view: entry [k, S - 1 - c] holds the position scores seen from slot c."""
    mask_sets, latents, columns = position_scores.shape
    strides = (latents * columns, 1, columns, 1)
    return position_scores.contiguous().as_strided((mask_sets, slots, latents, slots), strides)


def soft_actions(logits: Tensor, shift: int) -> Tensor:
    """(..., A), the softmax of the logits, kept for actions at least as likely as SHIFT."""
    at_least_shift = logits >= logits[..., shift : shift + 1]
    return logits.softmax(-1) * at_least_shift
