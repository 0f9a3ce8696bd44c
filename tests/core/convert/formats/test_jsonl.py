from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtner_cli.core.convert.conversion import convert
from mtner_cli.core.convert.formats.jsonl import SPAN_KEYS
from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.corpus.action_files import read_corpus
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
    name = record.get("doc_id", "7")
    assert sentences == [Sentence.of_words(WORDS, TOKEN_SPANS, name)]
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
    assert [(s.document, s.start) for s in sentences] == [
        ("x", 0), ("x", 2), ("y", 0), ("x (2)", 0),
    ]  # fmt: skip
    assert ledger.documents == 3
    (entry,) = ledger.repairs["name of an earlier document"]
    assert entry.what == "'x' became 'x (2)'"


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
    found = {reason: [e.place.line for e in entries] for reason, entries in ledger.dropped.items()}
    assert found == {
        "mention outside its sentence": [1],
        "empty mention": [1],
        "mention that crosses a longer one of its type": [2],
    }


def task(*annotations: Any, **more: Any) -> dict[str, Any]:
    """A Label Studio task about ``TEXT`` whose annotations have these (start, end, labels)."""
    results = [
        {
            "result": [
                {
                    "type": "labels",
                    "value": dict(zip(("start", "end", "labels"), span, strict=True)),
                }
                for span in spans
            ]
        }
        for spans in annotations
    ]
    return {"data": {"text": TEXT}, "annotations": results, **more}


def test_a_skipped_annotation_hides_nothing(tmp_path: Path) -> None:
    protein, dna = [0, 4, ["protein"]], [5, 9, ["DNA"]]
    record = task([dna], [], [protein], [protein, dna])
    record["annotations"][0]["was_cancelled"] = True
    record["annotations"][2]["result"].append({"type": "relation", "from_id": "a", "to_id": "b"})
    record["predictions"] = [7, task([dna])["annotations"][0]]
    (sentence,), ledger = read(tmp_path, record, mode="simple-char")
    assert sentence.mentions == (Span(0, 4, "protein"),)
    assert {why: [what for _, what in found] for why, found in ledger.dropped.items()} == {
        "mention of an annotation that was cancelled": ["DNA [5, 9) 'gene'"],
        "relation between mentions": ["of a Label Studio task"],
        "mention of a further annotation of its task": [
            "protein [0, 4) 'IL-2'",
            "DNA [5, 9) 'gene'",
        ],
        "mention of a prediction": ["DNA [5, 9) 'gene'"],
    }


@pytest.mark.parametrize(
    ("record", "spans"),
    [
        ({"text": TEXT, "entities": [], "spans": [[0, 4, "X"]]}, [Span(0, 4, "X")]),
        ({"text": TEXT, "label": "good", "labels": [[0, 4, "X"]]}, [Span(0, 4, "X")]),
        ({"text": TEXT, "entities": [[0, 4, "X"]], "labels": ["good"]}, [Span(0, 4, "X")]),
        ({"tokens": WORDS, "spans": [], "ner_tags": ["B-X", "O"]}, [Span(0, 1, "X")]),
        ({"tokens": WORDS, "tags": ["NN", "JJ"], "ner_tags": ["B-X", "O"]}, [Span(0, 1, "X")]),
        ({"tokens": WORDS, "spans": [[0, 1, "X"]], "ner_tags": ["O", "O"]}, [Span(0, 1, "X")]),
    ],
)
def test_of_several_lists_the_one_with_mentions_is_read(
    tmp_path: Path, record: dict[str, Any], spans: list[Span]
) -> None:
    mode = "simple" if "tokens" in record else "simple-char"
    (sentence,), ledger = read(tmp_path, record, mode=mode)
    assert list(sentence.mentions) == spans
    assert not ledger.dropped


def test_other_mentions_and_relations_are_in_the_ledger(tmp_path: Path) -> None:
    record = {
        "text": TEXT,
        "entities": [[0, 4, "X"], {"start": 5, "end": 9, "labels": []}],
        "found_by_model": [{"start": 5, "end": 9, "label": "Y"}, {"start": 5, "end": 9}],
        "tokens": [{"text": "IL-2", "start": 0, "end": 4, "id": 0}],
        "relations": [{"from_id": 1, "to_id": 2, "type": "z"}],
    }
    (sentence,), ledger = read(tmp_path, record, mode="simple-char")
    assert sentence.mentions == (Span(0, 4, "X"),)
    assert {why: [what for _, what in found] for why, found in ledger.dropped.items()} == {
        "mention without a type": ["[5, 9)"],
        "relation between mentions": ["under 'relations'"],
        "mention under a key that is not read": ["Y [5, 9) 'gene'", "{'end': 9, 'start': 5}"],
    }


@pytest.mark.parametrize("more", [{"entities": [[5, 9, "DNA"]]}, {"ner_tags": ["B-DNA"]}])
@pytest.mark.parametrize("gone", ["data", "annotations", None])
def test_annotations_beside_other_mentions_are_refused(
    tmp_path: Path, more: dict[str, Any], gone: str | None
) -> None:
    record = {**task([[0, 4, ["protein"]]]), "text": TEXT, "tokens": ["IL-2"], **more}
    if gone == "annotations":
        record["annotations"] = []  # a task none the less
    elif gone:
        del record[gone]
    message = f"found '{next(iter(more))}' and 'annotations': leave one out"
    with pytest.raises(DataError, match=message):
        read(tmp_path, record)


def test_annotations_without_a_task_are_refused(tmp_path: Path) -> None:
    record = {"text": TEXT, "entities": [], "annotations": task([])["annotations"]}
    with pytest.raises(DataError, match="found 'text', 'entities', 'annotations'"):
        read(tmp_path, record, mode="simple-char")


def test_a_task_says_which_text_its_mentions_have(tmp_path: Path) -> None:
    record = task([[0, 4, ["protein"]], [5, 9, ["DNA"]]])
    first, second = (result["value"] for result in record["annotations"][0]["result"])
    first["text"], second["text"] = TEXT[0:4] + "\\n", TEXT[6:10]
    (sentence,), ledger = read(tmp_path, record, mode="simple-char")
    assert sentence.mentions == (Span(0, 4, "protein"),)
    ((why, [(_, what)]),) = ledger.dropped.items()
    assert why == "mention with other text at its offsets"
    assert what == f"DNA [5, 9) 'gene', which the task gives as {TEXT[6:10]!r}"


def test_a_task_about_two_texts_is_refused(tmp_path: Path) -> None:
    record = task([[0, 4, ["protein"]], [5, 9, ["DNA"]]])
    for result, name in zip(record["annotations"][0]["result"], ("title", "body"), strict=True):
        result["to_name"] = name
    with pytest.raises(DataError, match="more than one 'to_name'"):
        read(tmp_path, record, mode="simple-char")


@pytest.mark.parametrize("damaged", [{"result": 1}, {"result": [{"value": {"labels": ["X"]}}]}])
def test_what_is_not_written_need_not_be_readable(tmp_path: Path, damaged: dict[str, Any]) -> None:
    record = task([[0, 4, ["protein"]]], drafts=[damaged], predictions=[damaged])
    record["annotations"] += [damaged, {**damaged, "was_cancelled": True}]
    (sentence,), ledger = read(tmp_path, record, mode="simple-char")
    assert sentence.mentions == (Span(0, 4, "protein"),)
    assert set(ledger.dropped) == {
        "a further annotation of its task cannot be read",
        "an annotation that was cancelled cannot be read",
        "a prediction cannot be read",
        "a draft cannot be read",
    }


@pytest.mark.parametrize(
    "more",
    [
        {"data": {"text": TEXT, "entities": [[5, 9, "DNA"]]}},
        {"data": {"text": TEXT, "meta": {"gold": {"start": 5, "end": 9, "label": "DNA"}}}},
        {"completions": [{"result": [{"value": {"start": 5, "end": 9, "labels": ["DNA"]}}]}]},
        {"predictions": {"result": [{"value": {"start": 5, "end": 9, "labels": ["DNA"]}}]}},
        {"drafts": [3, {"result": [{"value": {"start": 5, "end": 9, "labels": ["DNA"]}}]}]},
    ],
    ids=str,
)
def test_mentions_anywhere_in_a_task_are_named(tmp_path: Path, more: dict[str, Any]) -> None:
    (sentence,), ledger = read(
        tmp_path, {**task([[0, 4, ["protein"]]]), **more}, mode="simple-char"
    )
    assert sentence.mentions == (Span(0, 4, "protein"),)
    ((_, [(_, what)]),) = ledger.dropped.items()
    assert what == "DNA [5, 9) 'gene'"


def test_a_prediction_inside_an_annotation_is_named(tmp_path: Path) -> None:
    record = task([[0, 4, ["protein"]]])
    record["annotations"][0]["prediction"] = task([[5, 9, ["DNA"]]])["annotations"][0]
    _, ledger = read(tmp_path, record, mode="simple-char")
    assert list(ledger.dropped) == ["mention under a key that is not read"]


@pytest.mark.parametrize(
    "record",
    [
        {**task([[0, 4, ["protein"]]]), "ner_tags": ["O", "B-DNA"]},
        {"text": TEXT, "entities": [[0, 4, "protein"]], "ner_tags": ["O", "B-DNA"]},
        {"data": {"text": TEXT, "tags": ["B-X", "O"]}, "annotations": []},
    ],
    ids=str,
)
def test_tags_without_words_are_named(tmp_path: Path, record: dict[str, Any]) -> None:
    _, ledger = read(tmp_path, record, mode="simple-char")
    assert list(ledger.dropped) == ["tags that are not read"]


def test_a_region_whose_labels_were_removed_is_named(tmp_path: Path) -> None:
    record = task([[0, 4, ["protein"]], [5, 9, ["DNA"]], [5, 9, ["DNA"]]])
    for result in record["annotations"][0]["result"][1:]:
        del result["value"]["labels"]
    record["annotations"][0]["result"][2]["value"]["choices"] = ["good"]
    (sentence,), ledger = read(tmp_path, record, mode="simple-char")
    assert sentence.mentions == (Span(0, 4, "protein"),)
    ((why, [_]),) = ledger.dropped.items()
    assert why == "mention without a type"


def test_a_region_without_labels_under_another_key_is_named(tmp_path: Path) -> None:
    record = task([[0, 4, ["protein"]]])
    record["annotations2"] = task([[5, 9, ["DNA"]], [5, 9, ["DNA"]]])["annotations"]
    labels = record["annotations2"][0]["result"][1]["value"].pop("labels")
    record["annotations2"][0]["result"][1]["more"] = {"start": 0, "end": 4, "labels": labels}
    _, ledger = read(tmp_path, record, mode="simple-char")
    ((why, entries),) = ledger.dropped.items()
    assert why == "mention under a key that is not read"
    assert sorted(what for _, what in entries) == [
        "DNA [0, 4) 'IL-2'",
        "DNA [5, 9) 'gene'",
        "{'end': 9, 'start': 5}",
    ]


def test_a_task_with_another_text_beside_it_is_refused(tmp_path: Path) -> None:
    read(tmp_path, {**task([]), "text": TEXT}, mode="simple-char")
    with pytest.raises(DataError, match="another one under 'text'"):
        read(tmp_path, {**task([]), "text": "other"}, mode="simple-char")


def mentions_in(value: Any) -> int:
    """Count what looks like a mention, wherever it stands: spans, and tags that start one."""
    if isinstance(value, dict):
        if "start" in value and "end" in value:
            types = value.get("label", value.get("labels"))
            return max(len(types), 1) if isinstance(types, list) else 1
        return sum(map(mentions_in, value.values()))
    if isinstance(value, list):
        if [type(item) for item in value] == [int, int, str]:
            return 1
        return sum(map(mentions_in, value))
    return isinstance(value, str) and value.startswith("B-")


OFFSETS = st.integers(-1, len(TEXT) + 1)
TYPES = st.sampled_from(["X", "Y", ""])
SPANS = st.lists(
    st.tuples(OFFSETS, OFFSETS, TYPES).map(list)
    | st.fixed_dictionaries({"start": OFFSETS, "end": OFFSETS, "label": TYPES})
    | st.fixed_dictionaries({"start": OFFSETS, "end": OFFSETS, "labels": st.lists(TYPES)}),
    max_size=3,
)
RESULTS = st.lists(st.tuples(OFFSETS, OFFSETS, st.lists(TYPES)), max_size=3)
RECORDS = (
    st.builds(
        lambda text, lists: {**text, **lists},
        st.sampled_from([{"text": TEXT}, {"tokens": WORDS}]),
        st.dictionaries(st.sampled_from([*SPAN_KEYS, "labels", "mentions"]), SPANS, min_size=1),
    )
    | st.lists(st.sampled_from(["O", "B-X", "B-Y"]), min_size=2, max_size=2).map(
        lambda tags: {"tokens": WORDS, "spans": [], "ner_tags": tags}
    )
    | st.lists(RESULTS, max_size=3).map(lambda annotations: task(*annotations))
)


@given(records=st.lists(RECORDS, min_size=1, max_size=4))
@settings(max_examples=150)
def test_every_mention_is_written_or_in_the_ledger_or_refused(records: list[Any]) -> None:
    with TemporaryDirectory() as folder:
        path = lines(Path(folder), *records, {"tokens": ["end"], "spans": []})
        refused = ""
        try:
            ledger = convert("jsonl", [path], Path(folder, "out.txt"), "simple-char")
        except DataError as error:
            refused = str(error)
        if refused:
            assert re.search("mentions under one key|the keys 'tokens'|to hold 2 tags", refused)
            return
        dropped = [why for why, found in ledger.dropped.items() for _ in found]
        assert ledger.mentions.total() + len(dropped) == mentions_in(records)


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
        ('{"text": "a", "spans": [[0, 1, "X"]], "label": [[0, 1, "Y"]]}', "'spans' and 'label'"),
        ('{"tokens": ["a"], "spans": [[0, 1, "X"]], "tags": ["B-X"]}', "found 'spans' and 'tags'"),
        ('{"text": "a", "spans": [], "spans": []}', "the key 'spans' is twice in one object"),
        ('{"text": "a", "tags": ["news"]}', "expected the keys 'tokens'.*found 'text', 'tags'"),
        ('{"text": "a", "spans": [[0, 1]]}', "expected a span as .start, end"),
        ('{"text": "a", "spans": [[0, 1.5, "X"]]}', "expected a span"),
        ('{"text": "a", "spans": [{"start": 0, "end": 1}]}', "expected a span"),
        ('{"data": {"text": "a"}, "annotations": 1}', "expected 'data' to hold 'text'"),
        (
            '{"data": {"text": "a"}, "annotations": [{"result": [{"value": {"htmllabels": 1}}]}]}',
            "expected a span",
        ),
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


@pytest.mark.parametrize(
    "bad",
    [
        '{"%s": 1}', '{"text": "a", "spans": ["%s"]}', '"%s"', '{"tokens": ["a"], "tags": ["%s"]}',
        '{"%s": 1, "%s": 1}', '{"text": "a", "spans": [{"start": "%s"}]}',
    ],
)  # fmt: skip
def test_messages_are_short(tmp_path: Path, bad: str) -> None:
    (tmp_path / "in").write_text(bad.replace("%s", "x" * 1_000_000))
    with pytest.raises(DataError) as caught:
        convert("jsonl", [tmp_path / "in"], tmp_path / "out.txt")
    assert len(str(caught.value).removeprefix(str(tmp_path))) < 1000


def test_genia_keeps_every_nested_mention(tmp_path: Path, shared_data: Path) -> None:
    ledger = convert("jsonl", [shared_data / "GENIA" / "dev.jsonlines"], tmp_path / "out.txt")
    assert (ledger.documents, ledger.sentences) == (199, 1765)
    assert ledger.mentions == {
        "protein": 2466, "DNA": 1161, "cell_type": 576, "cell_line": 372, "RNA": 139,
    }  # fmt: skip
    assert not ledger.dropped
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
