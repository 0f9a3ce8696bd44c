from __future__ import annotations

from pathlib import Path

import pytest

from mtner_cli.core.convert.conversion import convert
from mtner_cli.core.convert.formats.bc5cdr_halves import targets
from mtner_cli.core.corpus.action_files import read_corpus
from mtner_cli.core.types import Sentence, Span
from mtner_cli.errors import ConfigError, DataError

TRAIN = """Pretreatment\tO
with\tO
aspirin\tB-Chemical

Nausea\tB-Disease
after\tO
aspirin\tB-Chemical

Pretreatment\tO
eased\tO
nausea\tB-Disease

Aspirin\tB-Chemical
"""


def test_each_half_keeps_one_type(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text(TRAIN)
    halves = {}
    for half in ("Disease", "Chemical"):
        out = tmp_path / half
        ledger = convert("bc5cdr-halves", [tmp_path / "train.tsv"], out, half=half)
        halves[half] = list(read_corpus(out, "simple"))
        assert list(ledger.mentions) == [half]
        assert sum(map(len, ledger.unwanted.values())) == (2 if half == "Disease" else 1)
    assert halves["Disease"] == [
        Sentence.of_words(["Pretreatment", "with", "aspirin"]),
        Sentence.of_words(["Nausea", "after", "aspirin"], [Span(0, 1, "Disease")]),
    ]
    assert halves["Chemical"] == [
        Sentence.of_words(["Pretreatment", "eased", "nausea"]),
        Sentence.of_words(["Aspirin"], [Span(0, 1, "Chemical")]),
    ]


def test_what_cannot_be_cut_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("Aspirin\tB-Chemical\n")
    (tmp_path / "test.tsv").write_text(TRAIN)
    for name, message in (("train", "a line 'Pretreatment O'"), ("test", "train.tsv or devel.tsv")):
        with pytest.raises(DataError, match=message):
            convert("bc5cdr-halves", [tmp_path / f"{name}.tsv"], tmp_path / "o", half="Disease")
    with pytest.raises(ConfigError, match="unknown half 'Gene': give Disease or Chemical"):
        convert("bc5cdr-halves", [tmp_path / "train.tsv"], tmp_path / "o", half="Gene")


def test_the_halves_of_the_real_corpus_are_disjoint_and_complete(
    tmp_path: Path, shared_data: Path
) -> None:
    whole = {"train.tsv": 4560, "devel.tsv": 4581}
    sentences: dict[str, int] = dict.fromkeys(whole, 0)
    written = []
    for source, out, options in targets(shared_data / "BC5CDR", tmp_path):
        ledger = convert("bc5cdr-halves", [source], out, **options)
        sentences[source.name] += ledger.sentences
        assert 0.45 < ledger.sentences / whole[source.name] < 0.55
        assert set(ledger.mentions) == {options["half"]}
        written.append(out.relative_to(tmp_path).as_posix())
    assert sentences == whole
    assert written == [
        "BC5_Dis/train.txt", "BC5_Dis/dev.txt", "BC5_Chem/train.txt", "BC5_Chem/dev.txt",
    ]  # fmt: skip
