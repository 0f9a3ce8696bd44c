"""What is written and read again is the same, except what the ledger names."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.convert.registry import WRITERS, format_named
from mtner_cli.core.convert.writing import (
    WrittenDocument,
    WrittenMention,
    write_documents,
    writer_named,
)
from mtner_cli.core.types import Mention, Place
from mtner_cli.errors import DataError

PLACE = Place(Path("source.txt"), 7)
Found = tuple[int, int, str]

PIECES = [
    "p53", "IL-2 ", "is. ", "A", " ", "  ", "\t", "\n", "\r\n", "\r", "\0", "\v", "\x1c", "\x85",
    "\u2028", "\ufeff", "\u200d", "\u200b", "\u202e", "e\u0301", "שלום", "😀", "👩\u200d🔬",
    "\ud83d", "\udc00", "\ufffe", "&amp;", "<b>", "]]>", '"', "|", "-DOCSTART-", ";", "=1+1",
]  # fmt: skip
TYPES = ["Gene", "Cell line", "α|b", "B-x", "a\tb", "c\n", "<i>&'\"", "\x01", "\ud800"]
NAMES = ["7", "a/b", "x|y", "", "a\tb\n", "..", " ", "\ufeff", "é😀", "\ud800"]
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=12).map("".join)


@st.composite
def documents(draw: st.DrawFn, text: st.SearchStrategy[str] = texts) -> WrittenDocument:
    """Documents of any text; mentions nest, touch, cross and lie on the same characters."""
    whole = draw(text)
    spans: set[Found] = set()
    for _ in range(draw(st.integers(0, 6)) if whole else 0):
        start = draw(st.integers(0, len(whole) - 1))
        end = draw(st.integers(start + 1, min(len(whole), start + 12)))
        spans.add((start, end, draw(st.sampled_from(TYPES))))
        if draw(st.booleans()):
            spans.add((start, end, draw(st.sampled_from(TYPES))))
    passages = []
    if draw(st.booleans()) and len(whole) > 1:
        end = draw(st.integers(0, len(whole) - 1))
        passages = [(0, end), (min(end + 1, len(whole)), len(whole))]
    mentions = [
        WrittenMention(*span, 0.5, ("A, B",)) if draw(st.booleans()) else WrittenMention(*span)
        for span in spans
    ]
    name = draw(
        st.sampled_from(["7", "a/b", "x|y", "", "a\tb\n", "..", " ", "\ufeff", "é😀", "\ud800"])
    )
    return WrittenDocument(place=PLACE, id=name, text=whole, mentions=mentions, passages=passages)


@dataclass
class Read:
    """What a reader of a format finds in one document."""

    name: str
    pieces: list[tuple[int, str]] = field(default_factory=list)
    mentions: set[Found] = field(default_factory=set)


def written(
    name: str, given_documents: Iterable[WrittenDocument], folder: Path, **options: object
) -> tuple[Path, Ledger]:
    out = folder / f"out{writer_named(name).suffix}"
    ledger = Ledger()
    write_documents(name, given_documents, out, ledger, **options)
    return out, ledger


def read_again(name: str, path: Path) -> tuple[list[Read], Ledger]:
    """The documents with text that our own reader finds."""
    ledger = Ledger()
    found: list[Read] = []
    last = None
    for sentence in format_named(name.partition("-")[0]).read([path], ledger):
        assert sentence.document is not None
        if sentence.document != last:
            found.append(Read(sentence.document.name or ""))
            last = sentence.document
        start = sentence.start
        assert start is not None
        found[-1].pieces.append((start, sentence.text))
        found[-1].mentions |= {
            (mention.start + start, mention.end + start, mention.tag)
            for mention in sentence.mentions
        }
    return found, ledger


def without(pattern: str, by: str) -> Callable[[str], str]:
    return lambda text: re.sub(pattern, by, text, flags=re.DOTALL)


SURROGATES = "[\ud800-\udfff]"
JSON = without("[\ud800-\udbff](?=[\udc00-\udfff])", "\ufffd")
WHOLE = without(SURROGATES, "\ufffd")
XML = lambda text: NOT_XML(without("[\v\f\x1c-\x1f]", " ")(text))  # noqa: E731
NOT_XML = without("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd")
CHANGES: dict[str, tuple[Callable[[str], str], Callable[[str], str], Callable[[str], str]]] = {
    "jsonl": (JSON, JSON, JSON),
    "bioc-json": (JSON, JSON, JSON),
    "bioc-xml": (XML, XML, XML),
    "pubtator": (
        lambda text: without("[\r\n]", " ")(WHOLE(text)),
        lambda name: without("[|\t\ufeff]|^$", "_")(without("[\r\n]", " ")(WHOLE(name))),
        lambda name: without("\t", "_")(without("[\r\n]", " ")(WHOLE(name))),
    ),
    "brat": (
        WHOLE,
        lambda name: without(r"[\x00-\x1f/|]|[. ]$", "_")(WHOLE(name)),
        lambda name: without(r"\s", "_")(WHOLE(name)),
    ),
}  # fmt: skip
"""What becomes of a text, a document's name and a type; all else must stay as it is."""


def seen(name: str, text: str) -> str:
    """A text as our reader of the format gives it in sentences."""
    if name != "brat":
        return text
    return re.sub("^\ufeff", " ", text).replace("\n", " ")


@pytest.mark.parametrize("name", CHANGES)
@given(given_documents=st.lists(documents(), min_size=1, max_size=3))
def test_what_is_read_again_is_what_was_written(
    name: str, given_documents: list[WrittenDocument]
) -> None:
    of_text, of_name, of_type = CHANGES[name]
    if name == "brat":  # names of files are different, and read in their order
        given_documents = [replace(it, id=f"{n}{it.id}") for n, it in enumerate(given_documents)]
    with TemporaryDirectory() as folder:
        path, ledger = written(name, given_documents, Path(folder))
        found, read_ledger = read_again(name, path)
    assert read_ledger.dropped.keys() <= {"document without text"}
    kept = [
        document
        for document in given_documents
        if document.mentions or seen(name, of_text(document.text)).strip()
    ]
    for document, read in zip(kept, found, strict=True):
        text = seen(name, of_text(document.text))
        assert read.name == of_name(document.id)
        assert read.mentions == {(m.start, m.end, of_type(m.type)) for m in document.mentions}
        gaps = list(text)
        for start, piece in read.pieces:
            assert text[start : start + len(piece)] == piece
            gaps[start : start + len(piece)] = [""] * len(piece)
        assert not "".join(gaps).strip()
    changed = {
        part
        for part, change, values in (
            ("a text", of_text, [d.text for d in given_documents]),
            ("a document's name", of_name, [d.id for d in given_documents]),
            ("a type", of_type, [m.type for d in given_documents for m in d.mentions]),
        )
        if any(change(value) != value for value in values)
    }
    named = {kind.partition(" in ")[2].partition(" became")[0] for kind in ledger.repairs}
    named = {"a document's name" if kind == "" else kind for kind in named}
    assert named == changed
    assert not ledger.dropped


@given(given_documents=st.lists(documents(), max_size=3))
def test_the_text_on_disk_is_exact(given_documents: list[WrittenDocument]) -> None:
    """Each format by another reader than ours, where there is one."""
    given_documents = [replace(it, id=f"{n}{it.id}") for n, it in enumerate(given_documents)]
    with TemporaryDirectory() as name:
        folder = Path(name)
        path, _ = written("jsonl", given_documents, folder)
        records = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        path, _ = written("bioc-json", given_documents, folder)
        collection = json.loads(path.read_text("utf-8"))
        path, _ = written("bioc-xml", given_documents, folder)
        root = ElementTree.fromstring(path.read_bytes())
        path, _ = written("brat", given_documents, folder)
        files = sorted(path.glob("*.txt"))
        brat_texts = [file.read_bytes().decode() for file in files]
        path, ledger = written("csv", given_documents, folder)
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    for document, record, bioc in zip(
        given_documents, records, collection["documents"], strict=True
    ):
        assert (record["id"], record["text"]) == (document.id, JSON(document.text))
        assert bioc["id"] == document.id
        assert joined((p["offset"], p["text"]) for p in bioc["passages"]) == JSON(document.text)
        for mention in record["mentions"]:
            assert mention["text"] == record["text"][mention["start"] : mention["end"]]
            assert ("score" in mention) == ("corpora" in mention)
    for document, element in zip(given_documents, root.iter("document"), strict=True):
        passages = [
            (int(passage.findtext("offset", "")), passage.findtext("text", ""))
            for passage in element.iter("passage")
        ]
        assert joined(passages) == XML(document.text)
    assert brat_texts == [WHOLE(document.text) for document in given_documents]
    expected = [
        (WHOLE(d.id), str(m.start), str(m.end), WHOLE(d.text[m.start : m.end]), WHOLE(m.type))
        for d in given_documents
        for m in d.in_order()
    ]
    assert [tuple(row.values())[:5] for row in rows] == expected
    empty = [document for document in given_documents if not document.mentions]
    assert len(ledger.dropped["document without mentions"]) == len(empty)


def joined(passages: Iterable[tuple[int, str]]) -> str:
    """The text of passages at their offsets, with spaces between them."""
    text = ""
    for offset, passage in passages:
        assert offset >= len(text)
        text = text.ljust(offset) + passage
    return text


def flat_mentions(document: WrittenDocument, flat: str) -> list[WrittenMention | Mention]:
    """The slow way: one after the other, if it overlaps none of those before."""
    sign = -1 if flat == "outermost" else 1
    kept: list[WrittenMention | Mention] = []
    for mention in sorted(
        document.in_order(), key=lambda m: (sign * (m.end - m.start), -(m.score or 0), m.start)
    ):
        if all(mention.end <= other.start or other.end <= mention.start for other in kept):
            kept += [mention] if document.wording(mention).strip() else []
    return kept


@pytest.mark.parametrize("flat", ["outermost", "innermost"])
@given(given_documents=st.lists(documents(), min_size=1, max_size=3))
def test_columns_hold_the_words_and_the_flat_mentions(
    flat: str, given_documents: list[WrittenDocument]
) -> None:
    """Characters are counted without white space, which columns do not hold."""
    given_documents = [replace(it, id=f"{n}{it.id}") for n, it in enumerate(given_documents)]
    with TemporaryDirectory() as folder:
        path, ledger = written("conll", given_documents, Path(folder), flat=flat)
        texts: dict[str, str] = {}
        found: dict[str, set[Found]] = {}
        for sentence in format_named("conll").read([path], Ledger()):
            assert sentence.document is not None
            assert sentence.words
            name = str(sentence.document.name)
            text = texts.get(name, "")
            starts = list(accumulate(map(len, sentence.words), initial=len(text)))
            texts[name] = text + "".join(sentence.words)
            found.setdefault(name, set()).update(
                (starts[mention.start], starts[mention.end], mention.tag)
                for mention in sentence.mentions
            )
    lost = 0
    of_name = without(r"[()]|[^\S ]|^ | $", "_")
    for document in given_documents:
        name = of_name(WHOLE(document.id))
        assert texts.pop(name, "") == squeezed(WHOLE(document.text))
        kept = flat_mentions(document, flat)
        lost += len(document.mentions) - len(kept)
        assert found.pop(name, set()) == {
            (
                len(squeezed(document.text[: mention.start])),
                len(squeezed(document.text[: mention.end])),
                without(r"\s", "_")(WHOLE(mention.type)),
            )
            for mention in kept
        }
    assert not texts
    assert sum(map(len, ledger.dropped.values())) == lost


def squeezed(text: str) -> str:
    return "".join(text.split())


def test_columns_of_nested_mentions(tmp_path: Path) -> None:
    document = WrittenDocument(
        place=PLACE,
        id="7 (b)",
        text="The IL-2-gene cafe\u0301s. It is p53. Up",
        mentions=[
            WrittenMention(4, 13, "DNA"),
            WrittenMention(4, 8, "Protein"),
            WrittenMention(28, 31, "Protein"),
        ],
    )
    path, ledger = written("conll", [document], tmp_path)
    assert path.read_text() == (
        "-DOCSTART- (7 _b_)\tO\n\nThe\tO\nIL\tB-DNA\n-\tI-DNA\n2\tI-DNA\n-\tI-DNA\ngene\tI-DNA\n"
        "cafe\u0301s\tO\n.\tO\n\nIt\tO\nis\tO\np53\tB-Protein\n.\tO\n\nUp\tO\n\n"
    )
    assert ledger.dropped["nested or crossing mention (outermost ones are kept)"] == [
        (PLACE, "Protein [4, 8) 'IL-2' in document 7 _b_")
    ]
    path, ledger = written("conll", [document], tmp_path, flat="innermost")
    assert "IL\tB-Protein\n-\tI-Protein\n2\tI-Protein\n-\tO\ngene\tO\n" in path.read_text()
    given_words = replace(
        document, words=[(0, 3), (4, 13), (14, 20)], sentences=[(0, 20)], text=document.text[:20],
        mentions=document.mentions[:1],
    )  # fmt: skip
    path, _ = written("conll", [given_words], tmp_path)
    assert path.read_text().split("\n")[2:] == [
        "The\tO", "IL-2-gene\tB-DNA", "cafe\u0301s\tO", "", ""
    ]  # fmt: skip


def test_a_mention_that_crosses_two_sentences_makes_them_one(tmp_path: Path) -> None:
    text = "A b. C d. E"
    mentions = [WrittenMention(2, 6, "X")]
    edges = [(0, 4), (5, 9), (10, 11)]
    document = WrittenDocument(
        place=PLACE, id="", text=text, mentions=mentions, sentences=edges, words=[]
    )
    path, _ = written("conll", [document], tmp_path)
    assert path.read_text() == (
        "-DOCSTART-\tO\n\nA\tO\nb\tB-X\n.\tI-X\nC\tI-X\nd\tO\n.\tO\n\nE\tO\n\n"
    )


SAMPLE = WrittenDocument(
    place=PLACE,
    id="101",
    text="p53 in mice\nLoss of p53\nis common.",
    mentions=[
        Mention(0, 3, "p53", "Gene", ("BC2GM",), 0.98765),
        WrittenMention(7, 11, "Species"),
        WrittenMention(20, 26, "Text"),
    ],
)
EXPECTED = {
    "jsonl": (
        '{"id": "101", "text": "p53 in mice\\nLoss of p53\\nis common.", "mentions": ['
        '{"start": 0, "end": 3, "text": "p53", "type": "Gene", "score": 0.9877, '
        '"corpora": ["BC2GM"]}, '
        '{"start": 7, "end": 11, "text": "mice", "type": "Species"}, '
        '{"start": 20, "end": 26, "text": "p53\\nis", "type": "Text"}]}\n'
    ),
    "pubtator": (
        "101|t|p53 in mice\n101|a|Loss of p53 is common.\n"
        "101\t0\t3\tp53\tGene\t-\n101\t7\t11\tmice\tSpecies\t-\n101\t20\t26\tp53 is\tText\t-\n\n"
    ),
    "csv": (
        '"document","start","end","text","type","score","corpora"\n'
        '"101",0,3,"p53","Gene",0.9877,"BC2GM"\n"101",7,11,"mice","Species","",""\n'
        '"101",20,26,"p53\nis","Text","",""\n'
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_of_each_format(name: str, tmp_path: Path) -> None:
    path, ledger = written(name, [SAMPLE], tmp_path)
    assert path.read_text() == EXPECTED[name]
    if name == "pubtator":
        ((place, what),) = ledger.repairs["line end in a text became a space"]
        assert (place, what) == (PLACE, "2 in document 101")


def test_a_sample_for_brat(tmp_path: Path) -> None:
    path, _ = written("brat", [SAMPLE, SAMPLE], tmp_path)
    assert sorted(file.name for file in path.iterdir()) == [
        "101 (2).ann", "101 (2).txt", "101.ann", "101.txt"
    ]  # fmt: skip
    assert (path / "101.txt").read_text() == SAMPLE.text
    assert (path / "101.ann").read_text() == (
        "T1\tGene 0 3\tp53\n#1\tAnnotatorNotes T1\tscore 0.9877, BC2GM\n"
        "T2\tSpecies 7 11\tmice\nT3\tText 20 23;24 26\tp53 is\n"
    )


def test_title_and_abstract_are_passages_of_bioc(tmp_path: Path) -> None:
    document = replace(SAMPLE, passages=[(0, 11), (12, 34)])
    path, _ = written("bioc-json", [document], tmp_path)
    passages = json.loads(path.read_text())["documents"][0]["passages"]
    assert [(p["offset"], p["text"], len(p["annotations"])) for p in passages] == [
        (0, "p53 in mice\n", 2), (12, "Loss of p53\nis common.", 1)
    ]  # fmt: skip
    ids = [annotation["id"] for p in passages for annotation in p["annotations"]]
    assert ids == ["T1", "T2", "T3"]


@pytest.mark.parametrize("name", WRITERS)
def test_no_documents_make_a_valid_file(name: str, tmp_path: Path) -> None:
    path, _ = written(name, [], tmp_path)
    assert path.exists()


@pytest.mark.parametrize("name", WRITERS)
def test_a_failure_leaves_nothing(name: str, tmp_path: Path) -> None:
    def failing() -> Iterator[WrittenDocument]:
        yield SAMPLE
        raise DataError("source.txt", 8, "broken")

    with pytest.raises(DataError, match=r"source\.txt:8: broken"):
        written(name, failing(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    for path in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(DataError, match="is there already; give the name of a new folder"):
            write_documents("brat", [SAMPLE], path, Ledger())
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]
