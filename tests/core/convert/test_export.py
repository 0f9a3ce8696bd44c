from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtner_cli.core.convert.conversion import convert
from mtner_cli.core.convert.export import documents_of, export
from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.corpus.action_files import CorpusWriter, read_corpus
from mtner_cli.core.types import Sentence, Span
from mtner_cli.errors import ConfigError, DataError
from tests.cli.conftest import mtner, run
from tests.real_corpora import REAL_CORPORA

WORDS = [
    Sentence.of_words(["The", "IL-2", "gene"], [Span(1, 3, "DNA"), Span(1, 2, "Protein")], "7"),
    Sentence.of_words(["It", "is", "p53"], [Span(2, 3, "Protein")], "7", 14),
    Sentence.of_words(["No", "document"], [Span(0, 2, "X")]),
    Sentence.of_words(["None", "either"]),
]
TEXT = [
    Sentence.of_text("p53 is lost.", [Span(0, 3, "Gene")], "a"),
    Sentence.of_text("It was  here.", [Span(3, 13, "Gene"), Span(3, 6, "Cell")], "a", 15),
]


def action_file(path: Path, sentences: list[Sentence]) -> Path:
    with CorpusWriter(path, "simple-char" if sentences[0].words is None else "simple") as writer:
        for sentence in sentences:
            writer.write(sentence)
    return path


def test_documents_are_put_together(tmp_path: Path) -> None:
    ledger = Ledger()
    words, first, second = documents_of(action_file(tmp_path / "w.txt", WORDS), ledger)
    assert (words.id, words.text) == ("7", "The IL-2 gene It is p53")
    assert [words.text[start:end] for start, end in words.words] == words.text.split()
    assert {(words.wording(mention), mention.type) for mention in words.mentions} == {
        ("IL-2 gene", "DNA"), ("IL-2", "Protein"), ("p53", "Protein")
    }  # fmt: skip
    assert [(first.id, first.text), (second.id, second.text)] == [
        ("3", "No document"), ("4", "None either")
    ]  # fmt: skip
    assert (ledger.documents, ledger.sentences, ledger.mentions.total()) == (1, 4, 4)
    (text,) = documents_of(action_file(tmp_path / "t.txt", TEXT), Ledger())
    assert text.text == "p53 is lost.   It was  here."
    assert text.sentences == [(0, 12), (15, 28)]
    assert [(m.start, m.end, m.type) for m in text.mentions] == [
        (0, 3, "Gene"), (18, 21, "Cell"), (18, 28, "Gene")
    ]  # fmt: skip


@pytest.mark.parametrize("start", [5, 2_000_000])
def test_wrong_offsets_are_an_error(tmp_path: Path, start: int) -> None:
    broken = [TEXT[0], Sentence.of_text("It.", [], "a", start)]
    path = action_file(tmp_path / "t.txt", broken)
    with pytest.raises(DataError, match=f"document 'a' at offset 12 or soon .* found {start}"):
        export(path, "jsonl", tmp_path / "out")
    assert not (tmp_path / "out").exists()


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=3)


@given(names, st.sampled_from(["jsonl", "bioc-json"]))
def test_what_is_exported_is_converted_to_the_same(
    tmp_path_factory: pytest.TempPathFactory, name: str, to: str
) -> None:
    folder = tmp_path_factory.mktemp("export")
    sentences = [Sentence(it.text, it.mentions, None, name, it.start) for it in TEXT]
    path = action_file(folder / "in.txt", sentences)
    export(path, to, folder / "out")
    convert(to.partition("-")[0], [folder / "out"], folder / "again.txt")
    assert list(read_corpus(folder / "again.txt", "simple-char")) == sentences


def test_the_command_says_what_was_read_and_what_is_lost(project: Path, tmp_path: Path) -> None:
    action_file(tmp_path / "in.txt", WORDS)
    done = mtner(
        project, tmp_path, "convert", "export", "in.txt", "--to", "csv", "--out", "out.csv",
        "--ledger", "ledger.jsonl",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = {" ".join(line.split()) for line in done.stdout.splitlines()}
    assert {"read count", "sentences 4", "mentions 4", "document without mentions: 1"} <= rows
    (entry,) = map(json.loads, (tmp_path / "ledger.jsonl").read_text().splitlines())
    assert (entry["reason"], entry["what"]) == ("document without mentions", "4")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["in.txt", "--to", "jsn", "--out", "o"], "unknown format 'jsn'; did you mean json"),
        (["in.txt", "--to", "word", "--out", "o"], "unknown format 'word'; give one of jsonl, pub"),
        (["in.txt", "--to", "jsonl", "--out", "in.txt"], "would overwrite in.txt"),
        (["in.txt", "--to", "jsonl", "--out", "o", "--ledger", "o"], "would overwrite o"),
        (["in.txt", "--to", "jsonl", "--out", "o", "--flat", "outermost"], "is for --to conll"),
        (["none", "--to", "jsonl", "--out", "o"], "none: there is no such file"),
        (["x.csv", "--to", "jsonl", "--out", "o"], "x.csv: expected an action file; make one"),
        (["in.txt", "--to", "brat", "--out", "."], "is there already"),
    ],
)
def test_what_cannot_be_exported_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    action_file(Path("in.txt"), WORDS)
    Path("x.csv").write_text("a,b\n")
    before = Path("in.txt").read_text()
    with pytest.raises((ConfigError, DataError), match=message):
        run("convert", "export", *arguments)
    assert Path("in.txt").read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.txt", "x.csv"]


TMVAR = REAL_CORPORA / "tmVar3" / "tmvar_v3.txt"


@pytest.mark.skipif(not TMVAR.exists(), reason="tmVar3 is not here")
def test_the_texts_of_tmvar_are_exact_in_every_format(tmp_path: Path) -> None:
    convert("pubtator", [TMVAR], tmp_path / "in.txt")
    texts: dict[str, str] = {}
    mentions: dict[str, set[tuple[int, int, str]]] = {}
    for line in TMVAR.read_text("utf-8").splitlines():
        if found := line.split("|", 2)[1:2]:
            name, kind, text = line.split("|", 2)
            if found == ["t"]:
                texts[name] = text
            elif kind == "a":
                texts[name] += f" {text}"
    documents = list(documents_of(tmp_path / "in.txt", Ledger()))
    assert len(documents) == len(texts) == 500
    for document in documents:
        # An action file does not hold the white space at the end of a document.
        assert document.text == texts[document.id].rstrip()
        mentions[document.id] = {(m.start, m.end, m.type) for m in document.mentions}
    texts = {document.id: document.text for document in documents}

    outs = {
        name: tmp_path / name for name in ("jsonl", "pubtator", "bioc-json", "bioc-xml", "brat")
    }
    for name, out in outs.items():
        ledger = export(tmp_path / "in.txt", name, out)
        assert not ledger.dropped
        assert not ledger.repairs
        again = tmp_path / f"{name}.txt"
        ledger = convert(name.partition("-")[0], [out], again)
        assert not ledger.dropped
        read = read_corpus(again, "simple-char")
        for found_name, sentences in groupby(read, key=lambda sentence: sentence.document):
            found = {
                (mention.start + sentence.start, mention.end + sentence.start, mention.tag)
                for sentence in sentences
                for mention in sentence.mentions
            }
            assert found == mentions[str(found_name)], name

    export(tmp_path / "in.txt", "conll", tmp_path / "conll")
    ledger = convert("conll", [tmp_path / "conll"], tmp_path / "conll.txt")
    assert not ledger.repairs
    for document in documents_of(tmp_path / "conll.txt", Ledger()):
        assert document.text.replace(" ", "") == "".join(texts[document.id].split())

    records = [json.loads(line) for line in outs["jsonl"].read_text("utf-8").splitlines()]
    assert {record["id"]: record["text"] for record in records} == texts
    bioc = json.loads(outs["bioc-json"].read_text("utf-8"))
    assert {it["id"]: it["passages"][0]["text"] for it in bioc["documents"]} == texts
    root = ElementTree.parse(outs["bioc-xml"]).getroot()
    assert {it.findtext("id"): it.findtext("passage/text") for it in root.iter("document")} == texts
    assert {path.stem: path.read_text("utf-8") for path in outs["brat"].glob("*.txt")} == texts
    lines = outs["pubtator"].read_text("utf-8").split("\n")
    parts = [line.split("|", 2) for line in lines if "|t|" in line or "|a|" in line]
    whole: dict[str, str] = {}
    for name, kind, text in parts:
        whole[name] = text if kind == "t" else f"{whole[name]} {text}"
    assert whole == texts
