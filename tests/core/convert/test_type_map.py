from __future__ import annotations

from pathlib import Path

import pytest

from mtner_cli.core.convert.cleaning import TypeMap
from mtner_cli.core.convert.registry import convert
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
    assert {reason: len(entries) for reason, entries in ledger.dropped.items()} == {
        f"mention of type {name}, which the type map drops": 1 for name in dropped
    }
