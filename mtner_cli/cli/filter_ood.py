"""``mtner filter-ood``: list predictions of types that a corpus does not annotate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from mtner_cli.errors import ConfigError, names_text

DEFAULT_ANNOTATORS = 2


def filter_ood(
    specification: Annotated[
        Path,
        typer.Option("--spec", metavar="SPEC.yaml", help="The relevant types of each corpus."),
    ],
    results: Annotated[
        Path,
        typer.Option(
            "--pickle",
            metavar="RESULTS.pkl",
            help="Results of mtner test, mtner predict-cross or the original system.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="PATH", help="The file to write.")],
    file_format: Annotated[
        Literal["txt", "jsonl", "csv"] | None,
        typer.Option(
            "--format",
            help="txt to read, jsonl for programs, csv for annotators to fill. "
            "Default: by the name of the file, or else txt.",
        ),
    ] = None,
    *,
    sample: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Write N predictions drawn at random. Default: all."),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the sample and of the order of a csv sheet.")
    ] = 0,
    annotators: Annotated[
        int, typer.Option(min=1, max=20, metavar="N", help="Columns for verdicts in a csv sheet.")
    ] = DEFAULT_ANNOTATORS,
    show_gold: Annotated[
        bool, typer.Option("--show-gold", help="Show the gold mentions in a csv sheet, too.")
    ] = False,
) -> None:
    """Write out-of-domain predictions: all of them, or a sample.

    Nothing in the pickle is executed. The rows of a csv sheet are in random order, and annotators
    do not see the gold mentions. Judge the sheet, then see mtner agreement.

    Example: mtner filter-ood --spec spec.yaml --pickle test_results.pkl --out predictions.txt
    """
    from mtner_cli.core.files.atomic import refuse_overwriting
    from mtner_cli.core.results.read import read_result_sentences
    from mtner_cli.core.triage.out_of_domain import (
        filter_predictions,
        read_specification,
        sample_predictions,
    )
    from mtner_cli.core.triage.sheets import SheetSettings, format_of, write_filtered
    from mtner_cli.report.console import PlainConsole

    file_format = file_format or format_of(out)
    if file_format != "csv" and (show_gold or annotators != DEFAULT_ANNOTATORS):
        message = "--annotators and --show-gold belong to a csv sheet; add --format csv"
        raise ConfigError([message])
    refuse_overwriting([specification, results], out)
    relevant_types = read_specification(specification)
    corpora = filter_predictions(read_result_sentences(results), relevant_types)
    if sample is not None:
        corpora = sample_predictions(corpora, sample, seed)
    sheet = SheetSettings(annotators, seed, show_gold)
    write_filtered(out, corpora, file_format, sheet)
    console = PlainConsole(soft_wrap=True)
    for corpus in corpora:
        predictions = sum(corpus.counts.values())
        console.print(
            f"{corpus.name}: {predictions:,} predictions in {len(corpus.sentences):,} sentences"
        )
        for tag, count in corpus.counts.items():
            others = names_text(corpus.other_types) or "nothing else"
            remark = "" if count else f" (also predicted there: {others})"
            console.print(f"  {tag}: {count:,}{remark}")
    console.print(f"written to {out}")
