from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.convert.sentence_splitting import (
    Document,
    Passage,
    sentences_of,
    split_sentences,
)
from mtner_cli.core.types import Place, SourceDocument, Span

PLACE = Place(Path("source"), 1)
TEXT = "Loss of p53 in H. pylori gastritis.  It was seen. TP 53 too."


def document(*passages: str, mentions: tuple[Span, ...] = ()) -> Document:
    made = Document(PLACE, "7")
    for number, text in enumerate(passages, start=1):
        start = len(made.text) + 1 if made.passages else 0
        made.add_passage(Passage(Place(Path("source"), number), start, text))
    made.mentions += [(mention, PLACE) for mention in mentions]
    return made


def split(*passages: str, mentions: tuple[Span, ...] = ()) -> list[tuple[str, list[str]]]:
    """Each sentence and the wording of its mentions."""
    found = sentences_of(document(*passages, mentions=mentions), Ledger())
    return [
        (sentence.text, [sentence.text[span.start : span.end] for span in sentence.mentions])
        for sentence in found
    ]


def mention(wording: str, text: str = TEXT) -> Span:
    start = text.index(wording)
    return Span(start, start + len(wording), "X")


def test_sentences_are_split_and_trimmed() -> None:
    mentions = (mention("TP 53"), mention("p53"), mention("gastritis"))
    assert split(TEXT, mentions=mentions) == [
        ("Loss of p53 in H. pylori gastritis.", ["p53", "gastritis"]),
        ("It was seen.", []),
        ("TP 53 too.", ["TP 53"]),
    ]


@pytest.mark.parametrize(
    ("wording", "sentences"),
    [
        ("gastritis.  It", ["Loss of p53 in H. pylori gastritis.  It was seen.", "TP 53 too."]),
        ("gastritis.  ", ["Loss of p53 in H. pylori gastritis.  ", "It was seen.", "TP 53 too."]),
        (TEXT[5:], [TEXT]),
    ],
)
def test_a_mention_holds_its_sentences_together(wording: str, sentences: list[str]) -> None:
    found = split(TEXT, mentions=(mention(wording),))
    assert [text for text, _ in found] == sentences
    assert [inside for _, inside in found if inside] == [[wording]]


def test_a_sentence_ends_with_its_passage_unless_a_mention_does_not() -> None:
    passages = ("Treatment of renal", "", "failure in mice")
    assert [text for text, _ in split(*passages)] == ["Treatment of renal", "failure in mice"]
    whole = "Treatment of renal  failure in mice"
    assert split(*passages, mentions=(mention("renal  failure", whole),)) == [
        (whole, ["renal  failure"])
    ]


def test_sentences_name_their_passage_and_document() -> None:
    sentences = list(sentences_of(document("A title.", "It is. It was."), Ledger()))
    assert [sentence.place.line for sentence in sentences] == [1, 2, 2]
    assert {sentence.document for sentence in sentences} == {SourceDocument("7", PLACE)}
    assert [sentence.start for sentence in sentences] == [0, 9, 16]


def test_a_document_without_text_is_in_the_ledger() -> None:
    ledger = Ledger()
    assert list(sentences_of(document(" ", ""), ledger)) == []
    assert ledger.dropped == {"document without text": [(PLACE, "7")]}


@pytest.mark.parametrize(
    ("span", "wording", "reason"),
    [
        (Span(8, 11, "X"), "p54", "mention with other text at its offsets"),
        (Span(8, 8, "X"), "", "empty mention"),
        (Span(9, 8, "X"), "p", "empty mention"),
        (Span(-3, 4, "X"), "Loss", "mention outside its document"),
        (Span(56, 99, "X"), "too.", "mention outside its document"),
        (Span(8, 11, ""), "p53", "mention without a type"),
    ],
)
def test_a_mention_that_does_not_fit_is_kept_out(span: Span, wording: str, reason: str) -> None:
    made, ledger = document(TEXT), Ledger()
    made.add_mention(span, wording, PLACE, ledger)
    assert made.mentions == []
    assert list(ledger.dropped) == [reason]


def test_white_space_in_a_mention_is_as_in_the_text() -> None:
    made, ledger = document(TEXT), Ledger()
    made.add_mention(mention("gastritis.  It"), "gastritis.\nIt", PLACE, ledger)
    assert made.mentions == [(mention("gastritis.  It"), PLACE)]
    assert len(ledger.repairs["white space in a mention is as in the text"]) == 1


@given(text=st.text(st.characters(codec="utf-8") | st.sampled_from("Ab. ?\n\t\u00a0α’-")))
def test_any_text_is_split_within_itself(text: str) -> None:
    starts = split_sentences(text)
    assert starts == sorted(set(starts))
    assert all(0 <= start < len(text) for start in starts)
    kept = "".join(sentence for sentence, _ in split(text))
    assert "".join(kept.split()) == "".join(text.split())
