"""``mtner convert``: convert corpora of many formats to action files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mtner_cli.cli.plain import PlainCommand, PlainGroup

if TYPE_CHECKING:
    from rich.console import Console

convert_app = typer.Typer(cls=PlainGroup, no_args_is_help=True)

Inputs = Annotated[
    list[Path], typer.Argument(metavar="INPUT", help="Files, converted one after the other.")
]
Out = Annotated[Path, typer.Option("--out", metavar="PATH", help="The action file to write.")]
EncodingName = Literal["simple", "simple-char"]
ActionEncoding = Annotated[
    EncodingName | None,
    typer.Option(
        "--action-encoding",
        help="simple keeps the given words, simple-char is raw text. "
        "[default: simple for words, simple-char for raw text]",
    ),
]
SchemeName = Annotated[
    Literal["iob1", "iob2", "bio", "iobes", "bioes", "bilou"] | None,
    typer.Option(
        "--scheme", case_sensitive=False, help="The tag scheme. [default: found in the file]"
    ),
]
OldEncoding = Annotated[EncodingName | None, typer.Option("--encoding", hidden=True)]
"""The former name of ``--action-encoding``."""
Charset = Annotated[str, typer.Option("--charset", help="The charset of the input, as utf-8.")]
Types = Annotated[
    Path | None,
    typer.Option(
        "--types",
        metavar="PATH",
        help="YAML file with the name to write for each entity type; null drops one, "
        "'*' means all others. [default: all types as they are]",
    ),
]
LedgerOut = Annotated[
    Path | None,
    typer.Option(
        "--ledger",
        metavar="PATH",
        help="Also write every repair and everything dropped, as JSON lines.",
    ),
]


def _print_converters(wanted: bool) -> None:
    if not wanted:
        return
    from rich import box
    from rich.table import Table

    from mtner_cli.core.convert.registry import CONVERTERS
    from mtner_cli.report.console import PlainConsole

    table = Table("mtner convert", "what for", "written as", box=box.SIMPLE_HEAD)
    for converter in CONVERTERS.values():
        table.add_row(converter.name, converter.description, "\n".join(converter.encodings))
    PlainConsole().print(table)
    raise typer.Exit


@convert_app.callback()
def convert_options(
    listing: Annotated[
        bool,
        typer.Option(
            "--list", help="List the formats and exit.", callback=_print_converters, is_eager=True
        ),
    ] = False,
) -> None:
    """Convert a corpus to the action files that training reads.

    Example: mtner convert conll train.tsv --out data/converted/BC5CDR/train.txt
    """


@convert_app.command("conll", cls=PlainCommand)
def convert_conll(
    inputs: Inputs,
    out: Out,
    *,
    action_encoding: ActionEncoding = None,
    encoding: OldEncoding = None,
    scheme: SchemeName = None,
    tag_column: Annotated[
        int, typer.Option(help="Column of the tags, from 1; negative counts from the last.")
    ] = -1,
    word_column: Annotated[int, typer.Option(help="Column of the words, from 1 or negative.")] = 1,
    charset: Charset = "utf-8",
    ledger: LedgerOut = None,
) -> None:
    """Convert columns separated by tabs or spaces, with a BIO, IOB1, IOB2, IOBES or BILOU tag.

    Example: mtner convert conll eng.train --out data/converted/CoNLL/train.txt
    """
    _convert(
        "conll", inputs, out, action_encoding or encoding, ledger,
        scheme=scheme, tag_column=tag_column, word_column=word_column, charset=charset,
    )  # fmt: skip


@convert_app.command("jsonl", cls=PlainCommand)
def convert_jsonl(
    inputs: Inputs,
    out: Out,
    *,
    action_encoding: ActionEncoding = None,
    encoding: OldEncoding = None,
    scheme: SchemeName = None,
    charset: Charset = "utf-8",
    ledger: LedgerOut = None,
) -> None:
    """Convert JSON lines with token spans, token tags or character spans.

    Reads the forms of GENIA preprocessing, spaCy, Doccano, Label Studio and Hugging Face.

    Example: mtner convert jsonl train.jsonl --out data/converted/mine/train.txt
    """
    _convert(
        "jsonl", inputs, out, action_encoding or encoding, ledger, scheme=scheme, charset=charset
    )


@convert_app.command("genia", cls=PlainCommand)
def convert_genia(
    inputs: Inputs,
    out: Out,
    split: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="File of MEDLINE ids, one a line. [default: all]"),
    ] = None,
    action_encoding: ActionEncoding = None,
    encoding: OldEncoding = None,
    ledger: LedgerOut = None,
) -> None:
    """Convert the GENIA corpus 3.02 in XML, with nested mentions of five types.

    Example: mtner convert genia GENIAcorpus3.02.merged.fixed.xml --split dev.txt --out dev.parser
    """
    _convert("genia", inputs, out, action_encoding or encoding, ledger, split=split)


@convert_app.command("hunflair", cls=PlainCommand)
def convert_hunflair(inputs: Inputs, out: Out, ledger: LedgerOut = None) -> None:
    """Convert the HUNER corpora of Flair's cache: lines of 'token tag +' or 'token tag -'.

    Example: mtner convert hunflair ~/.flair/datasets/huner_gene_nlm_gene/*train.conll --out g.train
    """
    _convert("hunflair", inputs, out, None, ledger)


@convert_app.command("pubtator", cls=PlainCommand)
def convert_pubtator(
    inputs: Inputs, out: Out, types: Types = None, ledger: LedgerOut = None
) -> None:
    """Convert PubTator files: titles and abstracts, split into sentences, with mentions by offset.

    Example: mtner convert pubtator tmvar_v3.txt --types types.yaml --out tmVar3.txt
    """
    _convert("pubtator", inputs, out, None, ledger, types_path=types)


@convert_app.command("bioc", cls=PlainCommand)
def convert_bioc(inputs: Inputs, out: Out, types: Types = None, ledger: LedgerOut = None) -> None:
    """Convert BioC files in XML or JSON: passages, split into sentences, mentions by offset.

    Example: mtner convert bioc BC5CDR_Train.BioC.xml --out data/converted/mine/train.txt
    """
    _convert("bioc", inputs, out, None, ledger, types_path=types)


@convert_app.command("brat", cls=PlainCommand)
def convert_brat(
    inputs: Annotated[
        list[Path], typer.Argument(metavar="INPUT", help="Folders, .txt files or .ann files.")
    ],
    out: Out,
    types: Types = None,
    ledger: LedgerOut = None,
) -> None:
    """Convert brat's .txt files, split into sentences, with the mentions of their .ann files.

    Example: mtner convert brat annotated/train --out data/converted/mine/train.txt
    """
    _convert("brat", inputs, out, None, ledger, types_path=types)


@convert_app.command("bc5cdr-halves", cls=PlainCommand)
def convert_bc5cdr_halves(
    folder: Annotated[Path, typer.Argument(help="Folder with BC5CDR's train.tsv and devel.tsv.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Gets BC5_Dis and BC5_Chem.")
    ],
) -> None:
    """Make the synthetic ensemble: halves of BC5CDR with diseases only and with chemicals only.

    Example: mtner convert bc5cdr-halves data/original/BC5CDR --out data/converted/BC5_splits
    """
    from mtner_cli.core.convert.formats.bc5cdr_halves import CUTS, targets

    both = [folder / name for name in CUTS]
    for source, target, half in targets(folder, out):
        _convert("bc5cdr-halves", [source], target, also_read=both, half=half)


@convert_app.command("corpora", cls=PlainCommand)
def convert_corpora(
    file: Annotated[Path, typer.Argument(help="YAML file of corpora, splits and paths.")],
    names: Annotated[
        list[str] | None, typer.Argument(help="Corpora to convert; all if none.")
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
    for corpus, of_corpus in groupby(conversions, key=lambda conversion: conversion.corpus):
        ledgers = {}
        console.print(corpus, style="bold")
        for conversion in of_corpus:
            with console.status(f"converting to {conversion.out}"):
                ledgers[conversion.split] = conversion.run()
            _print_path(conversion.out, console)
        print_ledgers(ledgers, console)


def _convert(
    name: str,
    inputs: list[Path],
    out: Path,
    action_encoding: EncodingName | None = None,
    ledger_path: Path | None = None,
    *,
    types_path: Path | None = None,
    also_read: Iterable[Path] = (),
    **options: Any,
) -> None:
    """Run a converter and show its ledger."""
    from mtner_cli.core.convert.registry import convert
    from mtner_cli.report.console import PlainConsole
    from mtner_cli.report.ledgers import print_ledgers

    types = None
    if types_path is not None:
        from mtner_cli.core.convert.corpora import load_type_map

        types = load_type_map(types_path)
        also_read = [types_path, *also_read]
    console = PlainConsole()
    with console.status(f"converting to {out}"):
        ledger = convert(
            name, inputs, out, action_encoding, types,
            ledger_path=ledger_path, also_read=also_read, **options,
        )  # fmt: skip
    _print_path(out, console)
    print_ledgers({"count": ledger}, console)


def _print_path(path: Path, console: Console) -> None:
    """Print a path on one line, however long it is, so that it can be copied."""
    console.print(str(path), soft_wrap=True)
