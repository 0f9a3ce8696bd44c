"""``mtner filter-ood``: list predictions of types that a corpus does not annotate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from mtner_cli.errors import names_text


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
            help="txt to read, jsonl for programs, csv for two annotators to fill. "
            "Default: by the name of the file, or else txt.",
        ),
    ] = None,
) -> None:
    """Write every out-of-domain prediction of every sentence.

    Nothing in the pickle is executed. Judge the csv sheet, then see mtner agreement.

    Example: mtner filter-ood --spec spec.yaml --pickle test_results.pkl --out predictions.txt
    """
    from mtner_cli.core.convert.registry import refuse_overwriting
    from mtner_cli.core.results.read import read_result_sentences
    from mtner_cli.core.triage.out_of_domain import filter_predictions, read_specification
    from mtner_cli.core.triage.sheets import format_of, write_filtered
    from mtner_cli.report.console import PlainConsole

    refuse_overwriting([specification, results], out)
    relevant_types = read_specification(specification)
    corpora = filter_predictions(read_result_sentences(results), relevant_types)
    write_filtered(out, corpora, file_format or format_of(out))
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
