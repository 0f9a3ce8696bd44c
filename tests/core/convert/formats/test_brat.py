from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtner_cli.core.convert.conversion import convert
from mtner_cli.core.convert.corpora import load_conversions
from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.corpus.action_files import read_corpus
from mtner_cli.core.types import Sentence, Span
from mtner_cli.errors import ConfigError, DataError
from tests.core.convert.strategies import RawDocument, check_conversion, raw_documents

TEXT = "Loss of p53 in mice\nwith renal\nfailure. It α-was seen.\n"
ANN = """T1\tGene 8 11\tp53
T2\tDisease 25 38\trenal failure
T3\tOrganism-taxon 15 19\tmice
R1\tCauses Arg1:T1 Arg2:T2\t
E1\tLoss:T1 Cause:T2
A1\tNegated T1
#1\tAnnotatorNotes T1\tsure?
*\tEquiv T1 T3
N1\tReference T1 NCBI:7157\tTP53

T4\tX 25 30;31 38\trenal failure
T5\tX 8 11;15 19\tp53 mice
T6\tX 8 12\tp54
T7\tX 0 5000\tLoss
T8\tX 8 10;9 11\tp5 53
"""


def write(folder: Path, name: str, text: str, ann: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.txt").write_bytes(text.encode())
    (folder / f"{name}.ann").write_text(ann, encoding="utf-8")


def brat(folder: Path, *inputs: str) -> tuple[list[Sentence], Ledger]:
    ledger = convert("brat", [folder / name for name in inputs], folder / "out.conv")
    return list(read_corpus(folder / "out.conv", "simple-char")), ledger


@pytest.mark.parametrize("inputs", [["in"], ["in/a.txt"], ["in/a.ann", "in/a.txt"]])
def test_mentions_lines_and_the_rest(tmp_path: Path, inputs: list[str]) -> None:
    write(tmp_path, "in/a", TEXT, ANN)
    sentences, ledger = brat(tmp_path, *inputs)
    assert sentences == [
        Sentence.of_text(
            "Loss of p53 in mice", [Span(8, 11, "Gene"), Span(15, 19, "Organism-taxon")], "a"
        ),
        Sentence.of_text(
            "with renal failure.", [Span(5, 18, "Disease"), Span(5, 18, "X")], "a", 20
        ),
        Sentence.of_text("It α-was seen.", [], "a", 40),
    ]
    assert {
        reason: [(place.path.name, place.line, what) for place, what in entries]
        for reason, entries in ledger.dropped.items()
    } == {
        "relation between mentions": [("a.ann", 4, "R1\tCauses Arg1:T1 Arg2:T2\t")],
        "event": [("a.ann", 5, "E1\tLoss:T1 Cause:T2")],
        "discontinuous mention": [
            ("a.ann", 12, "X 'p53 mice' in document a, 8 11;15 19"),
            ("a.ann", 15, "X 'p5 53' in document a, 8 10;9 11"),
        ],
        "mention with other text at its offsets": [
            ("a.ann", 13, "X [8, 12) 'p54' in document a, where the text is 'p53 '")
        ],
        "mention outside its document": [("a.ann", 14, "X [0, 5000) 'Loss' in document a")],
    }
    assert {
        kind: [entry.place.line for entry in entries] for kind, entries in ledger.repairs.items()
    } == {"mention that a line end or other white space divides became one": [11]}


def test_offsets_count_line_ends_and_the_byte_order_mark(tmp_path: Path) -> None:
    write(tmp_path, "in/a", "\ufeffOne\r\n\r\nTwo mice\r\n", "T1\tSpecies 12 16\tmice\n")
    sentences, ledger = brat(tmp_path, "in")
    assert sentences == [
        Sentence.of_text("One", [], "a", 1),
        Sentence.of_text("Two mice", [Span(4, 8, "Species")], "a", 8),
    ]
    assert not ledger.dropped
    assert not ledger.repairs


def test_a_folder_is_read_with_those_in_it(tmp_path: Path) -> None:
    for name in ("in/b", "in/a", "in/a/c", "in/v1.2"):
        write(tmp_path, name, f"{name}.\n", "")
    (tmp_path / "in" / "readme.txt").write_text("no document")
    sentences, ledger = brat(tmp_path, "in")
    assert [sentence.text for sentence in sentences] == ["in/a/c.", "in/a.", "in/b.", "in/v1.2."]
    assert ledger.documents == 4
    (entry,) = ledger.dropped["text without annotations"]
    assert (entry.place.path.name, entry.what) == ("readme.txt", "readme.ann is not there")


def test_a_folder_that_is_not_read_is_named_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "in/a", TEXT, ANN)
    write(tmp_path, "in/locked/b", TEXT, ANN)
    (tmp_path / "in" / "loop").symlink_to("..")
    _, ledger = brat(tmp_path, "in")
    (entry,) = ledger.dropped["link to a folder"]
    assert str(entry.place) == str(tmp_path / "in" / "loop")
    scandir = os.scandir

    def locked(path: str) -> Any:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    with pytest.raises(DataError, match="in: cannot be read: Permission denied"):
        brat(tmp_path, "in")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("T1\tGene 8 11", "expected a mention as 'T1<tab>Type start end<tab>wording'"),
        ("T1 Gene 8 11 p53", "found 'T1 Gene 8 11 p53'"),
        ("T1\tGene 8 1O\tp53", "expected a mention"),
        ("T1\tGene -8 11\tp53", "expected a mention"),
        ("T1\tGene 8 11;\tp53", "expected a mention"),
        ("X1\tGene 8 11\tp53", "or a line that starts with one of R E A M N # \\*"),
    ],
)
def test_faults_name_the_line(tmp_path: Path, line: str, message: str) -> None:
    write(tmp_path, "in/a", TEXT, f"T1\tGene 8 11\tp53\n{line}\n")
    with pytest.raises(DataError, match=message) as caught:
        brat(tmp_path, "in")
    assert (caught.value.path.name, caught.value.line) == ("a.ann", 2)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_files_that_are_missing_or_of_another_kind(tmp_path: Path) -> None:
    write(tmp_path, "in/a", TEXT, ANN)
    (tmp_path / "in" / "a.txt").unlink()
    with pytest.raises(DataError, match=r"a\.txt: there is no such file"):
        brat(tmp_path, "in")
    (tmp_path / "b.txt").write_text("alone")
    with pytest.raises(DataError, match=r"b\.ann: there is no such file"):
        brat(tmp_path, "b.txt")
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match=r"expected \.ann files in this folder; found none"):
        brat(tmp_path, "none")
    with pytest.raises(DataError, match=r"expected a folder, \.txt files or \.ann files"):
        brat(tmp_path, "a.conf")
    (tmp_path / "in" / "a.txt").write_bytes(b"Loss\nof \xff")
    with pytest.raises(DataError, match=r"a\.txt:2: expected utf-8 text; found the byte 0xFF"):
        brat(tmp_path, "in")


def test_nothing_in_the_folder_is_overwritten(tmp_path: Path) -> None:
    write(tmp_path, "in/a", TEXT, "")
    with pytest.raises(ConfigError, match="would overwrite"):
        convert("brat", [tmp_path / "in"], tmp_path / "in" / "a.txt")
    assert (tmp_path / "in" / "a.txt").read_text() == TEXT


def test_a_file_of_corpora_may_name_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "in/a", TEXT, "T1\tGene 8 11\tp53\n")
    split = "splits: {train: {input: in, out: out.conv}}"
    Path("corpora.yaml").write_text(f"A: {{converter: brat, {split}}}")
    (conversion,) = load_conversions(Path("corpora.yaml"))
    assert conversion.run().mentions == {"Gene": 1}
    Path("corpora.yaml").write_text(f"A: {{converter: conll, {split}}}")
    with pytest.raises(ConfigError, match="in is not a plain file"):
        load_conversions(Path("corpora.yaml"))


@given(documents=st.lists(raw_documents(1, "\n\r"), min_size=1, max_size=4))
@settings(max_examples=40)
def test_every_mention_is_written_or_in_the_ledger(documents: list[RawDocument]) -> None:
    documents.append(RawDocument(["The end."], []))
    with TemporaryDirectory() as folder:
        for number, document in enumerate(documents):
            rows = []
            for mention in document.mentions:
                wording = document.wording(mention).replace("\n", " ").replace("\r", " ")
                tag = mention.tag.replace(" ", "_")
                rows.append(f"T{len(rows)}\t{tag} {mention.start} {mention.end}\t{wording}\n")
            write(Path(folder), f"in/{number}", document.text, "".join(rows))
        named = [
            RawDocument(
                [document.text],
                [Span(m.start, m.end, m.tag.replace(" ", "_")) for m in document.mentions],
            )
            for document in documents
        ]
        check_conversion("brat", [Path(folder, "in")], Path(folder, "out"), named)
