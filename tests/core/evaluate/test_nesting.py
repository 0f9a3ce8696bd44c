from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mtner_cli.core.evaluate.nesting import Found, NestingRecall, NestingTally, nesting_depths
from mtner_cli.core.types import Tag

PROTEIN, DNA = Tag(None, "protein"), Tag(None, "DNA")


def test_depth_is_the_number_of_other_mentions_around():
    assert nesting_depths([(0, 9), (1, 4), (2, 3), (5, 6), (8, 12)]) == {
        (0, 9): 0,
        (1, 4): 1,
        (2, 3): 2,
        (5, 6): 1,
        (8, 12): 0,
    }


def test_equal_spans_contain_each_other():
    assert nesting_depths([(0, 2), (0, 2)]) == {(0, 2): 1}


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 6)), max_size=12))
def test_depths_agree_with_a_naive_count(starts_and_lengths):
    spans = [(start, start + length) for start, length in starts_and_lengths]
    naive = {
        span: sum(start <= span[0] and span[1] <= end for start, end in spans) - 1 for span in spans
    }
    assert nesting_depths(spans) == naive


def test_recall_by_depth_and_within_one_type():
    tally = NestingTally()
    outer, inner, other = (0, 4, PROTEIN), (1, 2, PROTEIN), (2, 3, DNA)
    tally.add({outer, inner, other}, {outer, inner})
    tally.add({(0, 1, DNA), (3, 5, DNA)}, {(0, 1, DNA)})
    assert tally.result() == NestingRecall(
        by_depth={0: Found(2, 3), 1: Found(1, 2)}, within_own_type=Found(1, 1)
    )


def test_nesting_recalls_add():
    one = NestingRecall({0: Found(1, 2)}, Found(0, 0))
    other = NestingRecall({1: Found(1, 1), 0: Found(3, 4)}, Found(1, 1))
    assert one + other == NestingRecall({0: Found(4, 6), 1: Found(1, 1)}, Found(1, 1))
    assert Found(1, 4).recall == 0.25
    assert Found().recall == 0.0
