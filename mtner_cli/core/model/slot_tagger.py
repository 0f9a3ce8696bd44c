"""Hold the parameters of the slot-based recurrent tagger, and compute a step's tables from them.

Implements SRU-NER (Ruano et al., "Effective Multi-Task Learning for Biomedical Named Entity
Recognition", BioNLP 2025). Shapes: B sentences, S slots (CLS, words, SEP), A actions, K mask sets,
L latents, d width, H = 2d hidden units, h half window.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mtner_cli.core.model.recurrence import SlotRecurrence, StepFunctions
from mtner_cli.core.model.slot_memory import (
    MASKED,
    AttentionDropout,
    SlotMemory,
    StepTables,
)
from mtner_cli.core.model.teacher_forcing import GoldPointer

# Rows of the position table after those of -h..h.
EXTRA_POSITIONS = 3
CLS_POSITION, OUT_OF_CONTEXT, PADDING = 1, 2, 3

# Locked dropout: this many masks of the latents and positions are drawn for a batch, and its
# timesteps cycle through them. One mask for all timesteps would make the gradients noisy.
LOCKED_MASK_SETS = 8

# With start_at_centre, the initial score of the slot that was just written: in a sentence of thirty
# words that slot then gets about two fifths of the attention. Latents that start at zero spread the
# attention evenly, and training needs many steps until the model finds what it has just written.
CENTRE_SCORE = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggerSettings:
    """Sizes, dropout rates and switches of the tagger.

    Attributes:
        latents_per_action: L is this times A.
        half_context: h, the greatest distance with a separate position.
        dropout_per_step: a new mask of the latents and positions for each timestep, instead of a
            cycle of ``LOCKED_MASK_SETS`` masks.
        token_multiplier: m, weight of the memory relative to the position in the scores.
        train_token_multiplier: whether m is learned.
        start_at_centre: the first latent starts in the direction of the position of the slot just
            written, instead of at zero as in the published code.
        use_attention: ablation; without it the context is zero.
        use_positions: ablation; without it the scores do not depend on positions.
        use_next_word: ablation; without it the hidden layer reads the context only.
    """

    latents_per_action: int = 2
    half_context: int = 150
    dropout_attention: float = 0.0
    dropout_positions: float = 0.2
    dropout_latents: float = 0.2
    dropout_hidden: float = 0.1
    dropout_per_step: bool = False
    token_multiplier: float = 1.0
    train_token_multiplier: bool = False
    start_at_centre: bool = True
    use_attention: bool = True
    use_positions: bool = True
    use_next_word: bool = True


class SlotTagger(nn.Module):
    """Computes the logits of actions from slots, one timestep after another.

    Args:
        width: d, the encoder's width.
        actions: A.
        shift: the number of the SHIFT action.
    """

    def __init__(self, width: int, actions: int, shift: int, settings: TaggerSettings) -> None:
        super().__init__()
        self.settings = settings
        self.shift = shift
        self.steps = StepFunctions()
        latents = settings.latents_per_action * actions
        self.action_embeddings = nn.Parameter(torch.randn(actions, width))
        self.start = nn.Parameter(torch.zeros(width))
        self.latents = nn.Parameter(torch.zeros(latents, width))
        self.score_diagonal = nn.Parameter(torch.ones(width))
        self.context_diagonal = nn.Parameter(torch.ones(width))
        # The row for padding is never read: padding is masked.
        self.positions = nn.Parameter(
            torch.randn(2 * settings.half_context + 1 + EXTRA_POSITIONS, width)
        )
        with torch.no_grad():
            self.positions[-1].zero_()
            if settings.start_at_centre:
                centre = self.positions[settings.half_context]
                self.latents[0] = CENTRE_SCORE * centre / centre.square().sum()
        multiplier = torch.tensor(float(settings.token_multiplier))
        if settings.train_token_multiplier:
            self.token_multiplier = nn.Parameter(multiplier)
        else:
            self.register_buffer("token_multiplier", multiplier)
        self.hidden = nn.Linear(2 * width, 2 * width)
        self.output = nn.Linear(2 * width, actions)

    def start_output_at(self, frequencies: Tensor) -> None:
        """Set the output bias to each action's log-odds.

        Args:
            frequencies: (A,), the share of the training timesteps that have each action.
        """
        bounded = frequencies.clamp(1e-4, 1 - 1e-4)
        with torch.no_grad():
            self.output.bias.copy_(torch.logit(bounded))

    def compile_step(self) -> None:
        """Compile the step, which fuses its small kernels: on a GPU launches take the time."""
        self.steps = self.steps.compiled()

    def forward(self, slots: Tensor, slot_mask: Tensor, guide: GoldPointer) -> Tensor:
        """Compute the logits (B, T, A) of the timesteps of ``guide``.

        Args:
            slots: (B, S, d), float32.
            slot_mask: (B, S), bool, False on padding.
        """
        scores, context_hidden, tables = self.prepare(
            slots, slot_mask, self._mask_sets(guide.max_steps)
        )
        return SlotRecurrence.apply(
            guide,
            self._attention_dropout(slots, slot_mask),
            self.shift,
            self.steps,
            scores,
            context_hidden,
            tables.position_scores,
            tables.cls_position_scores,
            tables.action_scores,
            tables.action_hidden,
            tables.word_hidden,
            tables.output_weight,
            tables.output_bias,
        )

    def open_memory(self, slots: Tensor, slot_mask: Tensor) -> SlotMemory:
        """Return the memory at the start of an inference; ``slots`` (B, S, d) is not changed."""
        scores, context_hidden, tables = self.prepare(slots, slot_mask)
        return SlotMemory(scores, context_hidden, tables, self.shift, self.steps.forward)

    def prepare(
        self, slots: Tensor, slot_mask: Tensor, mask_sets: int = 1
    ) -> tuple[Tensor, Tensor, StepTables]:
        """Compute the memory at the start and all tables (equations 2, 12 and 14 of docs/model.md).

        Returns:
            ``scores`` and ``context_hidden`` of :class:`SlotMemory`, and the tables of its steps.
        """
        latents = self._latents(mask_sets)
        to_latents = (latents * self.token_multiplier).flatten(0, 1)
        memory = torch.cat((slots[:, :1] + self.start, slots[:, 1:]), 1)
        scores = functional.linear(memory, to_latents)
        scores = scores.masked_fill(~slot_mask.unsqueeze(2), MASKED)
        positions, cls_position = self._position_scores(latents, slots.shape[1])
        context_hidden, action_hidden = self._context_hidden(memory)
        tables = StepTables(
            position_scores=positions,
            cls_position_scores=cls_position,
            action_scores=self.action_embeddings @ to_latents.t(),
            action_hidden=action_hidden,
            word_hidden=self._word_hidden(slots),
            output_weight=self.output.weight,
            output_bias=self.output.bias,
        )
        return scores, context_hidden, tables

    def _word_hidden(self, slots: Tensor) -> Tensor:
        """Return (B, S, H), the hidden layer's input from words (equation 16 of docs/model.md)."""
        word_weight, _ = self.hidden.weight.chunk(2, dim=1)
        words = functional.dropout(slots, self.settings.dropout_hidden, self.training)
        if not self.settings.use_next_word:
            words = torch.zeros_like(words)
        return functional.linear(words, word_weight, self.hidden.bias)

    def _context_hidden(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the hidden layer's input from the context (equations 13 and 15 of docs/model.md).

        Returns:
            (B, S, H) of the memory, and (A, H) of what is written to it. Dropout of the context
            draws one mask for each sentence; the second result is then (B, A, H).
        """
        _, weight = self.hidden.weight.chunk(2, dim=1)
        weight = weight * self.context_diagonal
        if not self.settings.use_attention:
            weight = torch.zeros_like(weight)
        written: Tensor = self.action_embeddings
        rate = self.settings.dropout_hidden
        if self.training and rate:
            batch, _, width = memory.shape
            mask = functional.dropout(memory.new_ones(batch, 1, width), rate)
            memory, written = memory * mask, written * mask
        return functional.linear(memory, weight), functional.linear(written, weight)

    def _mask_sets(self, steps: int) -> int:
        """Return K, the number of versions that dropout makes of the latents and positions."""
        settings = self.settings
        if not self.training or not (settings.dropout_latents or settings.dropout_positions):
            return 1
        return steps if settings.dropout_per_step else min(steps, LOCKED_MASK_SETS)

    def _latents(self, mask_sets: int) -> Tensor:
        """Return (K, L, d), the latents as scores use them (V ∘ α in docs/model.md)."""
        latents = (self.latents * self.score_diagonal).expand(mask_sets, -1, -1)
        return functional.dropout(latents, self.settings.dropout_latents, self.training)

    def _position_scores(self, latents: Tensor, slots: int) -> tuple[Tensor, Tensor]:
        """Score the positions against the latents (equation 17 of docs/model.md).

        Returns:
            (K, 2S - 1, L) of the relative positions, and (K, L) of the CLS position.
        """
        reach = min(slots - 1, self.settings.half_context)
        used = torch.cat((self._relative_rows(reach), self._extra_rows()), 0)
        if not self.settings.use_positions:
            used = torch.zeros_like(used)
        rate = self.settings.dropout_positions
        used = functional.dropout(used.expand(len(latents), -1, -1), rate, self.training)
        scores = torch.bmm(used, latents.transpose(1, 2))
        distance = torch.arange(1 - slots, slots, device=latents.device)
        rows = self._rows_of_distances(distance, reach)
        return scores[:, rows], scores[:, 2 * reach + CLS_POSITION]

    @staticmethod
    def _rows_of_distances(distance: Tensor, reach: int) -> Tensor:
        """Return each distance's row among those of -reach..reach, CLS and out of context."""
        return torch.where(distance.abs() <= reach, distance + reach, 2 * reach + OUT_OF_CONTEXT)

    def _relative_rows(self, reach: int) -> Tensor:
        """Return (2 reach + 1, d), the position table's rows for -reach..reach."""
        middle = self.settings.half_context
        return self.positions[middle - reach : middle + reach + 1]

    def _extra_rows(self) -> Tensor:
        """Return (2, d), the position table's rows for CLS and for distances out of context."""
        last_relative = 2 * self.settings.half_context
        return self.positions[last_relative + CLS_POSITION : last_relative + PADDING]

    def _attention_dropout(self, slots: Tensor, slot_mask: Tensor) -> AttentionDropout | None:
        rate = self.settings.dropout_attention
        if not self.training or not rate:
            return None
        scale = functional.dropout(slots.new_ones(slots.shape[:2]), rate)
        return AttentionDropout(scale, ~slot_mask)
