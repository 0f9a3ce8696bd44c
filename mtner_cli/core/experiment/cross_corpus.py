"""A trained model on corpora it was not trained on: their types, whatever corpus taught them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from mtner_cli.config.schema import DatasetConfig, LimitSentencesConfig
from mtner_cli.core.decode.mentions import ScoredMention
from mtner_cli.core.evaluate.scores import Evaluation, evaluate, joined_tag
from mtner_cli.core.evaluate.tested import TestedSentence
from mtner_cli.core.experiment.corpora import annotated_tags, read_splits, tokenize_splits
from mtner_cli.core.experiment.testing import LoadedRun, OnProgress, predict_sentences


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
