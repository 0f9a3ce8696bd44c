"""Commands that show their help in plain words, and suggest only names that are near."""

from __future__ import annotations

import inspect
import re
from contextlib import suppress
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from mtner_cli.cli.interrupt import INTERRUPTED
from mtner_cli.errors import nearest

_NEAR = 0.8
"""The least similarity of a suggested command, from 0 to 1."""


class _PlainHelp:
    """Help that shows words in capitals for values, such as FILE, instead of Python's types."""

    help: str | None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.help = _joined_lines(self.help or "")

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the arguments and options, each with a word for its value."""
        parameters: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for parameter in parameters:
            _name_value(parameter)
        return parameters


class PlainCommand(_PlainHelp, TyperCommand):
    """A command with plain help."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words of the usage line after the name of the command."""
        arguments = [each for each in self.get_params(ctx) if each.param_type_name == "argument"]
        return [str(self.options_metavar), *map(_usage, arguments)]


class PlainGroup(_PlainHelp, TyperGroup):
    """A group of commands with plain help."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that is called; suggest others only if their names are near."""
        name = args[0]
        if name not in self.commands and not name.startswith("-") and not ctx.resilient_parsing:
            near = nearest(name, self.commands, cutoff=_NEAR)
            ctx.fail(f"No such command {name!r}." + (f" Did you mean {near!r}?" if near else ""))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that is called; say so if Ctrl-C or a signal ends it."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            with suppress(OSError):  # the terminal may be closed
                typer.echo("Stopped.", err=True)
            raise typer.Exit(INTERRUPTED) from None


def _joined_lines(text: str) -> str:
    """Join the lines of each paragraph, so that the terminal breaks them; keep indented ones."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(re.sub(r"\n(?! )", " ", paragraph) for paragraph in paragraphs)


def _name_value(parameter: Any) -> None:
    """Show a word for a value: an argument's name, or the last word of an option's name."""
    if parameter.param_type_name == "argument":
        parameter.metavar = parameter.metavar or parameter.name.upper()
        # Typer would also show the type beside the name; it asks this method for it.
        parameter.display_type_rich = lambda ctx: None
    elif parameter.is_flag:
        parameter.metavar = ""
    elif parameter.metavar is None:
        parameter.metavar = parameter.name.split("_")[-1].upper()


def _usage(argument: Any) -> str:
    name = argument.metavar if argument.required else f"[{argument.metavar}]"
    return name if argument.nargs == 1 else f"{name}..."
