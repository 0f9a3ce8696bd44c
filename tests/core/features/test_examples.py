from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.features.batch import Collator, batches_by_length
from mtner_cli.core.features.examples import (
    Example,
    build_example,
    examples_of,
    with_timesteps,
)
from mtner_cli.core.features.segments import ExampleNotes, segments_of, windows_of
from mtner_cli.core.features.tokenize import SubwordTokenizer, TokenizedSentence
from mtner_cli.core.model.encoder import load_tokenizer
from mtner_cli.core.types import Sentence, Span, Tag

DISEASE = Tag("C", "Disease")


@pytest.fixture(scope="module")
def tokenizer(tiny_encoder: Path) -> SubwordTokenizer:
    return load_tokenizer(str(tiny_encoder))


def sentence_of(
    tokenizer: SubwordTokenizer, words: str, *mentions: tuple[int, int]
) -> TokenizedSentence:
    spans = [Span(start, end, "Disease") for start, end in mentions]
    sentence = Sentence.of_words(words.split(), spans)
    return next(tokenizer.tokenize("C", [sentence], separate_tags=True))


def test_one_sentence_stands_between_cls_and_sep(tokenizer: SubwordTokenizer) -> None:
    (example,) = examples_of([sentence_of(tokenizer, "flu ab c")], tokenizer, 20)
    assert example.input_ids[0] == tokenizer.cls_id
    assert example.input_ids[-1] == tokenizer.sep_id
    assert example.slot_of_subword.tolist() == [0, 1, 1, 1, 2, 2, 3, 4]
    assert example.words == 3


def test_joined_sentences_have_a_separator_word(tokenizer: SubwordTokenizer) -> None:
    segments = [
        segment
        for text in ("a b", "c d e")
        for segment in segments_of(sentence_of(tokenizer, text, (0, 2)), 20)
    ]
    example = build_example(segments, tokenizer, 20)
    assert example.words == 6
    assert example.slot_of_subword.tolist() == list(range(8))
    assert [segment.first_word for segment in example.segments] == [0, 3]
    assert [mention[:2] for segment in example.segments for mention in segment.gold] == [
        (0, 2),
        (3, 5),
    ]


def test_long_sentences_are_split_outside_of_mentions(tokenizer: SubwordTokenizer) -> None:
    sentence = sentence_of(tokenizer, "a b c d e f g h", (2, 5))
    notes = ExampleNotes()
    segments = segments_of(sentence, 2 + 4, notes)
    assert [(segment.start, segment.end) for segment in segments] == [(0, 2), (2, 6), (6, 8)]
    assert not notes.left_out


def test_a_mention_that_fits_nowhere_is_noted_and_words_are_kept(
    tokenizer: SubwordTokenizer,
) -> None:
    sentence = sentence_of(tokenizer, "a b c d e f", (0, 5))
    notes = ExampleNotes()
    segments = segments_of(sentence, 2 + 3, notes)
    assert [(segment.start, segment.end) for segment in segments] == [(0, 3), (3, 6)]
    assert notes.left_out == {"mentions longer than max_tokens": 1}


def test_a_word_longer_than_everything_is_read_by_its_beginning(
    tokenizer: SubwordTokenizer,
) -> None:
    (example,) = examples_of([sentence_of(tokenizer, "abcdefghijkl")], tokenizer, 2 + 5)
    assert len(example.input_ids) == 7
    assert example.words == 1


def test_crossing_mentions_of_a_type_keep_the_longer(tokenizer: SubwordTokenizer) -> None:
    (example,) = examples_of([sentence_of(tokenizer, "a b c d e", (0, 3), (2, 4))], tokenizer, 20)
    notes = ExampleNotes()
    trained = with_timesteps(example, ActionVocabulary((DISEASE,)), notes)
    assert trained.timesteps == ((2,), (1,), (1,), (1,), (3,), (1,), (1,), (0,))
    assert notes.left_out == {"mentions that cross another of their type": 1}


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.text("ab", min_size=1, max_size=6), min_size=1, max_size=20),
    st.integers(min_value=8, max_value=30),
    st.lists(st.tuples(st.integers(0, 19), st.integers(1, 20)), max_size=4),
)
def test_pieces_are_the_sentence(
    tokenizer: SubwordTokenizer, words: list[str], max_tokens: int, spans: list[tuple[int, int]]
) -> None:
    mentions = [(start, end) for start, end in spans if start < end <= len(words)]
    sentence = sentence_of(tokenizer, " ".join(words), *mentions)
    segments = segments_of(sentence, max_tokens)
    assert [word for segment in segments for word in range(segment.start, segment.end)] == list(
        range(len(words))
    )
    for example in examples_of([sentence], tokenizer, max_tokens):
        assert len(example.input_ids) <= max_tokens
        assert example.slot_of_subword[-1] == example.words + 1


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.text("ab", min_size=1, max_size=6), min_size=1, max_size=60),
    st.integers(min_value=8, max_value=30),
)
def test_windows_own_each_word_once_with_context_around_it(
    tokenizer: SubwordTokenizer, words: list[str], max_tokens: int
) -> None:
    sentence = sentence_of(tokenizer, " ".join(words))
    windows = windows_of(sentence, max_tokens)
    for word in range(len(words)):
        assert [window.owns(word) for window in windows].count(True) == 1
    for window in windows:
        lengths = [len(word) for word in words[window.start : window.end]]
        assert window.end - window.start == 1 or sum(lengths) <= max_tokens - 2
        assert window.owned is None or window.start <= window.owned[0] <= window.owned[1]
        assert window.owned is None or window.owned[1] <= window.end
    if all(len(word) == 1 for word in words) and len(windows) > 1:
        shared = int((max_tokens - 2) * 0.25)
        for one, other in pairwise(windows):
            assert one.end - other.start == shared
            assert one.owned is not None
            assert one.end - one.owned[1] == shared // 2


def test_batches_are_padded_and_masked(tokenizer: SubwordTokenizer) -> None:
    sentences = [sentence_of(tokenizer, "ab c", (0, 1)), sentence_of(tokenizer, "d")]
    vocabulary = ActionVocabulary((DISEASE,))
    examples = [
        with_timesteps(example, vocabulary) for example in examples_of(sentences, tokenizer, 20)
    ]
    batch = Collator(vocabulary, tokenizer.pad_id)(examples)
    assert batch.slots == 4
    assert batch.slot_of_subword.tolist() == [[0, 1, 1, 2, 3], [0, 1, 2, 4, 4]]
    assert batch.attention_mask.tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]
    assert batch.slot_mask.tolist() == [[True] * 4, [True, True, True, False]]
    assert batch.gold is not None
    assert batch.gold.lengths.tolist() == [5, 2]
    assert batch.gold.rows[0].argmax(-1).tolist() == [2, 1, 3, 1, 0]


def _example(length: int) -> Example:
    ids = np.zeros(length, dtype=np.int32)
    return Example(corpus="C", segments=(), input_ids=ids, slot_of_subword=ids, words=length - 2)


@given(st.lists(st.integers(3, 60), max_size=40), st.integers(60, 200))
def test_batches_by_length_hold_every_example_once(lengths: list[int], budget: int) -> None:
    examples = [_example(length) for length in lengths]
    batches = list(batches_by_length(examples, budget))
    assert sorted(map(id, examples)) == sorted(id(one) for batch in batches for one in batch)
    for batch in batches:
        longest = max(len(example.input_ids) for example in batch)
        assert longest * len(batch) <= budget
