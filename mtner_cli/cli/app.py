"""The command line: one app, and the one place that prints an error and sets the exit code."""

from __future__ import annotations

import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import Annotated

import typer

from mtner_cli import __version__
from mtner_cli.cli.agreement import agreement
from mtner_cli.cli.convert import convert_app
from mtner_cli.cli.experiments import experiments
from mtner_cli.cli.fetch import fetch
from mtner_cli.cli.filter_ood import filter_ood
from mtner_cli.cli.interrupt import catch_ends
from mtner_cli.cli.predict_cross import predict_cross
from mtner_cli.cli.test import test
from mtner_cli.cli.train import train
from mtner_cli.errors import MtnerError, visible

MOST_LINE = 1000
"""Characters of one line of an error message."""

app = typer.Typer(
    name="mtner",
    help="Train one nested named-entity recogniser on several corpora with different entity types.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(convert_app, name="convert")
for command in (train, test, predict_cross, filter_ood, agreement, experiments, fetch):
    app.command()(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mtner {__version__}")
        raise typer.Exit


@app.callback()
def mtner(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Options that stand before the command."""


def main() -> None:
    """Run the command line; an error of the user's is one clear message and exit code 1.

    Any other error is one line, a report in a file, and exit code 2.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may know few characters
    catch_ends()
    try:
        app()
    except SystemExit as ended:
        from mtner_cli.report.console import output_was_lost

        if not ended.code and output_was_lost():
            sys.exit(1)
        raise
    except MtnerError as error:
        print_error(str(error))
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:  # the last resort, so that no user sees a traceback
        from mtner_cli.cli.crash import crash_message, limit_of_machine

        if lacking := limit_of_machine(error):
            print_error(lacking)
            sys.exit(1)
        print_error(crash_message(error))
        sys.exit(2)


def print_error(message: str) -> None:
    """Write an error to standard error, in red where that is a terminal."""
    label = typer.style("error:", fg=typer.colors.RED, bold=True)
    with suppress(OSError):  # the terminal may be gone
        typer.echo(f"{label} {_cut(visible(message))}", err=True)


def _cut(message: str) -> str:
    """Keep any line of a message short enough for a terminal."""
    return "\n".join(
        line if len(line) <= MOST_LINE else f"{line[:MOST_LINE]}..." for line in message.split("\n")
    )
