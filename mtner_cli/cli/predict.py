"""``mtner predict``: find mentions in raw documents of many formats."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mtner_cli.cli.interrupt import INTERRUPTED
from mtner_cli.cli.options import CheckpointName, Cpu, Gpu, Threads


def predict(
    model: Annotated[Path, typer.Argument(help="A run's folder.")],
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT",
            help="Files, folders, patterns in quotes, or - for standard input. Files may be "
            "compressed (.gz, .zst).",
        ),
    ],
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar="PATH",
            help="A file, or a folder for many files (a name with / at its end).",
            show_default="standard output",
        ),
    ] = None,
    input_format: Annotated[
        str | None,
        typer.Option(
            "--input-format",
            metavar="FORMAT",
            help="text, jsonl, csv, tsv, parquet, pubtator, bioc, brat, pubmed or jats.",
            show_default="found for each file",
        ),
    ] = None,
    text_field: Annotated[
        str, typer.Option("--text-field", metavar="NAME", help="The key or column of texts.")
    ] = "text",
    id_field: Annotated[
        str | None,
        typer.Option(
            "--id-field",
            metavar="NAME",
            help="The key or column of names.",
            show_default="id, if there is one",
        ),
    ] = None,
    *,
    types: Annotated[
        str | None,
        typer.Option(
            "--types", metavar="A,B", help="Write these entity types only.", show_default="all"
        ),
    ] = None,
    min_score: Annotated[
        float, typer.Option("--min-score", min=0, max=1, help="Write surer mentions only.")
    ] = 0.0,
    separate_tags: Annotated[
        bool,
        typer.Option("--separate-tags", help="One mention for each corpus's sense of a type."),
    ] = False,
    sentences: Annotated[
        bool, typer.Option("--sentences", help="Also write where each sentence starts and ends.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first document that cannot be read.")
    ] = False,
    checkpoint: CheckpointName = None,
    gpu: Gpu = None,
    cpu: Cpu = False,
    threads: Threads = None,
) -> None:
    """Find mentions in documents; write one JSON object for each document.

    Started again with the same command, it continues where it was interrupted.

    Example: mtner predict logs/quickstart/RUN texts/ --out mentions.jsonl
    """
    from mtner_cli.core.documents.items import Fields
    from mtner_cli.core.documents.sources import check_inputs
    from mtner_cli.report.console import PlainConsole

    check_inputs(inputs, input_format)
    console = PlainConsole(file=sys.stderr)
    with console.status("starting"):
        from mtner_cli.core.device import choose_device, use_threads
        from mtner_cli.core.prediction.engine import Request, predict_to_files, predict_to_stream
        from mtner_cli.core.prediction.output import Output, StreamOutput
        from mtner_cli.core.prediction.writers import WRITERS, Details
        from mtner_cli.core.tagger import Tagger
        from mtner_cli.report.prediction import PredictionProgress, closing_lines

    output = None if out is None else Output.at(out, WRITERS["jsonl"].suffix)
    device = choose_device(gpu, cpu)
    use_threads(threads)
    tagger = Tagger.load(model, checkpoint, device)
    request = Request(
        inputs=tuple(inputs),
        input_format=input_format,
        fields=Fields(text_field, id_field),
        types=None if types is None else tuple(filter(None, map(str.strip, types.split(",")))),
        min_score=min_score,
        separate_tags=separate_tags,
        details=Details(sentences=sentences),
    )
    console.print(f"checkpoint {tagger.checkpoint} on {device}", soft_wrap=True)
    try:
        with PredictionProgress(console) as progress:
            if output is None:
                stream = StreamOutput(sys.stdout.buffer)
                outcome = predict_to_stream(tagger, request, stream, strict, progress)
            else:
                outcome = predict_to_files(tagger, request, output, strict, progress)
    except KeyboardInterrupt:
        console.print("Interrupted." if out is None else "Interrupted; the same command continues.")
        raise typer.Exit(INTERRUPTED) from None
    for line in closing_lines(outcome, output):
        console.print(line, soft_wrap=True)
    if outcome.counts.failures:
        raise typer.Exit(1)
