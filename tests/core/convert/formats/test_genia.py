from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtner_cli.core.convert.conversion import convert
from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.corpus.action_files import read_corpus
from mtner_cli.core.types import Sentence, Span
from mtner_cli.errors import DataError

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE set SYSTEM "gpml.merged.dtd">
<set>
<import resource="GENIAontology.daml" prefix="G"></import>
"""
ARTICLE = """<article>
<articleinfo><bibliomisc>{id}</bibliomisc></articleinfo>
<title>
<sentence>{title}</sentence>
</title>
<abstract>
{abstract}
</abstract>
</article>
"""
NESTED = (
    '<cons lex="a_promoter" sem="G#DNA_domain_or_region"><cons lex="p53" '
    'sem="G#protein_molecule"><w c="NN">p53</w></cons> <w c="NN">promoter</w></cons> '
    '<cons lex="x" sem="G#other_name"><w c="NN">activity</w></cons><w c=".">.</w>'
)
COORDINATED = (
    '<sentence><cons lex="(AND human_T_cell mouse_T_cell)" sem="(AND G#cell_type G#cell_type)">\n'
    '<cons lex="human*"><w c="JJ">Human</w></cons> <w c="CC">and</w> <cons lex="mouse*">'
    '<w c="NN">mouse</w></cons> <cons lex="*T_cell"><w c="NNS">T &lt;cells&gt;</w></cons></cons> '
    '<cons lex="HeLa" sem="G#cell_line"><w c="NN">HeLa</w></cons> grew.</sentence>'
)
WORDS = '<w c="NN">It</w> <w c="VBZ">works</w>'
PLAIN = f"<sentence>{WORDS}</sentence>"


def article(identifier: str, title: str = NESTED, abstract: str = PLAIN) -> str:
    return ARTICLE.format(id=identifier, title=title, abstract=abstract)


def genia(folder: Path, *articles: str, split: str | None = None) -> tuple[list[Sentence], Ledger]:
    (folder / "genia.xml").write_text(f"{HEAD}{''.join(articles)}</set>\n")
    ids = None
    if split is not None:
        ids = folder / "split.txt"
        ids.write_text(split)
    ledger = convert("genia", [folder / "genia.xml"], folder / "out.parser", ids=ids)
    return list(read_corpus(folder / "out.parser", "simple")), ledger


def test_nested_mentions_of_the_five_types(tmp_path: Path) -> None:
    sentences, ledger = genia(tmp_path, article("MEDLINE:1"), article("MEDLINE:2", WORDS))
    assert sentences[0] == Sentence.of_words(
        ["p53", "promoter", "activity", "."],
        [Span(0, 2, "DNA"), Span(0, 1, "protein")],
        "MEDLINE:1",
    )
    assert [(s.text, s.document, s.start) for s in sentences[1:]] == [
        ("It works", "MEDLINE:1", 24), ("It works", "MEDLINE:2", 0), ("It works", "MEDLINE:2", 9),
    ]  # fmt: skip
    assert (ledger.documents, ledger.sentences, ledger.words) == (2, 4, 10)
    assert not ledger.dropped


def test_coordinations_and_unmarked_words_are_in_the_ledger(tmp_path: Path) -> None:
    sentences, ledger = genia(tmp_path, article("MEDLINE:1", abstract=COORDINATED))
    assert sentences[1] == Sentence.of_words(
        ["Human", "and", "mouse", "T_<cells>", "HeLa", "grew."],
        [Span(4, 5, "cell_line")],
        "MEDLINE:1",
        24,
    )
    members = ledger.dropped["member of a coordination"]
    assert [what for _, what in members] == ["cell_type in (AND human_T_cell mouse_T_cell)"] * 2
    assert str(members[0].place).endswith("genia.xml:11")
    assert {kind: [what for _, what in found] for kind, found in ledger.repairs.items()} == {
        "text outside <w> became a word": ["'grew.'"],
        "white space in a word became _": ["'T <cells>'"],
    }


def test_a_split_file_chooses_the_documents(tmp_path: Path) -> None:
    articles = [article(f"MEDLINE:{number}", f"<w>t{number}</w>") for number in range(4)]
    sentences, ledger = genia(tmp_path, *articles, split="MEDLINE:2\r\n\n0\n77\n")
    assert [s.text for s in sentences] == ["t0", "It works", "t2", "It works"]
    (missing,) = ledger.dropped["document of the ids that is not in the corpus"]
    assert (missing.place.line, missing.what) == (4, "MEDLINE:77")


def test_of_a_repeated_document_the_later_version_is_read(tmp_path: Path) -> None:
    repeated = [article("MEDLINE:5", "<w>old</w>", COORDINATED), article("MEDLINE:6", "<w>x</w>")]
    sentences, ledger = genia(tmp_path, *repeated, article("MEDLINE:5", "<w>new</w>"))
    assert [s.text for s in sentences] == ["x", "It works", "new", "It works"]
    assert list(ledger.dropped) == ["document that occurs again later"]


def test_a_constituent_within_a_word_covers_the_word(tmp_path: Path) -> None:
    title = '<w>anti-<cons sem="G#protein_molecule">CD4</cons></w> <w>binds</w>'
    sentences, ledger = genia(tmp_path, article("MEDLINE:1", title))
    assert sentences[0] == Sentence.of_words(
        ["anti-CD4", "binds"], [Span(0, 1, "protein")], "MEDLINE:1"
    )
    assert [what for _, what in ledger.repairs["mention within <w> covers the whole word"]] == [
        "protein in "
    ]


def test_an_empty_constituent_within_a_word_is_named(tmp_path: Path) -> None:
    title = '<w>anti<cons sem="G#protein_molecule"/></w> <w>binds</w>'
    sentences, ledger = genia(tmp_path, article("1", title))
    assert sentences[0].mentions == ()
    assert [len(entries) for reason, entries in ledger.dropped.items() if "empty" in reason] == [1]


OUTSIDE_SENTENCES = (
    '<w>Loose</w> <cons lex="x" sem="G#protein_molecule"><w>p53</w></cons>'
    '<cons sem="G#other_name"/><cons lex="y" sem="(AND G#DNA_x G#RNA_y)"/> end.'
)


def test_what_stands_outside_of_sentences_is_in_the_ledger(tmp_path: Path) -> None:
    abstract = f"{OUTSIDE_SENTENCES}\n{PLAIN}"
    sentences, ledger = genia(tmp_path, article("MEDLINE:1", WORDS, abstract))
    assert [sentence.text for sentence in sentences] == ["It works", "It works"]
    assert {why: [what for _, what in found] for why, found in ledger.dropped.items()} == {
        "text outside <sentence>": ["'Loose'", "'p53'", "'end.'"],
        "mention outside <sentence>": ["protein in x", "DNA in y", "RNA in y"],
    }


@st.composite
def pieces(draw: st.DrawFn, depth: int = 3) -> str:
    """Words and constituents of an abstract, in and out of sentences."""
    sem = draw(st.sampled_from(SEMS))
    inner = draw(st.lists(pieces(depth - 1), max_size=2).map("".join)) if depth else "<w>x</w>"
    return draw(st.sampled_from(["<w>y</w>", "loose", f'<cons lex="l" sem="{sem}">{inner}</cons>']))


SEMS = ["", "G#DNA", "G#DNA_x", "G#protein_y", "G#other", "(OR G#RNA_a G#cell_type)", "(AND G#a)"]


@given(st.lists(st.tuples(st.booleans(), pieces()), max_size=6))
@settings(max_examples=100)
def test_every_mention_is_written_or_in_the_ledger(parts: list[tuple[bool, str]]) -> None:
    made = [f"<sentence>{part}</sentence>" if within else part for within, part in parts]
    content = article("MEDLINE:1", WORDS, "".join(made))
    with TemporaryDirectory() as folder:
        sentences, ledger = genia(Path(folder), content)
    given_types = re.findall("G#(DNA|RNA|protein|cell_type|cell_line)", content)
    dropped = [why for why, found in ledger.dropped.items() for _ in found]
    mentions = [why for why in dropped if "mention" in why or "member" in why]
    assert ledger.mentions.total() + len(mentions) == len(given_types)
    _, *texts = ElementTree.fromstring(content)
    outside = [what[1:-1] for _, what in ledger.dropped.get("text outside <sentence>", ())]
    written = [word for sentence in sentences for word in sentence.words or ()]
    assert Counter("".join(written + outside)) == Counter(
        "".join("".join(part.itertext()) for part in texts).replace("\n", "").replace(" ", "")
    )


LAUGHS = '<!DOCTYPE set [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
OUTSIDE = '<!DOCTYPE set [<!ENTITY a SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize(
    ("xml", "line", "message"),
    [
        (f"{LAUGHS}<set>&b;</set>", 1, "the entity 'a' is declared, and entities are refused"),
        (f"\n{OUTSIDE}<set>&a;</set>", 2, "the entity 'a' is declared"),
        (f"{HEAD}&alpha;</set>", 5, "the entity 'alpha' is not known here"),
        (f"{HEAD}<article></set>", 5, "expected well-formed XML: mismatched tag"),
        (f"{HEAD}</set>", None, "<article> elements; found none"),
        (f"{HEAD}\n<article></article></set>", 6, "MEDLINE id in <bibliomisc>"),
        (f"{HEAD}<article><sentence/></article></set>", 5, "MEDLINE id in <bibliomisc>"),
        ('<?xml version="1.0" encoding="big5"?><set/>', 1, "not one byte for each character"),
        (f"{HEAD}{article('1', PLAIN)}</set>", 8, "no <sentence> in another one"),
        (f"{HEAD}{article('1', '<w>a<w>b</w></w>')}</set>", 8, "no <w> in another one"),
        (f"{HEAD}{article('1', abstract='<article/>')}</set>", 11, "no <article> in another one"),
        (f"{HEAD}{PLAIN}</set>", 5, "expected <sentence> in an <article>; found it outside any"),
        (
            f"{HEAD}<article><bibliomisc>1<w>a</w></bibliomisc></article>",
            5,
            "found an element in it",
        ),
        ("MEDLINE:1\n", 1, "expected well-formed XML"),
    ],
)
def test_faults_name_the_line(tmp_path: Path, xml: str, line: int | None, message: str) -> None:
    (tmp_path / "genia.xml").write_text(xml)
    with pytest.raises(DataError, match=message) as caught:
        convert("genia", [tmp_path / "genia.xml"], tmp_path / "out")
    assert caught.value.line == line
    assert [path.name for path in tmp_path.iterdir()] == ["genia.xml"]


def test_an_empty_split_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a MEDLINE id on each line; found none"):
        genia(tmp_path, article("MEDLINE:1"), split="\n")
