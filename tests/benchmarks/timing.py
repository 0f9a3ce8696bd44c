"""Timing side by side: machines drift, so what is compared is run in turn, in one process."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

import torch

# What is measured runs where a training would run.
DEVICE = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")


@dataclass(frozen=True)
class Timings:
    """Seconds of each task, one per round."""

    seconds: dict[str, list[float]]

    def median(self, task: str) -> float:
        return median(self.seconds[task])

    def ratio(self, task: str, base: str) -> float:
        """The median over the rounds of how many times longer ``task`` took than ``base``."""
        pairs = zip(self.seconds[task], self.seconds[base], strict=True)
        return median(mine / other for mine, other in pairs)


def side_by_side(
    tasks: Mapping[str, Callable[[], object]], rounds: int = 5, warm_up: int = 1
) -> Timings:
    """Run all tasks in turn, ``warm_up`` times unmeasured and then ``rounds`` times measured."""
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for turn in range(warm_up + rounds):
        for name, task in tasks.items():
            started = time.perf_counter()
            task()
            _wait_for_gpu()
            if turn >= warm_up:
                seconds[name].append(time.perf_counter() - started)
    return Timings(seconds)


def _wait_for_gpu() -> None:
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


def seconds_of(task: Callable[[], object], rounds: int = 3) -> float:
    """The median time of one task, after one unmeasured run."""
    return side_by_side({"task": task}, rounds).median("task")
