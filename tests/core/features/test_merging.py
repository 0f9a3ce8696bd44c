"""Joining sentences: what every way of it keeps, and what each is for."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from itertools import accumulate, combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtner_cli.config.schema import MaximizeConfig, MergeSentsConfig, NormalizeConfig
from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.decode.inference import mentions_of_sentences
from mtner_cli.core.features.examples import examples_of, with_timesteps
from mtner_cli.core.features.merging import (
    cut_full,
    cut_near,
    even_out,
    mean_length,
    merge_sentences,
)
from mtner_cli.core.features.segments import segments_of, windows_of
from mtner_cli.core.features.tokenize import SubwordTokenizer, TokenizedSentence
from mtner_cli.core.model.encoder import load_tokenizer
from mtner_cli.core.types import ScoredMention, Sentence, Span, Tag
from tests.core.actions.reading import mentions_of_timesteps

MAXIMIZE = MergeSentsConfig(maximize=MaximizeConfig(use=True))
SWAP = MergeSentsConfig(maximize=MaximizeConfig(use=True, swap=True))
GLOBAL = MergeSentsConfig(normalize=NormalizeConfig(use=True, mode="global"))
LOCAL = MergeSentsConfig(normalize=NormalizeConfig(use=True, mode="local"))
WAYS = [MAXIMIZE, SWAP, GLOBAL, LOCAL]

DISEASE = Tag("C", "Disease")
MAX_TOKENS = 20


@pytest.fixture(scope="module")
def tokenizer(tiny_encoder: Path) -> SubwordTokenizer:
    return load_tokenizer(str(tiny_encoder))


def sentence(index: int, words: int, document: str | None, corpus: str = "C") -> TokenizedSentence:
    """A sentence of words of one subword each; a Disease at its start and one at its end."""
    given = tuple("w" * words)
    return TokenizedSentence(
        corpus=corpus,
        index=index,
        sentence=Sentence(" ".join(given), (), given, document),
        words=given,
        word_offsets=np.array([(2 * word, 2 * word + 1) for word in range(words)], dtype=np.int32),
        subwords=np.arange(10, 10 + words, dtype=np.int32),
        word_starts=np.arange(words + 1, dtype=np.int32),
        gold=tuple({(0, 1, DISEASE), (words - 1, words, DISEASE)}),
        gold_unmatched=(),
    )


def corpus_of(*documents: list[int]) -> list[TokenizedSentence]:
    """Documents as the lengths of their sentences."""
    flat = [(words, str(number)) for number, lengths in enumerate(documents) for words in lengths]
    return [sentence(index, words, document) for index, (words, document) in enumerate(flat)]


def merged(sentences: list[TokenizedSentence], merging: MergeSentsConfig) -> list[list[int]]:
    """The lengths of the sentences in each input."""
    inputs = merge_sentences(sentences, MAX_TOKENS, merging, segments_of)
    return [[segment.end - segment.start for segment in segments] for segments in inputs]


def starts_of(lengths: list[int]) -> list[int]:
    return list(accumulate((length + 1 for length in lengths), initial=0))


def lengths_of_inputs(starts: list[int], cuts: list[int]) -> list[int]:
    return [starts[last] - starts[first] + 1 for first, last in pairwise(cuts)]


def every_way_to_cut(starts: list[int], max_tokens: int) -> Iterator[list[int]]:
    sentences = len(starts) - 1
    for size in range(sentences):
        for inner in combinations(range(1, sentences), size):
            cuts = [0, *inner, sentences]
            if max(lengths_of_inputs(starts, cuts)) <= max_tokens:
                yield cuts


def test_maximize_fills_from_left_to_right_and_swap_evens_out() -> None:
    sentences = corpus_of([5, 5, 5, 5, 2], [9, 9])
    assert merged(sentences, MAXIMIZE) == [[5, 5, 5], [5, 2], [9], [9]]
    sentences = corpus_of([4, 4, 4, 4])
    assert merged(sentences, MAXIMIZE) == [[4, 4, 4], [4]]
    assert merged(sentences, SWAP) == [[4, 4], [4, 4]]


def test_an_input_holds_just_as_much_as_fits() -> None:
    assert merged(corpus_of([8, 9]), MAXIMIZE) == [[8, 9]], "20 with CLS and two SEPs"
    assert merged(corpus_of([8, 10]), MAXIMIZE) == [[8], [10]]


def test_normalize_aims_at_the_mean_of_the_corpus_or_of_the_document() -> None:
    sentences = corpus_of([2, 2, 2, 2], [16, 16, 16, 16, 16, 16])
    # Possible: four times 4, three times 7, 10 twice and 13 in the first document, six times 18 in
    # the second: 8.0, 18.0 and 14.0 in the whole corpus.
    assert merged(sentences, LOCAL)[:-6] == [[2, 2], [2, 2]]
    assert merged(sentences, GLOBAL)[:-6] == [[2, 2, 2, 2]]


def test_without_documents_only_forced_corpora_are_merged() -> None:
    sentences = [sentence(index, 4, None, corpus) for corpus in "AB" for index in range(3)]
    assert merged(sentences, MAXIMIZE) == [[4]] * 6
    forced = MAXIMIZE.model_copy(update={"force_merge": ("B",)})
    assert merged(sentences, forced) == [[4], [4], [4], [4, 4, 4]]
    assert merged(sentences, MergeSentsConfig(force_merge=("A", "B"))) == [[4]] * 6


def test_sentences_before_the_first_separator_are_a_document() -> None:
    sentences = [
        sentence(index, 4, document) for index, document in enumerate([None, None, "0", "0"])
    ]
    assert merged(sentences, MAXIMIZE) == [[4, 4], [4, 4]]


def test_a_long_sentence_stays_by_itself() -> None:
    sentences = corpus_of([3, 3, 25, 3, 3])
    for merging in WAYS:
        inputs = list(merge_sentences(sentences, MAX_TOKENS, merging, segments_of))
        places = [
            [(segment.sentence.index, segment.start, segment.end) for segment in segments]
            for segments in inputs
        ]
        assert [(2, 0, 18)] in places
        assert [(2, 18, 25)] in places


documents = st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=8), min_size=1, max_size=4)


@given(documents, st.sampled_from(WAYS))
def test_every_word_once_and_in_order_and_never_across_documents(
    lengths: list[list[int]], merging: MergeSentsConfig
) -> None:
    sentences = corpus_of(*lengths)
    inputs = list(merge_sentences(sentences, MAX_TOKENS, merging, segments_of))
    words = [
        (segment.sentence.index, word)
        for segments in inputs
        for segment in segments
        for word in range(segment.start, segment.end)
    ]
    assert words == [(one.index, word) for one in sentences for word in range(len(one.words))]
    for segments in inputs:
        assert len({segment.sentence.sentence.document for segment in segments}) == 1
        assert sum(len(segment.subwords) + 1 for segment in segments) + 1 <= MAX_TOKENS
        whole = [segment.end - segment.start == len(segment.sentence.words) for segment in segments]
        assert all(whole) or len(segments) == 1


stretches = st.lists(st.integers(1, 18), min_size=1, max_size=9)


@given(stretches)
def test_full_inputs_are_the_fewest_possible(lengths: list[int]) -> None:
    starts = starts_of(lengths)
    fewest = min(map(len, every_way_to_cut(starts, MAX_TOKENS)))
    assert len(cut_full(starts, MAX_TOKENS)) == fewest


@given(stretches)
def test_swapping_lowers_the_variance_until_no_move_does(lengths: list[int]) -> None:
    starts = starts_of(lengths)
    full = cut_full(starts, MAX_TOKENS)
    even = even_out(starts, full)

    def variance(cuts: list[int]) -> float:
        return statistics.pvariance(lengths_of_inputs(starts, cuts))

    assert len(even) == len(full)
    assert max(lengths_of_inputs(starts, even)) <= MAX_TOKENS
    assert (variance(even) < variance(full)) == (even != full)
    for place in range(1, len(even) - 1):
        for moved in (even[place] - 1, even[place] + 1):
            other = [*even[:place], moved, *even[place + 1 :]]
            if len(set(other)) == len(other):
                assert variance(other) >= variance(even) - 1e-9


@given(stretches, st.floats(0, 25))
def test_inputs_near_an_aim_are_the_nearest_possible(lengths: list[int], aim: float) -> None:
    starts = starts_of(lengths)

    def distance(cuts: list[int]) -> float:
        return sum(abs(length - aim) for length in lengths_of_inputs(starts, cuts))

    nearest = min(map(distance, every_way_to_cut(starts, MAX_TOKENS)))
    found = cut_near(starts, MAX_TOKENS, aim)
    assert max(lengths_of_inputs(starts, found)) <= MAX_TOKENS
    assert distance(found) == pytest.approx(nearest)


@given(st.lists(stretches, min_size=1, max_size=3))
def test_the_mean_is_that_of_all_runs_that_fit(stretches: list[list[int]]) -> None:
    possible = [
        length
        for lengths in stretches
        for first, last in combinations(range(len(lengths) + 1), 2)
        if (length := sum(lengths[first:last]) + last - first + 1) <= MAX_TOKENS
    ]
    found = mean_length(map(starts_of, stretches), MAX_TOKENS)
    assert found == pytest.approx(statistics.fmean(possible))


@given(documents, st.sampled_from(WAYS))
def test_gold_mentions_come_back_to_their_sentences(
    tokenizer: SubwordTokenizer, lengths: list[list[int]], merging: MergeSentsConfig
) -> None:
    sentences = corpus_of(*lengths)
    vocabulary = ActionVocabulary((DISEASE,))
    examples = examples_of(sentences, tokenizer, MAX_TOKENS, merging=merging)
    found: dict[int, set[tuple[int, int, Tag]]] = {}
    for example in examples:
        assert len(example.input_ids) <= MAX_TOKENS
        timesteps = with_timesteps(example, vocabulary).timesteps or ()
        mentions = [
            ScoredMention(*span, 1.0) for span in mentions_of_timesteps(timesteps, vocabulary)
        ]
        for (_, index), of_sentence in mentions_of_sentences(example, mentions):
            found.setdefault(index, set()).update(mention[:3] for mention in of_sentence)
    assert found == {one.index: set(one.gold) for one in sentences}


def test_what_reaches_over_a_separator_belongs_to_no_sentence(tokenizer: SubwordTokenizer) -> None:
    (example,) = examples_of(corpus_of([3, 2]), tokenizer, MAX_TOKENS, merging=MAXIMIZE)
    # Words 0 to 2 are the first sentence, 3 is the separator, 4 and 5 are the second sentence.
    spans = [(0, 3), (2, 4), (2, 5), (3, 4), (3, 6), (4, 6), (0, 6)]
    mentions = [ScoredMention(*span, DISEASE, 0.9) for span in spans]
    first, second = (of_sentence for _, of_sentence in mentions_of_sentences(example, mentions))
    assert [mention[:2] for mention in first] == [(0, 3)]
    assert [mention[:2] for mention in second] == [(0, 2)]


def test_a_separator_is_a_word_outside_of_mentions(tokenizer: SubwordTokenizer) -> None:
    text = [Sentence.of_words(["flu"], [Span(0, 1, "Disease")], "0")] * 2
    sentences = list(tokenizer.tokenize("C", text, separate_tags=True))
    (example,) = examples_of(sentences, tokenizer, MAX_TOKENS, merging=MAXIMIZE)
    assert (example.input_ids == tokenizer.sep_id).sum() == 2
    trained = with_timesteps(example, ActionVocabulary((DISEASE,)))
    assert trained.timesteps == ((2,), (1,), (3,), (1,), (2,), (1,), (3,), (0,))


def test_a_mention_in_two_windows_is_taken_from_the_one_that_owns_its_first_word(
    tokenizer: SubwordTokenizer,
) -> None:
    words = ["a"] * 30
    (sentence,) = tokenizer.tokenize("C", [Sentence.of_words(words)], separate_tags=True)
    windows = windows_of(sentence, 14)
    assert [(w.start, w.end, w.owned) for w in windows] == [
        (0, 12, (0, 11)),
        (9, 21, (11, 20)),
        (18, 30, (20, 30)),
    ]
    examples = examples_of([sentence], tokenizer, 14, divide=windows_of)
    found = []
    for example, window in zip(examples, windows, strict=True):
        every_word = [ScoredMention(at, at + 1, DISEASE, 0.9) for at in range(example.words)]
        long = ScoredMention(0, example.words, DISEASE, window.start / 100)
        for _, own in mentions_of_sentences(example, [*every_word, long]):
            found += own
    assert sorted(m.start for m in found if m.end - m.start == 1) == list(range(30))
    assert [(m.start, m.end) for m in found if m.end - m.start > 1] == [(0, 12)]
