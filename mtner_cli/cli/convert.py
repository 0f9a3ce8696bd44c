"""``mtner convert``: convert corpora of many formats to action files."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import typer

from mtner_cli.cli.options import showing_option
from mtner_cli.cli.plain import PlainCommand, PlainGroup
from mtner_cli.config.encodings import EncodingName
from mtner_cli.core.convert.registry import FORMATS, WRITERS, Format, Option, format_named
from mtner_cli.errors import ConfigError, did_you_mean, nearest, quoted

if TYPE_CHECKING:
    from rich.console import Console

Folder = Annotated[Path, typer.Argument(help="The folder with the files.")]
Out = Annotated[
    Path, typer.Option("--out", metavar="PATH", help="The action file; with --split, a folder.")
]
OutFolder = Annotated[
    Path, typer.Option("--out", metavar="FOLDER", help="The folder for the action files.")
]
ActionEncoding = Annotated[
    EncodingName | None,
    typer.Option(
        "--action-encoding",
        help="simple keeps the given words, simple-char is raw text.",
        show_default="simple for words, simple-char for raw text",
    ),
]
OldEncoding = Annotated[EncodingName | None, typer.Option("--encoding", hidden=True)]
"""The former name of ``--action-encoding``."""
Types = Annotated[
    Path | None,
    typer.Option(
        "--types",
        metavar="PATH",
        help="YAML file with the name to write for each entity type; null drops one, "
        "'*' means all others.",
        show_default="all types as they are",
    ),
]
Shares = Annotated[
    str | None,
    typer.Option(
        "--split",
        metavar="TRAIN/DEV/TEST",
        help="Draw splits by document with these shares, such as 80/10/10 or 90/10; --out is "
        "then the folder for train.txt, dev.txt and test.txt.",
        show_default="one action file",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", metavar="N", help="Seed of the draw of --split.", show_default="1"),
]
LedgerOut = Annotated[
    Path | None,
    typer.Option(
        "--ledger",
        metavar="PATH",
        help="Also write every repair and everything dropped, as JSON lines.",
    ),
]


class FormatCommands(PlainGroup):
    """The commands of the formats; only the format of the command that is called is imported."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that is called, or whose options are shown or completed."""
        if args[0] in FORMATS:
            self.commands[args[0]] = typer.main.get_command(_app_of(args[0]))
        return super().resolve_command(ctx, args)


convert_app = typer.Typer(cls=FormatCommands, no_args_is_help=True)


def _print_formats() -> None:
    from rich import box
    from rich.table import Table

    from mtner_cli.report.console import PlainConsole

    console = PlainConsole()
    table = Table("mtner convert", "reads", "written as", box=box.SIMPLE_HEAD)
    for name, description in FORMATS.items():
        table.add_row(name, description, "\n".join(format_named(name).encodings))
    console.print(table)
    table = Table("mtner convert export --to", "writes", box=box.SIMPLE_HEAD)
    for name, description in WRITERS.items():
        table.add_row(name, description)
    console.print(table)


@convert_app.callback()
def convert_options(
    listing: Annotated[
        bool, showing_option(_print_formats, "List the formats and exit.", "--list")
    ] = False,
) -> None:
    """Convert a corpus to the action files that training reads.

    Example: mtner convert conll train.tsv --out data/converted/BC5CDR/train.txt
    """


def _listed() -> None:
    """Do nothing: the list of commands shows only the name and the help of a format's command."""


for _name, _description in FORMATS.items():
    convert_app.command(_name, help=_description, cls=PlainCommand)(_listed)


@convert_app.command("corpora", cls=PlainCommand)
def convert_corpora(
    file: Annotated[Path, typer.Argument(help="YAML file of corpora, splits and paths.")],
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="CORPUS", help="Corpora to convert; all if none."),
    ] = None,
) -> None:
    """Convert everything that a YAML file of corpora, splits and paths lists.

    Nothing is converted unless all files exist and all settings are valid.

    Example: mtner convert corpora configs/corpora/crichton.yaml BC5CDR NCBIDisease
    """
    from itertools import groupby

    from mtner_cli.core.convert.corpora import load_conversions
    from mtner_cli.report.console import PlainConsole
    from mtner_cli.report.ledgers import print_ledgers

    console = PlainConsole()
    conversions = load_conversions(file, names or ())
    groups = groupby(conversions, key=lambda conversion: conversion.corpus)
    for number, (corpus, of_corpus) in enumerate(groups):
        ledgers = {}
        console.print("\n" * (number > 0) + corpus, style="bold")
        for conversion in of_corpus:
            with console.status(f"converting to {conversion.out}"):
                ledgers[conversion.split] = conversion.run()
            _print_path(conversion.out, console)
        print_ledgers(ledgers, console)


@convert_app.command("export", cls=PlainCommand)
def convert_export(
    file: Annotated[Path, typer.Argument(metavar="ACTIONFILE", help="The action file to read.")],
    to: Annotated[
        str, typer.Option("--to", metavar="FORMAT", help=f"One of {', '.join(WRITERS)}.")
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="PATH", help="The file to write; for brat, a folder.")
    ],
    flat: Annotated[
        Literal["outermost", "innermost"] | None,
        typer.Option(
            "--flat",
            help="Which of nested mentions to keep in columns (conll).",
            show_default="outermost",
        ),
    ] = None,
    ledger: LedgerOut = None,
) -> None:
    """Write a corpus in a format that other tools read: the way back from an action file.

    Example: mtner convert export data/converted/mine/test.txt --to html --out test.html
    """
    from mtner_cli.core.convert.export import export
    from mtner_cli.report.console import PlainConsole
    from mtner_cli.report.ledgers import print_ledgers

    console = PlainConsole()
    if to not in WRITERS:
        known = did_you_mean(nearest(to, WRITERS)) or f"; give one of {', '.join(WRITERS)}"
        raise ConfigError([f"--to: unknown format {quoted(to)}{known}"])
    if flat is not None and to != "conll":
        raise ConfigError(["--flat is for --to conll only: leave it out"])
    options = {} if flat is None else {"flat": flat}
    with console.status(f"writing {out}"):
        counts = export(file, to, out, ledger, **options)
    _print_path(out, console)
    print_ledgers({"count": counts}, console, "read")


def _app_of(name: str) -> typer.Typer:
    """Return an app with one command: it converts a format as the format's own file describes."""
    source_format = format_named(name)
    run = _convert_files if source_format.targets is None else _convert_folder

    def command(**values: Any) -> None:
        run(name, **values)

    parameters = _parameters(run, source_format)
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    app = typer.Typer(rich_markup_mode="rich", add_completion=False)
    app.command(name, help=_help(name, source_format), cls=PlainCommand)(command)
    return app


def _help(name: str, source_format: Format) -> str:
    """Return the help of a format's command: description, layout, sample and example."""
    from rich.markup import escape

    parts = [f"{FORMATS[name]}.", source_format.layout]
    for file, content in source_format.sample.items():
        lines = content.expandtabs().splitlines()
        parts.append("\n".join([f"Sample of {file}:", "", *(f"    {line}" for line in lines)]))
    parts.append(f"Example: mtner convert {name} {source_format.example}")
    return escape("\n\n".join(parts))


def _parameters(run: Callable[..., None], source_format: Format) -> list[inspect.Parameter]:
    """Return the parameters of ``run`` for Typer, with the format's options for ``**options``."""
    files = Annotated[list[Path], typer.Argument(metavar="INPUT", help=source_format.inputs)]
    parameters = dict(inspect.signature(run, eval_str=True).parameters)
    del parameters["name"]
    if "inputs" in parameters:
        parameters["inputs"] = parameters["inputs"].replace(annotation=files)
    if len(source_format.encodings) == 1:
        del parameters["action_encoding"], parameters["encoding"]
    if parameters.pop("options", None) is not None:
        own = {name: _parameter(name, option) for name, option in source_format.options.items()}
        names = ("types", "split", "seed", "ledger")  # after the format's own
        shared = [parameters.pop(name) for name in names]
        return [*parameters.values(), *own.values(), *shared]
    return list(parameters.values())


def _parameter(name: str, option: Option) -> inspect.Parameter:
    about = typer.Option(
        metavar="PATH" if Path in (option.kind, *get_args(option.kind)) else None,
        help=option.help.text,
        show_default=option.help.default or True,
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=option.default,
        annotation=Annotated[option.kind, about],
    )


def _convert_folder(name: str, folder: Folder, out: OutFolder) -> None:
    """Convert the files of a folder, as the format lists them."""
    listed = format_named(name).targets
    assert listed is not None
    targets = list(listed(folder, out))
    sources = [source for source, _, _ in targets]
    for source, target, options in targets:
        _convert(name, [source], target, also_read=sources, **options)


def _convert_files(
    name: str,
    inputs: list[Path],
    out: Out,
    *,
    action_encoding: ActionEncoding = None,
    encoding: OldEncoding = None,
    types: Types = None,
    split: Shares = None,
    seed: Seed = None,
    ledger: LedgerOut = None,
    **options: Any,
) -> None:
    """Convert files to one action file, or to one a split."""
    if types is not None:
        from mtner_cli.core.convert.corpora import load_type_map

        options |= {"types": load_type_map(types), "also_read": [types]}
    options |= {"action_encoding": action_encoding or encoding, "ledger_path": ledger}
    if split is not None:
        _convert_split(name, inputs, out, split, 1 if seed is None else seed, **options)
        return
    if seed is not None:
        raise ConfigError(["--seed is for --split only: give both or none"])
    _convert(name, inputs, out, **options)


def _convert_split(
    name: str, inputs: list[Path], out: Path, shares: str, seed: int, **options: Any
) -> None:
    """Run a conversion into splits and print its ledgers."""
    from mtner_cli.core.convert.conversion import convert_split
    from mtner_cli.core.convert.splitting import Split
    from mtner_cli.report.console import PlainConsole
    from mtner_cli.report.ledgers import print_ledgers

    console = PlainConsole()
    split = Split.of(shares, seed)
    with console.status(f"converting to {out}"):
        ledgers, alone = convert_split(name, inputs, out, split, **options)
    for part in ledgers:
        _print_path(out / f"{part}.txt", console)
    print_ledgers(ledgers, console)
    if alone:
        console.print(
            f"{alone:,} sentences are of no document that the source names: each was drawn for "
            "itself, so sentences of one text may be in several splits.",
            soft_wrap=True,
        )


def _convert(name: str, inputs: list[Path], out: Path, **options: Any) -> None:
    """Run a conversion, with the options of ``conversion.convert``, and print its ledger."""
    from mtner_cli.core.convert.conversion import convert
    from mtner_cli.report.console import PlainConsole
    from mtner_cli.report.ledgers import print_ledgers

    console = PlainConsole()
    with console.status(f"converting to {out}"):
        ledger = convert(name, inputs, out, **options)
    _print_path(out, console)
    print_ledgers({"count": ledger}, console)


def _print_path(path: Path, console: Console) -> None:
    """Print a path on one line, however long it is, so that it can be copied."""
    console.print(str(path), soft_wrap=True)
