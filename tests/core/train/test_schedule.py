"""How long a training is, counted from what its epochs really draw, and its learning rates."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtner_cli.config.schema import EmbedOptimizerConfig, OptimizersConfig, TrainConfig
from mtner_cli.core.features.examples import Example
from mtner_cli.core.features.sampler import EpochSampler, limited
from mtner_cli.core.train.schedule import LinearSchedule, training_length, with_rates


def sampler_of(sizes: list[int], batch_size: int) -> EpochSampler:
    ids = np.zeros(4, dtype=np.int32)
    examples = [
        Example(corpus=str(corpus), segments=(), input_ids=ids, slot_of_subword=ids, words=2)
        for corpus, size in enumerate(sizes)
        for _ in range(size)
    ]
    return EpochSampler(examples, batch_size, seed=1)


def test_an_epoch_of_three_corpora_is_a_third_of_them() -> None:
    length = training_length(sampler_of([300] * 3, 16), TrainConfig(num_epochs=6))
    assert (length.drawn, length.inputs, length.steps, length.epochs) == (300, 900, 19, 6)
    assert length.epochs_of_pass == 3
    assert length.passes == 2


@pytest.mark.parametrize(
    ("sizes", "passes", "epochs"),
    [
        ([300], 4, 4),
        ([300] * 3, 4, 12),
        ([300, 300, 301], 1, 3),
        ([1000, 10], 1, 2),
        ([50, 50], 0.1, 1),
        ([50, 50], 1.25, 2),
    ],
)
def test_passes_become_whole_epochs(sizes: list[int], passes: float, epochs: int) -> None:
    settings = TrainConfig(num_passes=passes)
    assert training_length(sampler_of(sizes, 8), settings).epochs == epochs


def test_neither_epochs_nor_passes_are_100_epochs() -> None:
    assert training_length(sampler_of([5], 8), TrainConfig()).epochs == 100


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    batch_size=st.integers(1, 9),
    accumulate=st.integers(1, 3),
    limit=st.sampled_from([1.0, 0.5, 0.1, 1, 3]),
    passes=st.floats(0.1, 5),
)
def test_the_length_is_what_the_epochs_draw(
    sizes: list[int], batch_size: int, accumulate: int, limit: float, passes: float
) -> None:
    settings = TrainConfig(
        num_passes=passes,
        batch_size=batch_size,
        accumulate_grad_batches=accumulate,
        limit_train_batches=limit,
    )
    sampler = sampler_of(sizes, batch_size)
    length = training_length(sampler, settings)
    plans = [sampler.plan(epoch).batches[: length.batches] for epoch in range(length.epochs)]
    drawn = [sum(map(len, batches)) for batches in plans]
    # Only the epoch's last batch may be smaller, and a limit may leave it out or not.
    assert all(length.drawn - batch_size < number <= length.drawn for number in drawn)
    assert {len(batches) for batches in plans} == {length.batches}
    assert length.steps == len(list(range(0, length.batches, accumulate)))
    assert length.passes == pytest.approx(length.epochs * length.drawn / sum(sizes))
    assert length.epochs == 1 or abs(length.passes - passes) <= 0.5 / length.epochs_of_pass + 1e-9


def test_rates_rise_then_fall_to_zero() -> None:
    schedule = LinearSchedule(warm_up_steps=4, total_steps=20)
    factors = [schedule.factor(step) for step in range(20)]
    assert factors[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert all(later < earlier for earlier, later in itertools.pairwise(factors[4:]))
    assert factors[-1] == pytest.approx(1 / 16)
    assert schedule.factor(20) == 0


@pytest.mark.parametrize(
    ("batches", "limit", "expected"),
    [(10, 1.0, 10), (10, 0.25, 2), (10, 1, 1), (10, 99, 10), (10, 0.001, 1), (0, 1.0, 0)],
)
def test_limits_are_shares_or_numbers(batches: int, limit: float, expected: int) -> None:
    assert limited(batches, limit) == expected


@pytest.mark.parametrize(("width", "rates"), [(384, (1e-4, 1e-3)), (768, (2e-5, 3e-4))])
def test_rates_that_are_not_given_suit_the_width_of_the_encoder(
    width: int, rates: tuple[float, float]
) -> None:
    chosen = with_rates(OptimizersConfig(), width)
    assert (chosen.embed_model.lr, chosen.pred_model.lr) == rates
    given = OptimizersConfig(embed_model=EmbedOptimizerConfig(lr=5e-5, warm_up_in_epochs=0.0))
    kept = with_rates(given, width)
    assert (kept.embed_model.lr, kept.embed_model.warm_up_in_epochs) == (5e-5, 0.0)
    assert kept.pred_model.lr == rates[1]
    assert with_rates(kept, 10_000) == kept
