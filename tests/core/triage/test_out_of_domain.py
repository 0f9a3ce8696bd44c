from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtner_cli.core.triage.out_of_domain import (
    filter_predictions,
    read_specification,
    sample_predictions,
)
from mtner_cli.core.triage.sheets import (
    SHEET_COLUMNS,
    SheetSettings,
    format_of,
    write_filtered,
)
from mtner_cli.core.types import Tag
from mtner_cli.errors import ConfigError
from tests.core.results.sentences import mention, result_sentence

PARIS = mention(0, 1, "LOC", math.nan)
CAROL = mention(4, 6, "PER", 0.9)
VARIANT = mention(7, 8, "Gene")
GOLD = (0, 4, Tag(None, "Disease"))
TEXT = "Paris was visited by, Carol O'Hara with -1031C"
SENTENCES = [
    result_sentence("BC5", TEXT, [PARIS, CAROL, VARIANT], [GOLD], document="12"),
    result_sentence("BC5", "Nothing here", index=1),
    result_sentence("BC5", "-1031C only", [VARIANT._replace(start=0, end=1)], index=2),
    result_sentence("CoNLL-2003", "Paris", [PARIS], index=3),
]
SPECIFICATION = {"CoNLL-2003": ("LOC",), "BC5": ("PER", "LOC", "ORG")}


@pytest.fixture
def specification(tmp_path):
    def write(text: str):
        path = tmp_path / "spec.yaml"
        path.write_text(text)
        return read_specification(path)

    return write


def test_a_specification_in_both_forms(specification):
    assert specification(
        "BC5CDR:\n  relevant_types: [CONLLen$LOC, CONLLen$PER]\nCoNLL-2003: [Disease, Disease]\n"
    ) == {"BC5CDR": ("CONLLen$LOC", "CONLLen$PER"), "CoNLL-2003": ("Disease",)}


def test_all_faults_of_a_specification_are_told_with_their_line(specification):
    with pytest.raises(ConfigError) as failure:
        specification("A: [LOC]\nB:\n  types: [LOC]\nC: [NO]\nD: LOC\nE: []\n")
    assert [
        fault.split(": expected")[0].split("spec.yaml:")[1] for fault in failure.value.faults
    ] == [
        "2: B",
        "4: C",
        "5: D",
        "6: E",
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("seed: 1\ntask_name: x\ndatasets: {BC5: {mode: simple}}\n", "is an experiment; write"),
        ("BC5: {mode: simple, split_paths: {test: a.txt}}\n", "is a file of corpora; write"),
        ("user: me\npassword: {a: b}\n", "so its content is not shown"),
    ],
)
def test_another_file_is_named_as_what_it_is(specification, text, what):
    with pytest.raises(ConfigError) as failure:
        specification(text)
    (fault,) = failure.value.faults
    assert what in fault
    assert fault.endswith("CORPUS: {relevant_types: [TYPE]}")


def test_an_empty_specification(specification):
    with pytest.raises(ConfigError, match="names no corpus"):
        specification("")


def test_the_shipped_specifications_are_read(project):
    paths = sorted((project / "configs" / "ood").glob("tag_spec_*.yaml"))
    assert len(paths) == 3
    for path in paths:
        assert read_specification(path)


def test_every_relevant_prediction_of_every_sentence():
    conll, bc5 = filter_predictions(SENTENCES, SPECIFICATION)
    assert (conll.name, conll.counts, conll.other_types) == ("CoNLL-2003", {"LOC": 1}, ())
    assert [found.predicted for found in conll.sentences] == [(PARIS,)]
    assert bc5.counts == {"PER": 1, "LOC": 1, "ORG": 0}
    assert bc5.other_types == ("Gene",)
    assert [found.predicted for found in bc5.sentences] == [(PARIS, CAROL)]


def test_an_unknown_corpus_lists_what_the_results_have():
    with pytest.raises(ConfigError) as failure:
        filter_predictions(SENTENCES, {"BC5CDR": ("LOC",), "BC5": ("LOC",)})
    assert str(failure.value) == (
        "the results have no corpus 'BC5CDR'; they have BC5 (predicted there: Gene, LOC, PER), "
        "CoNLL-2003 (predicted there: LOC)"
    )


def test_types_that_were_never_predicted_list_what_the_results_have():
    with pytest.raises(ConfigError, match=r"no prediction of PERS on BC5; .*BC5 \(predicted there"):
        filter_predictions(SENTENCES, {"BC5": ("PERS",)})
    with pytest.raises(ConfigError, match="they have no sentences"):
        filter_predictions([], {"BC5": ("PERS",)})


def test_a_type_without_its_corpus_is_suggested_with_it():
    sentence = replace(SENTENCES[0], predicted=(mention(0, 1, "clinic$LOC"),))
    with pytest.raises(ConfigError, match=r"no prediction of LOC .*; did you mean clinic\$LOC\?$"):
        filter_predictions([sentence], {sentence.corpus: ("LOC",)})


def test_what_the_results_have_is_cut_and_in_one_line():
    mentions = [mention(0, 1, f"LOC\n\x1b{number}") for number in range(100)]
    sentences = [result_sentence(f"c{number:02}", TEXT, mentions) for number in range(30)]
    with pytest.raises(ConfigError) as failure:
        filter_predictions(sentences, {"BC5": ("LOC",)})
    message = str(failure.value)
    assert message.isprintable()
    assert r"c00 (predicted there: 'LOC\n\x1b0', " in message
    assert message.count(", ... (100 in all))") == 20
    assert message.endswith(", ... (30 in all)")
    assert "c20" not in message


def test_the_text_shows_all_mentions_in_order(tmp_path):
    corpora = filter_predictions(SENTENCES, SPECIFICATION)
    write_filtered(tmp_path / "out.txt", corpora, "txt")
    assert (tmp_path / "out.txt").read_text("utf-8").splitlines() == [
        "=" * 80,
        "CORPUS: CoNLL-2003",
        "RELEVANT TYPES: LOC (1)",
        "=" * 80,
        "sent_idx=3",
        "['Paris']",
        "GOLD MENTIONS:",
        "None.",
        "PRED MENTIONS:",
        "'Paris'(0, 1)//LOC",
        "-" * 80,
        "=" * 80,
        "CORPUS: BC5",
        "RELEVANT TYPES: PER (1), LOC (1), ORG (0)",
        "=" * 80,
        "sent_idx=0",
        "document=12 start=100",
        str(TEXT.split()),
        "GOLD MENTIONS:",
        "'Pari'(-1, -1)//Disease",
        "PRED MENTIONS:",
        "'Paris'(0, 1)//LOC",
        "'Carol O'Hara'(4, 6)//PER",
        "-" * 80,
    ]


def test_the_text_hides_no_characters_and_no_lines(tmp_path):
    """A mention must not steer a terminal that shows the file, or feign lines of its own."""
    text, kind = "\x1b[2J\u202e\nNone.", "G\x9b\nPRED MENTIONS:"
    name = "c\x07\nCORPUS: d"
    sentence = replace(
        result_sentence(name, text, document="7\nstart=0"),
        words=(text,),
        word_offsets=((0, len(text)),),
        gold=((0, 1, Tag(None, kind)),),
        predicted=(mention(0, 1, kind),),
    )
    corpora = filter_predictions([sentence], {name: (kind,)})
    write_filtered(tmp_path / "out.txt", corpora, "txt")
    shown = r"'\x1b[2J\u202e\nNone.'(0, 1)//G\x9b\nPRED MENTIONS:"
    assert (tmp_path / "out.txt").read_text("utf-8").split("\n") == [
        "=" * 80,
        r"CORPUS: c\x07\nCORPUS: d",
        r"RELEVANT TYPES: G\x9b\nPRED MENTIONS: (1)",
        "=" * 80,
        "sent_idx=0",
        r"document=7\nstart=0 start=100",
        r"['\x1b[2J\u202e\nNone.']",
        "GOLD MENTIONS:",
        shown,
        "PRED MENTIONS:",
        shown,
        "-" * 80,
        "",
    ]


def test_json_lines(tmp_path):
    write_filtered(tmp_path / "o.jsonl", filter_predictions(SENTENCES, SPECIFICATION), "jsonl")
    _, bc5 = map(json.loads, (tmp_path / "o.jsonl").read_text("utf-8").splitlines())
    assert (bc5["corpus"], bc5["sent_idx"], bc5["document"]) == ("BC5", 0, "12")
    assert bc5["text"] == TEXT
    assert bc5["predicted"][1] == {
        "char_start": 22,
        "char_end": 34,
        "doc_start": 122,
        "doc_end": 134,
        "start": 4,
        "end": 6,
        "text": "Carol O'Hara",
        "type": "PER",
        "score": 0.9,
    }
    assert bc5["predicted"][0]["score"] is None
    assert bc5["gold"][0]["type"] == "Disease"


def sheet_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_the_sheet_has_a_row_per_prediction_and_room_for_verdicts(tmp_path):
    corpora = filter_predictions(SENTENCES, {"BC5": ("PER", "Gene")})
    write_filtered(tmp_path / "out.csv", corpora, "csv")
    rows = sheet_rows(tmp_path / "out.csv")
    assert tuple(rows[0]) == (*SHEET_COLUMNS, "annotator_1", "annotator_2")
    person, variant, last = sorted(rows, key=lambda row: (row["sent_idx"], row["start"]))
    assert person == {
        "corpus": "BC5",
        "document": "12",
        "sent_idx": "0",
        "sentence": TEXT.replace("Carol O'Hara", "«Carol O'Hara»"),
        "mention": "Carol O'Hara",
        "start": "4",
        "end": "6",
        "doc_start": "122",
        "doc_end": "134",
        "type": "PER",
        "score": "0.9",
        "annotator_1": "",
        "annotator_2": "",
    }
    assert variant["mention"] == "'-1031C", "a spreadsheet program would take it for a formula"
    assert (last["sent_idx"], last["document"], last["doc_start"]) == ("2", "", "")


def test_the_sheet_shows_gold_mentions_where_it_is_asked_to(tmp_path):
    corpora = filter_predictions(SENTENCES, {"BC5": ("PER",)})
    write_filtered(tmp_path / "o.csv", corpora, "csv", SheetSettings(annotators=3, show_gold=True))
    (row,) = sheet_rows(tmp_path / "o.csv")
    assert list(row)[-4:] == ["gold_mentions", "annotator_1", "annotator_2", "annotator_3"]
    assert row["gold_mentions"] == "'Pari'(-1, -1)//Disease"


MANY = [
    result_sentence("BC5", "a b", [mention(0, 1, "LOC"), mention(1, 2, "PER")], index=number)
    for number in range(20)
]


def test_rows_come_in_a_random_order_that_the_seed_repeats(tmp_path):
    corpora = filter_predictions(MANY, {"BC5": ("LOC", "PER")})
    orders = []
    for seed in (1, 1, 2):
        write_filtered(tmp_path / "o.csv", corpora, "csv", SheetSettings(seed=seed))
        orders.append([(r["sent_idx"], r["start"]) for r in sheet_rows(tmp_path / "o.csv")])
    assert orders[0] == orders[1] != orders[2]
    assert set(orders[0]) == set(orders[2])
    assert len(set(orders[0])) == 40
    assert orders[0] != sorted(orders[0], key=lambda place: (int(place[0]), place[1]))


@given(st.integers(1, 50), st.integers(0, 3))
def test_a_sample_is_a_part_of_the_predictions(count, seed):
    corpora = filter_predictions(MANY, {"BC5": ("LOC", "PER")})
    (sampled,) = sample_predictions(corpora, count, seed)
    places = [(s.index, m) for s in sampled.sentences for m in s.predicted]
    assert len(places) == len(set(places)) == min(count, 40) == sum(sampled.counts.values())
    assert all(mention in MANY[index].predicted for index, mention in places)
    assert sample_predictions(corpora, count, seed) == [sampled]


def test_the_format_follows_the_name():
    names = ["a.csv", "a.JSONL", "a.txt", "a"]
    assert [format_of(Path(name)) for name in names] == ["csv", "jsonl", "txt", "txt"]
