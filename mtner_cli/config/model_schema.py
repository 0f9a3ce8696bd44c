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
    """The factor of the word vectors, relative to the position vectors, in the attention."""

    train: bool = False
    """Learn the factor, starting at ``value``."""
    value: Factor = 1.0
    """The factor; its start value if ``train`` is true."""


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
    """Words on each side that have separate relative positions."""
    tok_multiplier: TokMultiplierConfig = TokMultiplierConfig()
    """The factor of the word vectors."""


class ParserStateConfig(Section):
    """The network that reads the next word and the context, and scores the actions."""

    dropout: Dropout = 0.1
    """Dropout on the network's input."""


class SelfTrainingConfig(Section):
    """Training on corpora that annotate different entity types."""

    project_coeff: PositiveFactor = 1.0
    """Factor of the model's probability, which is the target for foreign entity types."""


class ControlConfig(Section):
    """Limits on the number of actions, as multiples of the sentence's length."""

    multiplier_numb_actions_inference: Multiple = 1.5
    """Accepted in files of the original, without effect: here each word has a separate limit."""
    multiplier_numb_actions_training: Multiple = 2.0
    """In training; foreign entity types make the model repeat timesteps."""


class PredModelConfig(Section):
    """The slot-based recurrent tagger on top of the encoder."""

    attention_module: AttentionModuleConfig = AttentionModuleConfig()
    """Attention over the action memory."""
    parser_state: ParserStateConfig = ParserStateConfig()
    """Scoring of the actions."""
    self_training: SelfTrainingConfig = SelfTrainingConfig()
    """Training with foreign entity types."""
    control: ControlConfig = ControlConfig()
    """Limits on the number of actions."""
    init_output_bias: Literal["log_odds", "zero"] = "log_odds"
    """Start at each action's base rate (``log_odds``), or at zero as the original (``zero``)."""
    init_latents: Literal["centre", "zero"] = "centre"
    """Start with attention to the slot written last (``centre``), or to all equally (``zero``)."""
    dropout_mode: Literal["locked", "per_step"] = "locked"
    """Reuse eight sets of dropout masks per batch (``locked``), or draw new masks at each step."""


class ModelsConfig(Section):
    """The two parts of the model."""

    embed_model: EmbedModelConfig = EmbedModelConfig()
    """The encoder."""
    pred_model: PredModelConfig = PredModelConfig()
    """The tagger."""
