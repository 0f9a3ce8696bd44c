"""Measure how much slower training is while other programs use the processor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

STEPS = 40
WARM_UP = 8
ROUNDS = 3
SPIN = "while True: pass"
OWN_SETTINGS = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "KMP_BLOCKTIME", "OMP_NUM_THREADS")


def measure_busy_machine(folder: Path) -> dict[str, float]:
    """Time the steps of the quickstart alone, and beside one and two spinning processes.

    Args:
        folder: an empty folder for runs.

    Returns:
        The time of a step beside them over that alone, medians of rounds in turn.
    """
    _mtner("convert", "corpora", "configs/corpora/samples.yaml")
    slowdowns: dict[int, list[float]] = {1: [], 2: []}
    for number in range(ROUNDS):
        alone = _seconds_of_step(folder / f"{number} alone")
        for processes, ratios in slowdowns.items():
            with _spinning(processes):
                busy = _seconds_of_step(folder / f"{number} busy {processes}")
            ratios.append(busy / alone)
    return {
        "busy_machine_slowdown": median(slowdowns[1]),
        "busy_machine_slowdown_two": median(slowdowns[2]),
    }


def _seconds_of_step(run: Path) -> float:
    """Train in a new process and return the median time of a step, in seconds."""
    settings = ("train.num_epochs=1", f"train.limit_train_batches={STEPS}")
    overrides = [f"output_dir={json.dumps(str(run))}", *settings, "train.limit_val_batches=1"]
    options = [part for override in overrides for part in ("-o", override)]
    _mtner("train", "configs/quickstart.yaml", "--cpu", *options)
    records = map(json.loads, (run / "log.jsonl").read_text(encoding="utf-8").splitlines())
    speeds = [record["examples_per_second"] for record in records if record["event"] == "step"]
    return 1 / median(speeds[WARM_UP:])


def _mtner(*arguments: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in OWN_SETTINGS}
    command = [sys.executable, "-m", "mtner_cli", *arguments]
    subprocess.run(command, env=environment, check=True, capture_output=True)


@contextmanager
def _spinning(processes: int) -> Iterator[None]:
    others = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(processes)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()
