"""Whatever a pickle holds, its sentences are plain values or there is one error."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtner_cli.core.results.pickled_values import Array, LabeledSubstring, Table
from mtner_cli.core.results.unpickle import ResultFileError, plain_sentences
from mtner_cli.core.results.write import COLUMNS

DATA = {
    "raw_sentences": {3: "IL-2 binds", 0: "p53 binds"},
    "wordpieces": {0: ["p53", "binds"], 3: ["IL-2", "binds"]},
    "source_dataset": {0: "clinic", 3: "molbio"},
    "start_end_char_idx_of_words": {0: [(0, 3), (4, 9)], 3: [(0, 4), (5, 10)]},
    "gold_entities_not_matching_tokens": {
        0: [{"start": 1, "end": 3, "tag": "Number", "text": "53"}],
        3: [LabeledSubstring(0, 2, "Gene")],
    },
}
ROWS = {
    "sent_id": [0, 3, 3],
    "start_idx": [0, 0, -1],
    "end_idx": [2, 1, -1],
    "gold_tag": [["Event", "Protein"], None, ["Gene"]],
    "pred_tag": [None, ["Protein"], None],
    "matches_tokenization": [True, True, False],
    "source_dataset": ["clinic", "molbio", "molbio"],
}
JUNK = st.sampled_from(
    [None, True, -1, 2**70, 0.5, "", "ab", b"ab", [], [[]], {}, (), (1, 2), "\ud800", Array([1])]
)


def content(data=DATA, rows=ROWS):
    table = Table()
    table.columns = deepcopy(rows)
    return {"data": deepcopy(data), "pred_df": table}


def test_sentences_come_by_number_and_mentions_in_the_order_of_the_text():
    assert plain_sentences(content()) == [
        {
            "number": 0,
            "corpus": "clinic",
            "document": None,
            "start": 0,
            "text": "p53 binds",
            "words": ["p53", "binds"],
            "word_offsets": [(0, 3), (4, 9)],
            "gold": [(0, 2, "Event"), (0, 2, "Protein")],
            "unmatched": [(1, 3, "Number")],
            "predicted": [],
        },
        {
            "number": 3,
            "corpus": "molbio",
            "document": None,
            "start": 0,
            "text": "IL-2 binds",
            "words": ["IL-2", "binds"],
            "word_offsets": [(0, 4), (5, 10)],
            "gold": [],
            "unmatched": [(0, 2, "Gene")],
            "predicted": [(0, 1, "Protein", None)],
        },
    ]


def test_documents_and_scores_are_read_where_the_file_has_them():
    known = {
        "doc_id": {0: 12, 3: "PMC7"},
        "start_in_doc": {0: 0, 3: 40},
        "predicted_scores": {3: [(0, 1, None, "Protein", 0.5), (0, 1, "a", "Protein", 0.75)]},
    }
    first, second = plain_sentences(content({**DATA, **known}))
    assert (first["document"], first["start"]) == ("12", 0)
    assert (second["document"], second["start"]) == ("PMC7", 40)
    assert second["predicted"] == [(0, 1, "Protein", 0.75)]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("doc_id", {3: 1.5}),
        ("start_in_doc", {3: "1"}),
        ("start_in_doc", []),
        ("predicted_scores", {3: [(0, 1, None, "Protein", "high")]}),
        ("predicted_scores", {3: [(0, 1)]}),
        ("start_end_char_idx_of_words", {0: [(0, 3)], 3: [(0, 4), (5, 10)]}),
        ("start_end_char_idx_of_words", {0: [(0, 3), (4, None)], 3: [(0, 4), (5, 10)]}),
    ],
)
def test_documents_scores_and_words_of_a_wrong_kind_are_one_error(key, value):
    with pytest.raises(ResultFileError, match="is not a result file"):
        plain_sentences(content({**DATA, key: value}))


@given(st.sampled_from(list(DATA)), st.sampled_from([None, 0, 3]), st.integers(0, 2), JUNK)
def test_any_value_in_a_wrong_place_is_one_error_or_plain(name, number, depth, junk):
    changed = content()
    put(changed["data"], [name, *([] if number is None else [number, 0, 0][: depth + 1])], junk)
    assert_plain_or_refused(changed)


@given(st.sampled_from(COLUMNS), st.integers(0, 2), st.booleans(), JUNK)
def test_any_cell_of_a_wrong_kind_is_one_error_or_plain(name, row, deeper, junk):
    changed = content()
    put(changed["pred_df"].columns, [name, row, *([0] if deeper else [])], junk)
    assert_plain_or_refused(changed)


@pytest.mark.parametrize("name", [*DATA, *ROWS])
def test_what_is_missing_is_named(name):
    changed = content()
    for values in (changed["data"], changed["pred_df"].columns):
        values.pop(name, None)
    with pytest.raises(ResultFileError, match=rf"is not a result file of .* \(KeyError: {name}\)"):
        plain_sentences(changed)


def put(values, path, junk):
    """Replace what is at the path, or what is above it where the path ends early."""
    *way, last = path
    for step in way:
        if not isinstance(values[step], list | dict) or not values[step]:
            last = step
            break
        values = values[step]
    values[last] = junk


def assert_plain_or_refused(changed):
    try:
        sentences = plain_sentences(changed)
    except ResultFileError:
        return
    as_json = json.loads(json.dumps(sentences))
    for sentence in as_json:
        assert type(sentence["number"]) is type(sentence["start"]) is int
        names = (sentence["corpus"], sentence["text"], *sentence["words"])
        assert all(isinstance(value, str) for value in names)
        assert all(type(place) is int for pair in sentence["word_offsets"] for place in pair)
        mentions = (*sentence["gold"], *sentence["unmatched"], *sentence["predicted"])
        for start, end, tag, *_ in mentions:
            assert type(start) is type(end) is int
            assert isinstance(tag, str)
