"""Label Studio's JSON: a task holds its text, and an annotation for each time it was worked on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mtner_cli.core.convert.json_spans import keep_out_all, mentions_of
from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.convert.source import Place, named_mention
from mtner_cli.core.types import Span
from mtner_cli.errors import DataError, quoted

ANNOTATIONS = "annotations"
_OTHER_SOURCES = {"predictions": "a prediction", "drafts": "a draft"}
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
    """Give the text of a task, and the mentions of the first annotation that has any.

    Annotators who disagree are never mixed.

    Args:
        ledger: gains the mentions of cancelled and of further annotations, predictions and drafts,
            mentions with other text at their offsets, and relations.

    Raises:
        DataError: if the object is no such task.
    """
    text, annotations = record["data"].get("text"), record[ANNOTATIONS]
    if not isinstance(text, str) or not isinstance(annotations, list):
        raise _fault(place)
    task = _Task(text, place, ledger)
    written: tuple[Span, ...] = ()
    for annotation in annotations:
        if isinstance(annotation, dict) and annotation.get("was_cancelled"):
            task.keep_out(annotation, "an annotation that was cancelled")
        elif written:
            task.keep_out(annotation, "a further annotation of its task")
        else:
            written = task.mentions(annotation)
    for key, source in _OTHER_SOURCES.items():
        for other in _objects(record.get(key)):
            task.keep_out(other, source)
    return text, written


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
                self.ledger.keep_out("relation between mentions", self.place, what)
            elif not isinstance(value, dict):
                raise _fault(self.place)
            elif any(key.endswith("labels") for key in value):  # others are choices, ratings, texts
                items.append(value)
                names.append(result.get("to_name"))
        if any(name != names[0] for name in names):
            message = "expected mentions of one text; the results have more than one 'to_name'"
            raise DataError(self.place.path, self.place.line, message)
        return self._with_their_text(items)

    def _with_their_text(self, items: list[dict[str, Any]]) -> tuple[Span, ...]:
        """Keep out mentions whose text, where the task gives it, is not at their offsets."""
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
                    self.ledger.keep_out(reason, self.place, what)
                else:
                    kept.append(mention)
        return tuple(kept)

    def keep_out(self, annotation: Any, source: str) -> None:
        """Name the mentions of an annotation that is not written, however damaged it is."""
        try:
            mentions = self.mentions(annotation)
        except DataError:
            self.ledger.keep_out(f"{source} cannot be read", self.place, quoted(annotation))
            return
        keep_out_all(mentions, self.text, f"mention of {source}", self.place, self.ledger)


def _pieces(wording: str) -> list[str]:
    r"""Split at white space; Label Studio writes a line end as the two characters ``\n``."""
    return wording.replace("\\n", "\n").split()


def _objects(value: Any) -> list[dict[str, Any]]:
    """Keep the items that are there in full: exports may list only their numbers."""
    items = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, dict) and "result" in item]


def _fault(place: Place) -> DataError:
    return DataError(place.path, place.line, _EXPECTED)
