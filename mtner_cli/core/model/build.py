"""From a configuration to a model."""

from __future__ import annotations

from typing import Any

from mtner_cli.config.schema import ExperimentConfig
from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.model.ner_model import NerModel, TrainingSettings
from mtner_cli.core.model.tagger import TaggerSettings


def build_model(encoder: Any, vocabulary: ActionVocabulary, config: ExperimentConfig) -> NerModel:
    """The configured model around an encoder."""
    return NerModel(encoder, vocabulary, tagger_settings(config), training_settings(config))


def tagger_settings(config: ExperimentConfig) -> TaggerSettings:
    """The tagger's settings, ablations applied."""
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
    """What training adds."""
    tagger = config.models.pred_model
    return TrainingSettings(
        project_coeff=tagger.self_training.project_coeff,
        step_factor=tagger.control.multiplier_numb_actions_training,
        finetune_encoder=config.ablation.embed_model.finetune,
    )
