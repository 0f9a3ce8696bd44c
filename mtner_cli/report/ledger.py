"""How the ledger of a conversion looks on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mtner_cli.core.convert.ledger import Entry, Ledger

PLACES_SHOWN = 3


def print_ledger(ledger: Ledger, out: Path, console: Console) -> None:
    """What was written to ``out``, what was mended and what was kept out, as tables."""
    console.print(_written(ledger, out))
    for title, reasons in (("Repairs", ledger.repairs), ("Kept out", ledger.kept_out)):
        if reasons:
            console.print(_entries(title, reasons))
    if not ledger.kept_out:
        console.print("Nothing was kept out.")


def _written(ledger: Ledger, out: Path) -> Table:
    table = Table("written", title=Text(str(out)), box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("count", justify="right")
    table.add_row("documents", f"{ledger.documents:,}" if ledger.documents else "-")
    table.add_row("sentences", f"{ledger.sentences:,}")
    table.add_row("words", f"{ledger.words:,}")
    table.add_row("mentions", f"{ledger.mentions.total():,}")
    for entity_type, count in sorted(ledger.mentions.items()):
        table.add_row(Text(f"  {entity_type}"), f"{count:,}")
    return table


def _entries(title: str, reasons: Mapping[str, list[Entry]]) -> Table:
    table = Table(title, box=box.SIMPLE_HEAD)
    table.add_column("count", justify="right")
    table.add_column("for example", overflow="fold")
    for reason, entries in reasons.items():
        examples = [f"{place} {what}" for place, what in entries[:PLACES_SHOWN]]
        if len(entries) > PLACES_SHOWN:
            examples.append("...")
        table.add_row(Text(reason), f"{len(entries):,}", Text("\n".join(examples)))
    return table
