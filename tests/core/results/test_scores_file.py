"""Scores for programs: the same numbers come out of the lines of the results."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtner_cli.core.corpus.splits import CorpusSplit
from mtner_cli.core.evaluate.scores import evaluate
from mtner_cli.core.results.scores_file import write_scores
from mtner_cli.core.results.write import write_results
from mtner_cli.core.types import ScoredMention, Sentence, Span, Tag, TestedSentence
from mtner_cli.errors import DataError

WORDS = ("p53", "and", "IL-2", "bind")
TYPES = ("Gene", "Disease", "DNA")
ANNOTATED = {
    "A": [Tag("A", "Gene"), Tag("A", "DNA")],
    "B": [Tag("B", "Gene"), Tag("B", "Disease")],
}
SPLITS = [
    CorpusSplit("A", (Sentence.of_words(["a"], [Span(0, 1, "Gene")]),), {}, content="abc"),
    CorpusSplit("B", (), {}),
]
SPANS = st.sampled_from([(0, 1), (0, 3), (2, 3), (2, 4)])


@st.composite
def drawn_sentences(draw: st.DrawFn) -> TestedSentence:
    corpus = draw(st.sampled_from(["A", "B"]))
    tags = st.builds(Tag, st.sampled_from(["A", "B"]), st.sampled_from(TYPES))
    predicted = draw(st.lists(st.tuples(SPANS, tags), max_size=5, unique=True))
    own = st.sampled_from(ANNOTATED[corpus])
    gold = draw(st.lists(st.tuples(SPANS, own), max_size=4, unique=True))
    unmatched = draw(st.lists(own, max_size=2, unique=True))
    return TestedSentence(
        corpus=corpus,
        index=0,
        document=None,
        start=0,
        text=" ".join(WORDS),
        words=WORDS,
        word_offsets=((0, 3), (4, 7), (8, 12), (13, 17)),
        gold=tuple((*span, tag) for span, tag in gold),
        gold_unmatched=tuple((1, 3, tag) for tag in unmatched),
        predicted=tuple(ScoredMention(*span, tag, 0.9) for span, tag in predicted),
    )


def counts_of_lines(lines: str, joined: bool) -> dict[tuple[str, str], list[int]]:
    """Found, missed and wrong by corpus and type, from the JSON lines alone."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for record in map(json.loads, lines.splitlines()):
        corpus = record["corpus"]

        def mentions(key: str) -> set[tuple[int, int, str]]:
            return {
                (m["char_start"], m["char_end"], m["type"])
                for m in record[key]  # noqa: B023
                if joined or m["corpus"] == corpus  # noqa: B023
            }

        gold = mentions("gold") | mentions("gold_unmatched")
        predicted = mentions("predicted")
        for name in record["annotated_types"]:
            of_type = [{m for m in found if m[2] == name} for found in (gold, predicted)]
            tally = counts.setdefault((corpus, name), Counter())
            tally["tp"] += len(of_type[0] & of_type[1])
            tally["fn"] += len(of_type[0] - of_type[1])
            tally["fp"] += len(of_type[1] - of_type[0])
    return {key: [tally["tp"], tally["fn"], tally["fp"]] for key, tally in counts.items()}


@given(st.lists(drawn_sentences(), min_size=1, max_size=6))
def test_the_lines_give_the_same_numbers(
    tmp_path_factory: pytest.TempPathFactory, sentences: list[TestedSentence]
) -> None:
    folder = tmp_path_factory.mktemp("run")
    evaluation = evaluate(sentences, ANNOTATED)
    lines = folder / "test_results.jsonl"
    write_results(folder / "test_results.pkl", lines, sentences, evaluation.annotated_tags())
    write_scores(folder / "scores.json", evaluation, folder / "best.safetensors", SPLITS)
    scores = json.loads((folder / "scores.json").read_text())
    for view in ("joined", "separate"):
        written = {
            (corpus, name): [counts[key] for key in ("tp", "fn", "fp")]
            for corpus, found in scores[view]["corpora"].items()
            for name, counts in found["types"].items()
        }
        assert written == counts_of_lines(lines.read_text(), view == "joined")


def test_what_the_scores_belong_to_is_written_with_them(tmp_path) -> None:
    sentence = TestedSentence(
        corpus="A",
        index=0,
        document=None,
        start=0,
        text="p53",
        words=("p53",),
        word_offsets=((0, 3),),
        gold=((0, 1, Tag("A", "Gene")),),
        gold_unmatched=(),
        predicted=(ScoredMention(0, 1, Tag("A", "Gene"), 0.9),),
    )
    evaluation = evaluate([sentence], ANNOTATED)
    write_scores(tmp_path / "scores.json", evaluation, tmp_path / "best.safetensors", SPLITS)
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["headline"]["f1"] == 100.0
    assert scores["annotated_types"] == {"A": ["DNA", "Gene"]}
    assert scores["data"]["A"] == {"sha256": "abc", "sentences": 1, "mentions": 1}
    assert scores["checkpoint"] == str(tmp_path / "best.safetensors")
    assert set(scores["versions"]) == {"mtner", "torch", "transformers", "tokenizers"}
    assert scores["nesting"]["A"]["inside"]["0"] == {"found": 1, "of": 1, "recall": 100.0}


def test_a_link_in_a_run_is_not_followed(tmp_path) -> None:
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "scores.json").symlink_to("victim")
    with pytest.raises(DataError, match="is a link"):
        write_scores(tmp_path / "scores.json", evaluate([], {}), None, [], own_folder=True)
    assert (tmp_path / "victim").read_text() == "precious"
