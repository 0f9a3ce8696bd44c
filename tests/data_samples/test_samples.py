"""The sample corpora are what data/README.md says, and what their generator writes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, permutations
from pathlib import Path

import pytest

from mtner_cli.core.actions.action_text import check_mentions
from mtner_cli.core.actions.tag_schemes import SCHEMES, tags_to_spans
from mtner_cli.core.types import Span

CORPORA = ("clinic", "molbio")
SPLITS = ("train", "dev", "test")
TYPES = {
    "clinic": {"Chemical", "Disease", "Species"},
    "molbio": {"Cell_Type", "DNA", "Disease", "Protein"},
}


@dataclass(frozen=True)
class Sample:
    """A sentence: of words in ``clinic``, of text with character offsets in ``molbio``."""

    document: str
    words: tuple[str, ...] | None
    text: str
    mentions: tuple[Span, ...]

    @property
    def length(self) -> int:
        return len(self.text if self.words is None else self.words)

    def surface(self, mention: Span) -> str:
        if self.words is None:
            return self.text[mention.start : mention.end]
        return " ".join(self.words[mention.start : mention.end])

    def nested(self) -> list[tuple[Span, Span]]:
        return [
            (outer, inner)
            for outer, inner in permutations(self.mentions, 2)
            if outer.start <= inner.start and inner.end <= outer.end
        ]

    def touching(self) -> list[tuple[Span, Span]]:
        """Pairs of which the second begins where the first ends, with at most a space between."""
        return [
            (first, second)
            for first, second in permutations(self.mentions, 2)
            if first.end == second.start
            or (self.words is None and self.text[first.end : second.start] == " ")
        ]

    def final(self) -> list[Span]:
        return [mention for mention in self.mentions if mention.end == self.length]


Samples = dict[tuple[str, str], list[Sample]]


@pytest.fixture(scope="module")
def folder(project: Path) -> Path:
    return project / "data" / "samples"


@pytest.fixture(scope="module")
def samples(folder: Path) -> Samples:
    readers = {"clinic": (_read_columns, "tsv"), "molbio": (_read_json_lines, "jsonl")}
    return {
        (corpus, split): list(read(folder / corpus / f"{split}.{suffix}"))
        for corpus, (read, suffix) in readers.items()
        for split in SPLITS
    }


def _read_columns(path: Path) -> Iterator[Sample]:
    document = 0
    for block in path.read_text("utf-8").strip().split("\n\n"):
        rows = [line.split("\t") for line in block.split("\n")]
        if rows == [["-DOCSTART-", "O"]]:
            document += 1
            continue
        words, tags = zip(*rows, strict=True)
        mentions = tags_to_spans(tags, SCHEMES["iob2"])
        yield Sample(str(document), words, " ".join(words), tuple(mentions))


def _read_json_lines(path: Path) -> Iterator[Sample]:
    for line in path.read_text("utf-8").splitlines():
        record = json.loads(line)
        assert list(record) == ["doc_id", "text", "entities"]
        mentions = tuple(Span(*entity) for entity in record["entities"])
        yield Sample(record["doc_id"], None, record["text"], mentions)


def test_generator_writes_the_committed_files(folder: Path, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-B", str(folder / "generate.py"), "--out", str(tmp_path)], check=True
    )
    written = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.*")}
    committed = {
        path.relative_to(folder): path.read_bytes()
        for corpus in CORPORA
        for path in (folder / corpus).iterdir()
    }
    assert len(committed) == len(CORPORA) * len(SPLITS)
    assert written == committed


@pytest.mark.parametrize("corpus", CORPORA)
@pytest.mark.parametrize("split", SPLITS)
class TestEachSplit:
    def test_mentions_are_exact(self, samples: Samples, corpus: str, split: str) -> None:
        for sample in samples[corpus, split]:
            check_mentions(sample.mentions, sample.length)
            assert len(set(sample.mentions)) == len(sample.mentions)
            for mention in sample.mentions:
                surface = sample.surface(mention)
                assert surface == surface.strip()
                assert not set("[]{}|") & set(surface)

    def test_text_is_clean(self, samples: Samples, corpus: str, split: str) -> None:
        for sample in samples[corpus, split]:
            assert sample.text == sample.text.strip()
            assert not re.search(r"  |[\[\]{}|]|a\(n\)", sample.text)
            assert not re.match(r"[a-z]{2}|a ", sample.text), sample.text

    def test_annotates_the_types_of_the_corpus(
        self, samples: Samples, corpus: str, split: str
    ) -> None:
        found = {mention.tag for sample in samples[corpus, split] for mention in sample.mentions}
        assert found == TYPES[corpus]

    def test_documents_are_short_abstracts(self, samples: Samples, corpus: str, split: str) -> None:
        documents = [
            list(group)
            for _, group in groupby(samples[corpus, split], key=lambda sample: sample.document)
        ]
        assert len({document[0].document for document in documents}) == len(documents)
        assert {3 <= len(document) <= 8 for document in documents} == {True}
        assert all(not document[0].text.endswith(".") for document in documents)

    def test_has_every_kind_of_mention(self, samples: Samples, corpus: str, split: str) -> None:
        sentences = samples[corpus, split]
        assert any(sample.touching() for sample in sentences)
        assert any(sample.final() for sample in sentences)
        assert any(not sample.mentions for sample in sentences)
        assert any(not sample.text.isascii() for sample in sentences)
        kinds = {(outer.tag, inner.tag) for sample in sentences for outer, inner in sample.nested()}
        if corpus == "clinic":
            assert not kinds
        else:
            assert any(_starts_inside_a_word(sample) for sample in sentences)
            assert kinds >= {
                ("DNA", "Protein"),
                ("DNA", "DNA"),
                ("Protein", "Protein"),
                ("Cell_Type", "Cell_Type"),
                ("Cell_Type", "Disease"),
            }


def _starts_inside_a_word(sample: Sample) -> bool:
    starts = [mention.start for mention in sample.mentions if mention.start > 0]
    return any(sample.text[start - 1 : start + 1].isalnum() for start in starts)


def test_no_sentence_is_there_twice(samples: Samples) -> None:
    counts = Counter(
        re.sub(r"\W", "", sample.text) for split in samples.values() for sample in split
    )
    assert [text for text, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("corpus", CORPORA)
def test_test_split_has_seen_and_unseen_mentions(samples: Samples, corpus: str) -> None:
    train = _surfaces(samples, corpus, "train")
    test = _surfaces(samples, corpus, "test")
    assert len(test - train) > 20
    assert len(test & train) > 20
    mentions = [
        (sample.surface(mention).lower(), mention.tag)
        for sample in samples[corpus, "test"]
        for mention in sample.mentions
    ]
    assert sum(mention not in train for mention in mentions) > len(mentions) / 2


def test_corpora_share_diseases_and_know_others_of_their_own(samples: Samples) -> None:
    clinic, molbio = (
        {
            surface.replace(" ", "")
            for surface, tag in _surfaces(samples, corpus, "train")
            if tag == "Disease"
        }
        for corpus in CORPORA
    )
    assert len(clinic & molbio) > 3
    assert len(clinic - molbio) > 20
    assert len(molbio - clinic) > 20


@pytest.mark.parametrize(
    ("annotated_in", "entity_type", "unannotated_in"),
    [
        ("clinic", "Chemical", "molbio"),
        ("clinic", "Species", "molbio"),
        ("molbio", "Protein", "clinic"),
        ("molbio", "Cell_Type", "clinic"),
    ],
)
def test_foreign_types_occur_without_annotation(
    samples: Samples, annotated_in: str, entity_type: str, unannotated_in: str
) -> None:
    surfaces = {
        surface
        for split in SPLITS
        for surface, tag in _surfaces(samples, annotated_in, split)
        if tag == entity_type
    }
    texts = " ".join(
        sample.text for split in SPLITS for sample in samples[unannotated_in, split]
    ).lower()
    assert any(re.search(rf"\b{re.escape(surface)}\b", texts) for surface in surfaces)


def test_readme_counts(samples: Samples, project: Path) -> None:
    readme = (project / "data" / "README.md").read_text("utf-8")
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in readme.splitlines()
        if re.match(r"\| (clinic|molbio)/", line)
    ]
    assert rows == [_counts(name, sentences) for name, sentences in samples.items()]


def _counts(name: tuple[str, str], sentences: list[Sample]) -> tuple[str, ...]:
    corpus, split = name
    types = Counter(mention.tag for sample in sentences for mention in sample.mentions)
    nested = [pair for sample in sentences for pair in sample.nested()]
    return (
        f"{corpus}/{split}",
        str(len({sample.document for sample in sentences})),
        str(len(sentences)),
        str(types.total()),
        ", ".join(f"{tag} {count}" for tag, count in sorted(types.items())),
        str(len(nested)),
        str(sum(outer.tag == inner.tag for outer, inner in nested)),
        str(sum(len(sample.touching()) for sample in sentences)),
        str(sum(len(sample.final()) for sample in sentences)),
    )


def _surfaces(samples: Samples, corpus: str, split: str) -> set[tuple[str, str]]:
    return {
        (sample.surface(mention).lower(), mention.tag)
        for sample in samples[corpus, split]
        for mention in sample.mentions
    }
