"""``mtner experiments``: list the experiments, and which of their data files are missing."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtner_cli.cli.completion import shipped_experiments

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from mtner_cli.core.experiment.listing import Experiment


def experiments(
    folder: Annotated[Path, typer.Argument(help="Where the experiment files are.")] = Path(
        "configs"
    ),
    copy: Annotated[
        str | None,
        typer.Option(
            "--copy",
            metavar="NAME",
            autocompletion=shipped_experiments,
            help="Copy this experiment into the current folder instead.",
        ),
    ] = None,
) -> None:
    """List the experiments with their corpora, data files, and commands for missing files.

    Example: mtner experiments --copy multi-task/MT
    """
    from mtner_cli.core.experiment.drafts import copy_experiment
    from mtner_cli.core.experiment.listing import list_experiments
    from mtner_cli.paths import shipped
    from mtner_cli.report.console import PlainConsole

    console = PlainConsole()
    if copy is not None:
        copied = copy_experiment(copy, folder)
        console.print(f"wrote {copied}; train it with: mtner train {copied}", soft_wrap=True)
        return
    found = shipped(folder)
    listed = list_experiments(found)
    console.print(_experiment_table(listed, folder, found))
    files = {file.path: file for experiment in listed for file in experiment.files}
    missing = [file for file in files.values() if not file.present]
    heading = f"Missing data files ({len(missing)} of {len(files)}):"
    _print_list(console, heading, _by_folder(file.path for file in missing))
    commands = dict.fromkeys(command for file in missing for command in file.commands)
    _print_list(console, "To make the missing files:", commands)
    faults = [fault for experiment in listed for fault in experiment.faults]
    _print_list(console, "Faults that make experiments unusable:", faults)


def _print_list(console: Console, heading: str, lines: Collection[str]) -> None:
    """Print lines without breaks, so that they can be copied."""
    if lines:
        console.print(heading, style="bold")
    for line in lines:
        console.print(f"  {line}", soft_wrap=True)


def _experiment_table(listed: list[Experiment], folder: Path, found: Path) -> Table:
    from rich import box
    from rich.table import Table

    command = shlex.join(["mtner", "train", str(folder / "EXPERIMENT.yaml")])
    title = f"Train one of these with: {command}"
    table = Table("experiment", "corpora (entity types)", "files", box=box.SIMPLE_HEAD, title=title)
    table.columns[0].no_wrap = table.columns[2].no_wrap = True
    table.columns[1].overflow = "fold"
    for experiment in listed:
        corpora = "\n".join(
            f"{corpus.name} ({' '.join(corpus.types)})" if corpus.types else corpus.name
            for corpus in experiment.corpora
        )
        name = str(experiment.path.relative_to(found).with_suffix(""))
        table.add_row(name, corpora, _state(experiment))
    return table


def _state(experiment: Experiment) -> Text:
    from rich.text import Text

    if experiment.faults:
        return Text("not usable", style="red")
    missing = sum(not file.present for file in experiment.files)
    if not missing:
        return Text("all there", style="green")
    return Text(f"{missing} of {len(experiment.files)} missing", style="yellow")


def _by_folder(paths: Iterable[Path]) -> list[str]:
    """Return a line for each folder: its path, then the names of its files."""
    folders: dict[Path, list[str]] = {}
    for path in paths:
        folders.setdefault(path.parent, []).append(path.name)
    return [f"{folder}: {' '.join(names)}" for folder, names in folders.items()]
