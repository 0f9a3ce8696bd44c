"""``mtner agreement``: compare two annotators' verdicts on a sheet of ``mtner filter-ood``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mtner_cli.core.triage.agreement import Agreement, Precision


def agreement(
    sheet: Annotated[
        Path,
        typer.Argument(metavar="SHEET.csv", help="The sheet with verdicts: yes, no or nothing."),
    ],
) -> None:
    """Show precision by each annotator and Cohen's kappa, per type and over all.

    Example: mtner agreement predictions.csv
    """
    from rich import box
    from rich.table import Table

    from mtner_cli.core.triage.agreement import agreement_by_type, measure_agreement, read_sheet
    from mtner_cli.report.console import PlainConsole

    judged = read_sheet(sheet)
    table = Table("corpus", "type", box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    for heading in ("predicted", "P annotator 1", "P annotator 2", "agreed", "kappa"):
        table.add_column(heading, justify="right")
    for (corpus, entity_type), part in agreement_by_type(judged).items():
        table.add_row(corpus, entity_type, *_cells(part))
    table.add_section()
    table.add_row("all", "", *_cells(measure_agreement(judged)), style="bold")
    PlainConsole().print(table)


def _cells(part: Agreement) -> list[str]:
    kappa = "-" if part.kappa is None else f"{part.kappa:.3f}"
    return [
        f"{part.predictions:,}",
        *map(_precision_text, part.precisions),
        f"{part.agreed:,}/{part.both:,}",
        kappa,
    ]


def _precision_text(precision: Precision) -> str:
    if precision.value is None:
        return "-"
    return f"{100 * precision.value:.2f} ({precision.right:,}/{precision.judged:,})"
