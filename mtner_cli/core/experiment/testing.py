"""Test a model on the sentences of corpora, and score its predictions."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mtner_cli.config.schema import DatasetConfig, LimitSentencesConfig
from mtner_cli.core.corpus.splits import CorpusSplit, SplitName
from mtner_cli.core.evaluate.scores import Evaluation, evaluate, joined_tag
from mtner_cli.core.experiment.corpora import (
    Annotated,
    annotated_tags,
    read_splits,
    tokenize_splits,
)
from mtner_cli.core.tagger import OnProgress, Tagger
from mtner_cli.core.types import ScoredMention, TestedSentence
from mtner_cli.errors import ConfigError
from mtner_cli.paths import is_file


@dataclass(frozen=True)
class RunEvaluation:
    """The tested sentences and their scores.

    Attributes:
        splits: the splits that were tested.
        sentences: the tested sentences; with joined tags for corpora that the model was not
            trained on.
        evaluation: the scores.
        untaught: for each corpus, annotated types that the model learned from no corpus.
        changed: the corpora whose file is another one than when the run was started.
    """

    splits: list[CorpusSplit]
    sentences: list[TestedSentence]
    evaluation: Evaluation
    untaught: dict[str, list[str]]
    changed: tuple[str, ...] = ()


def scored_tags(annotated: Annotated, splits: Sequence[CorpusSplit], separate: bool) -> Annotated:
    """Return the tags to score on each corpus: those of the training data and of these splits."""
    here = annotated_tags(splits, separate)
    return {corpus: tags | annotated.get(corpus, frozenset()) for corpus, tags in here.items()}


def check_test_files(run: Path, datasets: Mapping[str, DatasetConfig]) -> None:
    """Refuse to test a run whose test files are not here, before its model is loaded.

    Raises:
        ConfigError: with every missing file, where it was looked for, and what to do.
    """
    faults = []
    for name, dataset in datasets.items():
        path = dataset.split_paths.test
        if path is not None and not is_file(path):
            looked = "" if path.is_absolute() else f" (looked in {Path.cwd()})"
            faults.append(f"datasets.{name}.split_paths.test: file not found: {path}{looked}")
    if faults:
        command = shlex.join(["mtner", "predict-cross", "--model", str(run), "--corpora"])
        raise ConfigError(
            [
                *faults,
                "Run the command in the folder in which the run was trained, or name test files of "
                f"this machine in a YAML file and score the run on them: {command} FILE",
            ]
        )


def evaluate_run(
    tagger: Tagger, split_name: SplitName = "test", on_progress: OnProgress | None = None
) -> RunEvaluation | None:
    """Test a model on a split of each of its own corpora; None if none of them has one.

    Raises:
        DataError: if a corpus's file is missing or does not have the configured encoding.
    """
    config = tagger.config
    splits = read_splits(config.datasets, config.data_transform, split_name)
    if not splits:
        return None
    sentences = tokenize_splits(splits, tagger.tokenizer, tagger.separate_tags)
    tested = tagger.tag(sentences, config.train.limit_test_batches, on_progress)
    annotated = scored_tags(tagger.description.annotated, splits, tagger.separate_tags)
    untaught = _untaught(tagger, annotated)
    before = tagger.description.data
    changed = tuple(
        split.corpus
        for split in splits
        if before.get(split.corpus, {}).get(split_name, split.content) != split.content
    )
    return RunEvaluation(splits, tested, evaluate(tested, annotated), untaught, changed)


def predict_corpora(
    tagger: Tagger,
    datasets: Mapping[str, DatasetConfig],
    on_progress: OnProgress | None = None,
) -> RunEvaluation:
    """Predict on the test split of each corpus; types with the same name count as one.

    Raises:
        DataError: if a corpus's file is missing or does not have the configured encoding.
    """
    transform = tagger.config.data_transform.model_copy(
        update={"limit_sentences": LimitSentencesConfig(), "change_tags": True}
    )
    splits = read_splits(datasets, transform, "test")
    sentences = tokenize_splits(splits, tagger.tokenizer, separate=False)
    tested = [
        replace(sentence, predicted=_joined(sentence.predicted))
        for sentence in tagger.tag(sentences, on_progress=on_progress)
    ]
    annotated = annotated_tags(splits, separate=False)
    untaught = _untaught(tagger, annotated)
    return RunEvaluation(splits, tested, evaluate(tested, annotated), untaught)


def _untaught(tagger: Tagger, annotated: Annotated) -> dict[str, list[str]]:
    taught = {tag.entity_type for tag in tagger.description.vocabulary.tags}
    types = {corpus: {tag.entity_type for tag in tags} for corpus, tags in annotated.items()}
    return {corpus: sorted(names - taught) for corpus, names in types.items() if names - taught}


def _joined(mentions: tuple[ScoredMention, ...]) -> tuple[ScoredMention, ...]:
    """Return each mention once under its joined tag, with the best of its scores."""
    best: dict[tuple[int, int, str], ScoredMention] = {}
    for mention in mentions:
        key = (mention.start, mention.end, mention.tag.entity_type)
        if key not in best or best[key].score < mention.score:
            best[key] = mention._replace(tag=joined_tag(mention.tag))
    return tuple(best.values())
