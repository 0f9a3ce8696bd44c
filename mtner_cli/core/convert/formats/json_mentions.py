"""Read mentions from JSON: spans, and the annotations of Label Studio's tasks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.types import Place, Span, named_mention
from mtner_cli.errors import DataError, quoted

START_KEYS = ("start", "start_offset")
END_KEYS = ("end", "end_offset")
_TAG = re.compile("O|[BIESLU]-.+", re.DOTALL)
TYPE_KEYS = ("entity_type", "label", "labels", "type")


def mentions_of(items: Iterable[Any], place: Place, ledger: Ledger) -> tuple[Span, ...]:
    """Return the mentions of several items: one for each type of an item.

    Args:
        ledger: records the items that have an empty list of types.

    Raises:
        DataError: if an item is not a span.
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
            ledger.drop("mention without a type", place, f"[{start}, {end})")
        mentions.extend(Span(start, end, name) for name in types)
    return tuple(mentions)


def name_unread(rest: Any, content: str | Sequence[str], place: Place, ledger: Ledger) -> None:
    """Record everything that looks like a mention in the unread part of an object.

    This is a span, every item of a list with at least one span, and a list of tags.
    """
    values = [rest]
    while values:
        value = values.pop()
        if isinstance(value, dict):
            inner = list(value.values())
            spans = [value] if _parts(value) else []
            region = value.get("value")  # of a result of Label Studio, whose labels were removed
            if isinstance(region, dict) and not _parts(region) and _is_region(region):
                _name_unread_span(region, content, place, ledger)
        else:
            inner = value
            spans = value if _hold_spans(value) else []
        for span in spans:
            _name_unread_span(span, content, place, ledger)
        if not spans:
            if _are_tags(inner):
                ledger.drop("tags that are not read", place, quoted(inner))
            values += [item for item in inner if isinstance(item, list | dict)]


def _name_unread_span(
    span: Any, content: str | Sequence[str], place: Place, ledger: Ledger
) -> None:
    reason = "mention under a key that is not read"
    try:
        mentions = mentions_of([span], place, ledger)
    except DataError:
        ledger.drop(reason, place, quoted(span))
    else:
        drop_all(mentions, content, reason, place, ledger)


def _hold_spans(values: list[Any]) -> bool:
    may_be = not {list, dict}.isdisjoint(map(type, values))
    return may_be and any(map(_parts, values))


def _are_tags(values: list[Any]) -> bool:
    """Tell whether all values are tags and at least one is not ``O``."""
    return all(isinstance(value, str) and _TAG.fullmatch(value) for value in values) and any(
        value != "O" for value in values
    )


def drop_all(
    mentions: Iterable[Span],
    content: str | Sequence[str],
    reason: str,
    place: Place,
    ledger: Ledger,
) -> None:
    """Record mentions that are not written."""
    for mention in mentions:
        ledger.drop(reason, place, named_mention(mention, content))


def _parts(item: Any) -> tuple[int, int, list[str]] | None:
    """Return start, end and types of a span, or None if the item is not a span."""
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
    """Return the value of the first key that exists, or None."""
    for key in keys:
        if key in item:
            return item[key]
    return None


ANNOTATIONS = "annotations"
_OTHER_SOURCES = {"predictions": "a prediction", "drafts": "a draft"}
_OTHER_RESULTS = ("choices", "rating", "number", "datetime", "taxonomy")
"""Keys that a result may hold instead of an entity type."""
_EXPECTED = "expected 'data' to hold 'text', and 'annotations' a list of 'result' lists"


def is_task(record: dict[str, Any]) -> bool:
    """Tell whether an object is a task as Label Studio exports it."""
    return isinstance(record.get("data"), dict) and ANNOTATIONS in record


def has_annotations(record: dict[str, Any]) -> bool:
    """Tell whether an object has annotations as Label Studio exports them, in a task or not."""
    annotations = record.get(ANNOTATIONS)
    return is_task(record) or (isinstance(annotations, list) and bool(_objects(annotations)))


def task_mentions(
    record: dict[str, Any], place: Place, ledger: Ledger
) -> tuple[str, tuple[Span, ...]]:
    """Return the text of a task, and the mentions of the first annotation that has any.

    Mentions of different annotators are never mixed.

    Args:
        ledger: records the mentions of cancelled and of further annotations, predictions and
            drafts, mentions with other text at their offsets, and relations.

    Raises:
        DataError: if the object is not such a task.
    """
    text, annotations = record["data"].get("text"), record[ANNOTATIONS]
    if not isinstance(text, str) or not isinstance(annotations, list):
        raise _fault(place)
    if isinstance(record.get("text"), str) and record["text"] != text:
        message = "expected one text; found another one under 'text': leave one out"
        raise DataError(place.path, place.line, message)
    task = _Task(text, place, ledger)
    written: tuple[Span, ...] = ()
    for annotation in annotations:
        if isinstance(annotation, dict) and annotation.get("was_cancelled"):
            task.drop(annotation, "an annotation that was cancelled")
        elif written:
            task.drop(annotation, "a further annotation of its task")
        else:
            written = task.mentions(annotation)
    for key, source in _OTHER_SOURCES.items():
        for other in _objects(record.get(key)):
            task.drop(other, source)
    return text, written


def rest_of_task(record: dict[str, Any]) -> dict[str, Any]:
    """Return a task without the regions that :func:`task_mentions` returns or records."""
    rest = dict(record)
    for key in (ANNOTATIONS, *_OTHER_SOURCES):
        rest[key] = [
            {**one, "result": [_rest_of_result(result) for result in _listed(one["result"])]}
            for one in _objects(record.get(key))
        ]
    return rest


def _rest_of_result(result: Any) -> Any:
    value = result.get("value") if isinstance(result, dict) else None
    if not isinstance(value, dict):
        return result
    inner = {
        name: part
        for name, part in value.items()
        if isinstance(part, list | dict) and not name.endswith("labels")
    }
    return {**result, "value": inner}


@dataclass(frozen=True, slots=True)
class _Task:
    text: str
    place: Place
    ledger: Ledger

    def mentions(self, annotation: Any) -> tuple[Span, ...]:
        """Read the mentions among the results of one annotation."""
        results = annotation.get("result") if isinstance(annotation, dict) else None
        if not isinstance(results, list):
            raise _fault(self.place)
        items, names = [], []
        for result in results:
            value = result.get("value") if isinstance(result, dict) else None
            if isinstance(result, dict) and result.get("type") == "relation":
                what = "of a Label Studio task"
                self.ledger.drop("relation between mentions", self.place, what)
            elif not isinstance(value, dict):
                raise _fault(self.place)
            elif any(key.endswith("labels") for key in value):
                items.append(value)
                names.append(result.get("to_name"))
            elif _is_region(value):
                self.ledger.drop("mention without a type", self.place, quoted(value))
        if any(name != names[0] for name in names):
            message = "expected mentions of one text; the results have more than one 'to_name'"
            raise DataError(self.place.path, self.place.line, message)
        return self._with_their_text(items)

    def _with_their_text(self, items: list[dict[str, Any]]) -> tuple[Span, ...]:
        """Drop mentions whose text, if the task gives it, is not at their offsets."""
        kept = []
        for item in items:
            wording = item.get("text")
            for mention in mentions_of([item], self.place, self.ledger):
                found = self.text[max(mention.start, 0) : max(mention.end, 0)]
                if isinstance(wording, str) and _pieces(found) != _pieces(wording):
                    reason = "mention with other text at its offsets"
                    what = (
                        f"{named_mention(mention, self.text)}, which the task gives as {wording!r}"
                    )
                    self.ledger.drop(reason, self.place, what)
                else:
                    kept.append(mention)
        return tuple(kept)

    def drop(self, annotation: Any, source: str) -> None:
        """Record the mentions of an annotation that is not written, even if it is damaged."""
        try:
            mentions = self.mentions(annotation)
        except DataError:
            self.ledger.drop(f"{source} cannot be read", self.place, quoted(annotation))
            return
        drop_all(mentions, self.text, f"mention of {source}", self.place, self.ledger)


def _is_region(value: dict[str, Any]) -> bool:
    """Tell whether a result without labels marks text, as it does after its labels are removed."""
    says_more = any(key in value for key in _OTHER_RESULTS) or isinstance(value.get("text"), list)
    return type(value.get("start")) is int and type(value.get("end")) is int and not says_more


def _pieces(wording: str) -> list[str]:
    r"""Split at white space; Label Studio writes a line end as the two characters ``\n``."""
    return wording.replace("\\n", "\n").split()


def _objects(value: Any) -> list[dict[str, Any]]:
    """Return the items that are given in full: an export may give only their numbers."""
    return [item for item in _listed(value) if isinstance(item, dict) and "result" in item]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _fault(place: Place) -> DataError:
    return DataError(place.path, place.line, _EXPECTED)
