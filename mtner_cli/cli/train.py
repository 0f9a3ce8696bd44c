"""``mtner train``: train an experiment and test its best checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtner_cli.cli.completion import settings
from mtner_cli.cli.interrupt import INTERRUPTED
from mtner_cli.cli.options import Cpu, Gpu, Threads
from mtner_cli.errors import ConfigError

if TYPE_CHECKING:
    import torch
    from rich.console import Console

    from mtner_cli.core.experiment.resume import ResumedRun
    from mtner_cli.core.experiment.training import PreparedTraining
    from mtner_cli.core.train.checkpoint import Checkpoint
    from mtner_cli.report.trackers import Listener, Tracker


def train(
    experiment: Annotated[
        Path | None,
        typer.Argument(help="The experiment's YAML file; not needed to resume a run."),
    ] = None,
    override: Annotated[
        list[str] | None,
        typer.Option(
            "-o",
            "--override",
            metavar="KEY=VALUE",
            autocompletion=settings,
            help="Change a setting; repeatable.",
        ),
    ] = None,
    gpu: Gpu = None,
    cpu: Cpu = False,
    resume: Annotated[
        Path | None,
        typer.Option("--resume", metavar="RUN", help="Resume this run with its own settings."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, estimate the time, train nothing.")
    ] = False,
    *,
    threads: Threads = None,
) -> None:
    """Train an experiment, then test its best checkpoint; or resume a run.

    Example: mtner train configs/quickstart.yaml --gpu 0 -o train.num_epochs=5
    """
    from mtner_cli.config.load import load_experiment
    from mtner_cli.core.corpus.checks import find_file_faults
    from mtner_cli.report.console import PlainConsole

    if experiment is None and resume is None:
        raise ConfigError(["nothing to train: give an experiment file, or a run with --resume RUN"])
    overrides = override or []
    if experiment is not None:
        config = load_experiment(experiment, overrides, check_files=find_file_faults)
    console = PlainConsole()
    with console.status("starting"):
        from mtner_cli.core.device import choose_device, use_threads
        from mtner_cli.core.experiment.resume import claimed_run, resume_command, settings_of_run
        from mtner_cli.core.experiment.training import check_device, prepare_training
        from mtner_cli.core.train.run_folder import RunFolder
        from mtner_cli.report.trackers import open_trackers
        from mtner_cli.report.training_tables import experiment_tables

    if experiment is None and resume is not None:
        config = settings_of_run(resume, overrides)
    device = choose_device(gpu, cpu)
    use_threads(threads)
    check_device(config, device)
    reason = "finished"
    with claimed_run(config, resume, length_may_differ=experiment is None) as (own, checkpoint):
        wanted = resume or config.train.resume_from_checkpoint
        if wanted and checkpoint is None:
            console.print(
                f"{wanted}: no checkpoint to resume; training starts at epoch 1.", soft_wrap=True
            )
        if not resume and own.run_name != config.run_name:
            console.print(f"{config.output_dir} is taken by another run.", soft_wrap=True)
        with console.status("reading the corpora"):
            prepared = prepare_training(own, checkpoint)
        for table in experiment_tables(prepared, str(device)):
            console.print(table)
        if prepared.resumed is not None and prepared.resumed.is_finished:
            _say_finished(prepared.resumed, console)
        if dry_run:
            _dry_run(prepared, device, console)
            console.print("Everything is in order; nothing was trained (--dry-run).")
            return
        with open_trackers(own, RunFolder(own.output_dir), console) as trackers:
            reason = _run(prepared, device, checkpoint, console, trackers)
            if reason != "interrupted":
                _test(own.output_dir, device, console, trackers)
    if reason == "interrupted":
        options = ["--cpu"] if cpu else [] if gpu is None else ["--gpu", str(gpu)]
        options += [] if threads is None else ["--threads", str(threads)]
        command = resume_command(own.output_dir, *options)
        console.print(f"Resume with: {command}", soft_wrap=True)
        raise typer.Exit(INTERRUPTED)


def _dry_run(prepared: PreparedTraining, device: torch.device, console: Console) -> None:
    """Show where the encoder is, the room for checkpoints, and an estimate of the time."""
    from mtner_cli.core.experiment.dry_run import (
        disk_needs,
        estimate_time,
        find_encoder,
        refuse_full_disk,
    )
    from mtner_cli.report.training_tables import dry_run_table

    if prepared.resumed is not None and prepared.resumed.is_finished:
        return
    with console.status("timing a few steps"):
        weights, needs = find_encoder(prepared), disk_needs(prepared)
        is_here = weights.place != "hub"
        estimate = estimate_time(prepared, device) if is_here else None
    console.print(dry_run_table(weights, needs, estimate))
    refuse_full_disk(needs, prepared)


def _say_finished(run: ResumedRun, console: Console) -> None:
    text = f"{run.folder} is finished after epoch {run.progress.epoch:,}: no more is trained."
    console.print(f"{text} To train longer, {run.longer}", soft_wrap=True)


def _run(
    prepared: PreparedTraining,
    device: torch.device,
    checkpoint: Checkpoint | None,
    console: Console,
    trackers: Sequence[Tracker],
) -> str:
    """Train with all listeners attached; return why the training stopped."""
    from mtner_cli.cli.interrupt import GracefulInterrupt
    from mtner_cli.core.experiment.training import start_training
    from mtner_cli.core.train.events import Stopped
    from mtner_cli.core.train.run_folder import RunFolder
    from mtner_cli.report.progress import TrainingDisplay
    from mtner_cli.report.training_log import TrainingLog

    folder = RunFolder(prepared.config.output_dir)
    reason = "interrupted"
    with (
        GracefulInterrupt() as wish,
        TrainingLog(folder.log, folder.sampling) as log,
        TrainingDisplay(console, prepared.length.epochs, bool(prepared.dev)) as display,
    ):
        listeners: list[Listener] = [log, display, *trackers]
        for event in start_training(prepared, device, checkpoint, wish):
            for listener in listeners:
                listener.handle(event)
            if isinstance(event, Stopped):
                reason = event.reason
    return reason


def _test(run: Path, device: torch.device, console: Console, trackers: Sequence[Tracker]) -> None:
    from mtner_cli.cli.test import show_test
    from mtner_cli.core.train.run_folder import RunFolder

    which = RunFolder(run).checkpoint().stem
    console.print(f"\nTesting the {which} checkpoint of {run}", soft_wrap=True)
    evaluation = show_test(run, None, device, console)
    if evaluation is not None:
        for tracker in trackers:
            tracker.log_test(evaluation)
