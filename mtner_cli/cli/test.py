"""``mtner test``: score a trained run on the test split of its corpora."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtner_cli.cli.options import CheckpointName, Cpu, Gpu, Threads

if TYPE_CHECKING:
    import torch
    from rich.console import Console

    from mtner_cli.core.evaluate.scores import Evaluation


def test(
    run: Annotated[Path, typer.Argument(help="A run's folder or its resolved_cfg.yaml.")],
    checkpoint: CheckpointName = None,
    gpu: Gpu = None,
    cpu: Cpu = False,
    threads: Threads = None,
) -> None:
    """Score a trained run on the test split of its corpora; write results to the run's folder.

    Example: mtner test logs/quickstart/2025-01-31_12-00-00 --cpu
    """
    from mtner_cli.report.console import PlainConsole

    console = PlainConsole()
    with console.status("starting"):
        from mtner_cli.core.device import choose_device, use_threads
    use_threads(threads)
    show_test(run, checkpoint, choose_device(gpu, cpu), console)


def show_test(
    run: Path, checkpoint: str | None, device: torch.device, console: Console
) -> Evaluation | None:
    """Test a run, write its results and print its scores; None if no corpus has a test split."""
    from mtner_cli.config.load import load_resolved
    from mtner_cli.core.experiment.testing import check_test_files, evaluate_run
    from mtner_cli.core.results.scores_file import write_scores
    from mtner_cli.core.results.write import write_results
    from mtner_cli.core.tagger import Tagger
    from mtner_cli.core.train.run_folder import RunFolder
    from mtner_cli.report.progress import counting_bar
    from mtner_cli.report.tables import evaluation_tables
    from mtner_cli.report.text_report import write_text_report

    folder = RunFolder.find(run)
    check_test_files(folder.path, load_resolved(folder.resolved_config).datasets)
    tagger = Tagger.load(run, checkpoint, device)
    folder.check_writable()
    console.print(f"checkpoint {tagger.checkpoint} on {device}", soft_wrap=True)
    with counting_bar(console, "testing") as report:
        outcome = evaluate_run(tagger, on_progress=report)
    if outcome is None:
        console.print(
            "No corpus of this run has a test split (datasets.*.split_paths.test): nothing to "
            "test. Use predict-cross to score it on other corpora."
        )
        return None
    pickle_path, lines_path, report_path, scores_path = folder.results
    annotated = outcome.evaluation.annotated_tags()
    write_results(pickle_path, lines_path, outcome.sentences, annotated)
    write_text_report(report_path, outcome.sentences, outcome.evaluation)
    write_scores(
        scores_path, outcome.evaluation, tagger.checkpoint, outcome.splits, own_folder=True
    )
    for table in evaluation_tables(outcome.evaluation, outcome.untaught):
        console.print(table)
    for corpus in outcome.changed:
        console.print(
            f"{corpus}: the test file has changed since the run was started.", style="yellow"
        )
    for path in (report_path, scores_path, lines_path, pickle_path):
        console.print(f"wrote {path}", soft_wrap=True)
    return outcome.evaluation
