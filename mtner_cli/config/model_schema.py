"""The settings under ``models``: the encoder and the tagger; see :mod:`mtner_cli.config.schema`."""

from __future__ import annotations

from typing import Literal

from mtner_cli.config.values import (
    Dropout,
    Factor,
    Latents,
    Multiple,
    PositiveFactor,
    Section,
    Text,
    Words,
)


class EmbedModelConfig(Section):
    """The pretrained encoder."""

    pretrained_name: Text = "michiyasunaga/BioLinkBERT-large"
    """A Hugging Face name, a local folder, or ``builtin:minilm`` (packaged, needs no network)."""


class TokMultiplierConfig(Section):
    """The factor of word vectors against position vectors in the attention."""

    train: bool = False
    """Learn it, starting at ``value``."""
    value: Factor = 1.0
    """The constant, or where learning starts."""


class AttentionModuleConfig(Section):
    """Attention over the action memory."""

    action_space_dim: Latents = 2
    """Latent vectors per action."""
    dropout_scores: Dropout = 0.0
    """Dropout on the attention scores."""
    dropout_pos_embeds: Dropout = 0.2
    """Dropout on the relative position vectors."""
    dropout_classes: Dropout = 0.2
    """Dropout on the latent vectors."""
    half_context: Words = 150
    """Words to each side that have a relative position of their own."""
    tok_multiplier: TokMultiplierConfig = TokMultiplierConfig()
    """Words against positions."""


class ParserStateConfig(Section):
    """The network that reads the next word and the context, and scores the actions."""

    dropout: Dropout = 0.1
    """Dropout on its input."""


class SelfTrainingConfig(Section):
    """Learning from corpora that annotate different types."""

    project_coeff: PositiveFactor = 1.0
    """Factor of the model's own probability where it is the target for foreign types."""


class ControlConfig(Section):
    """Room for actions, as a multiple of the sentence's length."""

    multiplier_numb_actions_inference: Multiple = 1.5
    """Accepted for the original's files; no sentence is cut short here, each word has its bound."""
    multiplier_numb_actions_training: Multiple = 2.0
    """In training, for timesteps shown twice because of foreign types."""


class PredModelConfig(Section):
    """The slot-based recurrent tagger on top of the encoder."""

    attention_module: AttentionModuleConfig = AttentionModuleConfig()
    """Attention over the action memory."""
    parser_state: ParserStateConfig = ParserStateConfig()
    """Scoring of the actions."""
    self_training: SelfTrainingConfig = SelfTrainingConfig()
    """Foreign entity types."""
    control: ControlConfig = ControlConfig()
    """Room for actions."""
    init_output_bias: Literal["log_odds", "zero"] = "log_odds"
    """Start at each action's base rate (``log_odds``), or as the original does (``zero``)."""
    init_latents: Literal["centre", "zero"] = "centre"
    """Start the attention at the word just written (``centre``), or evenly spread (``zero``)."""
    dropout_mode: Literal["locked", "per_step"] = "locked"
    """Eight sets of dropout masks a batch, used in turn (``locked``), or new ones each step."""


class ModelsConfig(Section):
    """The two parts of the model."""

    embed_model: EmbedModelConfig = EmbedModelConfig()
    """The encoder."""
    pred_model: PredModelConfig = PredModelConfig()
    """The tagger."""
