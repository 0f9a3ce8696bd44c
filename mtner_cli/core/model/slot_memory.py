"""The two memories of the slot model and its one step, shared by training and decoding.

Shapes: B sentences, S slots (CLS, words, SEP), A actions, L latents, d width, H = 2d hidden units.

Attention scores are bilinear in the memory, and a step writes to one slot only. So the scores of
the memory against the latents (``memory_scores``) and those of the positions (``position_scores``)
are kept ready; a step reads a window of one, adds a vector to the other, and never touches a tensor
of B x S x d values but for the one product that forms the context.
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
        position_scores: (B or 1, L, 2S - 1), score of a latent for relative position
            ``column - (S - 1)``.
        cls_position_scores: (B or 1, L), the same for slot 0, which has a position of its own.
        action_scores: (B or 1, A, L), what a full unit of an action adds to a slot's scores.
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

        def per_sentence(table: Tensor) -> Tensor:
            return table if table.shape[0] == 1 else table[kept]

        return StepTables(
            per_sentence(self.position_scores),
            per_sentence(self.cls_position_scores),
            per_sentence(self.action_scores),
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
        scores: (B, L, S), its scores against the latents; padding slots hold ``MASKED``.
    """

    def __init__(self, memory: Tensor, scores: Tensor, tables: StepTables) -> None:
        self.memory = memory
        self.scores = scores
        self.tables = tables
        batch, slots, width = memory.shape
        self._flat_memory = memory.view(batch * slots, width)
        self._flat_hidden = tables.word_hidden.view(batch * slots, -1)
        self._row_starts = torch.arange(batch, device=memory.device) * slots
        self._rows = torch.arange(batch, device=memory.device)
        self._windows = position_windows(tables.position_scores, batch, slots)
        self._cls_scores = tables.cls_position_scores.expand(batch, -1)
        self._action_scores = tables.action_scores.expand(batch, -1, -1)
        self._last_slot = slots - 1

    def latent_scores(self, centre: Tensor) -> Tensor:
        """(B, L, S), every latent's score for every slot, seen from slot ``centre`` (B,)."""
        scores = self._windows[self._rows, self._last_slot - centre]
        scores += self.scores
        torch.add(self.scores[:, :, 0], self._cls_scores, out=scores[:, :, 0])
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
        added = torch.bmm(soft_actions.unsqueeze(1), self._action_scores).transpose(1, 2)
        self.scores.scatter_add_(2, pointer.view(-1, 1, 1).expand_as(added), added)

    def rows(self, kept: Tensor) -> SlotMemory:
        """The memory of a subset of the sentences; ``kept`` is (rows,) int64."""
        return SlotMemory(self.memory[kept], self.scores[kept], self.tables.rows(kept))


def position_windows(position_scores: Tensor, batch: int, slots: int) -> Tensor:
    """(B, S, L, S) view: entry [b, S - 1 - c] holds the position scores seen from slot c."""
    own, latents, columns = position_scores.shape
    position_scores = position_scores.contiguous()
    per_sentence = 0 if own == 1 else latents * columns
    return position_scores.as_strided((batch, slots, latents, slots), (per_sentence, 1, columns, 1))


def soft_actions(logits: Tensor, shift: int) -> Tensor:
    """(..., A), the softmax of the logits, kept for actions at least as likely as SHIFT."""
    at_least_shift = logits >= logits[..., shift : shift + 1]
    return logits.softmax(-1) * at_least_shift
