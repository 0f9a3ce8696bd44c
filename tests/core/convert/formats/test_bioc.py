from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtner_cli.core.convert.conversion import convert
from mtner_cli.core.convert.formats import bioc_files
from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.corpus.action_files import read_corpus
from mtner_cli.core.types import Sentence, Span
from mtner_cli.errors import DataError
from tests.core.convert.strategies import RawDocument, check_conversion, raw_documents

XML = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE collection SYSTEM "BioC.dtd">
<collection><source>PubMed</source><date>2026</date><key>bioc.key</key>
<document><id>77</id>
<passage><infon key="type">title</infon><offset>0</offset><text>IFN-&#947; &amp; p53</text>
<annotation id="0"><infon key="type">Gene</infon>
<location offset="0" length="5"/><text>IFN-γ</text></annotation>
<annotation id="1"><infon key="type">Gene</infon>
<location offset="8" length="3"/><location offset="14" length="3"/><text>p53 was</text></annotation>
<annotation id="2"><infon key="type">Gene</infon><text>p53</text></annotation>
</passage>
<passage><infon key="type">abstract</infon><offset>12</offset>
<sentence><offset>12</offset><text>It was.</text>
<annotation id="3"><infon key="note">none</infon>
<location offset="12" length="2"/><text>It</text></annotation></sentence>
<sentence><offset>20</offset><text>Mice died</text>
<annotation id="4"><infon key="type">Species</infon>
<location offset="20" length="4"/><text>Mouse</text></annotation>
<annotation id="5"><infon key="type">Species</infon>
<location offset="20" length="4"/><text>Mice</text></annotation></sentence>
</passage>
<relation id="R0"><infon key="type">Association</infon><node refid="0" role="a"/></relation>
</document>
<document><id>78</id></document>
</collection>
"""


def bioc(folder: Path, content: str) -> tuple[list[Sentence], Ledger]:
    (folder / "in").write_text(content, encoding="utf-8")
    ledger = convert("bioc", [folder / "in"], folder / "out.txt")
    return list(read_corpus(folder / "out.txt", "simple-char")), ledger


def test_passages_and_sentences_of_xml(tmp_path: Path) -> None:
    sentences, ledger = bioc(tmp_path, XML)
    assert sentences == [
        Sentence.of_text("IFN-γ & p53", [Span(0, 5, "Gene")], "77"),
        Sentence.of_text("It was.", [], "77", 12),
        Sentence.of_text("Mice died", [Span(0, 4, "Species")], "77", 20),
    ]
    assert {
        reason: [(place.line, what) for place, what in entries]
        for reason, entries in ledger.dropped.items()
    } == {
        "discontinuous mention": [(8, "Gene 'p53 was' in document 77, [8, 11), [14, 17)")],
        "mention without a location": [(10, "Gene 'p53' in document 77")],
        "mention without a type": [(14, " [12, 14) 'It' in document 77")],
        "mention with other text at its offsets": [
            (17, "Species [20, 24) 'Mouse' in document 77, where the text is 'Mice'")
        ],
        "relation between mentions": [(22, "in document 77")],
        "document without text": [(24, "78")],
    }


def record(identifier: str | int = "1", **passage: Any) -> dict[str, Any]:
    made = {"offset": 0, "infons": {}, "text": "p53 in mice", "sentences": [], "relations": []}
    location = {"offset": 7, "length": 4}
    mice = {"id": "T1", "infons": {"type": "Species"}, "text": "mice", "locations": [location]}
    return {"id": identifier, "passages": [{**made, "annotations": [mice], **passage}]}


ONE, OTHER = record(1), record("2", text="In a mice", offset=2)


@pytest.mark.parametrize(
    "content",
    [
        json.dumps({"source": "", "documents": [ONE, OTHER], "infons": {}}),
        json.dumps({"documents": [ONE, OTHER]}, indent=1),
        json.dumps([{"documents": [ONE]}, {"documents": [OTHER]}]),
        f"\ufeff{json.dumps(ONE)}\n{json.dumps(OTHER)}\n",
    ],
    ids=["collection", "indented", "collections", "lines"],
)
def test_json_of_every_shape(tmp_path: Path, content: str) -> None:
    sentences, ledger = bioc(tmp_path, content)
    assert sentences == [
        Sentence.of_text("p53 in mice", [Span(7, 11, "Species")], "1"),
        Sentence.of_text("In a mice", [Span(5, 9, "Species")], "2", 2),
    ]
    assert not ledger.dropped


def test_a_passage_may_give_its_text_in_sentences_as_well(tmp_path: Path) -> None:
    passage = record()["passages"][0]
    sentences, ledger = bioc(tmp_path, json.dumps(record(sentences=[passage], annotations=[])))
    assert sentences == [Sentence.of_text("p53 in mice", [Span(7, 11, "Species")], "1")]
    assert not ledger.dropped


def test_json_names_the_line(tmp_path: Path) -> None:
    twice = {"id": "T2", "infons": {}, "text": "", "locations": [{"offset": 0, "length": 1}] * 2}
    made = record(annotations=[twice])
    made["relations"] = [{"nodes": []}]
    content = json.dumps({"documents": [made]}, indent=0)
    _, ledger = bioc(tmp_path, content)
    (discontinuous,) = ledger.dropped["discontinuous mention"]
    assert content.splitlines()[(discontinuous.place.line or 0)].startswith('"id": "T2"')
    (relation,) = ledger.dropped["relation between mentions"]
    assert content.splitlines()[(relation.place.line or 0)] == '"nodes": []'


LAUGHS = '<!DOCTYPE set [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
OUTSIDE = '<!DOCTYPE set [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
PASSAGE = "<passage><offset>0</offset><text>p53</text>{}</passage>"
DOCUMENT = "<collection>\n<document><id>1</id>\n{}</document></collection>"


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (f"{LAUGHS}<collection>&b;</collection>", 1, "the entity 'a' is declared"),
        (f"{OUTSIDE}<collection>&a;</collection>", 1, "the entity 'a' is declared"),
        ("<collection>", 1, "expected well-formed XML"),
        ("PMID 1", 1, "expected well-formed XML"),
        (
            '<?xml version="1.0" encoding="UTF-18"?><a/>',
            1,
            "charset .* is unknown here.* as UTF-8",
        ),
        ('<?xml version="1.0" encoding="shift_jis"?><a/>', 1, "not one byte for each character"),
        ("<collection/>", None, "expected BioC: documents with passages; found none"),
        ("{}", None, "expected BioC: documents with passages; found none"),
        ("<a>\n<document/></a>", 2, "id: Field required"),
        (DOCUMENT.format("<passage/>"), 3, "passages.0.offset: Field required"),
        (
            DOCUMENT.format("<passage><offset>x</offset></passage>"),
            3,
            "passages.0.offset: Input should be a valid integer",
        ),
        (
            DOCUMENT.format(
                "<passage><offset>0</offset><text>One</text></passage>"
                "\n<passage><offset>2</offset><text>Two</text></passage>"
            ),
            4,
            "to continue at offset 3, .* found offset 2",
        ),
        (
            DOCUMENT.format(PASSAGE.format("\n" + PASSAGE)),
            4,
            "<passage> in <document>; found it in 'pas",
        ),
        (
            DOCUMENT.format(PASSAGE.format("<text>p53</text>")),
            3,
            "one 'text' in <passage>; found a sec",
        ),
        (
            DOCUMENT.format("<text>p53</text>"),
            3,
            "<text> in <passage> or <sentence> or <annotation>",
        ),
        (
            DOCUMENT.format("<passage><text>p<i>53</i></text></passage>"),
            3,
            "only in <text>; found .*'i'",
        ),
        (
            DOCUMENT.format("<passage><text>p<annotation/></text></passage>"),
            3,
            "text only in <text>",
        ),
        (
            DOCUMENT.format(PASSAGE.format("loose")),
            3,
            "a <passage> in <text>; found 'loose' beside",
        ),
        (
            DOCUMENT.format("<part><passage/></part>"),
            3,
            "<passage> in <document>; found it in 'part'",
        ),
        (DOCUMENT.format("<document/>"), 3, "no <document> in another one"),
        (DOCUMENT.format("<annotation><annotation/></annotation>"), 3, "found it in 'annotation'"),
        (DOCUMENT.format("<sentence/>"), 3, "<sentence> in <passage>; found it in 'document'"),
        ("<collection>\n<passage/></collection>", 2, "found it outside any document"),
        (
            DOCUMENT.format(
                "<annotation><infon key='type'>A</infon><infon key='type'>B</infon></annotation>"
            ),
            3,
            "expected one 'type' in <annotation>; found a second",
        ),
        (
            DOCUMENT.format("<passage><offset>999999999999</offset><text>x</text></passage>"),
            3,
            "found offset 999999999999",
        ),
        (
            DOCUMENT.format(
                "<passage><offset>0</offset>\n<annotation><location offset='-1' length='1'/>"
                "</annotation></passage>"
            ),
            4,
            "passages.0.annotations.0.locations.0.offset: .* greater than or equal to 0",
        ),
        ('{"documents": [\n{"passages": [}', 2, "expected valid JSON; parse error"),
        ('{"documents": [\n', 2, "expected valid JSON; parse error: premature EOF"),
        ('{"documents":\n [{"passages": 3}]}', 2, "passages: Input should be a valid list"),
        (
            '{"id": 1, "passages": [\n{"offset": 0, "passages": [{}]}]}',
            2,
            "no document in 'passages'",
        ),
        ('{"infons": [{"id": 1,\n"passages": []}]}', 1, "no document in 'infons'"),
        ('{"id": 1, "text": "a",\n"passages": []}', 1, "text: BioC has none here"),
        (
            '{"id": 1, "passages": [{"offset": 0,\n"sentences": [{"offset": 0, "sentences": 1}]}]}',
            2,
            "passages.0.sentences.0.sentences: BioC has none here",
        ),
        ('{"id": 1, "passages": [],\n"passages": []}', 2, "the key 'passages' is twice"),
        ('[{"documents": [\n{"id": 1, "annotations": [{}]}]}]', 2, "'annotations' in a passage of"),
        (
            '{"id": 1, "passages": [],\n"more": [{"text": "p53"}]}',
            2,
            "'text' in a passage of a document; found it elsewhere",
        ),
        (
            '{"id": 1, "passages": [\n{"offset": 0, "annotations": [{"infons": {"type": [1]}}]}]}',
            2,
            "expected a text as the infon 'type'",
        ),
        ('{"id": 1,\n"passages": [\n{"offset": ' + "9" * 5000 + "}]}", 3, "valid JSON"),
    ],
)
def test_faults_name_the_line(tmp_path: Path, content: str, line: int | None, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        bioc(tmp_path, content)
    assert caught.value.line == line
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_sentence_that_its_passage_does_not_hold_is_in_the_ledger(tmp_path: Path) -> None:
    passage = record()["passages"][0]
    inside, outside = {**passage, "annotations": []}, {"offset": 12, "text": "They died."}
    sentences, ledger = bioc(tmp_path, json.dumps(record(sentences=[inside, outside])))
    assert [sentence.text for sentence in sentences] == ["p53 in mice"]
    (entry,) = ledger.dropped["sentence with other text than its passage"]
    assert entry.what == "'They died.'"


def test_attributes_are_no_lists(tmp_path: Path) -> None:
    xml = DOCUMENT.format(
        "<passage annotations='x' infons='y'><offset>0</offset><text>p53</text>"
        "<infon key='type'>title</infon><annotation/></passage>"
    )
    _, ledger = bioc(tmp_path, xml)
    assert list(ledger.dropped) == ["mention without a location"]


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        convert("bioc", [tmp_path / "in"], tmp_path / "out.txt")


def as_record(number: int, document: RawDocument) -> dict[str, Any]:
    passages: list[dict[str, Any]] = []
    offset = 0
    for text in document.passages:
        passages.append({"offset": offset, "text": text, "annotations": []})
        offset += len(text) + 1
    for mention in document.mentions:
        inside = [p for p in passages if p["offset"] <= mention.start]
        inside[-1]["annotations"].append(
            {
                "text": document.wording(mention),
                "infons": {"type": mention.tag},
                "locations": [{"offset": mention.start, "length": mention.end - mention.start}],
            }
        )
    return {"id": str(number), "passages": passages}


def as_xml(made: dict[str, Any]) -> str:
    passages = ""
    for passage in made["passages"]:
        annotations = ""
        for annotation in passage["annotations"]:
            (location,) = annotation["locations"]
            annotations += (
                f"<annotation><infon key='type'>{escape(annotation['infons']['type'])}</infon>"
                f"<location offset={quoteattr(str(location['offset']))} "
                f"length='{location['length']}'/><text>{escape(annotation['text'])}</text>"
                "</annotation>"
            )
        passages += (
            f"<passage><offset>{passage['offset']}</offset><text>{escape(passage['text'])}</text>"
            f"{annotations}</passage>\n"
        )
    return f"<document><id>{made['id']}</id>{passages}</document>\n"


@pytest.mark.parametrize("form", ["xml", "json"])
@given(documents=st.lists(raw_documents(3, "\n<&"), min_size=1, max_size=4))
@settings(max_examples=40)
def test_every_mention_is_written_or_in_the_ledger(form: str, documents: list[RawDocument]) -> None:
    documents.append(RawDocument(["The end."], []))
    records = [as_record(*numbered) for numbered in enumerate(documents)]
    content = json.dumps({"documents": records})
    if form == "xml":
        content = f"<collection>{''.join(map(as_xml, records))}</collection>"
    with TemporaryDirectory() as folder:
        path = Path(folder, "in")
        path.write_text(content, encoding="utf-8")
        check_conversion("bioc", [path], Path(folder, "out.txt"), documents)


HALVES = [r"\ud83d", r"\uDE00", r"\ud83d\ud83d\ude00", r"\\\ud83d"]
WHOLES = [r"\ud83d\ude00", r"\\ud83d", r"\u00e9", "😀", r"\\\ud83d\ude00"]


@pytest.mark.parametrize("size", [1, 2, 5, 13, 1000])
@pytest.mark.parametrize("filler", ["", "x" * 7, r"\\" * 5, r"\ud83d\ude00" * 3])
def test_half_characters_are_seen_wherever_a_piece_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, filler: str
) -> None:
    monkeypatch.setattr(bioc_files, "_PIECE", size)
    path = tmp_path / "a.json"
    for text, expected in [*((text, True) for text in HALVES), *((text, False) for text in WHOLES)]:
        path.write_text(f'{{"a": "{filler}{text}{filler}"}}')
        assert bioc_files._has_half_characters(path) == expected, text


def test_a_file_with_half_a_character_that_is_no_utf8_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(rb'{"documents": "\ud83d", "' + b'\xff": 1}')
    with pytest.raises(DataError, match=r"a\.json:1: expected valid JSON; .*0xff"):
        convert("bioc", [path], tmp_path / "out")


def test_half_a_character_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(BIOC_JSON_WITH_HALF)
    ledger = convert("bioc", [path], tmp_path / "out")
    assert "half of a surrogate pair became U+FFFD" in ledger.repairs
    assert ledger.mentions == {"Gene\ufffd": 1}


BIOC_JSON_WITH_HALF = r"""{"id": "1", "passages": [{"offset": 0, "text": "p53", "annotations": [
    {"text": "p53", "infons": {"type": "Gene\ud83d"}, "locations": [{"offset": 0, "length": 3}]}
]}]}"""
