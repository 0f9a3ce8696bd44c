"""The lines of a run's log, read by programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mtner_cli.core.evaluate.scores import evaluate
from mtner_cli.core.features.sampler import EpochPlan
from mtner_cli.core.train.events import DevelopmentDone, EpochStarted
from mtner_cli.core.types import ScoredMention, Tag, TestedSentence
from mtner_cli.report.training_log import TrainingLog, event_record

DISEASE_A, DISEASE_B = Tag("A", "Disease"), Tag("B", "Disease")


def sentence(corpus: str, *predicted: Tag) -> TestedSentence:
    return TestedSentence(
        corpus=corpus,
        index=0,
        document=None,
        start=0,
        text="fever",
        words=("fever",),
        word_offsets=((0, 5),),
        gold=((0, 1, Tag(corpus, "Disease")),),
        gold_unmatched=(),
        predicted=tuple(ScoredMention(0, 1, tag, 0.9) for tag in predicted),
    )


def test_a_development_round_is_logged_with_all_its_scores() -> None:
    annotated = {"A": {DISEASE_A, Tag("A", "Drug")}, "B": {DISEASE_B}}
    # Of A's disease only the type of B is predicted: right if joined, missed if separate.
    scores = evaluate([sentence("A", DISEASE_B), sentence("B", DISEASE_B)], annotated)
    record = event_record(DevelopmentDone(3, 30, scores, True, 1.0))
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["epoch"] == 3
    right = {"tp": 1, "fn": 0, "fp": 0, "precision": 100.0, "recall": 100.0, "f1": 100.0}
    missed = {"tp": 0, "fn": 1, "fp": 0, "precision": 0.0, "recall": 0.0, "f1": 0.0}
    nothing = missed | {"fn": 0}
    assert record["joined"] == {
        "micro": right | {"tp": 2},
        "mean": {"precision": 100.0, "recall": 100.0, "f1": 100.0},
        "corpora": {
            "A": {**right, "types": {"Disease": right, "Drug": nothing}},
            "B": {**right, "types": {"Disease": right}},
        },
    }
    assert record["separate"]["mean"]["f1"] == pytest.approx(50.0)
    assert record["separate"]["corpora"]["A"] == {
        **missed,
        "types": {"Disease": missed, "Drug": nothing},
    }
    assert record["f1"] == 100.0


def test_epochs_are_counted_from_1_in_both_logs(tmp_path: Path) -> None:
    plan = EpochPlan((), {"A": 2}, {"A": 0}, {"A": 0})
    with TrainingLog(tmp_path / "log.jsonl", tmp_path / "sampling.jsonl") as log:
        log.handle(EpochStarted(1, 2, plan))
    for name in ("log.jsonl", "sampling.jsonl"):
        (line,) = (tmp_path / name).read_text().splitlines()
        assert json.loads(line)["epoch"] == 1
