"""Label Studio's JSON: a task holds its text, and an annotation for each time it was worked on."""

from __future__ import annotations

from typing import Any

from mtner_cli.core.convert.json_spans import keep_out_all, mentions_of
from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.convert.source import Place
from mtner_cli.core.types import Span
from mtner_cli.errors import DataError

_NOT_WRITTEN = {"predictions": "mention of a prediction", "drafts": "mention of a draft"}


def is_task(record: dict[str, Any]) -> bool:
    """Whether an object is a task as Label Studio exports it."""
    return isinstance(record.get("data"), dict) and "annotations" in record


def task_mentions(
    record: dict[str, Any], place: Place, ledger: Ledger
) -> tuple[str, tuple[Span, ...]]:
    """Give the text of a task, and the mentions of the first annotation that has any.

    Annotators who disagree are never mixed.

    Args:
        ledger: gains the mentions of cancelled and of further annotations, predictions and drafts,
            and relations.

    Raises:
        DataError: if the object is no such task.
    """
    text, annotations = record["data"].get("text"), record["annotations"]
    if not isinstance(text, str) or not isinstance(annotations, list):
        raise _fault(place)
    written: tuple[Span, ...] = ()
    for annotation in annotations:
        mentions = _mentions(annotation, place, ledger)
        if isinstance(annotation, dict) and annotation.get("was_cancelled"):
            reason = "mention of an annotation that was cancelled"
        elif written:
            reason = "mention of a further annotation of its task"
        else:
            written = mentions
            continue
        keep_out_all(mentions, text, reason, place, ledger)
    for key, reason in _NOT_WRITTEN.items():
        for other in _objects(record.get(key)):
            keep_out_all(_mentions(other, place, ledger), text, reason, place, ledger)
    return text, written


def _mentions(annotation: Any, place: Place, ledger: Ledger) -> tuple[Span, ...]:
    """The mentions among the results of one annotation."""
    results = annotation.get("result") if isinstance(annotation, dict) else None
    if not isinstance(results, list):
        raise _fault(place)
    items = []
    for result in results:
        value = result.get("value") if isinstance(result, dict) else None
        if isinstance(result, dict) and result.get("type") == "relation":
            ledger.keep_out("relation between mentions", place, "of a Label Studio task")
        elif not isinstance(value, dict):
            raise _fault(place)
        elif any(key.endswith("labels") for key in value):  # others are choices, ratings, texts
            items.append(value)
    return mentions_of(items, place, ledger)


def _objects(value: Any) -> list[dict[str, Any]]:
    """The predictions or drafts that are there in full: exports may list only their numbers."""
    items = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, dict) and "result" in item]


def _fault(place: Place) -> DataError:
    expected = "expected 'data' to hold 'text', and 'annotations' a list of 'result' lists"
    return DataError(place.path, place.line, expected)
