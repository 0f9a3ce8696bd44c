"""Testing: a model over the sentences of corpora, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from mtner_cli.config.load import load_resolved
from mtner_cli.config.schema import (
    DatasetConfig,
    DataTransformConfig,
    ExperimentConfig,
    LimitSentencesConfig,
)
from mtner_cli.core.corpus.splits import CorpusSplit, SplitName
from mtner_cli.core.decode.predict import predict_mentions
from mtner_cli.core.evaluate.scores import Evaluation, evaluate, joined_tag
from mtner_cli.core.evaluate.tested import ScoredMention, TestedSentence
from mtner_cli.core.experiment.corpora import (
    Annotated,
    annotated_tags,
    read_splits,
    tokenize_splits,
)
from mtner_cli.core.features.batch import Collator, batches_by_length
from mtner_cli.core.features.examples import Example, examples_of
from mtner_cli.core.features.sampler import limited
from mtner_cli.core.features.tokenize import SubwordTokenizer, TokenizedSentence
from mtner_cli.core.model.encoder import (
    check_vocabulary,
    encoder_config,
    encoder_from_config,
    encoder_settings,
    load_tokenizer,
)
from mtner_cli.core.model.ner_model import NerModel, build_model
from mtner_cli.core.train.checkpoint import ModelDescription, check_shapes, load_checkpoint
from mtner_cli.core.train.run_folder import RunFolder
from mtner_cli.errors import CheckpointError

TOKENS_PER_BATCH = 4096

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class LoadedRun:
    """A trained model with what it needs to read text."""

    config: ExperimentConfig
    folder: RunFolder
    checkpoint: Path
    description: ModelDescription
    model: NerModel
    tokenizer: SubwordTokenizer

    @property
    def separate_tags(self) -> bool:
        return self.config.data_transform.train_with_separate_tags

    @property
    def collate(self) -> Collator:
        return Collator(self.description.vocabulary, self.tokenizer.pad_id)


@dataclass(frozen=True)
class RunEvaluation:
    """The tested sentences and their scores."""

    sentences: list[TestedSentence]
    evaluation: Evaluation


def load_run(path: Path, checkpoint: str | None, device: torch.device) -> LoadedRun:
    """Load a run's configuration, tokenizer and weights; nothing is downloaded or unpickled.

    Raises:
        CheckpointError: where there is no run or no such checkpoint, or they do not fit.
    """
    folder = RunFolder.find(path)
    config = load_resolved(folder.resolved_config)
    checkpoint_path = folder.checkpoint(checkpoint)
    loaded = load_checkpoint(checkpoint_path)
    if not folder.encoder.is_dir():
        raise CheckpointError(f"{folder.encoder}: the run's encoder folder is missing")
    settings, tokenizer = encoder_config(str(folder.encoder)), load_tokenizer(str(folder.encoder))
    check_vocabulary(tokenizer, settings, str(folder.encoder))
    _check_reading(loaded.description, tokenizer, settings, folder)
    vocabulary = loaded.description.vocabulary
    with torch.device("meta"):  # takes no memory, however large a damaged configuration makes it
        blank = build_model(encoder_from_config(settings), vocabulary, config)
    check_shapes(blank, loaded.model, checkpoint_path)
    model = build_model(encoder_from_config(settings), vocabulary, config)
    model.load_state_dict(loaded.model)
    return LoadedRun(
        config,
        folder,
        checkpoint_path,
        loaded.description,
        model.to(device).eval(),
        tokenizer,
    )


def _check_reading(
    trained: ModelDescription, tokenizer: SubwordTokenizer, settings: Any, folder: RunFolder
) -> None:
    """Refuse an encoder folder that is not the one the checkpoint was trained with."""
    here = replace(trained, tokenizer=tokenizer.identity, encoder=encoder_settings(settings))
    found = list(here.reading_differences(trained))
    if found:
        raise CheckpointError(
            f"{folder.encoder}: does not belong to this checkpoint: {'; '.join(found)}. "
            "Copy the run's encoder folder again"
        )


def scored_tags(annotated: Annotated, splits: Sequence[CorpusSplit], separate: bool) -> Annotated:
    """The tags to score on each corpus: those it was known to annotate, and those it does here."""
    here = annotated_tags(splits, separate)
    return {corpus: tags | annotated.get(corpus, frozenset()) for corpus, tags in here.items()}


def predict_sentences(
    model: NerModel,
    sentences: Sequence[TokenizedSentence],
    tokenizer: SubwordTokenizer,
    collate: Collator,
    transform: DataTransformConfig,
    device: torch.device,
    limit_batches: float | int = 1.0,
    on_progress: OnProgress | None = None,
) -> list[TestedSentence]:
    """Predict the mentions of sentences; with a limit, only sentences that were read whole.

    Args:
        transform: which sentences are read together, and how long an input may be.
        on_progress: called with the number of finished examples and of all.
    """
    examples = examples_of(
        sentences, tokenizer, transform.max_tokens, merging=transform.merge_sents
    )
    batches = list(batches_by_length(examples, TOKENS_PER_BATCH))
    batches = batches[len(batches) - limited(len(batches), limit_batches) :]
    total, done = sum(map(len, batches)), 0

    def report(finished: int) -> None:
        nonlocal done
        done += finished
        if on_progress is not None:
            on_progress(done, total)

    found = predict_mentions(model, batches, collate, device, report)
    incomplete = _read_in_part(examples, batches)
    return [
        tested_sentence(sentence, found.get((sentence.corpus, sentence.index), ()))
        for sentence in sentences
        if (sentence.corpus, sentence.index) not in incomplete
    ]


def tested_sentence(
    sentence: TokenizedSentence, predicted: Iterable[ScoredMention]
) -> TestedSentence:
    """The sentence with what was found in it."""
    return TestedSentence(
        sentence.corpus,
        sentence.index,
        sentence.sentence.document,
        sentence.sentence.text,
        sentence.words,
        tuple((start, end) for start, end in sentence.word_offsets.tolist()),
        sentence.gold,
        sentence.gold_unmatched,
        tuple(predicted),
    )


def _read_in_part(
    examples: Sequence[Example], batches: Sequence[Sequence[Example]]
) -> set[tuple[str, int]]:
    """The sentences of examples that a limit left out."""
    read = {id(example) for batch in batches for example in batch}
    return {
        (piece.sentence.corpus, piece.sentence.index)
        for example in examples
        if id(example) not in read
        for piece in example.pieces
    }


def evaluate_run(
    run: LoadedRun,
    device: torch.device,
    split: SplitName = "test",
    on_progress: OnProgress | None = None,
) -> RunEvaluation | None:
    """Test a run on the ``split`` of each of its corpora; None if none of them has one.

    Raises:
        DataError: where a corpus's file is missing or not of its encoding.
    """
    transform = run.config.data_transform
    splits = read_splits(run.config.datasets, transform, split)
    if not splits:
        return None
    sentences = tokenize_splits(splits, run.tokenizer, run.separate_tags)
    tested = predict_sentences(
        run.model,
        sentences,
        run.tokenizer,
        run.collate,
        transform,
        device,
        run.config.train.limit_test_batches,
        on_progress,
    )
    annotated = scored_tags(run.description.annotated, splits, run.separate_tags)
    return RunEvaluation(tested, evaluate(tested, annotated))


@dataclass(frozen=True)
class CrossCorpusOutcome:
    """What a model found in other corpora.

    Attributes:
        sentences: with joined tags.
        unknown_types: for each corpus, annotated types that the model never learned.
    """

    sentences: list[TestedSentence]
    evaluation: Evaluation
    unknown_types: dict[str, list[str]]


def predict_corpora(
    run: LoadedRun,
    datasets: Mapping[str, DatasetConfig],
    device: torch.device,
    on_progress: OnProgress | None = None,
) -> CrossCorpusOutcome:
    """Predict on the test split of each corpus; tags are joined, types of one name are one.

    Raises:
        DataError: where a corpus's file is missing or not of its encoding.
    """
    transform = run.config.data_transform.model_copy(
        update={"limit_sentences": LimitSentencesConfig(), "change_tags": True}
    )
    splits = read_splits(datasets, transform, "test")
    sentences = tokenize_splits(splits, run.tokenizer, separate=False)
    tested = [
        replace(sentence, predicted=_joined(sentence.predicted))
        for sentence in predict_sentences(
            run.model,
            sentences,
            run.tokenizer,
            run.collate,
            transform,
            device,
            on_progress=on_progress,
        )
    ]
    annotated = annotated_tags(splits, separate=False)
    known = {joined_tag(tag) for tag in run.description.vocabulary.tags}
    unknown = {
        corpus: sorted(tag.entity_type for tag in tags - known)
        for corpus, tags in annotated.items()
        if tags - known
    }
    return CrossCorpusOutcome(tested, evaluate(tested, annotated), unknown)


def _joined(mentions: tuple[ScoredMention, ...]) -> tuple[ScoredMention, ...]:
    """Each mention once under its joined tag, with the score of the surest."""
    best: dict[tuple[int, int, str], ScoredMention] = {}
    for mention in mentions:
        key = (mention.start, mention.end, mention.tag.entity_type)
        if key not in best or best[key].score < mention.score:
            best[key] = mention._replace(tag=joined_tag(mention.tag))
    return tuple(best.values())
