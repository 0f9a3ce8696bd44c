"""Write result files: the mentions of every tested sentence, as a pickle and as JSON lines.

The pickle has the layout of the original system, so that its users' notebooks still work. It holds
only plain Python values and pandas data frames. Mentions of one span share a row, which lists their
tags.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtner_cli.core.evaluate.scores import joined_tag
from mtner_cli.core.files.atomic import atomic_path, atomic_text_file
from mtner_cli.core.types import Tag, TestedSentence

if TYPE_CHECKING:
    import pandas

COLUMNS = (
    "sent_id",
    "start_idx",
    "end_idx",
    "gold_tag",
    "pred_tag",
    "matches_tokenization",
    "source_dataset",
)
UNMATCHED_SPAN = (-1, -1)
_PICKLE_PROTOCOL = 4  # readable by every Python that the original system ran on


def write_results(
    pickle_path: Path,
    lines_path: Path,
    sentences: Sequence[TestedSentence],
    annotated: Mapping[str, Iterable[Tag]],
) -> None:
    """Write the results of a test into a run, as a pickle and as JSON lines.

    Args:
        pickle_path: the pickle.
        lines_path: the JSON lines.
        sentences: the tested sentences.
        annotated: the tags that are scored on each corpus.

    Both files are complete before either replaces an older file.

    Raises:
        DataError: if a file cannot be written; then the older files are unchanged.
    """
    with (
        atomic_path(pickle_path, own_folder=True) as pickled,
        atomic_text_file(lines_path, own_folder=True) as lines,
    ):
        _dump(_run_content(sentences), pickled)
        types = {corpus: [tag.entity_type for tag in tags] for corpus, tags in annotated.items()}
        for sentence in sentences:
            record = sentence_json(sentence, types[sentence.corpus])
            lines.write(json.dumps(record, ensure_ascii=False) + "\n")


def _run_content(sentences: Sequence[TestedSentence]) -> dict[str, Any]:
    """Return ``data``, ``pred_df`` (tags as they are), ``joined_pred_df`` (tags without corpus)."""
    return {
        "data": _sentence_data(sentences),
        "pred_df": mention_frame(sentences, joined=False),
        "joined_pred_df": mention_frame(sentences, joined=True),
    }


def write_cross_corpus_pickle(path: Path, sentences: Sequence[TestedSentence]) -> None:
    """Write ``data`` and ``pred_df`` (tags without corpus), for corpora not used in training."""
    content = {"data": _sentence_data(sentences), "pred_df": mention_frame(sentences, joined=True)}
    with atomic_path(path) as temporary:
        _dump(content, temporary)


def mention_frame(sentences: Iterable[TestedSentence], *, joined: bool) -> pandas.DataFrame:
    """Return one row per span that is gold, predicted or both, with the columns ``COLUMNS``.

    The number of a sentence is its place in ``sentences``. A gold mention that does not match the
    tokenization has a separate row with the span (-1, -1).
    """
    import pandas

    rows = [
        (number, *row, sentence.corpus)
        for number, sentence in enumerate(sentences)
        for row in _span_rows(sentence, joined_tag if joined else _same_tag)
    ]
    columns: Any = zip(*rows, strict=True) if rows else [[] for _ in COLUMNS]
    frame = pandas.DataFrame(dict(zip(COLUMNS, map(list, columns), strict=True)))
    # Types are given for a frame without rows; pandas chooses the type of the text column.
    numbers = dict.fromkeys(("sent_id", "start_idx", "end_idx"), "int64")
    lists = dict.fromkeys(("gold_tag", "pred_tag"), "object")
    return frame.astype({**numbers, **lists, "matches_tokenization": "bool"})


def sentence_json(sentence: TestedSentence, annotated_types: Sequence[str]) -> dict[str, Any]:
    """Return a tested sentence as the JSON object of its line.

    Args:
        sentence: the sentence.
        annotated_types: the entity types that its corpus annotates; predictions of other types are
            foreign, and not scored.
    """

    def in_words(start: int, end: int, tag: Tag) -> dict[str, Any]:
        return {"start": start, "end": end} | in_text(*sentence.characters(start, end), tag)

    def in_text(start: int, end: int, tag: Tag) -> dict[str, Any]:
        corpus = {} if tag.corpus is None else {"corpus": tag.corpus}
        place = {"char_start": start, "char_end": end, "text": sentence.text[start:end]}
        return {**place, "type": tag.entity_type, **corpus}

    return {
        "corpus": sentence.corpus,
        "annotated_types": annotated_types,
        "index": sentence.index,
        "document": sentence.document,
        "start_in_document": sentence.start,
        "text": sentence.text,
        "words": sentence.words,
        "word_offsets": sentence.word_offsets,
        "gold": [in_words(*mention) for mention in sentence.gold],
        "gold_unmatched": [in_text(*mention) for mention in sentence.gold_unmatched],
        "predicted": [
            in_words(start, end, tag) | {"score": round(score, 6)}
            for start, end, tag, score in sentence.predicted
        ],
    }


def _same_tag(tag: Tag) -> Tag:
    return tag


def _span_rows(
    sentence: TestedSentence, named: Callable[[Tag], Tag]
) -> Iterator[tuple[int, int, list[str] | None, list[str] | None, bool]]:
    tags_of: dict[tuple[int, int], tuple[dict[str, None], dict[str, None]]] = {}
    for start, end, tag in sentence.gold:
        tags_of.setdefault((start, end), ({}, {}))[0][str(named(tag))] = None
    for start, end, tag, _ in sentence.predicted:
        tags_of.setdefault((start, end), ({}, {}))[1][str(named(tag))] = None
    for start, end in sorted(tags_of, key=lambda span: (span[0], -span[1])):
        gold, predicted = tags_of[start, end]
        yield start, end, list(gold) or None, list(predicted) or None, True
    unmatched = {(start, end, named(tag)): None for start, end, tag in sentence.gold_unmatched}
    for _, _, tag in unmatched:
        yield *UNMATCHED_SPAN, [str(tag)], None, False


def _sentence_data(sentences: Sequence[TestedSentence]) -> dict[str, dict[int, Any]]:
    """Return each property by sentence number, under the original system's names."""

    def by_number(value: Callable[[TestedSentence], Any]) -> dict[int, Any]:
        return {number: value(sentence) for number, sentence in enumerate(sentences)}

    return {
        "raw_sentences": by_number(lambda sentence: sentence.text),
        "wordpieces": by_number(lambda sentence: list(sentence.words)),
        "start_end_char_idx_of_words": by_number(lambda sentence: list(sentence.word_offsets)),
        "gold_entities_matching_tokens": by_number(_matching_gold),
        "gold_entities_not_matching_tokens": by_number(_unmatched_gold),
        "doc_id": by_number(lambda sentence: sentence.document),
        "start_in_doc": by_number(lambda sentence: sentence.start),
        "predicted_scores": by_number(
            lambda sentence: [
                (start, end, tag.corpus, tag.entity_type, score)
                for start, end, tag, score in sentence.predicted
            ]
        ),
        "index_in_corpus": by_number(lambda sentence: sentence.index),
        "source_dataset": by_number(lambda sentence: sentence.corpus),
    }


def _matching_gold(sentence: TestedSentence) -> list[dict[str, Any]]:
    return [
        _mention(start, end, tag, sentence, *sentence.characters(start, end))
        for start, end, tag in sentence.gold
    ]


def _unmatched_gold(sentence: TestedSentence) -> list[dict[str, Any]]:
    return [
        _mention(start, end, tag, sentence, start, end)
        for start, end, tag in sentence.gold_unmatched
    ]


def _mention(
    start: int, end: int, tag: Tag, sentence: TestedSentence, first: int, last: int
) -> dict[str, Any]:
    return {"start": start, "end": end, "tag": str(tag), "text": sentence.text[first:last]}


def _dump(content: dict[str, Any], path: Path) -> None:
    with path.open("wb") as file:
        pickle.dump(content, file, protocol=_PICKLE_PROTOCOL)
