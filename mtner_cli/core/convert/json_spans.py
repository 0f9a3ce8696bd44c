"""Spans as JSON files give them: ``[start, end, type]``, or an object with one of several keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.convert.source import Place, named_mention
from mtner_cli.core.types import Span
from mtner_cli.errors import DataError, quoted

START_KEYS = ("start", "start_offset")
END_KEYS = ("end", "end_offset")
TYPE_KEYS = ("entity_type", "label", "labels", "type")


def mentions_of(items: Iterable[Any], place: Place, ledger: Ledger) -> tuple[Span, ...]:
    """Give the mentions of several items: each once for each type it is given.

    Args:
        ledger: gains the items that have an empty list of types.

    Raises:
        DataError: if an item is no span.
    """
    mentions: list[Span] = []
    for item in items:
        parts = _parts(item)
        if parts is None:
            raise DataError(
                place.path,
                place.line,
                "expected a span as [start, end, \"type\"] or as an object with the keys 'start', "
                f"'end' (whole numbers) and 'label' or 'entity_type'; found {quoted(item)}",
            )
        start, end, types = parts
        if not types:
            ledger.keep_out("mention without a type", place, f"[{start}, {end})")
        mentions.extend(Span(start, end, name) for name in types)
    return tuple(mentions)


def hold_spans(values: list[Any]) -> bool:
    """Tell whether at least one of the values is a span."""
    may_be = not {list, dict}.isdisjoint(map(type, values))
    return may_be and any(map(_parts, values))


def keep_out_all(
    mentions: Iterable[Span],
    content: str | Sequence[str],
    reason: str,
    place: Place,
    ledger: Ledger,
) -> None:
    """Name mentions that are not written."""
    for mention in mentions:
        ledger.keep_out(reason, place, named_mention(mention, content))


def _parts(item: Any) -> tuple[int, int, list[str]] | None:
    """Start, end and types of a span, None if the item is none."""
    if isinstance(item, list) and len(item) == 3:
        start, end, types = item
    elif isinstance(item, dict):
        start, end = _first(item, START_KEYS), _first(item, END_KEYS)
        types = _first(item, TYPE_KEYS)
    else:
        return None
    if type(start) is not int or type(end) is not int:
        return None
    named = types if isinstance(types, list) else [types]
    return (start, end, named) if set(map(type, named)) <= {str} else None


def _first(item: dict[str, Any], keys: Sequence[str]) -> Any:
    """Give the value of the first of the keys that is there."""
    for key in keys:
        if key in item:
            return item[key]
    return None
