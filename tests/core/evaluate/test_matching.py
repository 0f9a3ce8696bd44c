from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtner_cli.core.evaluate import matching
from mtner_cli.core.evaluate.matching import (
    MentionArrays,
    TagNumbers,
    compare,
    distinct,
    overlapping_sentences,
)
from mtner_cli.core.types import Tag

TAGS = [Tag("BC5", "Disease"), Tag("BC5", "Chemical"), Tag(None, "Disease")]
PLACES = st.one_of(st.integers(0, 6), st.sampled_from([2**31 - 1, 2**31, 2**40]))
MENTIONS = st.lists(st.tuples(PLACES, PLACES, st.sampled_from(TAGS)), max_size=8)
SENTENCES = st.lists(st.tuples(MENTIONS, MENTIONS), max_size=6)


def as_sets(arrays: MentionArrays, numbers: TagNumbers, sentences: int) -> list[set]:
    tags = list(numbers)
    sets: list[set] = [set() for _ in range(sentences)]
    columns = (arrays.sentence, arrays.start, arrays.end, arrays.tag)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    for sentence, start, end, tag in rows:
        sets[sentence].add((start, end, tags[tag]))
    assert sum(map(len, sets)) == len(rows)
    assert [row[:2] for row in rows] == sorted(row[:2] for row in rows)
    return sets


@given(SENTENCES)
def test_mentions_are_compared_as_sets_would_be(sentences: list) -> None:
    numbers = TagNumbers()
    gold = MentionArrays.of([gold for gold, _ in sentences], numbers)
    predicted = MentionArrays.of([predicted for _, predicted in sentences], numbers)
    gold_once, predicted_once, found = compare(gold, predicted)
    count = len(sentences)
    assert as_sets(gold_once, numbers, count) == [set(gold) for gold, _ in sentences]
    assert as_sets(predicted_once, numbers, count) == [set(other) for _, other in sentences]
    assert as_sets(gold_once.taken(found), numbers, count) == [
        set(gold) & set(predicted) for gold, predicted in sentences
    ]
    assert as_sets(distinct(gold), numbers, count) == [set(gold) for gold, _ in sentences]


@given(SENTENCES)
def test_codes_that_would_not_fit_are_made_smaller(sentences: list) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "_GREATEST", 0)
        test_mentions_are_compared_as_sets_would_be.hypothesis.inner_test(sentences)


SPANS = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 4), st.sampled_from(TAGS)), max_size=5)


@given(st.lists(SPANS, max_size=5))
def test_sentences_with_mentions_that_share_words_are_found(sentences: list) -> None:
    mentions = [{(start, start + length, tag) for start, length, tag in some} for some in sentences]
    arrays = distinct(MentionArrays.of([list(some) for some in mentions], TagNumbers()))
    assert overlapping_sentences(arrays).tolist() == [
        place
        for place, some in enumerate(mentions)
        if any(
            one != other and one[0] < other[1] and other[0] < one[1]
            for one in some
            for other in some
        )
    ]
