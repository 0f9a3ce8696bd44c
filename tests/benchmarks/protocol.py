"""The training protocol of configs/bc5cdr-2k.yaml, by the slot model and by a linear head.

Both are trained by the same trainer on the same batches and scored the same way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from accelerate.utils import set_seed

from mtner_cli.config.load import load_experiment
from mtner_cli.core.decode.inference import encoder_parts, encoder_precision
from mtner_cli.core.evaluate.scores import Evaluation, evaluate
from mtner_cli.core.experiment.corpora import tokenize_splits
from mtner_cli.core.experiment.testing import scored_tags
from mtner_cli.core.experiment.training import (
    PreparedTraining,
    accelerator_for,
    prepare_training,
    start_training,
)
from mtner_cli.core.features.batch import Collator, batches_by_length
from mtner_cli.core.features.examples import examples_of
from mtner_cli.core.model.encoder import load_encoder
from mtner_cli.core.tagger import TOKENS_PER_BATCH, tested_sentence
from mtner_cli.core.train.events import DevelopmentDone, TrainingEvent
from mtner_cli.core.train.trainer import Trainer, TrainingData
from tests.benchmarks.linear_head import LinearHead
from tests.benchmarks.timing import DEVICE

PROTOCOL = Path(__file__).resolve().parents[2] / "configs" / "bc5cdr-2k.yaml"


@dataclass(frozen=True)
class ProtocolRun:
    """Seconds of training with scoring, and the best development F1 in [0, 1]."""

    seconds: float
    development_f1: float


def prepare_protocol(corpus: Path, output: Path, *overrides: str) -> PreparedTraining:
    """The protocol on the action files in ``corpus``; a run goes to ``output``."""
    paths = [
        f"datasets.BC5CDR.split_paths.{split}={corpus / split}.txt"
        for split in ("train", "dev", "test")
    ]
    return prepare_training(load_experiment(PROTOCOL, [*paths, f"output_dir={output}", *overrides]))


def run_slot_model(prepared: PreparedTraining) -> ProtocolRun:
    """Train and score the slot model, which stays in the configured folder."""
    return _timed(start_training(prepared, DEVICE))


def run_linear_head(prepared: PreparedTraining) -> tuple[ProtocolRun, LinearHead]:
    """The same with a linear head."""
    config = prepared.config
    set_seed(config.seed)
    model = LinearHead(
        load_encoder(config.models.embed_model.pretrained_name),
        prepared.description.vocabulary.tags,
    )
    collate = Collator(prepared.description.vocabulary, prepared.tokenizer.pad_id)
    checkpoints = config.output_dir / "linear"
    checkpoints.mkdir(parents=True)
    trainer = Trainer(
        model=model,
        description=prepared.description,
        data=TrainingData(prepared.examples, collate, _linear_scorer(prepared)),
        settings=config.train,
        seed=config.seed,
        accelerator=accelerator_for(DEVICE),
        checkpoints=checkpoints,
    )
    return _timed(trainer.run()), model


def _linear_scorer(prepared: PreparedTraining) -> Callable[[LinearHead], Evaluation]:
    """What the slot model's development scoring does, with the linear head."""
    sentences = tokenize_splits(prepared.dev, prepared.tokenizer, separate=True)
    max_tokens = prepared.config.data_transform.max_tokens
    examples = examples_of(sentences, prepared.tokenizer, max_tokens)
    annotated = scored_tags(prepared.description.annotated, prepared.dev, separate=True)
    collate = Collator(prepared.description.vocabulary, prepared.tokenizer.pad_id)

    def score(model: LinearHead) -> Evaluation:
        model.eval()
        found = {}
        for group in batches_by_length(examples, TOKENS_PER_BATCH):
            for part in encoder_parts(collate(group).to(DEVICE), DEVICE):
                with encoder_precision(DEVICE):
                    predicted = model.predict(part)
                for example, mentions in zip(part.examples, predicted, strict=True):
                    found[example.segments[0].sentence.index] = mentions
        tested = [tested_sentence(sentence, found[sentence.index]) for sentence in sentences]
        return evaluate(tested, annotated)

    return score


def _timed(events: Iterator[TrainingEvent]) -> ProtocolRun:
    started = time.perf_counter()
    scores = [event.scores.headline_f1 for event in events if isinstance(event, DevelopmentDone)]
    return ProtocolRun(time.perf_counter() - started, max(scores))
