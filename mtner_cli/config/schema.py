"""Every setting of an experiment: its type, its bounds, its default and what it does.

The sections nest exactly as in an experiment file, and the field names are the file's keys.
Values are checked strictly (no number for a text, no text for a number; but a whole number for a
fraction), unknown keys are refused, and a loaded configuration cannot be changed.
Rules for several settings together are checked in :mod:`mtner_cli.config.contradictions`.

Texts such as ``${task_name}`` in the defaults are references; :mod:`mtner_cli.config.load`
resolves them, so build configurations with its functions, not with these classes directly.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mtner_cli.config.encodings import EncodingName
from mtner_cli.config.values import BatchLimit, Encoding, FilePath, Section, Text, TrackingUri

Dropout = Annotated[float, Field(ge=0, lt=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
# The upper bounds are far above useful values, and far below what exhausts time or memory.
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
CountFromZero = Annotated[int, Field(ge=0, le=1_000_000_000)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Epochs = Annotated[int, Field(ge=1, le=1_000_000)]
EpochsOrPart = Annotated[float, Field(ge=0, le=1_000_000)]
BatchSize = Annotated[int, Field(ge=1, le=100_000)]
Subwords = Annotated[int, Field(ge=8, le=100_000)]
Words = Annotated[int, Field(ge=1, le=10_000)]
Latents = Annotated[int, Field(ge=1, le=256)]
Rate = Annotated[float, Field(ge=0, le=1000)]
Norm = Annotated[float, Field(gt=0, le=1e9)]
Factor = Annotated[float, Field(ge=-1000, le=1000)]
PositiveFactor = Annotated[float, Field(gt=0, le=1000)]
Multiple = Annotated[float, Field(ge=1, le=100)]

DEFAULT_EPOCHS = 100


class SplitPaths(Section):
    """Where the action files of a corpus are; a relative path starts at the current folder."""

    train: FilePath | None = None
    """Sentences to train on."""
    dev: FilePath | None = None
    """Sentences scored after each epoch, for early stopping and the best checkpoint."""
    test: FilePath | None = None
    """Sentences the best checkpoint is tested on at the end."""

    def present(self) -> dict[str, Path]:
        """Return the splits that have a path, by name, in the order train, dev, test."""
        splits = {"train": self.train, "dev": self.dev, "test": self.test}
        return {name: path for name, path in splits.items() if path is not None}


class DatasetConfig(Section):
    """One corpus."""

    source: Literal["local"] = "local"
    """Where the corpus comes from: files on this machine."""
    encoding: Encoding = "utf-8"
    """Charset of the files."""
    mode: EncodingName
    """Action encoding: ``simple`` (given words) or ``simple-char`` (raw text, offsets)."""
    split_paths: SplitPaths
    tag_dict: dict[Text, Text | None] | None = None
    """Entity types to rename, old: new; null drops a type; types not named stay as they are."""


class NormalizeConfig(Section):
    """Merge sentences to lengths near the mean length of all possible merges."""

    use: bool = False
    """Switches it on."""
    mode: Literal["global", "local"] = "global"
    """The mean is taken over the corpus (``global``) or over each document (``local``)."""


class MaximizeConfig(Section):
    """Merge sentences greedily up to ``max_tokens``."""

    use: bool = False
    """Switches it on."""
    swap: bool = False
    """Then move boundary sentences between neighbours while this makes the lengths more even."""


class MergeSentsConfig(Section):
    """Reading consecutive sentences of one document together, in training and in evaluation."""

    force_merge: Annotated[tuple[Text, ...], Field(strict=False)] | None = None
    """Corpora to merge although their files hold no document separators."""
    normalize: NormalizeConfig = NormalizeConfig()
    maximize: MaximizeConfig = MaximizeConfig()


class LimitSentencesConfig(Section):
    """Use only the first sentences of every corpus; null uses all."""

    train: Count | None = None
    """Sentences of each training split."""
    dev: Count | None = None
    """Sentences of each development split."""
    test: Count | None = None
    """Sentences of each test split."""


class DataTransformConfig(Section):
    """The settings that turn action files into the model's input."""

    change_out_to_shift: bool = True
    """One action, SHIFT, consumes a word inside and outside of mentions."""
    train_with_separate_tags: bool = True
    """Learn separate entity types for each corpus, even where their names are the same."""
    change_tags: bool = True
    """Apply the ``tag_dict`` of each corpus."""
    max_tokens: Subwords = 405
    """Greatest length in subwords; longer sentences are split between words."""
    merge_sents: MergeSentsConfig = MergeSentsConfig()
    limit_sentences: LimitSentencesConfig = LimitSentencesConfig()


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
    parser_state: ParserStateConfig = ParserStateConfig()
    self_training: SelfTrainingConfig = SelfTrainingConfig()
    control: ControlConfig = ControlConfig()
    init_output_bias: Literal["log_odds", "zero"] = "log_odds"
    """Start at each action's base rate (``log_odds``), or at zero as the original (``zero``)."""
    init_latents: Literal["centre", "zero"] = "centre"
    """Start with attention to the slot written last (``centre``), or to all equally (``zero``)."""
    dropout_mode: Literal["locked", "per_step"] = "locked"
    """Reuse eight sets of dropout masks per batch (``locked``), or draw new masks at each step."""


class ModelsConfig(Section):
    """The two parts of the model."""

    embed_model: EmbedModelConfig = EmbedModelConfig()
    pred_model: PredModelConfig = PredModelConfig()


class CheckpointsConfig(Section):
    """Which checkpoints a run keeps."""

    most_recent: bool = True
    """The checkpoint of the last epoch, to resume from."""
    every_minutes: Annotated[float, Field(gt=0, le=1e6)] | None = 10.0
    """Also save the most recent one within an epoch, every so many minutes; null: never."""
    keep_optimizer: bool = False
    """Keep the optimiser's state, twice the size of the weights, when the training is finished;
    only with it can a finished run be trained longer. An unfinished run always has it."""
    metric_based: bool = True
    """The best checkpoint on the development data, for testing."""
    save_average_only: bool = True
    """Keep only the best by the mean joined F1 over corpora; false also keeps the best of each
    corpus, as ``best-of-CORPUS.safetensors``. Without ``metric_based`` none of these is kept."""


class EmbedOptimizerConfig(Section):
    """Optimiser settings of the encoder."""

    lr: Rate | None = None
    """Peak learning rate; null: 2e-5, for an encoder of a width up to 512 1e-4."""
    weight_decay: Rate = 0.001
    """Weight decay of AdamW."""
    warm_up_in_epochs: EpochsOrPart | None = None
    """Epochs of linear warm-up; null: 1.0, for an encoder of a width up to 512 0.3."""


class PredOptimizerConfig(Section):
    """Optimiser settings of everything but the encoder."""

    lr: Rate | None = None
    """Peak learning rate; null: 3e-4, for an encoder of a width up to 512 1e-3."""
    weight_decay: Rate = 0.001
    """Weight decay of AdamW."""
    warm_up_in_epochs: EpochsOrPart | None = None
    """Epochs of linear warm-up; null: 0.5, for an encoder of a width up to 512 0.3."""


class OptimizersConfig(Section):
    """AdamW with linear warm-up and linear decay, per part of the model."""

    use_weight_decay_on_bias: bool = True
    """Decay biases and LayerNorm weights too."""
    embed_model: EmbedOptimizerConfig = EmbedOptimizerConfig()
    pred_model: PredOptimizerConfig = PredOptimizerConfig()


class TrainConfig(Section):
    """The training loop."""

    early_stop: CountFromZero | None = 30
    """Stop after this many epochs without a better development score; null or 0: never."""
    accumulate_grad_batches: Count = 1
    """Batches whose gradients are added up for one optimiser step."""
    grad_norm_clip: Norm | None = 1.0
    """Greatest norm of the gradient; null: not clipped."""
    use_deterministic: bool = False
    """Only deterministic operations: the same seed gives the same weights."""
    compile_step: bool = False
    """On a GPU, compile a step of the recurrence: the first batch is slower, later ones faster."""
    num_epochs: Epochs | None = None
    """Epochs at most; null: as many as ``num_passes`` gives, or else 100."""
    num_passes: Annotated[float, Field(gt=0, le=1e6)] | None = None
    """Instead of ``num_epochs``: how often each training sentence is read on average, over all
    corpora; rounded to whole epochs."""
    batch_size: BatchSize = 16
    """Sentences in a batch."""
    num_sanity_val_steps: CountFromZero = 0
    """Accepted in files of the original, without effect: the data are always checked first."""
    limit_train_batches: BatchLimit = 1.0
    """Share (0.1) or number (10) of the training batches of an epoch; 1.0 is all."""
    limit_val_batches: BatchLimit = 1.0
    """Share or number of the development batches; 1.0 is all."""
    limit_test_batches: BatchLimit = 1.0
    """Share or number of the test batches; 1.0 is all."""
    clear_CUDA_cache_after_n_steps: Count | None = None  # noqa: N815
    """Empty the CUDA cache every so many steps; null: never."""
    loss: Literal["MultiLabel", "BCE"] = "MultiLabel"
    """Two names for one loss: binary cross-entropy, averaged over actions and timesteps."""
    checkpoints: CheckpointsConfig = CheckpointsConfig()
    optimizers: OptimizersConfig = OptimizersConfig()
    resume_from_checkpoint: FilePath | None = None
    """A run folder or checkpoint to resume from."""


class MLFlowLoggerConfig(Section):
    """Tracking with MLflow, beside the run's own log."""

    experiment_name: Text = "${experiment_name}-${task_name}"
    """Experiment of the run in MLflow."""
    run_name: Text = "${run_name}"
    """The run's name in MLflow."""
    tracking_uri: TrackingUri | None = None
    """Address of the MLflow server; or a database (``sqlite:///mlflow.db``), or a folder."""
    use: bool = False
    """Switches it on."""


class PerturbationsConfig(Section):
    """Append sentences of other corpora to training sentences (experimental)."""

    use: bool = False
    """Switches it on."""
    probs: dict[Text, dict[Text, Probability]] = Field(default_factory=dict)
    """For sentences of a corpus: the probability that one of each other corpus is appended, such
    as ``{A: {B: 0.2, C: 0.1}}``; together at most 1."""


class ParserStateAblation(Section):
    """What the network that scores the actions may see."""

    use_attention: bool = True
    """The context from the attention."""
    use_next_word: bool = True
    """The next word."""


class AttentionModuleAblation(Section):
    """What the attention may see."""

    use_pos_embeds: bool = True
    """The relative position vectors."""


class PredModelAblation(Section):
    """Switches of the tagger."""

    dropouts: bool = True
    """Every dropout of the tagger."""
    parser_state: ParserStateAblation = ParserStateAblation()
    attention_module: AttentionModuleAblation = AttentionModuleAblation()


class EmbedModelAblation(Section):
    """Switches of the encoder."""

    finetune: bool = True
    """Train the encoder; false keeps it as it was pretrained."""


class AblationConfig(Section):
    """Switches that turn off parts of the model, to measure their effect."""

    pred_model: PredModelAblation = PredModelAblation()
    embed_model: EmbedModelAblation = EmbedModelAblation()


class ExperimentConfig(Section):
    """All settings of one experiment. Mandatory: ``seed``, ``task_name``, ``datasets``."""

    seed: Seed
    """Seed of all random numbers."""
    task_name: Text
    """The experiment's name, usually the name of its file."""
    experiment_name: Text = "SRUNER"
    """The family of experiments it belongs to."""
    run_name: Text = "${now:%Y-%m-%d_%H-%M-%S}"
    """The name of this run."""
    output_dir: FilePath = Path("logs/${task_name}/${run_name}")
    """Folder for checkpoints, results and logs of this run."""
    datasets: Annotated[dict[Text, DatasetConfig], Field(min_length=1)]
    """The corpora, by name."""
    data_transform: DataTransformConfig = DataTransformConfig()
    models: ModelsConfig = ModelsConfig()
    train: TrainConfig = TrainConfig()
    MLFlowLogger: MLFlowLoggerConfig = MLFlowLoggerConfig()
    perturbations: PerturbationsConfig = PerturbationsConfig()
    ablation: AblationConfig = AblationConfig()

    @model_validator(mode="after")
    def _with_epochs(self) -> Self:
        """Put in the default number of epochs if neither epochs nor passes are given."""
        if self.train.num_epochs is None and self.train.num_passes is None:
            train = self.train.model_copy(update={"num_epochs": DEFAULT_EPOCHS})
            return self.model_copy(update={"train": train})
        return self
