from __future__ import annotations

import json
from pathlib import Path

import pytest

from mtner_cli.core.convert.cleaning import TypeMap
from mtner_cli.core.convert.conversion import convert
from mtner_cli.core.corpus.action_files import read_corpus

COLUMNS = "a\tB-GENE\nb\tB-Disease\nc\tB-Odd\n"


@pytest.mark.parametrize(
    ("types", "written", "dropped"),
    [
        ({"GENE": "Gene"}, ["Gene", "Disease", "Odd"], []),
        ({"GENE": "Gene", "Odd": None}, ["Gene", "Disease"], ["Odd"]),
        ({"Disease": "Disease", "*": None}, ["Disease"], ["GENE", "Odd"]),
        ({"*": "Anything"}, ["Anything"] * 3, []),
    ],
)
def test_types_are_renamed_or_dropped(
    tmp_path: Path, types: TypeMap, written: list[str], dropped: list[str]
) -> None:
    (tmp_path / "in.tsv").write_text(COLUMNS)
    ledger = convert("conll", [tmp_path / "in.tsv"], tmp_path / "out.txt", types=types)
    (sentence,) = read_corpus(tmp_path / "out.txt", "simple")
    assert [mention.tag for mention in sentence.mentions] == written
    assert list(ledger.unwanted) == dropped
    assert not ledger.dropped


PUBTATOR = """7|t|Mice.
7|a|In mice: TP53 and mice.
7\t9\t13\tmice\tSpecies
7\t15\t19\tTP53\tGene
7\t24\t28\tmice\tSpecies
"""


def test_a_mention_that_is_left_out_is_named_by_its_line_and_document(tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text(PUBTATOR)
    types = {"Species": None}
    ledger_path = tmp_path / "ledger.jsonl"
    convert("pubtator", [source], tmp_path / "out", types=types, ledger_path=ledger_path)
    records = [json.loads(line) for line in ledger_path.read_text().splitlines()]
    assert records == [
        {
            "part": "unwanted type",
            "reason": "Species",
            "place": f"{source}:{line}",
            "what": f"Species [{start}, {start + 4}) 'mice' in document 7",
        }
        for line, start in ((3, 9), (5, 24))
    ]


def test_a_ledger_without_entries_is_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "in.tsv").write_text(COLUMNS)
    convert("conll", [tmp_path / "in.tsv"], tmp_path / "out", ledger_path=tmp_path / "ledger")
    assert (tmp_path / "ledger").read_text() == ""
