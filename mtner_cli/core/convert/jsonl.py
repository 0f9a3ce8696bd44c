"""JSON lines with token spans, token tags or character spans, told apart by their keys."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mtner_cli.core.actions.bio import Scheme, SchemeDetector, TagError, scheme_named, tags_to_spans
from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.convert.source import Place, SourceSentence
from mtner_cli.core.corpus.text_lines import numbered_lines
from mtner_cli.core.types import Span
from mtner_cli.errors import DataError

SPAN_KEYS = ("entity_mentions", "entities", "spans", "label")
TAG_KEYS = ("ner_tags", "tags", "labels")
START_KEYS = ("start", "start_offset")
END_KEYS = ("end", "end_offset")
TYPE_KEYS = ("entity_type", "label", "labels", "type")
DOCUMENT_KEYS = ("doc_id", "document_id")

EXPECTED = (
    "expected the keys 'tokens' (a list of words) and 'entity_mentions', 'entities' or 'spans' "
    "(token spans) or 'ner_tags' (a tag a word), or 'text' and 'entities', 'spans' or 'label' "
    "(character spans), or 'data' and 'annotations' (Label Studio)"
)


def read(
    inputs: Sequence[Path],
    ledger: Ledger,
    scheme: str | None = None,
    charset: str = "utf-8",
) -> Iterator[SourceSentence]:
    """Stream the sentences of JSON-lines files, one object a line.

    Args:
        inputs: the files; neighbouring objects with one ``doc_id`` are of one document.
        ledger: unused, since this form loses nothing.
        scheme: of objects with a tag a word; None finds it in a first pass over each file.
        charset: the text encoding of the files.

    Raises:
        DataError: on a line that is no JSON object or has none of the known sets of keys.
    """
    for path in inputs:
        tag_scheme = scheme_named(scheme) if scheme is not None else None
        for place, record in _records(path, charset):
            tags = _tags(record, place)
            if tags is None:
                yield _with_spans(record, place)
                continue
            if tag_scheme is None:
                tag_scheme = _find_scheme(path, charset)
            try:
                mentions = tags_to_spans(tags, tag_scheme)
            except TagError as error:
                raise _fault(place, f"{error} (word {error.position + 1})") from None
            words = _words(record["tokens"], place)
            yield SourceSentence(place, words, "", tuple(mentions), _document(record))


def _records(path: Path, charset: str) -> Iterator[tuple[Place, dict[str, Any]]]:
    for number, line in numbered_lines(path, charset):
        if not line or line.isspace():
            continue
        place = Place(path, number)
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _fault(place, f"expected a JSON object on one line; {error}") from None
        if not isinstance(record, dict):
            found = "an array" if isinstance(record, list) else f"{record!r}"
            raise _fault(place, f"expected one JSON object a line; found {found}")
        yield place, record


def _find_scheme(path: Path, charset: str) -> Scheme:
    detector = SchemeDetector()
    for place, record in _records(path, charset):
        tags = _tags(record, place)
        if tags is not None:
            detector.add(tags, place.line or 0, lines_per_tag=0)
    try:
        return detector.scheme()
    except TagError as error:
        raise DataError(path, error.position, str(error)) from None


def _tags(record: dict[str, Any], place: Place) -> list[str] | None:
    """A tag for each word, or None if the object has spans or no words."""
    key = next((key for key in TAG_KEYS if _is_list_of(record.get(key), str | int)), None)
    if key is None or any(key in record for key in SPAN_KEYS):
        return None
    tokens, tags = record.get("tokens"), record[key]
    if not isinstance(tokens, list):
        return None
    if not _is_list_of(tags, str):
        raise _fault(
            place,
            f"expected {key!r} to hold tags such as 'B-Disease'; found numbers: "
            "write the names that the data set gives them",
        )
    if len(tags) != len(tokens):
        raise _fault(
            place, f"expected {key!r} to hold {len(tokens)} tags, one a token; found {len(tags)}"
        )
    return tags


def _with_spans(record: dict[str, Any], place: Place) -> SourceSentence:
    text, tokens = record.get("text"), record.get("tokens")
    if isinstance(record.get("data"), dict) and "annotations" in record:
        return _label_studio_task(record, place)
    spans = next((record[key] for key in (*SPAN_KEYS, "labels") if key in record), None)
    if not isinstance(spans, list):
        raise _fault(place, f"{EXPECTED}; found {_keys(record)}")
    mentions = tuple(mention for item in spans for mention in _mentions(item, place))
    if isinstance(tokens, list) and (_is_list_of(tokens, str) or not isinstance(text, str)):
        if isinstance(text, str):
            raise _fault(
                place,
                "expected 'tokens' or 'text'; found both, so the spans may be of either: "
                "leave one out",
            )
        return SourceSentence(place, _words(tokens, place), "", mentions, _document(record))
    if isinstance(text, str):
        return SourceSentence(place, None, text, mentions, _document(record))
    raise _fault(place, f"{EXPECTED}; found {_keys(record)}")


def _label_studio_task(record: dict[str, Any], place: Place) -> SourceSentence:
    """A task as Label Studio exports it: the spans of its first annotation."""
    text, annotations = record["data"].get("text"), record["annotations"]
    try:
        results = annotations[0]["result"] if annotations else []
        items = [result["value"] for result in results if "labels" in result["value"]]
    except (KeyError, TypeError, IndexError):
        items = None
    if not isinstance(text, str) or items is None:
        raise _fault(
            place, "expected 'data' to hold 'text', and 'annotations' a list of 'result' lists"
        )
    mentions = tuple(mention for item in items for mention in _mentions(item, place))
    return SourceSentence(place, None, text, mentions, _document(record))


def _mentions(item: Any, place: Place) -> Iterator[Span]:
    """The span of ``[start, end, type]`` or of an object, once for each type it is given."""
    if isinstance(item, list) and len(item) == 3:
        start, end, types = item
    elif isinstance(item, dict):
        start, end, types = (
            next((item[key] for key in keys if key in item), None)
            for keys in (START_KEYS, END_KEYS, TYPE_KEYS)
        )
    else:
        start = end = types = None
    named = types if isinstance(types, list) else [types]
    if type(start) is not int or type(end) is not int or not _is_list_of(named, str):
        raise _fault(
            place,
            "expected a span as [start, end, \"type\"] or as an object with the keys 'start', "
            f"'end' (whole numbers) and 'label' or 'entity_type'; found {item!r}",
        )
    for name in named:
        yield Span(start, end, name)


def _words(tokens: list[Any], place: Place) -> tuple[str, ...]:
    if not _is_list_of(tokens, str):
        raise _fault(place, "expected 'tokens' to hold words (text); found something else in it")
    return tuple(tokens)


def _document(record: dict[str, Any]) -> str | None:
    return next((str(record[key]) for key in DOCUMENT_KEYS if record.get(key) is not None), None)


def _is_list_of(value: Any, kind: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, kind) for item in value)


def _keys(record: dict[str, Any]) -> str:
    return ", ".join(map(repr, record)) or "an empty object"


def _fault(place: Place, message: str) -> DataError:
    return DataError(place.path, place.line, message)
