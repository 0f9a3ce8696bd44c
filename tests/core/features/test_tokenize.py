from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtner_cli.core.features.tokenize import SubwordTokenizer, TokenizedSentence
from mtner_cli.core.model.encoder import load_tokenizer
from mtner_cli.core.types import Sentence, Span, Tag


@pytest.fixture(scope="module")
def tokenizer(tiny_encoder: Path) -> SubwordTokenizer:
    return load_tokenizer(str(tiny_encoder))


def tokenize(tokenizer: SubwordTokenizer, sentence: Sentence) -> TokenizedSentence:
    return next(tokenizer.tokenize("BC5CDR", [sentence], separate_tags=True))


def test_given_words_keep_their_mentions(tokenizer: SubwordTokenizer) -> None:
    sentence = Sentence.of_words(["IL-2", "gene", "."], [Span(0, 1, "Protein"), Span(0, 2, "DNA")])
    tokenized = tokenize(tokenizer, sentence)
    assert tokenized.words == ("IL-2", "gene", ".")
    assert tokenized.word_offsets.tolist() == [[0, 4], [5, 9], [10, 11]]
    assert tokenized.word_starts.tolist() == [0, 4, 8, 9]
    assert set(tokenized.gold) == {(0, 1, Tag("BC5CDR", "Protein")), (0, 2, Tag("BC5CDR", "DNA"))}
    assert tokenized.gold_unmatched == ()


def test_raw_text_is_split_by_the_tokenizer(tokenizer: SubwordTokenizer) -> None:
    text = "anti-TNF (2 mg)."
    sentence = Sentence.of_text(text, [Span(0, 8, "Drug"), Span(5, 7, "Protein")])
    tokenized = tokenize(tokenizer, sentence)
    assert tokenized.words == ("anti", "-", "TNF", "(", "2", "mg", ")", ".")
    assert tokenized.gold == ((0, 3, Tag("BC5CDR", "Drug")),)
    assert tokenized.gold_unmatched == ((5, 7, Tag("BC5CDR", "Protein")),)


def test_joined_tags_name_no_corpus(tokenizer: SubwordTokenizer) -> None:
    sentence = Sentence.of_words(["flu"], [Span(0, 1, "Disease")])
    tokenized = next(tokenizer.tokenize("BC5CDR", [sentence], separate_tags=False))
    assert tokenized.gold == ((0, 1, Tag(None, "Disease")),)


def test_a_word_the_tokenizer_deletes_is_unknown(tokenizer: SubwordTokenizer) -> None:
    sentence = Sentence.of_words(["a", "\u200b\u0007", "b"])
    tokenized = tokenize(tokenizer, sentence)
    assert tokenized.word_starts.tolist() == [0, 1, 2, 3]
    assert tokenized.subwords[1] == tokenizer.unknown_id


words = st.lists(
    st.text(st.characters(exclude_characters=" \n\r", exclude_categories=["Cs"]), min_size=1),
    min_size=1,
    max_size=8,
)


@settings(deadline=None, max_examples=60)
@given(words)
def test_every_given_word_has_subwords_and_its_characters(
    tokenizer: SubwordTokenizer, given_words: list[str]
) -> None:
    tokenized = tokenize(tokenizer, Sentence.of_words(given_words))
    assert (tokenized.word_starts[1:] > tokenized.word_starts[:-1]).all()
    assert tokenized.word_starts[-1] == len(tokenized.subwords)
    text = tokenized.sentence.text
    assert [text[start:end] for start, end in tokenized.word_offsets.tolist()] == given_words


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=40))
def test_words_of_raw_text_do_not_overlap(tokenizer: SubwordTokenizer, text: str) -> None:
    tokenized = tokenize(tokenizer, Sentence.of_text(text))
    offsets = tokenized.word_offsets.tolist()
    assert all(start < end for start, end in offsets)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(offsets))
    assert tuple(text[start:end] for start, end in offsets) == tokenized.words
