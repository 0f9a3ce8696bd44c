from __future__ import annotations

from collections import Counter

import numpy as np

from mtner_cli.core.features.examples import Example
from mtner_cli.core.features.sampler import EpochSampler


def examples(**sizes: int) -> list[Example]:
    result = []
    for corpus, size in sizes.items():
        for number in range(size):
            ids = np.zeros(4 + number % 9, dtype=np.int32)
            result.append(
                Example(corpus=corpus, segments=(), input_ids=ids, slot_of_subword=ids, words=2)
            )
    return result


def test_one_corpus_is_drawn_whole_each_epoch_in_another_order() -> None:
    sampler = EpochSampler(examples(A=103), 8, seed=1)
    first, second = sampler.plan(0), sampler.plan(1)
    for plan in (first, second):
        drawn = [draw.example for batch in plan.batches for draw in batch]
        assert sorted(drawn) == list(range(103))
        assert sorted(map(len, plan.batches)) == [7] + [8] * 12
    assert first.batches != second.batches
    assert first.drawn == {"A": 103}
    assert first.repeated == {"A": 0}


def test_a_plan_depends_on_seed_and_epoch_only() -> None:
    data = examples(A=40, B=10)
    assert EpochSampler(data, 4, 7).plan(3) == EpochSampler(data, 4, 7).plan(3)
    assert EpochSampler(data, 4, 7).plan(3) != EpochSampler(data, 4, 8).plan(3)


def test_corpora_are_drawn_equally_often_whatever_their_size() -> None:
    sampler = EpochSampler(examples(big=900, small=100), 10, seed=0)
    assert sampler.examples_per_epoch == 500
    totals: Counter[str] = Counter()
    for epoch in range(20):
        plan = sampler.plan(epoch)
        assert sum(plan.drawn.values()) == 500
        assert plan.repeated["small"] > plan.repeated["big"]
        totals.update(plan.drawn)
    assert 0.47 < totals["small"] / sum(totals.values()) < 0.53


def test_batches_hold_examples_of_like_length() -> None:
    data = examples(A=400)
    for batch in EpochSampler(data, 10, seed=0).plan(0).batches:
        lengths = [len(data[draw.example].input_ids) for draw in batch]
        assert max(lengths) - min(lengths) <= 1
