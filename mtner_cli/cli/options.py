"""Define the options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from mtner_cli.cli.completion import checkpoints_of_run

Gpu = Annotated[
    int | None,
    typer.Option(
        "--gpu", metavar="N", help="Use this GPU.", show_default="the first, if there is one"
    ),
]
Cpu = Annotated[bool, typer.Option("--cpu", help="Use the CPU even where there is a GPU.")]
CheckpointName = Annotated[
    str | None,
    typer.Option(
        "--checkpoint",
        autocompletion=checkpoints_of_run,
        help="best, last, best:CORPUS, or a file.",
        show_default="best, else last",
    ),
]
