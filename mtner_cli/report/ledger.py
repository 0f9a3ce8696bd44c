"""How the ledgers of conversions look on a terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich import box
from rich.console import Console
from rich.table import Table

from mtner_cli.core.convert.ledger import Entry, Ledger
from mtner_cli.errors import MOST_CHARACTERS

PLACES_SHOWN = 3


def print_ledgers(ledgers: Mapping[str, Ledger], console: Console) -> None:
    """What was written, what was mended and what was kept out, as tables.

    Args:
        ledgers: by what stands over their column, such as ``train``.
        console: where to.
    """
    console.print(_counts(ledgers))
    for title in ("repairs", "kept out"):
        reasons: dict[str, list[Entry]] = {}
        for ledger in ledgers.values():
            found = ledger.repairs if title == "repairs" else ledger.kept_out
            for reason, entries in found.items():
                reasons.setdefault(reason, []).extend(entries)
        if reasons:
            console.print(_entries(title, reasons))
        elif title == "kept out":
            console.print("Nothing was kept out.")


def _counts(ledgers: Mapping[str, Ledger]) -> Table:
    table = Table("written", box=box.SIMPLE_HEAD)
    for name in ledgers:
        table.add_column(name, justify="right")
    columns = ledgers.values()
    table.add_row("documents", *(_number(ledger.documents) for ledger in columns))
    table.add_row("sentences", *(_number(ledger.sentences) for ledger in columns))
    table.add_row("words", *(_number(ledger.words) for ledger in columns))
    table.add_row("mentions", *(_number(ledger.mentions.total()) for ledger in columns))
    for entity_type in sorted({name for ledger in columns for name in ledger.mentions}):
        counts = (_number(ledger.mentions[entity_type]) for ledger in columns)
        table.add_row(f"  {_cut(entity_type)}", *counts)
    return table


def _cut(text: str) -> str:
    """Keep any name or text from a file short enough for a terminal."""
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}..."


def _number(count: int) -> str:
    return f"{count:,}" if count else "-"


def _entries(title: str, reasons: Mapping[str, list[Entry]]) -> Table:
    table = Table(title, box=box.SIMPLE_HEAD)
    table.add_column("count", justify="right")
    table.add_column("for example", overflow="fold")
    for reason, entries in reasons.items():
        examples = [f"{place} {_cut(what)}" for place, what in entries[:PLACES_SHOWN]]
        if len(entries) > PLACES_SHOWN:
            examples.append("...")
        table.add_row(_cut(reason), f"{len(entries):,}", "\n".join(examples))
    return table
