from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mtner_cli.core.corpus.splits import (
    pack_sentences,
    pack_strings,
    unpack_sentences,
    unpack_strings,
)
from mtner_cli.core.types import Sentence
from tests.core.actions.strategies import SENTENCES


@given(
    st.one_of(*(st.lists(sentences(any_crossing=True)) for sentences in SENTENCES.values())),
    st.lists(st.one_of(st.none(), st.sampled_from(["0", "1", ""]))),
)
def test_any_sentences_come_back(sentences: list[Sentence], documents: list[str | None]) -> None:
    named = [
        Sentence(sentence.text, sentence.mentions, sentence.words, document, 7 * number)
        for number, (sentence, document) in enumerate(
            zip(sentences, [*documents, *[None] * 100], strict=False)
        )
    ]
    assert list(unpack_sentences(pack_sentences(named))) == named


def test_sentences_without_words_come_back() -> None:
    sentences = [Sentence.of_words([]), Sentence.of_text(""), Sentence.of_words(["a"])]
    assert list(unpack_sentences(pack_sentences(sentences))) == sentences


@given(st.lists(st.text()))
def test_any_strings_come_back(strings: list[str]) -> None:
    assert unpack_strings(pack_strings("name", strings), "name") == strings


def test_halves_of_characters_stay_halves() -> None:
    halves = ["\ud83d", "\ude00"]
    assert unpack_strings(pack_strings("name", halves), "name") == halves
