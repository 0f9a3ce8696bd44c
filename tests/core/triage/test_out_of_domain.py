from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from mtner_cli.core.results.read import ResultMention, ResultSentence
from mtner_cli.core.triage.out_of_domain import filter_predictions, read_specification
from mtner_cli.core.triage.sheets import SHEET_COLUMNS, format_of, write_filtered
from mtner_cli.errors import ConfigError

PARIS = ResultMention(0, 5, 0, 1, "Paris", "LOC")
CAROL = ResultMention(22, 34, 3, 5, "Carol O'Hara", "PER")
VARIANT = ResultMention(40, 46, 6, 7, "-1031C", "Gene")
GOLD = ResultMention(0, 4, -1, -1, "Pari", "Disease")
TEXT = "Paris was visited by, Carol O'Hara with -1031C"
SENTENCES = [
    ResultSentence(0, "BC5", TEXT, tuple(TEXT.split()), [GOLD], [PARIS, CAROL, VARIANT]),
    ResultSentence(1, "BC5", "Nothing here", ("Nothing", "here")),
    ResultSentence(2, "BC5", "-1031C only", ("-1031C", "only"), [], [VARIANT._replace(start=0)]),
    ResultSentence(3, "CoNLL-2003", "Paris", ("Paris",), [], [PARIS]),
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
    assert [found.relevant for found in conll.sentences] == [(PARIS,)]
    assert bc5.counts == {"PER": 1, "LOC": 1, "ORG": 0}
    assert bc5.other_types == ("Gene",)
    assert [found.relevant for found in bc5.sentences] == [(PARIS, CAROL)]


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


def test_what_the_results_have_is_cut_and_in_one_line():
    mentions = [PARIS._replace(tag=f"LOC\n\x1b{number}") for number in range(100)]
    sentences = [
        ResultSentence(number, f"c{number:02}", TEXT, (TEXT,), [], mentions) for number in range(30)
    ]
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
        str(TEXT.split()),
        "GOLD MENTIONS:",
        "'Pari'(-1, -1)//Disease",
        "PRED MENTIONS:",
        "'Paris'(0, 1)//LOC",
        "'Carol O'Hara'(3, 5)//PER",
        "-" * 80,
    ]


def test_the_text_hides_no_characters_and_no_lines(tmp_path):
    """A mention must not steer a terminal that shows the file, or feign lines of its own."""
    hostile = ResultMention(0, 9, 0, 1, "\x1b[2J\u202e\nNone.", "G\x9b\nPRED MENTIONS:")
    name = "c\x07\nCORPUS: d"
    sentence = ResultSentence(0, name, hostile.text, (hostile.text,), [hostile], [hostile])
    corpora = filter_predictions([sentence], {name: (hostile.tag,)})
    write_filtered(tmp_path / "out.txt", corpora, "txt")
    mention = r"'\x1b[2J\u202e\nNone.'(0, 1)//G\x9b\nPRED MENTIONS:"
    assert (tmp_path / "out.txt").read_text("utf-8").split("\n") == [
        "=" * 80,
        r"CORPUS: c\x07\nCORPUS: d",
        r"RELEVANT TYPES: G\x9b\nPRED MENTIONS: (1)",
        "=" * 80,
        "sent_idx=0",
        r"['\x1b[2J\u202e\nNone.']",
        "GOLD MENTIONS:",
        mention,
        "PRED MENTIONS:",
        mention,
        "-" * 80,
        "",
    ]


def test_json_lines(tmp_path):
    write_filtered(tmp_path / "o.jsonl", filter_predictions(SENTENCES, SPECIFICATION), "jsonl")
    _, bc5 = map(json.loads, (tmp_path / "o.jsonl").read_text("utf-8").splitlines())
    assert (bc5["corpus"], bc5["sent_idx"], bc5["text"]) == ("BC5", 0, TEXT)
    assert bc5["predicted"][1] == {
        "char_start": 22,
        "char_end": 34,
        "start": 3,
        "end": 5,
        "text": "Carol O'Hara",
        "type": "PER",
    }
    assert bc5["gold"][0]["type"] == "Disease"


def test_the_sheet_has_a_row_per_prediction_and_room_for_verdicts(tmp_path):
    corpora = filter_predictions(SENTENCES, {"BC5": ("PER", "Gene")})
    write_filtered(tmp_path / "out.csv", corpora, "csv")
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        header, person, variant, last = csv.reader(file)
    assert tuple(header) == SHEET_COLUMNS
    assert person[:4] == [
        "BC5",
        "0",
        TEXT.replace("Carol O'Hara", "«Carol O'Hara»"),
        "Carol O'Hara",
    ]
    assert person[4:] == ["3", "5", "PER", "'Pari'(-1, -1)//Disease", "", ""]
    assert variant[3] == "'-1031C", "a spreadsheet program would take it for a formula"
    assert last[1] == "2"


def test_the_format_follows_the_name():
    names = ["a.csv", "a.JSONL", "a.txt", "a"]
    assert [format_of(Path(name)) for name in names] == ["csv", "jsonl", "txt", "txt"]
