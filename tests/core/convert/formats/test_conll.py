from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtner_cli.core.convert.conversion import convert
from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.corpus.action_files import read_corpus
from mtner_cli.core.types import Sentence, Span
from mtner_cli.errors import ConfigError, DataError

# As in the wild: a byte order mark, CRLF, a sentence break of spaces, no blank line at the end.
FOUR_COLUMNS = (
    "\ufeff-DOCSTART- -X- O O\r\n"
    "\r\n"
    "EU NNP I-NP I-ORG\r\n"
    "Paris NNP I-NP I-LOC\r\n"
    "Rome NNP I-NP B-LOC\r\n"
    "   \r\n"
    "-DOCSTART- -X- -X- O\r\n"
    "\r\n"
    "\r\n"
    "So RB O O\r\n"
    "says VBZ O O\r\n"
    "Ann NNP I-NP I-PER"
)


def conll(folder: Path, *contents: str, **options: object) -> tuple[list[Sentence], Ledger]:
    inputs = []
    for number, content in enumerate(contents):
        inputs.append(folder / f"input{number}.tsv")
        inputs[-1].write_bytes(content.encode())
    out = folder / "out.txt"
    ledger = convert("conll", inputs, out, "simple", **options)
    return list(read_corpus(out, "simple")), ledger


def test_conll_2003_as_it_is_distributed(tmp_path: Path) -> None:
    sentences, ledger = conll(tmp_path, FOUR_COLUMNS)
    assert sentences == [
        Sentence.of_words(
            ["EU", "Paris", "Rome"], [Span(0, 1, "ORG"), Span(1, 2, "LOC"), Span(2, 3, "LOC")], "0"
        ),
        Sentence.of_words(["So", "says", "Ann"], [Span(2, 3, "PER")], "1"),
    ]
    assert (ledger.documents, ledger.sentences, ledger.words) == (2, 2, 6)
    assert ledger.mentions == {"ORG": 1, "LOC": 2, "PER": 1}
    assert not ledger.dropped
    assert not ledger.repairs


def test_mentions_that_touch_or_end_the_sentence(tmp_path: Path) -> None:
    content = (
        "renal\tB-Disease\nfailure\tI-Disease\nnausea\tB-Disease\n\nof\tO\naspirin\tB-Chemical\n"
    )
    sentences, _ = conll(tmp_path, content)
    assert [s.mentions for s in sentences] == [
        (Span(0, 2, "Disease"), Span(2, 3, "Disease")),
        (Span(1, 2, "Chemical"),),
    ]


def test_columns_are_counted_from_both_ends(tmp_path: Path) -> None:
    content = "1\tAnn\tB-PER\tO\n2\tsang\tO\tO\n"
    by_front, _ = conll(tmp_path, content, word_column=2, tag_column=3)
    by_back, _ = conll(tmp_path, content, word_column=-3, tag_column=-2)
    assert by_front == by_back == [Sentence.of_words(["Ann", "sang"], [Span(0, 1, "PER")])]
    with pytest.raises(ConfigError, match="not from 0"):
        conll(tmp_path, content, tag_column=0)


def test_a_word_with_white_space_is_repaired_and_counted(tmp_path: Path) -> None:
    sentences, ledger = conll(tmp_path, "in\tO\nER- cells\tB-cell_line\n")
    assert sentences == [Sentence.of_words(["in", "ER-_cells"], [Span(1, 2, "cell_line")])]
    (entry,) = ledger.repairs["white space in a word became _"]
    assert (entry.place.line, entry.what) == (1, "'ER- cells'")


def test_files_are_concatenated_each_in_its_own_scheme(tmp_path: Path) -> None:
    documents = "-DOCSTART-\tO\n\n{}\n-DOCSTART-\tO\n\n{}\n"
    sentences, ledger = conll(
        tmp_path,
        documents.format("a\tB-X\n", "b\tO\n"),
        documents.format("c\tI-X\n", "d\tS-Y\n").replace("S-Y", "I-Y"),
    )
    assert [(s.text, s.document) for s in sentences] == [
        ("a", "0"), ("b", "1"), ("c", "2"), ("d", "3"),
    ]  # fmt: skip
    assert ledger.documents == 4


@pytest.mark.parametrize(
    ("line", "name"),
    [("-DOCSTART- (PMID 12)", "PMID 12"), ("-DOCSTART-\t( 7 )\tO", "7"), ("-DOCSTART- () O", "0")],
)
def test_a_document_start_may_name_its_document(tmp_path: Path, line: str, name: str) -> None:
    (sentence,), _ = conll(tmp_path, f"{line}\n\na B-X\n")
    assert sentence.document == name


@pytest.mark.parametrize("encoding", ["simple", "simple-char"])
def test_both_encodings_hold_the_same_mentions(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "in.tsv").write_text("Für\tO\nÄrzte\tB-X\n(\tI-X\n")
    convert("conll", [tmp_path / "in.tsv"], tmp_path / "out", encoding)  # type: ignore[arg-type]
    (sentence,) = read_corpus(tmp_path / "out", encoding)  # type: ignore[arg-type]
    (mention,) = sentence.mentions
    content = sentence.words or sentence.text
    assert " ".join(content[mention.start : mention.end]).replace(" ", "") == "Ärzte("


def test_another_charset(tmp_path: Path) -> None:
    (tmp_path / "in.tsv").write_bytes("Müller\tB-PER\n".encode("latin-1"))
    convert("conll", [tmp_path / "in.tsv"], tmp_path / "out", charset="latin-1")
    assert (tmp_path / "out").read_text(encoding="utf-8").startswith("Müller")


@pytest.mark.parametrize(
    ("content", "options", "line", "message"),
    [
        ("a O\nb\n", {}, 2, "expected 2 columns, as before; found 1: 'b'"),
        ("O\n", {}, 1, "expected at least 2 columns, split by tabs or spaces; found 1"),
        ("a O\n", {"tag_column": 3}, 1, "expected at least 3 columns"),
        ("a NN I-NP O\nb NN I-NP\n", {}, 2, "expected 4 columns, as before; found 3"),
        ("a\tO\n\nb\tDisease\n", {}, 3, "expected O or a tag such as B-Disease; found 'Disease'"),
        ("a B-X\nb I-X\n\nc O\nd I-X\n", {}, 5, "'I-X' must follow 'B-X' or 'I-X' in iob2"),
        ("a B-X\nb O\n", {"scheme": "iobes"}, 2, "must be closed by 'E-X'"),
        # The last column holds no tags, another one does: the cure is its number.
        (
            "-DOCSTART- -X- 0\n\nEU B-ORG 0\n",
            {},
            3,
            "column 2 holds only tags, so .* --tag-column 2$",
        ),
        ("a B-X NN\nb O 0\n", {"scheme": "bio"}, 1, "'NN': column 2 .* give --tag-column 2$"),
        ("a NN B-X\nb 0 O\n", {"tag_column": -2}, 1, "column 3 holds only tags"),
        ("a x B-X\nb y NN\n", {}, 2, r"name its scheme \(--scheme\) or the .* \(--tag-column\)$"),
        ("a B-X I-Y\n", {"scheme": "bio"}, 1, r"'I-Y' must follow .*: fix the file"),
        (
            "a\tO\n\n-DOCSTART-\tB-Disease\n",
            {},
            3,
            "no mention on a -DOCSTART- line; .* 'B-Disease'",
        ),
        ("-DOCSTART- -X- B-X O\n", {"tag_column": 3}, 1, "found the tag 'B-X': write O there"),
        ("a\tO\n" + "x" * 1_000_000, {}, 2, r"x{199}'\.\.\. \(1,000,000 characters\)$"),
        ("a\tB-" + "x" * 1_000_000 + "\nb\tI-y", {}, 2, r"^.{,800}$"),
        ("\n  \n-DOCSTART- O\n", {}, None, "expected sentences; found none"),
        ("", {}, None, "expected sentences; found none"),
    ],
)
def test_faults_name_the_line_and_leave_no_output(
    tmp_path: Path, content: str, options: dict[str, object], line: int | None, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        conll(tmp_path, content, **options)
    assert caught.value.line == line
    assert [path.name for path in tmp_path.iterdir()] == ["input0.tsv"]


@given(st.lists(st.lists(st.sampled_from(["O", "B-X", "B-Y", "I-X"]), max_size=3), max_size=5))
@settings(max_examples=100)
def test_every_mention_is_written_or_the_file_is_refused(sentences: list[list[str]]) -> None:
    rows = ["\n".join(f"a\t{tag}" for tag in tags) for tags in sentences]
    content = "-DOCSTART-\tO\n\n".join(f"{row}\n\n" for row in rows) + "end\tO\n"
    with TemporaryDirectory() as folder, suppress(DataError):
        _, ledger = conll(Path(folder), content, scheme="bio")
        assert ledger.mentions.total() == content.count("B-")
        assert ledger.words == content.count("a\t") + 1
        assert not ledger.dropped


REAL = {
    "BC5CDR/train.tsv": (0, 4560, 118170, {"Chemical": 5203, "Disease": 4182}),
    "BC5CDR/devel.tsv": (0, 4581, 117453, {"Chemical": 5347, "Disease": 4246}),
    "BC5CDR/test.tsv": (0, 4797, 124750, {"Chemical": 5385, "Disease": 4424}),
    "NCBI-disease/train.tsv": (0, 5424, 135701, {"Disease": 5134}),
    "NCBI-disease/devel.tsv": (0, 923, 23969, {"Disease": 787}),
    "NCBI-disease/test.tsv": (0, 940, 24497, {"Disease": 960}),
    "JNLPBA/devel.tsv": (
        200,
        1739,
        47461,
        {"DNA": 1052, "RNA": 107, "cell_line": 400, "cell_type": 526, "protein": 2466},
    ),
}


@pytest.mark.parametrize("name", REAL)
def test_real_corpora_keep_every_mention(tmp_path: Path, shared_data: Path, name: str) -> None:
    ledger = convert("conll", [shared_data / name], tmp_path / "out.txt")
    counts = (ledger.documents, ledger.sentences, ledger.words, dict(ledger.mentions))
    assert counts == REAL[name]
    assert not ledger.dropped
    written = list(read_corpus(tmp_path / "out.txt", "simple"))
    assert sum(len(s.mentions) for s in written) == ledger.mentions.total()


def test_a_word_that_only_begins_as_a_document_start_is_a_word(tmp_path: Path) -> None:
    (tmp_path / "in.tsv").write_text("-DOCSTART-\tO\n\n-DOCSTART-like\tB-Protein\n")
    ledger = convert("conll", [tmp_path / "in.tsv"], tmp_path / "out.txt")
    assert (ledger.documents, ledger.words, ledger.mentions["Protein"]) == (1, 1, 1)
