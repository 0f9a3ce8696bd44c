"""Readers of raw documents: the exact text comes back, and damage is one failure a document."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtner_cli.core.convert.sentence_splitting import Document, edges_of_document
from mtner_cli.core.documents.items import Failure, Fields, Item
from mtner_cli.core.documents.sources import FORMATS, Source, list_sources, read_source
from mtner_cli.core.files.packed import InputPath


def read(
    folder: Path, name: str, content: str | bytes, fields: Fields | None = None, form: str = ""
) -> list[Item]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    (source,) = list_sources([str(path)], form or None)
    return list(read_source(source, InputPath.of(source.path), fields or Fields()))


def texts(items: list[Item]) -> list[tuple[str, str]]:
    return [(item.identifier, item.text) for item in items if isinstance(item, Document)]


def faults(items: list[Item]) -> list[tuple[int | None, str]]:
    return [(item.place.line, item.reason) for item in items if isinstance(item, Failure)]


def sentences(item: Item) -> list[str]:
    assert isinstance(item, Document)
    return [item.text[start:end] for start, end in edges_of_document(item)]


ANY = st.text(st.characters(exclude_categories=["Cs"]))
STRANGE = "\ufeff e\u0301 \u200b\x00\x1c \u2028 \u202eabc\r\nd\re\tf \U0001f600"


@given(ANY)
def test_a_text_is_kept_as_it_is(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("texts")
    for name, content in (("a.b.txt", text.encode()), ("a.b.txt.gz", gzip.compress(text.encode()))):
        for form in ("text", "brat"):
            assert texts(read(folder, name, content, form=form)) == [("a.b", text)]


@given(st.lists(ANY), st.booleans())
def test_texts_of_json_lines_are_kept(
    tmp_path_factory: pytest.TempPathFactory, given_texts: list[str], escaped: bool
) -> None:
    lines = "".join(
        json.dumps({"id": number, "text": text}, ensure_ascii=escaped) + "\n"
        for number, text in enumerate(given_texts)
    )
    found = texts(read(tmp_path_factory.mktemp("json"), "a.jsonl", lines))
    assert found == [(str(number), text) for number, text in enumerate(given_texts)]


@pytest.mark.parametrize(("suffix", "delimiter"), [("csv", ","), ("tsv", "\t")])
@given(st.lists(ANY))
def test_texts_of_tables_are_kept(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, delimiter: str, given_texts: list[str]
) -> None:
    file = io.StringIO()
    rows = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    rows.writerows([["pmid", "abstract"], *([f"n{n}", text] for n, text in enumerate(given_texts))])
    fields = Fields("abstract", "pmid")
    found = texts(read(tmp_path_factory.mktemp("csv"), f"a.{suffix}", file.getvalue(), fields))
    assert found == [(f"n{number}", text) for number, text in enumerate(given_texts)]


def test_texts_of_parquet_are_kept(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    many = [f"{number} {STRANGE}" for number in range(700)]
    table = pyarrow.table({"id": range(700), "text": [*many[:-1], None], "other": many})
    parquet.write_table(table, tmp_path / "a.parquet")
    content = (tmp_path / "a.parquet").read_bytes()
    items = read(tmp_path, "a.parquet", content)
    assert texts(items) == [(str(n), text) for n, text in enumerate(many[:-1])]
    assert faults(items) == [(700, "expected text under text; found null")]
    (missing,) = faults(read(tmp_path, "a.parquet", content, Fields("body")))
    assert "no column body" in missing[1]
    (broken,) = faults(read(tmp_path, "a.parquet", content[:-9]))
    assert "cannot be read as Parquet" in broken[1]


def test_half_characters_and_pairs_in_json(tmp_path: Path) -> None:
    (item,) = read(tmp_path, "a.jsonl", r'{"text": "\ud83d\ude00 \ud83d x"}')
    assert texts([item]) == [("a:1", "\U0001f600 \ud83d x")]


LINES = (
    rb"""{"text": "one", "id": "x"}
no json
["text"]
{"text": 1}

{"body": "t"}
{"text": "a", "text": "b"}
{"text": "bad """
    + b"\xff"
    + rb""""}
{"text": "c", "id": []}
{"text": "last", "id": 7}"""
)


def test_every_damaged_line_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    items = read(tmp_path, "a.jsonl", LINES)
    assert texts(items) == [("x", "one"), ("7", "last")]
    parts = ["JSON object", "one JSON object", "found 1", "keys are: body", "twice", "0xFF", "name"]
    found = faults(items)
    assert [line for line, _ in found] == [2, 3, 4, 6, 7, 8, 9]
    assert all(part in reason for part, (_, reason) in zip(parts, found, strict=True))
    wanted = faults(read(tmp_path, "b.jsonl", b'{"text": "a"}', Fields("text", "pmid")))
    assert wanted == [(1, "expected a name or a number under pmid; found nothing")]


def test_damaged_rows_are_named_and_the_others_are_read(tmp_path: Path) -> None:
    rows = b'id,text\n1,"a ""b"""\n2,one,two\n\n3\n4,\xff\n5,"x"y\n6,z\n'
    items = read(tmp_path, "a.csv", rows)
    assert texts(items) == [("1", 'a "b"'), ("6", "z")]
    assert [line for line, _ in faults(items)] == [3, 5, 6, 7]
    assert faults(read(tmp_path, "b.csv", "id,title\n1,a\n"))[0][0] == 1
    assert "the first row" in faults(read(tmp_path, "c.csv", ""))[0][1]
    assert faults(read(tmp_path, "d.csv", 'text\n"never closed\nx\n'))


PUBTATOR = b"""11|t|Fever in mice.
11|a|It rose; p53 did not.
11\t0\t5\tFever\tDisease\tD005334
11\tno offsets

12|t|Bad \xff
12|a|more

13|a|no title

14|t|Flu
a line of nothing
14|a|x

15|t|
15|a|Only an abstract."""


@pytest.mark.parametrize("name", ["a.PubTator", "a.pubtator.txt", "corpus.txt"])
def test_pubtator(tmp_path: Path, name: str) -> None:
    items = read(tmp_path, name, PUBTATOR)
    assert texts(items) == [
        ("11", "Fever in mice. It rose; p53 did not."),
        ("15", " Only an abstract."),
    ]
    assert [line for line, _ in faults(items)] == [6, 9, 12]
    assert sentences(items[0]) == ["Fever in mice.", "It rose; p53 did not."]


@pytest.mark.parametrize("content", ["", "1\t0\t3\tp53\tGene", "1\t2|t|Fever"])
def test_a_pubtator_file_without_documents_is_a_failure(tmp_path: Path, content: str) -> None:
    ((_, reason),) = faults(read(tmp_path, "a.pubtator", content))
    assert "id|t|title" in reason


BIOC: dict[str, Any] = {
    "documents": [
        {
            "id": "1",
            "passages": [
                {"offset": 0, "text": "Fever", "annotations": [{"locations": "damaged"}]},
                {"offset": 8, "sentences": [{"offset": 8, "text": "p53 rose"}]},
            ],
        },
        {"id": "2", "passages": [{"offset": 0, "text": "a"}, {"offset": 0, "text": "b"}]},
        {"passages": []},
        {"id": "3", "passages": [{"offset": 0, "text": "last"}]},
    ]
}


def test_bioc_json(tmp_path: Path) -> None:
    items = read(tmp_path, "a.json", json.dumps(BIOC, indent=1))
    assert texts(items) == [("1", "Fever   p53 rose"), ("3", "last")]
    assert sentences(items[0]) == ["Fever", "p53 rose"]
    assert len(faults(items)) == 2
    assert "found none" in faults(read(tmp_path, "b.json", "{}"))[0][1]


def test_bioc_xml_is_read_up_to_its_damage(tmp_path: Path) -> None:
    one = (
        "<document><id>1</id><passage><offset>0</offset><text>a &lt; b</text></passage></document>"
    )
    items = read(tmp_path, "a.xml", f"<collection>{one}<document><id>2</id></oops>")
    assert texts(items) == [("1", "a < b")]
    ((_, reason),) = faults(items)
    assert "mismatched tag" in reason
    assert "read up to here only" in reason


PUBMED = """<?xml version="1.0"?>
<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January 2025//EN"
 "https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_250101.dtd">
<PubmedArticleSet>
<PubmedArticle><MedlineCitation><PMID Version="1">77</PMID><Article>
  <ArticleTitle>Fever &amp; <i>TNF</i>-&alpha; in
     mice.</ArticleTitle>
  <Abstract><AbstractText Label="AIM">To see 10<sup>6</sup> cells.</AbstractText>
  <AbstractText Label="UNLABELLED">None.</AbstractText>
  <CopyrightInformation>C</CopyrightInformation></Abstract></Article><OtherAbstract><AbstractText>Fievre.</AbstractText></OtherAbstract>
  <CommentsCorrectionsList><CommentsCorrections><PMID Version="1">5</PMID></CommentsCorrections>
  </CommentsCorrectionsList></MedlineCitation></PubmedArticle>
<PubmedArticle><MedlineCitation><PMID Version="3">78</PMID><Article>
  <ArticleTitle>&nosuchname;</ArticleTitle></Article></MedlineCitation></PubmedArticle>
<PubmedBookArticle><BookDocument><PMID Version="2">79</PMID><ArticleTitle>Book.</ArticleTitle>
  </BookDocument></PubmedBookArticle>
<DeleteCitation><PMID Version="1">80</PMID></DeleteCitation>
</PubmedArticleSet>"""


def test_pubmed(tmp_path: Path) -> None:
    items = read(tmp_path, "a.xml.gz", gzip.compress(PUBMED.encode()))
    assert texts(items) == [
        ("77", "Fever & TNF-\u03b1 in mice.\nAIM: To see 106 cells.\nNone."),
        ("79.2", "Book."),
    ]
    assert faults(items) == [(14, "the entity 'nosuchname' is not known here: write what it means")]
    assert sentences(items[0])[1] == "AIM: To see 106 cells."


JATS = """<!DOCTYPE article PUBLIC "-//NLM//DTD JATS//EN" "JATS-archivearticle1.dtd">
<article><front><journal-meta><journal-title-group><journal-title>J</journal-title>
</journal-title-group></journal-meta><article-meta>
<article-id pub-id-type="pmid">9</article-id><article-id pub-id-type="pmc">123</article-id>
<title-group><article-title>On <italic>TP53</italic></article-title></title-group>
<permissions><license><license-p>CC</license-p></license></permissions>
<abstract><title>Summary</title><p>Short.</p></abstract>
<trans-abstract><p>Court.</p></trans-abstract></article-meta></front>
<body><sec><label>1</label><title>Start</title><p>Seen in mice<sup><xref ref-type="bibr">1</xref>,
<xref ref-type="bibr">2</xref></sup>&mdash;and men<fig><label>Fig 1</label><caption><p>A mouse.</p>
</caption></fig> too.</p><table-wrap><table><tr><td>cell &unknown;</td></tr></table></table-wrap>
</sec></body><back><ref-list><ref><article-title>Other</article-title></ref></ref-list></back>
<sub-article><body><p>Reply.</p></body></sub-article></article>"""


@pytest.mark.parametrize("name", ["a.nxml", "a.xml"])
def test_jats(tmp_path: Path, name: str) -> None:
    (item,) = read(tmp_path, name, JATS)
    assert texts([item]) == [
        (
            "PMC123",
            "On TP53\nSummary\nShort.\nStart\nSeen in mice 1, 2\u2014and men\nA mouse.\ntoo.",
        )
    ]


BOMB = '<!DOCTYPE a [<!ENTITY b "bbb"><!ENTITY c "&b;&b;&b;">]><PubmedArticleSet>&c;'


@pytest.mark.parametrize("form", ["pubmed", "jats", "bioc"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [(BOMB, "entities are refused"), ("<a><b></a>", "mismatched"), ("<a/>", "found none")],
)
def test_xml_that_is_refused(tmp_path: Path, form: str, content: str, reason: str) -> None:
    (fault,) = faults(read(tmp_path, "a.xml", content, form=form))
    assert reason in fault[1]


def test_brat_ends_a_sentence_at_each_line_and_ignores_annotations(tmp_path: Path) -> None:
    (tmp_path / "a.ann").write_text("damaged")
    (item,) = read(tmp_path, "a.txt", "Fever\nand flu\r\n")
    assert texts([item]) == [("a", "Fever\nand flu\r\n")]
    assert sentences(item) == ["Fever", "and flu"]


@pytest.mark.parametrize("form", FORMATS)
@given(st.binary(max_size=300) | ANY.map(str.encode))
def test_any_bytes_give_documents_or_failures(
    tmp_path_factory: pytest.TempPathFactory, form: str, content: bytes
) -> None:
    read(tmp_path_factory.mktemp("bytes"), "a", content, form=form)


SEEDS = {
    "jsonl": LINES,
    "csv": b'id,text\n1,"a ""b"""\n2,c\n',
    "pubtator": PUBTATOR,
    "bioc": json.dumps(BIOC).encode(),
    "pubmed": PUBMED.encode(),
    "jats": JATS.encode(),
}


@pytest.mark.parametrize("form", SEEDS)
@given(st.data())
def test_a_damaged_file_gives_something_for_what_it_holds(
    tmp_path_factory: pytest.TempPathFactory, form: str, data: st.DataObject
) -> None:
    content = bytearray(SEEDS[form])
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        length = data.draw(st.integers(0, 9))
        content[place : place + length] = data.draw(st.binary(max_size=4))
    items = read(tmp_path_factory.mktemp("damaged"), "a", bytes(content), form=form)
    is_header = form == "csv" and len(bytes(content).splitlines()) <= 1
    assert items or not content.strip() or is_header


def test_an_unreadable_file_is_a_failure(tmp_path: Path) -> None:
    source = Source(str(tmp_path / "gone.txt"), "text")
    items = list(read_source(source, InputPath.of(source.path), Fields()))
    assert faults(items) == [(None, "there is no such file")]
