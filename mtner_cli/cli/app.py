"""Run the command line: the app with all commands, the error messages and the exit codes."""

from __future__ import annotations

import errno
import os
import platform
import re
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from mtner_cli import __version__
from mtner_cli.cli.agreement import agreement
from mtner_cli.cli.config import config
from mtner_cli.cli.convert import convert_app
from mtner_cli.cli.experiments import experiments
from mtner_cli.cli.fetch import fetch
from mtner_cli.cli.filter_ood import filter_ood
from mtner_cli.cli.interrupt import catch_ends
from mtner_cli.cli.new import NewCommand, new
from mtner_cli.cli.options import showing_option
from mtner_cli.cli.plain import PlainCommand, PlainGroup
from mtner_cli.cli.predict import predict
from mtner_cli.cli.predict_cross import predict_cross
from mtner_cli.cli.test import test
from mtner_cli.cli.train import train
from mtner_cli.errors import MtnerError, quoted, visible

MOST_LINE = 1000
"""Characters of one line of an error message."""

app = typer.Typer(
    name="mtner",
    cls=PlainGroup,
    help="Train one nested named-entity recogniser on several corpora with different entity types.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(convert_app, name="convert")
for command in (
    train,
    test,
    predict,
    predict_cross,
    filter_ood,
    agreement,
    experiments,
    config,
    fetch,
):
    app.command(cls=PlainCommand)(command)
app.command(cls=NewCommand)(new)


def _print_version() -> None:
    typer.echo(f"mtner {__version__}")


@app.callback()
def mtner(
    version: Annotated[
        bool, showing_option(_print_version, "Show the version and exit.", "--version", "-V")
    ] = False,
) -> None:
    """Read the options that come before the command."""


def main() -> None:
    """Run the command line.

    An error that the user can fix gives one message and exit code 1. Any other error gives one
    line, a report in a file, and exit code 2.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed, such as by >&-
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may have few characters
    catch_ends()
    limit_spinning()
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
    except Exception as error:  # the last resort: no user sees a traceback
        if lacking := limit_of_machine(error):
            print_error(lacking)
            sys.exit(1)
        print_error(crash_message(error))
        sys.exit(2)


_WAITING = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "KMP_BLOCKTIME")
"""Variables with which a user says how threads wait."""


def limit_spinning() -> None:
    """Make idle threads sleep soon instead of spinning; called before torch is imported.

    Training consists of many small operations, after each of which threads wait for each other. By
    default they wait in a busy loop, which takes the processor from the thread they wait for as
    soon as other programs run: ten times slower. docs/speed.md has the measurements.
    """
    if not any(name in os.environ for name in _WAITING):
        os.environ["GOMP_SPINCOUNT"] = "1000"


def print_error(message: str) -> None:
    """Write an error to standard error, in red if that is a terminal and NO_COLOR is not set."""
    red = None if os.environ.get("NO_COLOR") else typer.colors.RED
    label = typer.style("error:", fg=red, bold=True)
    with suppress(OSError):  # the terminal may be closed
        typer.echo(f"{label} {_cut(visible(message))}", err=True)


def _cut(message: str) -> str:
    """Cut each line of a message to what a terminal can show."""
    return "\n".join(
        line if len(line) <= MOST_LINE else f"{line[:MOST_LINE]}..." for line in message.split("\n")
    )


_PASSWORD = re.compile(r"//[^/@\s]*@")
_OUT_OF_MEMORY = (
    "the memory of this machine (or of its GPU) is not enough for this; close other programs or "
    "use a larger machine, and in training a smaller train.batch_size or "
    "data_transform.max_tokens, or a smaller encoder"
)
_NO_MEMORY = ("can't allocate memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
"""Parts of torch's messages where it raises a plain RuntimeError for lack of memory."""


def crash_message(error: BaseException) -> str:
    """Write a crash report; return a message with the error and the path of the report."""
    what = f"{type(error).__name__}: {quoted(str(error))}"
    path = _write_report(error)
    where = "could not be written" if path is None else f"is in {path}"
    return (
        f"mtner {__version__} failed because of a bug ({what}). "
        f"The traceback {where}; please report it with that file"
    )


def limit_of_machine(error: BaseException) -> str | None:
    """Describe what the machine lacks; None if the error is a fault of the program."""
    if (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and any(text in str(error) for text in _NO_MEMORY))
    ):
        return _OUT_OF_MEMORY
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full ({error}); make room, then run the command again"
    return None


def _write_report(error: BaseException) -> Path | None:
    """Write the report into the current folder, or into the folder of temporary files."""
    name = time.strftime(f"mtner-crash-%Y-%m-%d_%H-%M-%S-{os.getpid()}.txt")
    text = _report(error).encode("utf-8", "backslashreplace")
    for folder in (Path.cwd(), Path(tempfile.gettempdir())):
        try:
            handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError:
            continue
        with os.fdopen(handle, "wb") as file:
            file.write(text)
        return folder / name
    return None


def _report(error: BaseException) -> str:
    versions = {
        name: getattr(sys.modules[name], "__version__", "?")
        for name in ("torch", "transformers", "numpy", "pandas", "pydantic", "rich", "typer")
        if name in sys.modules
    }
    lines = [
        f"mtner {__version__}, Python {platform.python_version()}, {platform.platform()}",
        ", ".join(f"{name} {version}" for name, version in versions.items()),
        f"command: {_PASSWORD.sub('//***@', ' '.join(map(repr, sys.argv)))}",
        f"folder: {os.getcwd()!r}",
        "",
        *traceback.format_exception(error),
    ]
    return "\n".join(lines)
