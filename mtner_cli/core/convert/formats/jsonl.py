"""Read JSON lines with token spans, token tags or character spans, recognized by their keys.

Objects with ``id``, ``text`` and ``mentions`` are documents, as mtner writes them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mtner_cli.core.actions.tag_schemes import (
    OUTSIDE,
    Scheme,
    SchemeDetector,
    TagError,
    scheme_named,
    split_tag,
    tags_to_spans,
)
from mtner_cli.core.convert.formats.conll import TagScheme
from mtner_cli.core.convert.formats.json_mentions import (
    ANNOTATIONS,
    has_annotations,
    is_task,
    mentions_of,
    name_unread,
    rest_of_task,
    task_mentions,
)
from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.convert.registry import Charset, Format
from mtner_cli.core.convert.sentence_splitting import Document, Passage, sentences_of
from mtner_cli.core.convert.writing import (
    JOINED_HALF,
    Documents,
    Writer,
    json_text,
    with_whole_characters,
)
from mtner_cli.core.files.reading import numbered_lines
from mtner_cli.core.types import Place, SourceDocument, SourceSentence
from mtner_cli.errors import DataError, quoted

_MOST_KEYS, _MOST_OF_A_KEY = 10, 40  # shown in a message

SPAN_KEYS = ("entity_mentions", "entities", "spans", "label")
TAG_KEYS = ("ner_tags", "tags", "labels")
"""Keys of tags; the last key may also hold spans, the others never do."""
DOCUMENT_KEYS = ("doc_id", "document_id")

EXPECTED = (
    "expected the keys 'tokens' (a list of words) and 'entity_mentions', 'entities' or 'spans' "
    "(token spans) or 'ner_tags' (a tag a word), or 'text' and 'entities', 'spans', 'label' or "
    "'mentions' (character spans), or 'data' and 'annotations' (Label Studio)"
)


def read(
    inputs: Sequence[Path],
    ledger: Ledger,
    scheme: TagScheme = None,
    charset: Charset = "utf-8",
) -> Iterator[SourceSentence]:
    """Stream the sentences of JSON-lines files, one object per line.

    Args:
        inputs: the files; consecutive objects with the same ``doc_id`` are one document.
        ledger: records relations, and mentions that are not read: under a key of another name,
            or in an annotation of a Label Studio task that is not its first; of documents, also
            mentions with other text at their offsets.

    Raises:
        DataError: on a line that is not a JSON object, has none of the known sets of keys, or has
            mentions under two keys.
    """
    for path in inputs:
        tag_scheme = scheme_named(scheme) if scheme is not None else None
        for place, record in _records(path, charset):
            if _is_document(record):
                yield from sentences_of(_document_of(record, place, ledger), ledger)
                continue
            key = _key_of_mentions(record, place)
            tags = _tags(record, key, place)
            if tags is None:
                source = _with_spans(record, key, place, ledger)
            else:
                if tag_scheme is None:
                    tag_scheme = _find_scheme(path, charset)
                source = _with_tags(record, tags, tag_scheme, place)
            _name_the_rest(record, key, source, ledger)
            yield source


def _looks_like_records(head: str) -> bool:
    try:
        record = json.loads(head.split("\n", 1)[0])
    except (ValueError, RecursionError):
        return False
    return isinstance(record, dict) and not {"tokens", "text", "data"}.isdisjoint(record)


def write(documents: Documents, ledger: Ledger) -> Iterator[str]:
    """Yield a line for each document: ``id``, ``text`` and ``mentions``.

    A mention has ``start``, ``end``, ``text`` and ``type``, and if a model found it, ``score`` and
    ``corpora``.

    Args:
        ledger: records two halves of a surrogate pair in a row, which a reader would join.
    """
    for document in documents:
        document = with_whole_characters(document, ledger, JOINED_HALF)
        mentions = []
        for mention in document.in_order():
            item: dict[str, Any] = {"start": mention.start, "end": mention.end}
            item |= {"text": document.wording(mention), "type": mention.type}
            if mention.score is not None:
                item |= {"score": round(mention.score, 4), "corpora": list(mention.corpora)}
            mentions.append(item)
        record = {"id": document.id, "text": document.text, "mentions": mentions}
        yield f"{json_text(record)}\n"


WRITERS = {"jsonl": Writer(write=write, suffix=".jsonl")}

FORMAT = Format(
    read=read,
    layout=(
        "One JSON object a line: 'tokens' with 'entity_mentions' or 'ner_tags', or 'text' with "
        "'entities', 'spans' or 'label'; as GENIA's preprocessing, spaCy, Doccano, Label Studio "
        "and Hugging Face write it. Or a document a line: 'id', 'text' and 'mentions', as mtner "
        "writes it."
    ),
    sample={
        "train.jsonl": (
            '{"text": "Renal failure", "entities": [[0, 13, "Disease"]]}\n'
            '{"text": "The p53 gene", "entities": [[4, 12, "DNA"], [4, 7, "Protein"]]}\n'
        )
    },
    example="train.jsonl --out data/converted/mine/train.txt",
    encodings=("simple", "simple-char"),
    looks_like=_looks_like_records,
)


def _records(path: Path, charset: str) -> Iterator[tuple[Place, dict[str, Any]]]:
    for number, line in numbered_lines(path, charset):
        if not line or line.isspace():
            continue
        place = Place(path, number)
        try:
            record = _DECODER.decode(line)
        except (ValueError, RecursionError) as error:
            raise _fault(place, f"expected a JSON object on one line; {error}") from None
        if not isinstance(record, dict):
            found = "an array" if isinstance(record, list) else quoted(record)
            raise _fault(place, f"expected one JSON object a line; found {found}")
        yield place, record


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object and refuse duplicate keys: JSON's reader would silently take the last."""
    made = dict(pairs)
    if len(made) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {quoted(twice)} is twice in one object: leave one out")
    return made


_DECODER = json.JSONDecoder(object_pairs_hook=_without_repeats)


def _is_document(record: dict[str, Any]) -> bool:
    """Tell whether an object is a document as :func:`write` writes it."""
    others = any(isinstance(record.get(key), list) for key in (*SPAN_KEYS, *TAG_KEYS, "tokens"))
    is_given = isinstance(record.get("mentions"), list) and isinstance(record.get("text"), str)
    return is_given and not others and not is_task(record)


def _document_of(record: dict[str, Any], place: Place, ledger: Ledger) -> Document:
    name = record.get("id")
    document = Document(place, "" if name is None else str(name))
    document.add_passage(Passage(place, 0, record["text"]))
    for item in record["mentions"]:
        wording = item.get("text") if isinstance(item, dict) else None
        for span in mentions_of([item], place, ledger):
            found = document.text[max(span.start, 0) : max(span.end, 0)]
            given = wording if isinstance(wording, str) else found
            document.add_mention(span, given, place, ledger)
    return document


def _find_scheme(path: Path, charset: str) -> Scheme:
    detector = SchemeDetector()
    for place, record in _records(path, charset):
        if _is_document(record):
            continue
        tags = _tags(record, _key_of_mentions(record, place), place)
        if tags is not None:
            detector.add(tags, place.line or 0, lines_per_tag=0)
    try:
        return detector.scheme()
    except TagError as error:
        raise DataError(path, error.position, str(error)) from None


def _key_of_mentions(record: dict[str, Any], place: Place) -> str | None:
    """Return the key of an object's spans or tags; of several lists, the one with mentions.

    None if there is no such key, or if Label Studio's annotations hold the mentions.
    """
    keys = [key for key in (*SPAN_KEYS, *TAG_KEYS) if isinstance(record.get(key), list)]
    is_annotated = has_annotations(record)
    if len(keys) + is_annotated > 1:
        holding = [key for key in keys if _holds_mentions(record[key], record.get("tokens"))]
        if len(holding) + is_annotated > 1:
            found = " and ".join(map(repr, holding + [ANNOTATIONS] * is_annotated))
            raise _fault(place, f"expected mentions under one key; found {found}: leave one out")
        keys = holding or keys
    return keys[0] if keys and not is_annotated else None


def _holds_mentions(values: list[Any], tokens: Any) -> bool:
    """Tell whether a list has spans, or one tag per word of which at least one is not ``O``."""
    if any(isinstance(value, list | dict) for value in values):
        return True
    is_parallel = isinstance(tokens, list) and len(tokens) == len(values)
    return is_parallel and any(
        isinstance(value, str) and split_tag(value)[0] not in ("", OUTSIDE) for value in values
    )


def _tags(record: dict[str, Any], key: str | None, place: Place) -> list[str] | None:
    """Return one tag per word, or None if the object has spans or no words."""
    tokens: Any = record.get("tokens")
    tags: Any = record.get(key or "")
    if key not in TAG_KEYS or not isinstance(tokens, list) or not _is_list_of(tags, str, int):
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


def _with_tags(
    record: dict[str, Any], tags: list[str], scheme: Scheme, place: Place
) -> SourceSentence:
    try:
        mentions = tags_to_spans(tags, scheme)
    except TagError as error:
        raise _fault(place, f"{error} (word {error.position + 1})") from None
    words = _words(record["tokens"], place)
    return SourceSentence(
        place=place, words=words, mentions=tuple(mentions), document=_document(record, place)
    )


def _with_spans(
    record: dict[str, Any], key: str | None, place: Place, ledger: Ledger
) -> SourceSentence:
    text, tokens = record.get("text"), record.get("tokens")
    if is_task(record):
        text, mentions = task_mentions(record, place, ledger)
        return SourceSentence(
            place=place, text=text, mentions=mentions, document=_document(record, place)
        )
    if key is None or key in ("ner_tags", "tags"):
        raise _fault(place, f"{EXPECTED}; found {_keys(record)}")
    mentions = mentions_of(record[key], place, ledger)
    if isinstance(tokens, list) and (_is_list_of(tokens, str) or not isinstance(text, str)):
        if isinstance(text, str):
            raise _fault(
                place,
                "expected 'tokens' or 'text'; found both, so the spans may be of either: "
                "leave one out",
            )
        words, text = _words(tokens, place), ""
    elif isinstance(text, str):
        words = None
    else:
        raise _fault(place, f"{EXPECTED}; found {_keys(record)}")
    return SourceSentence(
        place=place, words=words, text=text, mentions=mentions, document=_document(record, place)
    )


def _name_the_rest(
    record: dict[str, Any], key: str | None, source: SourceSentence, ledger: Ledger
) -> None:
    """Record what an object holds besides the mentions that are read."""
    relations = record.get("relations")
    for _ in relations if isinstance(relations, list) else ():
        ledger.drop("relation between mentions", source.place, "under 'relations'")
    content = source.content
    if is_task(record):
        record = rest_of_task(record)
    read = (key, "relations", "tokens")
    for name, value in record.items():
        if isinstance(value, list | dict) and name not in read:
            name_unread(value, content, source.place, ledger)


def _words(tokens: list[Any], place: Place) -> tuple[str, ...]:
    if not _is_list_of(tokens, str):
        raise _fault(place, "expected 'tokens' to hold words (text); found something else in it")
    return tuple(tokens)


def _document(record: dict[str, Any], place: Place) -> SourceDocument | None:
    """Return the document that an object names; objects of one file and name are one document."""
    for key in DOCUMENT_KEYS:
        if record.get(key) is not None:
            return SourceDocument(str(record[key]), Place(place.path))
    return None


def _is_list_of(value: Any, *kinds: type) -> bool:
    return isinstance(value, list) and set(map(type, value)).issubset(kinds)


def _keys(record: dict[str, Any]) -> str:
    shown = ", ".join(quoted(key, _MOST_OF_A_KEY) for key in list(record)[:_MOST_KEYS])
    more = f" and {len(record) - _MOST_KEYS:,} more" if len(record) > _MOST_KEYS else ""
    return f"{shown}{more}" or "an empty object"


def _fault(place: Place, message: str) -> DataError:
    return DataError(place.path, place.line, message)
