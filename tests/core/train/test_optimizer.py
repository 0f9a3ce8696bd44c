from __future__ import annotations

import pytest
from torch import nn

from mtner_cli.config.schema import OptimizersConfig
from mtner_cli.core.train.optimizer import ScheduledOptimizer
from mtner_cli.core.train.schedule import with_rates


class TwoParts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))
        self.tagger = nn.Linear(2, 2)


def test_each_part_has_its_own_rate_and_schedule() -> None:
    settings = with_rates(OptimizersConfig(), width=1024)
    optimizer = ScheduledOptimizer(TwoParts(), settings, steps_per_epoch=10, epochs=3)  # type: ignore[arg-type]
    assert optimizer.names == [
        "encoder.0.weight",
        "encoder.0.bias",
        "encoder.1.weight",
        "encoder.1.bias",
        "tagger.weight",
        "tagger.bias",
    ]
    rates = optimizer.set_step(10)
    assert rates["embed"] == pytest.approx(2e-5)
    assert rates["pred"] == pytest.approx(3e-4 * 20 / 25)
    assert [group["weight_decay"] for group in optimizer.adamw.param_groups] == [0.001, 0.001]


def test_biases_and_norms_can_be_spared_the_decay() -> None:
    settings = with_rates(OptimizersConfig(use_weight_decay_on_bias=False), width=1024)
    optimizer = ScheduledOptimizer(TwoParts(), settings, steps_per_epoch=10, epochs=1)  # type: ignore[arg-type]
    decays = [
        (group["weight_decay"], len(group["params"])) for group in optimizer.adamw.param_groups
    ]
    assert decays == [(0.001, 1), (0.0, 3), (0.001, 1), (0.0, 1)]
