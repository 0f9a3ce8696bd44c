from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.convert.registry import convert
from mtner_cli.core.corpus.reader import read_corpus
from mtner_cli.core.types import Sentence, Span
from mtner_cli.errors import DataError

TEXT = "IL-2 gene"
CHARACTER_SPANS = (Span(0, 4, "protein"), Span(0, 9, "DNA"))
WORDS = ["IL-2", "gene"]
TOKEN_SPANS = (Span(0, 1, "protein"), Span(0, 2, "DNA"))


def lines(folder: Path, *records: Any) -> Path:
    path = folder / "input.jsonl"
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    return path


def read(folder: Path, *records: Any, mode: str = "simple") -> tuple[list[Sentence], Ledger]:
    ledger = convert("jsonl", [lines(folder, *records)], folder / "out.txt")
    return list(read_corpus(folder / "out.txt", mode)), ledger  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "record",
    [
        {"text": TEXT, "entities": [[0, 4, "protein"], [0, 9, "DNA"]]},
        {"text": TEXT, "label": [[0, 9, "DNA"], [0, 4, "protein"]]},
        {
            "text": TEXT,
            "tokens": [{"text": "IL-2", "start": 0, "end": 4, "id": 0}],
            "spans": [
                {"start": 0, "end": 4, "label": "protein", "token_start": 0},
                {"start": 0, "end": 9, "label": "DNA"},
            ],
        },
        {
            "id": 5,
            "text": TEXT,
            "relations": [],
            "entities": [
                {"id": 1, "label": "protein", "start_offset": 0, "end_offset": 4},
                {"id": 2, "label": "DNA", "start_offset": 0, "end_offset": 9},
            ],
        },
        {
            "text": TEXT,
            "label": [
                {"start": 0, "end": 4, "text": "IL-2", "labels": ["protein"]},
                {"start": 0, "end": 9, "text": TEXT, "labels": ["DNA"]},
            ],
        },
        {
            "data": {"text": TEXT},
            "annotations": [
                {
                    "result": [
                        {"type": "labels", "value": {"start": 0, "end": 4, "labels": ["protein"]}},
                        {"type": "labels", "value": {"start": 0, "end": 9, "labels": ["DNA"]}},
                        {"type": "choices", "value": {"choices": ["good"]}},
                    ]
                }
            ],
        },
    ],
    ids=["spacy", "doccano", "prodigy", "doccano-relations", "label-studio-min", "label-studio"],
)
def test_character_spans(tmp_path: Path, record: dict[str, Any]) -> None:
    sentences, ledger = read(tmp_path, record, mode="simple-char")
    assert sentences == [Sentence.of_text(TEXT, CHARACTER_SPANS)]
    assert ledger.words == 2


@pytest.mark.parametrize(
    "record",
    [
        {
            "tokens": WORDS,
            "doc_id": "a",
            "entity_mentions": [
                {"start": 0, "end": 1, "entity_type": "protein", "text": "IL-2"},
                {"start": 0, "end": 2, "entity_type": "DNA", "text": TEXT},
            ],
        },
        {"tokens": WORDS, "document_id": 7, "spans": [[0, 1, "protein"], [0, 2, "DNA"]]},
    ],
)
def test_token_spans(tmp_path: Path, record: dict[str, Any]) -> None:
    sentences, ledger = read(tmp_path, record)
    assert sentences == [Sentence.of_words(WORDS, TOKEN_SPANS, "0")]
    assert ledger.documents == 1


@pytest.mark.parametrize(
    "tags", ["B-X I-X O B-X", "I-X I-X O I-X", "B-X E-X O S-X", "B-X L-X O U-X"]
)
@pytest.mark.parametrize("key", ["ner_tags", "tags", "labels"])
def test_a_tag_a_word_in_any_scheme(tmp_path: Path, key: str, tags: str) -> None:
    record = {"id": "0", "tokens": ["renal", "failure", "or", "nausea"], key: tags.split()}
    (sentence,), _ = read(tmp_path, record)
    assert sentence.mentions == (Span(0, 2, "X"), Span(3, 4, "X"))


def test_neighbours_with_one_id_are_one_document(tmp_path: Path) -> None:
    records = [{"tokens": ["a"], "spans": [], "doc_id": name} for name in "xxyx"]
    sentences, ledger = read(tmp_path, *records)
    assert [s.document for s in sentences] == ["0", "0", "1", "2"]
    assert ledger.documents == 3


def test_offsets_count_characters_and_line_ends_keep_them(tmp_path: Path) -> None:
    record = {"text": "😀 TNF-α\nbinds", "entities": [[2, 7, "protein"]]}
    (sentence,), ledger = read(tmp_path, record, mode="simple-char")
    assert sentence.text[2:7] == "TNF-α"
    assert list(ledger.repairs) == ["line end in raw text became a space"]


def test_what_is_kept_out_is_named_with_its_line(tmp_path: Path) -> None:
    records = [
        {"text": "abc", "entities": [[0, 4, "X"], [1, 1, "X"]]},
        {"text": "abc", "entities": [[0, 2, "X"], [1, 3, "X"]]},
    ]
    _, ledger = read(tmp_path, *records, mode="simple-char")
    found = {reason: [e.place.line for e in entries] for reason, entries in ledger.kept_out.items()}
    assert found == {
        "mention outside its sentence": [1],
        "empty mention": [1],
        "mention that crosses a longer one of its type": [2],
    }


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("{", "expected a JSON object on one line"),
        ("[" * 100000, "expected a JSON object on one line"),
        ("[1]", "expected one JSON object a line; found an array"),
        ("{}", "expected the keys 'tokens'.*found an empty object"),
        ('{"text": "a"}', "expected the keys 'tokens'.*found 'text'"),
        ('{"tokens": "a", "spans": []}', "expected the keys"),
        ('{"tokens": [1], "spans": []}', "expected 'tokens' to hold words"),
        ('{"tokens": ["a"], "ner_tags": [0]}', "found numbers: write the names"),
        ('{"tokens": ["a"], "ner_tags": []}', "expected 'ner_tags' to hold 1 tags"),
        ('{"tokens": ["a"], "ner_tags": ["X"]}', "expected O or a tag such as B-Disease"),
        ('{"tokens": ["a"], "text": "a", "spans": []}', "found both"),
        ('{"text": "a", "spans": [[0, 1]]}', "expected a span as .start, end"),
        ('{"text": "a", "spans": [[0, 1.5, "X"]]}', "expected a span"),
        ('{"text": "a", "spans": [{"start": 0, "end": 1}]}', "expected a span"),
        ('{"data": {"text": "a"}, "annotations": [{}]}', "expected 'data' to hold 'text'"),
    ],
)
def test_faults_name_the_line_and_leave_no_output(tmp_path: Path, bad: str, message: str) -> None:
    path = lines(tmp_path, {"tokens": ["a"], "spans": []})
    path.write_text(f"{path.read_text()}\n{bad}\n")
    with pytest.raises(DataError, match=message) as caught:
        convert("jsonl", [path], tmp_path / "out.txt")
    assert caught.value.line == 3
    assert [entry.name for entry in tmp_path.iterdir()] == ["input.jsonl"]


def test_genia_keeps_every_nested_mention(tmp_path: Path, shared_data: Path) -> None:
    ledger = convert("jsonl", [shared_data / "GENIA" / "dev.jsonlines"], tmp_path / "out.txt")
    assert (ledger.documents, ledger.sentences) == (199, 1765)
    assert ledger.mentions == {
        "protein": 2466, "DNA": 1161, "cell_type": 576, "cell_line": 372, "RNA": 139,
    }  # fmt: skip
    assert not ledger.kept_out
    assert {kind: len(entries) for kind, entries in ledger.repairs.items()} == {
        "white space in a word became _": 3
    }
    nested = sum(
        one.end >= other.end or one.start == other.start
        for sentence in read_corpus(tmp_path / "out.txt", "simple")
        for one, other in combinations(sentence.mentions, 2)
        if other.start < one.end
    )
    assert nested == 449
