from __future__ import annotations

from collections import Counter
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
from tests.core.convert.strategies import RawDocument, check_conversion, raw_documents

FILE = """12|t|Loss of p53 in mice
12|a|TP53 was lost. Mice (M. musculus) died.
12	8	11	p53	Gene	NCBI Gene:7157
12	15	19	mice	Species
12	20	24	TP53	Gene	7157	extra
12	35	39	Mice	Species\t
12	41	52	M. musculus	Species	10090
12	Association	7157	10090
12	Association	7157	10090	Novel	No

13|t|Nothing was found.
13|a|

14|t|The IL-2 gene
14	4	12	IL-2 gene	DNA
14	4	8	IL-2
14	4	13	IL-2 gene	DNA	a	b
"""


def pubtator(folder: Path, content: str) -> tuple[list[Sentence], Ledger]:
    (folder / "in.txt").write_text(content, encoding="utf-8")
    ledger = convert("pubtator", [folder / "in.txt"], folder / "out.txt")
    return list(read_corpus(folder / "out.txt", "simple-char")), ledger


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_titles_and_abstracts_with_four_to_seven_columns(tmp_path: Path, line_end: str) -> None:
    sentences, ledger = pubtator(tmp_path, FILE.replace("\n", line_end))
    assert sentences == [
        Sentence.of_text(
            "Loss of p53 in mice", [Span(8, 11, "Gene"), Span(15, 19, "Species")], "12"
        ),
        Sentence.of_text("TP53 was lost.", [Span(0, 4, "Gene")], "12", 20),
        Sentence.of_text(
            "Mice (M. musculus) died.", [Span(0, 4, "Species"), Span(6, 17, "Species")], "12", 35
        ),
        Sentence.of_text("Nothing was found.", [], "13"),
        Sentence.of_text("The IL-2 gene", [Span(4, 13, "DNA")], "14"),
    ]
    assert ledger.documents == 3
    assert {
        reason: [(place.line, what) for place, what in entries]
        for reason, entries in ledger.dropped.items()
    } == {
        "relation between mentions": [
            (8, "Association\t7157\t10090"),
            (9, "Association\t7157\t10090\tNovel\tNo"),
        ],
        "mention with other text at its offsets": [
            (15, "DNA [4, 12) 'IL-2 gene' in document 14, where the text is 'IL-2 gen'")
        ],
        "mention without a type": [(16, " [4, 8) 'IL-2' in document 14")],
    }


def test_equal_ids_are_different_documents(tmp_path: Path) -> None:
    sentences, ledger = pubtator(tmp_path, "0|t|One.\n0|a|Two.\n\n0|t|Three.\n")
    assert [sentence.document for sentence in sentences] == ["0", "0", "0 (2)"]
    assert str(ledger.repairs["name of an earlier document"][0].place).endswith("in.txt:4")
    assert ledger.documents == 2


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("PMID\n", 1, r"expected 'id\|t\|title', 'id\|a\|abstract', or a mention"),
        ("1|t|a\n1\t0\t1\n", 2, "or a mention as id, start, end, wording, type"),
        ("1|t|a\n1" + "\t0" * 7, 2, "found '1\\\\t0"),
        ("1|a|b\n", 1, r"expected the line '1\|t\|title' right before this abstract"),
        ("1|t|a\n2|a|b\n", 2, r"expected the line '2\|t\|title'"),
        ("1|t|a\n1|a|b\n1|a|c\n", 3, r"expected the line '1\|t\|title'"),
        ("1\t0\t1\ta\tGene\n", 1, "the lines of document .1. below its title and abstract"),
        ("1|t|a\n\n2\t0\t1\ta\tGene\n", 3, "the lines of document .2. below"),
        ("1|t|a\n1\t0\t1O\ta\tGene\n", 2, "start and end as whole numbers"),
        ("1|t|a\n1\t-1\t1\ta\tGene\n", 2, "start and end as whole numbers"),
        ("1|t|a\n1\t0\t" + "9" * 5000 + "\ta\tGene\n", 2, "start and end as whole numbers"),
        ("1|t|\n", None, "expected sentences; found none"),
        ("", None, "expected sentences; found none"),
    ],
)
def test_faults_name_the_line(tmp_path: Path, content: str, line: int | None, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        pubtator(tmp_path, content)
    assert caught.value.line == line
    assert [path.name for path in tmp_path.iterdir()] == ["in.txt"]


def test_it_cannot_be_written_as_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pubtator can be written as simple-char, not as simple"):
        convert("pubtator", [tmp_path / "in"], tmp_path / "out", "simple")


@given(documents=st.lists(raw_documents(2, "\u2028\x0b"), min_size=1, max_size=4))
@settings(max_examples=60)
def test_every_mention_is_written_or_in_the_ledger(documents: list[RawDocument]) -> None:
    documents.append(RawDocument(["The end.", ""], []))
    lines = []
    for number, document in enumerate(documents):
        title, abstract = document.passages
        lines += [f"{number}|t|{title}", f"{number}|a|{abstract}"]
        for mention in document.mentions:
            row = (number, mention.start, mention.end, document.wording(mention), mention.tag)
            lines.append("\t".join(map(str, row)))
        lines.append("")
    with TemporaryDirectory() as folder:
        path = Path(folder, "in.txt")
        path.write_text("\n".join(lines), encoding="utf-8")
        check_conversion("pubtator", [path], Path(folder, "out.txt"), documents)


def test_tmvar_is_complete(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "tmVar3" / "tmvar_v3.txt"
    ledger = convert("pubtator", [source], tmp_path / "out.txt")
    assert (ledger.documents, ledger.mentions) == (
        500,
        {
            "Gene": 4059, "Species": 1756, "ProteinMutation": 719, "DNAMutation": 634,
            "OtherMutation": 258, "SNP": 135, "AcidChange": 93, "DNAAllele": 69,
            "ProteinAllele": 67, "CellLine": 47,
        },
    )  # fmt: skip
    assert ledger.mentions.total() == 7837
    assert not ledger.dropped
    assert not ledger.repairs
    rows = [line.split("\t") for line in source.read_text(encoding="utf-8").splitlines()]
    assert Counter((row[4], row[3]) for row in rows if len(row) > 1) == Counter(
        (mention.tag, sentence.text[mention.start : mention.end])
        for sentence in read_corpus(tmp_path / "out.txt", "simple-char")
        for mention in sentence.mentions
    )
