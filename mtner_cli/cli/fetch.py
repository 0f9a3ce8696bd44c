"""``mtner fetch``: download and verify public corpora."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtner_cli.cli.completion import fetched_corpora
from mtner_cli.cli.options import showing_option
from mtner_cli.paths import FETCHED

if TYPE_CHECKING:
    from rich.progress import Progress

    from mtner_cli.core.fetch.download import RemoteFile


def _print_catalogue() -> None:
    from rich import box
    from rich.table import Table

    from mtner_cli.core.fetch.download import load_catalogue
    from mtner_cli.report.console import PlainConsole

    catalogue = load_catalogue()
    table = Table("mtner fetch", "files", "verified by", box=box.SIMPLE_HEAD)
    for name, files in catalogue.corpora.items():
        verified = ["SHA-256" if file.sha256 else "counts only" for file in files.values()]
        table.add_row(name, "\n".join(files), "\n".join(verified))
    console = PlainConsole()
    console.print(table)
    console.print(f"from {catalogue.base_url}", soft_wrap=True)


def fetch(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="CORPUS", autocompletion=fetched_corpora, help="Corpora to fetch; see --list."
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Each corpus gets a folder here.")
    ] = FETCHED,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="A mirror to fetch from instead.")
    ] = None,
    listing: Annotated[
        bool, showing_option(_print_catalogue, "List the corpora and exit.", "--list")
    ] = False,
) -> None:
    """Download public corpora, resume interrupted downloads, and verify the files.

    Example: mtner fetch BC5CDR NCBIDisease
    """
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from mtner_cli.core.fetch.download import load_catalogue
    from mtner_cli.report.console import PlainConsole

    files = list(load_catalogue().remote_files(names, out, base_url))
    console = PlainConsole()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        for file in files:
            console.print(_fetch_one(file, bars), soft_wrap=True)


def _fetch_one(file: RemoteFile, bars: Progress) -> str:
    """Fetch a file with a progress bar; return the message about it."""
    from mtner_cli.core.fetch.download import fetch as fetch_file

    bar = bars.add_task(f"{file.path.parent.name}/{file.path.name}", total=None)
    is_new = fetch_file(file, lambda here, total: bars.update(bar, completed=here, total=total))
    bars.remove_task(bar)
    verified = "verified" if file.sha256 else "no checksum is known: compare its counts"
    return f"{file.path} ({verified}{'' if is_new else '; was here already'})"
