from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtner_cli.core.actions.action_text import first_crossing
from mtner_cli.core.convert.cleaning import prepare
from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.corpus.action_files import CODECS
from mtner_cli.core.types import Place, Sentence, SourceSentence, Span
from mtner_cli.errors import DataError

PLACE = Place(Path("corpus.tsv"), 7)


def reasons(ledger: Ledger) -> dict[str, list[str]]:
    return {reason: [what for _, what in entries] for reason, entries in ledger.dropped.items()}


def repairs(ledger: Ledger) -> dict[str, list[str]]:
    return {kind: [what for _, what in entries] for kind, entries in ledger.repairs.items()}


def test_white_space_in_a_word_becomes_an_underscore() -> None:
    ledger = Ledger()
    source = SourceSentence(place=PLACE, words=("ER- cells", "of\tit", "", "a\u00a0b"))
    assert prepare(source, "simple", ledger) == Sentence.of_words(
        ["ER-_cells", "of_it", "_", "a\u00a0b"]
    )
    assert repairs(ledger) == {
        "white space in a word became _": ["'ER- cells'", "'of\\tit'"],
        "empty word became _": ["''"],
    }


def test_words_become_text_joined_by_single_spaces() -> None:
    ledger = Ledger()
    source = SourceSentence(
        place=PLACE, words=("ER- cells", "grow"), mentions=(Span(0, 1, "cell"), Span(0, 2, "X"))
    )
    sentence = prepare(source, "simple-char", ledger)
    assert sentence == Sentence.of_text("ER- cells grow", [Span(0, 9, "cell"), Span(0, 14, "X")])
    assert not ledger.repairs


def test_line_ends_in_raw_text_become_spaces_of_the_same_length() -> None:
    ledger = Ledger()
    sentence = prepare(
        SourceSentence(place=PLACE, text="a\r\nbc\n", mentions=(Span(3, 5, "X"),)),
        "simple-char",
        ledger,
    )
    assert sentence == Sentence.of_text("a  bc ", [Span(3, 5, "X")])
    assert repairs(ledger) == {"line end in raw text became a space": ["'a\\r\\nbc\\n'"]}


def test_half_a_surrogate_pair_is_replaced() -> None:
    ledger = Ledger()
    sentence = prepare(
        SourceSentence(place=PLACE, words=("\ud83d", "b"), mentions=(Span(0, 1, "T\udc00"),)),
        "simple",
        ledger,
    )
    assert sentence == Sentence.of_words(["\ufffd", "b"], [Span(0, 1, "T\ufffd")])


def test_mentions_that_cannot_be_kept_are_named() -> None:
    ledger = Ledger()
    mentions = (
        Span(1, 1, "X"),
        Span(2, 4, "X"),
        Span(-1, 1, "X"),
        Span(0, 2, "X"),
        Span(0, 2, "X"),
        Span(0, 2, "Y"),
    )
    sentence = prepare(
        SourceSentence(place=PLACE, words=("a", "b", "c"), mentions=mentions), "simple", ledger
    )
    assert sentence is not None
    assert sentence.mentions == (Span(0, 2, "X"), Span(0, 2, "Y"))
    assert reasons(ledger) == {
        "empty mention": ["X [1, 1) ''"],
        "mention outside its sentence": ["X [2, 4) 'c'", "X [-1, 1) 'a'"],
        "mention given twice": ["X [0, 2) 'a b'"],
    }
    assert {str(entry.place) for entries in ledger.dropped.values() for entry in entries} == {
        "corpus.tsv:7"
    }


def test_of_crossing_mentions_of_one_type_the_longer_is_kept() -> None:
    ledger = Ledger()
    mentions = (Span(0, 2, "X"), Span(1, 4, "X"), Span(3, 6, "Y"), Span(2, 3, "X"))
    source = SourceSentence(place=PLACE, words=tuple("abcdef"), mentions=mentions)
    sentence = prepare(source, "simple", ledger)
    assert sentence is not None
    assert sentence.mentions == (Span(1, 4, "X"), Span(2, 3, "X"), Span(3, 6, "Y"))
    assert reasons(ledger) == {"mention that crosses a longer one of its type": ["X [0, 2) 'a b'"]}


@pytest.mark.parametrize(
    "source",
    [
        SourceSentence(place=PLACE, words=()),
        SourceSentence(place=PLACE, text=" \n\u2003", mentions=(Span(0, 1, "X"),)),
    ],
)
def test_a_sentence_without_words_is_kept_out(source: SourceSentence) -> None:
    ledger = Ledger()
    assert prepare(source, "simple-char", ledger) is None
    assert len(ledger.dropped["sentence without words"]) == 1
    assert len(ledger.dropped["mention of white space only"]) == len(source.mentions)


def test_raw_text_cannot_become_words() -> None:
    with pytest.raises(DataError, match="found raw text, which only 'simple-char' can hold"):
        prepare(SourceSentence(place=PLACE, text="text"), "simple", Ledger())


SPANS = st.lists(
    st.builds(Span, st.integers(-1, 7), st.integers(-1, 8), st.sampled_from(["X", "Y", "\udc00"]))
)
ANY_TEXT = st.text(min_size=1, max_size=6)


@given(
    words=st.one_of(st.none(), st.lists(st.text(max_size=4), max_size=6).map(tuple)),
    text=ANY_TEXT,
    spans=SPANS,
    wants_text=st.booleans(),
)
def test_whatever_comes_in_can_be_encoded_and_is_accounted_for(
    words: tuple[str, ...] | None, text: str, spans: list[Span], wants_text: bool
) -> None:
    ledger = Ledger()
    mode = "simple-char" if words is None or wants_text else "simple"
    sentence = prepare(
        SourceSentence(place=PLACE, words=words, text=text, mentions=tuple(spans)), mode, ledger
    )
    kept = 0
    if sentence is not None:
        CODECS[mode].encode(sentence).encode("utf-8")
        assert first_crossing(sentence.mentions) is None
        kept = len(sentence.mentions)
    mentions_out = [
        entries for reason, entries in ledger.dropped.items() if reason != "sentence without words"
    ]
    assert kept + sum(map(len, mentions_out)) == len(spans)
