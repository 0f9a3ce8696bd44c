"""Define the options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from mtner_cli.cli.completion import checkpoints_of_run

Gpu = Annotated[
    int | None,
    typer.Option(
        "--gpu", metavar="N", help="Use this GPU.", show_default="the first, if there is one"
    ),
]
Cpu = Annotated[bool, typer.Option("--cpu", help="Use the CPU even where there is a GPU.")]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        metavar="N",
        min=1,
        help="Threads on the CPU.",
        show_default="one for each core that may be used",
    ),
]
CheckpointName = Annotated[
    str | None,
    typer.Option(
        "--checkpoint",
        autocompletion=checkpoints_of_run,
        help="best, last, best:CORPUS, or a file.",
        show_default="best, else last",
    ),
]


def showing_option(show: Callable[[], None], text: str, *names: str) -> Any:
    """Return a flag that calls ``show`` and exits, before other options and arguments are read."""

    def show_and_exit(wanted: bool) -> None:
        if wanted:
            show()
            raise typer.Exit

    return typer.Option(*names, help=text, callback=show_and_exit, is_eager=True)
