"""What MLflow is told of an experiment, under names that it allows.

MLflow takes letters, digits and a few signs; names of corpora and entity types hold anything. All
else is written ``:hexadecimal code point:``, so that different names stay different and can be read
back: the corpus ``genes$2`` is ``genes:24:2``. Metrics are paths of a fixed depth for each kind,
since MLflow may keep a path as folders, where no name can be both a metric and a folder.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence

from mtner_cli.core.evaluate.counts import Counts
from mtner_cli.core.evaluate.scores import CorpusScores, Evaluation, Scores

MAX_NAME, MAX_VALUE = 250, 6000
"""What MLflow takes, in characters."""


def metric_name(*parts: str) -> str:
    """The path of a metric, as ``dev/joined/corpora/BC5CDR/f1``."""
    return _within_limit("/".join(map(_escaped, parts)))


def _escaped(name: str) -> str:
    # The full stop is allowed, but a part may not be "." or "..", and it joins the parts of keys.
    return re.sub(r"[^\w\- ]", lambda found: f":{ord(found[0]):x}:", name)


def _within_limit(name: str) -> str:
    """The name itself, or its start and a checksum of all of it."""
    if len(name) <= MAX_NAME:
        return name
    checksum = ":" + hashlib.sha256(name.encode()).hexdigest()[:16]
    return name[: MAX_NAME - len(checksum)] + checksum


def parameters(settings: Mapping[str, object]) -> dict[str, str]:
    """Settings by their dotted keys, as text; a value that is too long ends in an ellipsis."""
    return {
        _within_limit(".".join(map(_escaped, keys))): _value_text(value)
        for keys, value in _leaves(settings)
    }


def _leaves(value: object, keys: Sequence[str] = ()) -> Iterator[tuple[Sequence[str], object]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, [*keys, key])
    else:
        yield keys, value


def _value_text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 1] + "…"


def evaluation_metrics(stage: str, evaluation: Evaluation) -> dict[str, float]:
    """Every score of an evaluation, in per cent, and the counts of foreign predictions.

    Args:
        stage: ``dev`` or ``test``; the first part of all names.
    """
    return {
        **_scores(stage, "joined", evaluation.joined),
        **_scores(stage, "separate", evaluation.separate),
        **_foreign(stage, evaluation.separate),
    }


def _scores(stage: str, tags: str, scores: Scores) -> dict[str, float]:
    metrics = _percentages((stage, tags), scores.mean_precision, scores.mean_recall, scores.mean_f1)
    for name, corpus in scores.corpora.items():
        metrics |= _of_counts((stage, tags, "corpora", name), corpus.micro)
        for tag, counts in corpus.per_tag.items():
            metrics |= _of_counts((stage, tags, "types", name, tag.entity_type), counts)
    return metrics


def _of_counts(path: Sequence[str], counts: Counts) -> dict[str, float]:
    return _percentages(path, counts.precision, counts.recall, counts.f1)


def _percentages(
    path: Sequence[str], precision: float, recall: float, f1: float
) -> dict[str, float]:
    values = {"precision": precision, "recall": recall, "f1": f1}
    return {metric_name(*path, name): 100 * value for name, value in values.items()}


def _foreign(stage: str, scores: Scores) -> dict[str, float]:
    metrics: dict[str, float] = {}
    for name, corpus in scores.corpora.items():
        metrics[metric_name(stage, "foreign", "corpora", name)] = sum(corpus.foreign.values())
        metrics |= _foreign_types((stage, "foreign", "types", name), corpus)
    return metrics


def _foreign_types(path: Sequence[str], corpus: CorpusScores) -> dict[str, float]:
    return {metric_name(*path, *filter(None, tag)): count for tag, count in corpus.foreign.items()}
