"""Print what a conversion wrote, repaired and dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from mtner_cli.errors import MOST_CHARACTERS

if TYPE_CHECKING:
    from mtner_cli.core.convert.ledger import Entry, Ledger

PLACES_SHOWN = 3


def print_ledgers(
    ledgers: Mapping[str, Ledger], console: Console, counted: str = "written"
) -> None:
    """Print tables of what a conversion wrote, repaired and dropped.

    Args:
        ledgers: the ledgers by the heading of their column, such as ``train``.
        console: the console to print to.
        counted: what is counted: what was ``"written"``, or ``"read"``.
    """
    console.print(_counts(ledgers, counted))
    for title in ("repairs", "dropped"):
        reasons: dict[str, list[Entry]] = {}
        for ledger in ledgers.values():
            found = ledger.repairs if title == "repairs" else ledger.dropped
            for reason, entries in found.items():
                reasons.setdefault(reason, []).extend(entries)
        if reasons:
            _print_entries(title, reasons, console)
        elif title == "dropped":
            console.print("Nothing was dropped.")
    unwanted: Counter[str] = Counter()
    for ledger in ledgers.values():
        unwanted.update({name: len(entries) for name, entries in ledger.unwanted.items()})
    if unwanted:
        counts = ", ".join(f"{_cut(name)} {count:,}" for name, count in unwanted.most_common())
        unit = "mention" if unwanted.total() == 1 else "mentions"
        console.print(f"Left out as the type map says: {unwanted.total():,} {unit} ({counts}).")


def _counts(ledgers: Mapping[str, Ledger], counted: str) -> Table:
    table = Table(counted, box=box.SIMPLE_HEAD)
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
    """Cut a name or text from a file to what a terminal can show."""
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}..."


def _number(count: int) -> str:
    return f"{count:,}" if count else "-"


def _print_entries(title: str, reasons: Mapping[str, list[Entry]], console: Console) -> None:
    """Print the count and some examples of each reason; a place stays in one piece, to click on."""
    console.print(title, style="bold")
    for reason, entries in reasons.items():
        console.print(f"  {_cut(reason)}: {len(entries):,}", soft_wrap=True)
        for place, what in entries[:PLACES_SHOWN]:
            console.print(f"    {place} {_cut(what)}", soft_wrap=True)
        if len(entries) > PLACES_SHOWN:
            console.print("    ...")
