"""The whole model: encoder, word slots, slot tagger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.features.batch import Batch
from mtner_cli.core.model.guides import GoldGuide
from mtner_cli.core.model.loss import adjusted_targets, timestep_loss
from mtner_cli.core.model.tagger import SlotTagger, TaggerSettings
from mtner_cli.core.scatter import segment_max


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """What training adds to the tagger's own settings.

    Attributes:
        project_coeff: weight of the model's own probability as target of foreign actions.
        step_factor: timesteps at most, as a multiple of the gold ones, where SHIFTs are postponed.
        finetune_encoder: whether the encoder is trained.
    """

    project_coeff: float = 1.0
    step_factor: float = 2.0
    finetune_encoder: bool = True


class NerModel(nn.Module):
    """Reads batches; ``forward`` gives the training loss.

    Args:
        encoder: a Hugging Face encoder; its last hidden state is used.
        vocabulary: the actions.
    """

    def __init__(
        self,
        encoder: Any,
        vocabulary: ActionVocabulary,
        tagger_settings: TaggerSettings,
        training_settings: TrainingSettings | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.vocabulary = vocabulary
        self.training_settings = training_settings or TrainingSettings()
        self.tagger = SlotTagger(
            encoder.config.hidden_size, vocabulary.size, vocabulary.SHIFT, tagger_settings
        )
        if not self.training_settings.finetune_encoder:
            encoder.requires_grad_(False)

    def train(self, mode: bool = True) -> NerModel:
        """An encoder that is not trained keeps its dropout switched off."""
        super().train(mode)
        if not self.training_settings.finetune_encoder:
            self.encoder.eval()
        return self

    def word_slots(self, batch: Batch) -> Tensor:
        """(B, S, d), float32: the elementwise maximum over each word's subwords."""
        hidden = self.encoder(
            input_ids=batch.input_ids, attention_mask=batch.attention_mask
        ).last_hidden_state.float()
        return segment_max(hidden, batch.slot_of_subword, batch.slots)

    def forward(self, batch: Batch) -> Tensor:
        """The batch's training loss, a scalar."""
        if batch.gold is None:
            raise ValueError("a batch without gold actions has no loss")
        slots = self.word_slots(batch)
        settings = self.training_settings
        limit = int(settings.step_factor * batch.gold.rows.shape[1])
        guide = GoldGuide(batch.gold, batch.slots, limit)
        # The recurrence stays in float32 also where the encoder runs in bfloat16.
        with torch.autocast(slots.device.type, enabled=False):
            logits = self.tagger(slots, batch.slot_mask, guide)
            targets, real = adjusted_targets(logits, batch.gold, guide, settings.project_coeff)
            return timestep_loss(logits, targets, real)
