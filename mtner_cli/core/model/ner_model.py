"""Put together the whole model: encoder, word slots, slot tagger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mtner_cli.config.schema import ExperimentConfig
from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.features.batch import Batch
from mtner_cli.core.model.loss import adjusted_targets, timestep_loss
from mtner_cli.core.model.pooling import segment_max
from mtner_cli.core.model.slot_tagger import SlotTagger, TaggerSettings
from mtner_cli.core.model.teacher_forcing import GoldPointer


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """Settings that only training uses.

    Attributes:
        project_coeff: weight of the model's own probability as target of foreign actions.
        step_factor: most timesteps where SHIFTs are postponed, as a multiple of the gold ones.
        finetune_encoder: whether the encoder is trained.
    """

    project_coeff: float = 1.0
    step_factor: float = 2.0
    finetune_encoder: bool = True


class NerModel(nn.Module):
    """The model; ``forward`` returns the training loss of a batch.

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
        """Set the mode; an encoder that is not trained stays in evaluation mode: no dropout."""
        super().train(mode)
        if not self.training_settings.finetune_encoder:
            self.encoder.eval()
        return self

    def word_slots(self, batch: Batch) -> Tensor:
        """Return the slots (B, S, d), float32, of a batch (equation 1 of docs/model.md)."""
        hidden = self.encoder(
            input_ids=batch.input_ids, attention_mask=batch.attention_mask
        ).last_hidden_state.float()
        return segment_max(hidden, batch.slot_of_subword, batch.slots)

    def forward(self, batch: Batch) -> Tensor:
        """Compute the batch's training loss, a scalar."""
        if batch.gold is None:
            raise ValueError("a batch without gold actions has no loss")
        slots = self.word_slots(batch)
        settings = self.training_settings
        limit = int(settings.step_factor * batch.gold.rows.shape[1])
        guide = GoldPointer(batch.gold, batch.slots, limit)
        # The recurrence stays in float32 also where the encoder runs in bfloat16.
        with torch.autocast(slots.device.type, enabled=False):
            logits = self.tagger(slots, batch.slot_mask, guide)
            targets, real = adjusted_targets(logits, batch.gold, guide, settings.project_coeff)
            return timestep_loss(logits, targets, real)


def build_model(encoder: Any, vocabulary: ActionVocabulary, config: ExperimentConfig) -> NerModel:
    """Build the configured model around an encoder."""
    return NerModel(encoder, vocabulary, tagger_settings(config), training_settings(config))


def tagger_settings(config: ExperimentConfig) -> TaggerSettings:
    """Return the tagger's settings, with ablations applied."""
    attention = config.models.pred_model.attention_module
    ablation = config.ablation.pred_model
    dropout = 1.0 if ablation.dropouts else 0.0
    return TaggerSettings(
        latents_per_action=attention.action_space_dim,
        half_context=attention.half_context,
        dropout_attention=dropout * attention.dropout_scores,
        dropout_positions=dropout * attention.dropout_pos_embeds,
        dropout_latents=dropout * attention.dropout_classes,
        dropout_hidden=dropout * config.models.pred_model.parser_state.dropout,
        dropout_per_step=config.models.pred_model.dropout_mode == "per_step",
        token_multiplier=attention.tok_multiplier.value,
        train_token_multiplier=attention.tok_multiplier.train,
        start_at_centre=config.models.pred_model.init_latents == "centre",
        use_attention=ablation.parser_state.use_attention,
        use_positions=ablation.attention_module.use_pos_embeds,
        use_next_word=ablation.parser_state.use_next_word,
    )


def training_settings(config: ExperimentConfig) -> TrainingSettings:
    """Return the settings that only training uses."""
    tagger = config.models.pred_model
    return TrainingSettings(
        project_coeff=tagger.self_training.project_coeff,
        step_factor=tagger.control.multiplier_numb_actions_training,
        finetune_encoder=config.ablation.embed_model.finetune,
    )
