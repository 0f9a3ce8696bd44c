"""``mtner agreement``: compare the annotators' verdicts on a sheet of ``mtner filter-ood``."""

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

    With more than two annotators, kappa is its mean over all pairs. The 95 % interval is a
    bootstrap over predictions.

    Example: mtner agreement predictions.csv
    """
    from rich import box
    from rich.table import Table

    from mtner_cli.core.triage.agreement import agreement_by_type, measure_agreement, read_sheet
    from mtner_cli.report.console import PlainConsole

    judged = read_sheet(sheet)
    table = Table("corpus", "type", box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    annotators = [f"P annotator {number}" for number in range(1, len(judged[0].verdicts) + 1)]
    for heading in ("predicted", *annotators, "agreed", "kappa", "95 %"):
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
        f"{part.agreed:,}/{part.shared:,}",
        kappa,
        "-" if part.interval is None else "{:.3f} to {:.3f}".format(*part.interval),
    ]


def _precision_text(precision: Precision) -> str:
    if precision.value is None:
        return "-"
    return f"{100 * precision.value:.2f} ({precision.right:,}/{precision.judged:,})"
