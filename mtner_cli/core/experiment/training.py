"""Prepare and start the training of an experiment from its configuration."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed

from mtner_cli.config.load import dump_resolved
from mtner_cli.config.schema import ExperimentConfig
from mtner_cli.core.corpus.splits import CorpusSplit
from mtner_cli.core.evaluate.scores import Evaluation, evaluate
from mtner_cli.core.experiment.corpora import (
    action_frequencies,
    annotated_tags,
    build_vocabulary,
    foreign_actions,
    garbage_collection_paused,
    read_splits,
    tokenize_splits,
)
from mtner_cli.core.experiment.resume import ResumedRun, check_same_model, resumed_run
from mtner_cli.core.experiment.testing import scored_tags
from mtner_cli.core.features.batch import Collator
from mtner_cli.core.features.examples import Example, examples_of, with_timesteps
from mtner_cli.core.features.merging import merges_sentences, merges_split
from mtner_cli.core.features.sampler import EpochSampler, Perturbations
from mtner_cli.core.features.segments import ExampleNotes, segments_of
from mtner_cli.core.features.tokenize import SubwordTokenizer
from mtner_cli.core.files.atomic import atomic_path
from mtner_cli.core.model.encoder import (
    check_vocabulary,
    encoder_config,
    encoder_settings,
    load_encoder,
    load_tokenizer,
    longest_input,
)
from mtner_cli.core.model.ner_model import NerModel, build_model
from mtner_cli.core.results.scores_file import versions
from mtner_cli.core.tagger import Tagger
from mtner_cli.core.train.checkpoint import Checkpoint, ModelDescription
from mtner_cli.core.train.events import TrainingEvent, TrainingStarted
from mtner_cli.core.train.run_folder import RunFolder
from mtner_cli.core.train.schedule import TrainingLength, training_length, with_rates
from mtner_cli.core.train.trainer import Trainer, TrainingData
from mtner_cli.errors import ConfigError, DataError, quoted


@dataclass(frozen=True, kw_only=True)
class PreparedTraining:
    """An experiment whose corpora have been read and made into examples.

    Attributes:
        train, dev, test: the splits that were read.
        examples: the examples of the training splits, with their gold timesteps.
        notes: the mentions that training leaves out.
        length: how much the training reads.
        chosen_for_width: the width of the encoder, if learning rates were chosen by it.
        resumed: the run that is resumed; None if the training is new or starts again.
    """

    config: ExperimentConfig
    tokenizer: SubwordTokenizer
    description: ModelDescription
    train: list[CorpusSplit]
    dev: list[CorpusSplit]
    test: list[CorpusSplit]
    examples: list[Example]
    notes: ExampleNotes
    length: TrainingLength
    chosen_for_width: int | None
    resumed: ResumedRun | None

    @property
    def unmerged_corpora(self) -> list[str]:
        """Training corpora whose sentences are not merged; none if sentence merging is off."""
        merging = self.config.data_transform.merge_sents
        if not merges_sentences(merging):
            return []
        return [
            split.corpus
            for split in self.train
            if not merges_split(merging, split.corpus, split.sentences)
        ]


def check_device(config: ExperimentConfig, device: torch.device) -> None:
    """Refuse settings that the device does not support.

    Raises:
        ConfigError: with the setting.
    """
    if config.train.compile_step and device.type != "cuda":
        raise ConfigError(
            ["train.compile_step: true needs a GPU; on a CPU the step is as fast without it"]
        )


@garbage_collection_paused()
def prepare_training(
    config: ExperimentConfig, resume_from: Checkpoint | None = None
) -> PreparedTraining:
    """Read every split of an experiment, and make examples of its training sentences.

    The test splits are read so that a fault in them shows before the training, not after it.

    Raises:
        ConfigError: if inputs may be longer than the encoder can read, or if the data or the
            encoder differ from those of the checkpoint to resume from.
        EncoderError: if the encoder's configuration or tokenizer cannot be loaded.
        DataError: if a corpus's file is missing or does not have the configured encoding.
    """
    transform = config.data_transform
    separate = transform.train_with_separate_tags
    encoder = config.models.embed_model.pretrained_name
    tokenizer = load_tokenizer(encoder)
    settings = encoder_config(encoder)
    check_vocabulary(tokenizer, settings, encoder)
    longest = longest_input(settings)
    if longest is not None and transform.max_tokens > longest:
        raise ConfigError(
            [
                f"data_transform.max_tokens: {transform.max_tokens} is more than the encoder "
                f"{encoder} can read, which is {longest}"
            ]
        )
    train = read_splits(config.datasets, transform, "train")
    dev = read_splits(config.datasets, transform, "dev")
    test = read_splits(config.datasets, transform, "test")
    annotated = annotated_tags(train, separate)
    description = ModelDescription(
        build_vocabulary(annotated, transform.change_out_to_shift),
        annotated,
        _contents({"train": train, "dev": dev, "test": test}),
        tokenizer.identity,
        encoder_settings(settings),
    )
    if resume_from is not None:
        check_same_model(description, resume_from.description, config.output_dir)
    notes = ExampleNotes()
    sentences = tokenize_splits(train, tokenizer, separate)
    examples = [
        with_timesteps(example, description.vocabulary, notes)
        for example in examples_of(
            sentences,
            tokenizer,
            transform.max_tokens,
            transform.merge_sents,
            partial(segments_of, notes=notes),
        )
    ]
    sampler = EpochSampler(examples, config.train.batch_size, config.seed)
    given = config.train.optimizers
    optimizers = with_rates(given, settings.hidden_size)
    train_config = config.train.model_copy(update={"optimizers": optimizers})
    config = config.model_copy(update={"train": train_config})
    return PreparedTraining(
        config=config,
        tokenizer=tokenizer,
        description=description,
        train=train,
        dev=dev,
        test=test,
        examples=examples,
        notes=notes,
        length=training_length(sampler, config.train),
        chosen_for_width=None if optimizers == given else settings.hidden_size,
        resumed=resumed_run(config, resume_from, sampler) if resume_from is not None else None,
    )


def _contents(splits: Mapping[str, Sequence[CorpusSplit]]) -> dict[str, dict[str, str]]:
    """Return, for each corpus, the hash of the file of each split."""
    contents: dict[str, dict[str, str]] = {}
    for name, of_corpora in splits.items():
        for split in of_corpora:
            if split.content is not None:
                contents.setdefault(split.corpus, {})[name] = split.content
    return contents


def start_training(
    prepared: PreparedTraining,
    device: torch.device,
    resume_from: Checkpoint | None = None,
    stop_wanted: Callable[[], bool] = bool,
) -> Iterator[TrainingEvent]:
    """Train in the configured output folder, and yield the events of the training.

    Raises:
        EncoderError: if the encoder cannot be found.
        TrainingError: if the loss is no longer finite.
        DataError: if the folder can no longer be written.
    """
    config = prepared.config
    accelerator = accelerator_for(device)
    model = new_model(prepared)
    folder = RunFolder(config.output_dir)
    if accelerator.is_main_process:
        header = provenance(prepared.description)
        folder.start(header + dump_resolved(config), is_new=resume_from is None)
        save_encoder(folder.encoder, model, prepared.tokenizer)
    trainer = new_trainer(prepared, model, accelerator)
    yield TrainingStarted(
        versions=versions(),
        data=prepared.description.data,
        device=str(accelerator.device),
        step=resume_from.progress.step if resume_from is not None else 0,
    )
    yield from trainer.run(resume_from, stop_wanted)


def provenance(description: ModelDescription) -> str:
    """Return YAML comments with versions and data files for a run's settings."""
    lines = [", ".join(f"{name} {version}" for name, version in versions().items())]
    for corpus, contents in description.data.items():
        for split, content in contents.items():
            lines.append(f"sha256 of {split} of {json.dumps(corpus)}: {content}")
    return "".join(f"# {line}\n" for line in lines)


def accelerator_for(device: torch.device) -> Accelerator:
    """Return an accelerator: float32 on a CPU, bfloat16 for the encoder on a GPU."""
    if device.type == "cpu":
        return Accelerator(cpu=True)
    torch.cuda.set_device(device)
    return Accelerator(mixed_precision="bf16")


def _perturbations(config: ExperimentConfig) -> Perturbations | None:
    if not config.perturbations.use:
        return None
    return Perturbations(config.perturbations.probs, config.data_transform.max_tokens)


def new_model(prepared: PreparedTraining) -> NerModel:
    """Build the model that a training starts with, on the CPU, and seed all random numbers.

    Raises:
        EncoderError: if the encoder cannot be found.
    """
    config, description = prepared.config, prepared.description
    set_seed(config.seed)
    if config.train.use_deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
    encoder = load_encoder(config.models.embed_model.pretrained_name)
    model = build_model(encoder, description.vocabulary, config)
    if config.models.pred_model.init_output_bias == "log_odds":
        model.tagger.start_output_at(
            action_frequencies(prepared.examples, description.vocabulary, description.annotated)
        )
    if config.train.compile_step:
        model.tagger.compile_step()
    return model


def new_trainer(prepared: PreparedTraining, model: NerModel, accelerator: Accelerator) -> Trainer:
    """Return a trainer of the model, which is moved to the accelerator's device."""
    config, description = prepared.config, prepared.description
    foreign = foreign_actions(description.vocabulary, description.annotated)
    data = TrainingData(
        prepared.examples,
        Collator(description.vocabulary, prepared.tokenizer.pad_id, foreign),
        _development_scorer(prepared) if prepared.dev else None,
        _perturbations(config),
    )
    return Trainer(
        model=model,
        description=description,
        data=data,
        settings=config.train,
        seed=config.seed,
        accelerator=accelerator,
        checkpoints=RunFolder(config.output_dir).checkpoints,
    )


def save_encoder(folder: Path, model: NerModel, tokenizer: SubwordTokenizer) -> None:
    """Write what is needed to rebuild the encoder and to read text, except for the weights.

    Raises:
        DataError: if the folder cannot be written.
    """
    with tempfile.TemporaryDirectory() as made:
        try:
            model.encoder.config.save_pretrained(made)
            tokenizer.tokenizer.save_pretrained(made)
            folder.mkdir(exist_ok=True)
        except Exception as error:  # on a full disk the tokenizer's library raises only this
            message = f"cannot be written: {quoted(str(error))}; make room, or use another folder"
            raise DataError(folder, None, message) from None
        for file in sorted(Path(made).iterdir()):
            with atomic_path(folder / file.name, own_folder=True) as temporary:
                shutil.copyfile(file, temporary)


def _development_scorer(prepared: PreparedTraining) -> Callable[[NerModel], Evaluation]:
    config, description = prepared.config, prepared.description
    separate = config.data_transform.train_with_separate_tags
    sentences = tokenize_splits(prepared.dev, prepared.tokenizer, separate)
    annotated = scored_tags(description.annotated, prepared.dev, separate)

    def score(model: NerModel) -> Evaluation:
        tagger = Tagger(config, description, prepared.tokenizer, model)
        return evaluate(tagger.tag(sentences, config.train.limit_val_batches), annotated)

    return score
