"""Write the scores of a test for programs, with what is needed to compute and compare them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mtner_cli import __version__
from mtner_cli.core.corpus.splits import CorpusSplit
from mtner_cli.core.evaluate.nesting import Found, NestingRecall
from mtner_cli.core.evaluate.scores import Evaluation, Scores, in_percent, scores_record
from mtner_cli.core.files.atomic import atomic_text_file


def write_scores(
    path: Path,
    evaluation: Evaluation,
    checkpoint: Path | None,
    splits: Iterable[CorpusSplit],
    *,
    own_folder: bool = False,
) -> None:
    """Write scores as JSON.

    Args:
        path: the file.
        evaluation: the scores.
        checkpoint: the file of the model's weights.
        splits: what was scored.
        own_folder: whether the file belongs to a run, where links are refused.

    Raises:
        DataError: if the file cannot be written; an earlier file is then unchanged.
    """
    record = {
        "headline": {
            "name": "mean over corpora of joined micro F1, over all gold mentions",
            "f1": in_percent(evaluation.headline_f1),
        },
        **evaluation_record(evaluation),
        "checkpoint": None if checkpoint is None else str(checkpoint),
        "data": {split.corpus: _data_record(split) for split in splits},
        "versions": versions(),
    }
    with atomic_text_file(path, own_folder=own_folder) as file:
        json.dump(record, file, ensure_ascii=False, indent=1, allow_nan=False)
        file.write("\n")


def versions() -> dict[str, str]:
    """Return the versions of this package and of those that scores depend on."""
    names = ("torch", "transformers", "tokenizers")
    return {"mtner": __version__, **{name: version(name) for name in names}}


def evaluation_record(evaluation: Evaluation) -> dict[str, Any]:
    """Return an evaluation as JSON values; precision, recall and F1 in per cent."""
    separate = evaluation.separate.corpora
    return {
        "annotated_types": {
            name: [tag.entity_type for tag in corpus.per_tag] for name, corpus in separate.items()
        },
        "joined": scores_record(evaluation.joined),
        "joined_matched": scores_record(evaluation.joined_matched),
        "separate": scores_record(evaluation.separate),
        "separate_matched": scores_record(evaluation.separate_matched),
        "foreign_predictions": foreign_record(evaluation.separate),
        "not_scored": {
            name: {tag.entity_type: count for tag, count in corpus.unscored_gold.items()}
            for name, corpus in evaluation.joined.corpora.items()
        },
        "nesting": {name: _nesting_record(found) for name, found in evaluation.nesting.items()},
    }


def foreign_record(scores: Scores) -> dict[str, dict[str, int]]:
    """Return, for each corpus, the number of predictions of each type that it does not annotate."""
    return {
        name: {str(tag): count for tag, count in corpus.foreign.items()}
        for name, corpus in scores.corpora.items()
    }


def _data_record(split: CorpusSplit) -> dict[str, Any]:
    mentions = sum(len(sentence.mentions) for sentence in split.sentences)
    counts = {"sentences": len(split.sentences), "mentions": mentions}
    return {"sha256": split.content, **counts}


def _nesting_record(recall: NestingRecall) -> dict[str, Any]:
    return {
        "inside": {str(depth): _found(found) for depth, found in recall.by_depth.items()},
        "inside_own_type": _found(recall.within_own_type),
    }


def _found(found: Found) -> dict[str, float]:
    return {"found": found.found, "of": found.total, "recall": in_percent(found.recall)}
