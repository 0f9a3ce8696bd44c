from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric_name, _validate_param_name

from mtner_cli.core.evaluate.scores import CorpusScores, Counts, Evaluation, Scores
from mtner_cli.core.types import Tag
from mtner_cli.report.trackers.mlflow_server import (
    MAX_NAME,
    MAX_VALUE,
    evaluation_metrics,
    metric_name,
    parameters,
)

PARTS = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=4)


def read_back(name: str) -> list[str]:
    def character(found: re.Match[str]) -> str:
        return chr(int(found[1], 16))

    return [re.sub(":([0-9a-f]+):", character, part) for part in name.split("/")]


@given(PARTS)
def test_a_name_is_what_mlflow_takes_and_can_be_read_back(parts: list[str]) -> None:
    name = metric_name(*parts)
    _validate_metric_name(name)
    assert read_back(name) == parts


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("dev", "Cell_Type", "f1"), "dev/Cell_Type/f1"),
        (("genes$2", "a/b"), "genes:24:2/a:2f:b"),
        (("..", "."), ":2e::2e:/:2e:"),
        (("Krankheit/Ä", "2:1"), "Krankheit:2f:Ä/2:3a:1"),
    ],
)
def test_names_stay_readable(parts: tuple[str, ...], expected: str) -> None:
    assert metric_name(*parts) == expected


def test_long_names_stay_apart() -> None:
    one, other = (metric_name("dev", "x" * 300 + end) for end in "ab")
    assert len(one) == len(other) == MAX_NAME
    assert one != other
    assert one.startswith("dev/xxx")


def test_parameters_are_flat_text() -> None:
    settings = {
        "seed": 3,
        "train": {"early_stop": None, "lr": 2e-5, "use_deterministic": True},
        "datasets": {"genes.2": {"tag_dict": {"a b": "c", "d": None}, "mode": "simple"}},
        "perturbations": {"probs": {}},
        "force_merge": ["ä", "b"],
        "long": "x" * 7000,
    }
    found = parameters(settings)
    for name in found:
        _validate_param_name(name)
    assert found.pop("long") == "x" * (MAX_VALUE - 1) + "…"
    assert found == {
        "seed": "3",
        "train.early_stop": "null",
        "train.lr": "2e-05",
        "train.use_deterministic": "true",
        "datasets.genes:2e:2.tag_dict.a b": "c",
        "datasets.genes:2e:2.tag_dict.d": "null",
        "datasets.genes:2e:2.mode": "simple",
        "perturbations.probs": "{}",
        "force_merge": '["ä", "b"]',
    }


def test_no_metric_is_a_folder_of_another_even_with_corpora_named_like_scores() -> None:
    names = ("f1", "corpora", "joined", "types")
    counts = {Tag(None, name): Counts(3, 1, 0) for name in names}
    foreign = {Tag("f1", "f1"): 4, Tag("f1", "corpora"): 2}
    scores = Scores({name: CorpusScores(counts, foreign, {}) for name in names})
    metrics = evaluation_metrics("dev", Evaluation(scores, scores, scores, scores, {}))
    folders = {"/".join(name.split("/")[:depth]) for name in metrics for depth in range(1, 6)}
    assert {name for name in metrics if f"{name}/" in {f"{f}/" for f in folders - {name}}} == set()
    assert metrics["dev/joined/corpora/f1/recall"] == 75.0
    assert metrics["dev/joined/types/f1/types/precision"] == 100.0
    assert metrics["dev/foreign/corpora/f1"] == 6
    assert metrics["dev/foreign/types/types/f1/f1"] == 4
