"""``make bench``: every figure of the README's table of speed, measured side by side.

It ends with one line of JSON. Ratios are medians of runs in turn; compare ratios, not seconds.
With data/converted/BC5CDR (see the README) that corpus is measured on, else drawn sentences.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from mtner_cli.core.experiment.training import PreparedTraining
from mtner_cli.core.tagger import Tagger
from tests.benchmarks.busy_machine import measure_busy_machine
from tests.benchmarks.corpus import synthetic_sentences, write_corpus
from tests.benchmarks.metrics import measure_metrics
from tests.benchmarks.predict import measure_predict, measure_predict_memory
from tests.benchmarks.preprocessing import measure_preprocessing
from tests.benchmarks.protocol import prepare_protocol, run_linear_head, run_slot_model
from tests.benchmarks.recurrence import measure_recurrence
from tests.benchmarks.scaling import (
    measure_growth_with_corpus,
    measure_growth_with_length,
    measure_growth_with_types,
)
from tests.benchmarks.throughput import (
    Rivals,
    measure_inference,
    measure_memory,
    measure_training,
)
from tests.benchmarks.timing import DEVICE, seconds_of

BC5CDR = Path("data/converted/BC5CDR")
# A share of the protocol, to stay within minutes; ``--full`` runs all of it, once.
SHARE = ("train.num_epochs=1", "data_transform.limit_sentences.train=400",
         "data_transform.limit_sentences.dev=200")  # fmt: skip
ROUNDS_OF_SHARE = 3


@dataclass(frozen=True)
class Goal:
    """What a figure is to reach."""

    value: float
    at_most: bool

    def __str__(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.value:,g}"

    def holds(self, figure: float) -> bool:
        return figure <= self.value if self.at_most else figure >= self.value


GOALS = {
    "infer_total_over_encoder": Goal(1.20, True),
    "train_total_over_encoder": Goal(1.25, True),
    "infer_over_linear_head": Goal(0.85, False),
    "train_memory_over_encoder": Goal(1.15, True),
    "loop_speedup_small": Goal(8, False),
    "loop_speedup_large": Goal(8, False),
    "preprocess_over_tokenizer": Goal(0.6, False),
    "metrics_mentions_per_s": Goal(200_000, False),
    "help_seconds": Goal(0.4, True),
    "protocol_over_linear_head": Goal(1.2, True),
    "predict_over_test": Goal(0.85, False),
    "predict_memory_growth": Goal(1.1, True),
    "predict_start_over_torch": Goal(4, True),
    "busy_machine_slowdown": Goal(2.2, True),
    "busy_machine_slowdown_two": Goal(3.2, True),
}


def main() -> None:
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        figures = _measure(Path(folder), "--full" in sys.argv, console)
    console.print(_table(figures))
    print(json.dumps({name: float(f"{figure:.4g}") for name, figure in figures.items()}))  # noqa: T201


def _measure(folder: Path, full: bool, console: Console) -> dict[str, float]:
    corpus = BC5CDR if BC5CDR.is_dir() else _drawn_corpus(folder / "corpus")
    console.print(f"Measuring on {corpus if corpus == BC5CDR else 'drawn sentences'}")
    figures: dict[str, float] = {}
    for title, measure in _parts(folder, corpus, full):
        started = time.perf_counter()
        with console.status(title):
            figures |= measure()
        console.print(f"{title}: measured in {time.perf_counter() - started:.0f} s")
    return figures


def _parts(
    folder: Path, corpus: Path, full: bool
) -> Iterator[tuple[str, Callable[[], dict[str, float]]]]:
    """What is measured, in order; the later parts use the models that the first one trains."""
    yield "the recurrence alone", measure_recurrence
    yield "preprocessing", lambda: measure_preprocessing(corpus / "train.txt")
    yield "scoring", measure_metrics
    yield "the command line's start", _measure_help
    yield "a busy machine", lambda: measure_busy_machine(folder / "busy")
    rounds = [
        prepare_protocol(corpus, folder / f"run {number}", *(() if full else SHARE))
        for number in range(1 if full else ROUNDS_OF_SHARE)
    ]
    rivals: list[Rivals] = []

    def protocol() -> dict[str, float]:
        figures, trained = _measure_protocol(rounds)
        rivals.append(trained)
        return figures

    yield "the training protocol", protocol
    yield "training steps", lambda: measure_training(rivals[0], rounds[0].examples)
    yield "inference", lambda: measure_inference(rivals[0], rounds[0].examples)
    run = rounds[-1].config.output_dir
    yield "predict", lambda: measure_predict(run, folder / "predict")
    yield "memory of predict", lambda: measure_predict_memory(run, folder / "predict")
    yield "memory in training", lambda: measure_memory(corpus)
    yield "growth with a sentence's length", lambda: measure_growth_with_length(rivals[0])
    yield "growth with types", lambda: measure_growth_with_types(rivals[0])
    yield "growth with the corpus", measure_growth_with_corpus


def _measure_protocol(rounds: Sequence[PreparedTraining]) -> tuple[dict[str, float], Rivals]:
    ratios = []
    for prepared in rounds:
        slots = run_slot_model(prepared)
        linear, head = run_linear_head(prepared)
        ratios.append(slots.seconds / linear.seconds)
    tagger = Tagger.load(rounds[-1].config.output_dir, device=DEVICE)
    figures = {
        "protocol_over_linear_head": median(ratios),
        "protocol_seconds": slots.seconds,
        "protocol_development_f1": 100 * slots.development_f1,
        "protocol_development_f1_of_linear_head": 100 * linear.development_f1,
    }
    return figures, Rivals(tagger, head)


def _measure_help() -> dict[str, float]:
    command = [sys.executable, "-m", "mtner_cli", "--help"]
    task = lambda: subprocess.run(command, check=True, capture_output=True)  # noqa: E731
    return {"help_seconds": seconds_of(task, rounds=5)}


def _drawn_corpus(folder: Path) -> Path:
    folder.mkdir()
    for seed, split in enumerate(("train", "dev", "test")):
        write_corpus(synthetic_sentences(5_000, seed), folder / f"{split}.txt")
    return folder


def _table(figures: dict[str, float]) -> Table:
    table = Table("figure", "measured", "to reach", "")
    for name, figure in figures.items():
        goal = GOALS.get(name)
        verdict = "" if goal is None else "reached" if goal.holds(figure) else "missed"
        shown = f"{figure:,.0f}" if figure >= 100 else f"{figure:.2f}"
        table.add_row(name, shown, str(goal or ""), verdict)
    return table


if __name__ == "__main__":
    main()
