"""``mtner new``: write an experiment file for given corpora."""

from __future__ import annotations

import shlex
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any

import typer

from mtner_cli.cli.plain import PlainCommand

_CORPUS = "--corpus"
_BETWEEN_FILES = "\0"
"""No path holds it."""


class NewCommand(PlainCommand):
    """A command whose option ``--corpus`` takes all values up to the next option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Join the values of each ``--corpus``, since an option can take one value only."""
        joined: list[str] = []
        rest = list(args)
        while rest:
            joined.append(rest.pop(0))
            if joined[-1] == _CORPUS:
                files = list(takewhile(lambda arg: not arg.startswith("-"), rest))
                joined += [_BETWEEN_FILES.join(files)] if files else []
                del rest[: len(files)]
        return super().parse_args(ctx, joined)


def new(
    file: Annotated[Path, typer.Argument(help="The experiment file to write.")],
    corpus: Annotated[
        list[str],
        typer.Option(
            _CORPUS,
            metavar="TRAIN [DEV [TEST]]",
            help="The action files of a corpus; NAME=TRAIN names it, else its folder does. "
            "Repeat the option for more corpora.",
        ),
    ],
    gpu: Annotated[
        bool, typer.Option("--gpu", help="For a GPU: a large encoder. Default: for a laptop.")
    ] = False,
) -> None:
    """Write a commented experiment file that trains on your corpora.

    Example: mtner new my.yaml --corpus BC5CDR=train.txt dev.txt test.txt
    """
    from mtner_cli.core.experiment.drafts import write_draft
    from mtner_cli.report.console import PlainConsole

    write_draft(file, [files.split(_BETWEEN_FILES) for files in corpus], gpu)
    check = shlex.join(["mtner", "train", str(file), "--dry-run"])
    PlainConsole(soft_wrap=True).print(f"wrote {file}; check it with: {check}")
