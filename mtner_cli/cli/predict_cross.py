"""``mtner predict-cross``: score a trained run on corpora that it was not trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mtner_cli.cli.options import CheckpointName, Cpu, Gpu, Threads


def predict_cross(
    model: Annotated[Path, typer.Option("--model", metavar="RUN", help="A run's folder.")],
    corpora: Annotated[
        list[str],
        typer.Option(
            "--corpora",
            metavar="FILE",
            help="YAML file of corpora, or an experiment. NAME=FILE is one corpus in any format "
            "that mtner convert reads; NAME=FILE:FORMAT if the format is not clear. Repeatable.",
        ),
    ],
    checkpoint: CheckpointName = None,
    pickle: Annotated[
        Path | None,
        typer.Option("--pickle", metavar="OUT", help="Write the predictions, for filter-ood."),
    ] = None,
    scores: Annotated[
        Path | None,
        typer.Option("--scores", metavar="OUT", help="Write the scores as JSON, for programs."),
    ] = None,
    *,
    gpu: Gpu = None,
    cpu: Cpu = False,
    threads: Threads = None,
) -> None:
    """Score a run on the test splits of other corpora; types with the same name count as one.

    Example: mtner predict-cross --model logs/sBoth/RUN --corpora configs/synthetic_evaluation.yaml
    """
    from mtner_cli.core.experiment.given_corpora import given_corpora
    from mtner_cli.report.console import PlainConsole
    from mtner_cli.report.ledgers import print_ledgers

    console = PlainConsole()
    with given_corpora(corpora) as given:
        for name, ledger in given.ledgers.items():
            print_ledgers({name: ledger}, console)
        with console.status("starting"):
            from mtner_cli.core.device import choose_device, use_threads
            from mtner_cli.core.experiment.testing import predict_corpora
            from mtner_cli.core.files.atomic import refuse_overwriting
            from mtner_cli.core.results.scores_file import write_scores
            from mtner_cli.core.results.write import write_cross_corpus_pickle
            from mtner_cli.core.tagger import Tagger
            from mtner_cli.core.train.run_folder import RunFolder
            from mtner_cli.report.progress import counting_bar
            from mtner_cli.report.tables import evaluation_tables

        device = choose_device(gpu, cpu)
        use_threads(threads)
        tagger = Tagger.load(model, checkpoint, device)
        folder = RunFolder.find(model)
        read = [*given.read(), folder.checkpoint(checkpoint), *folder.written]
        if pickle is not None:
            refuse_overwriting(read, pickle)
        if scores is not None:
            refuse_overwriting(read if pickle is None else [*read, pickle], scores)
        console.print(f"checkpoint {tagger.checkpoint} on {device}", soft_wrap=True)
        with counting_bar(console, "predicting") as report:
            outcome = predict_corpora(tagger, given.datasets, report)
    if pickle is not None:
        write_cross_corpus_pickle(pickle, outcome.sentences)
    if scores is not None:
        write_scores(scores, outcome.evaluation, tagger.checkpoint, outcome.splits)
    for table in evaluation_tables(outcome.evaluation, outcome.untaught):
        console.print(table)
    for path in (pickle, scores):
        if path is not None:
            console.print(f"wrote {path}", soft_wrap=True)
