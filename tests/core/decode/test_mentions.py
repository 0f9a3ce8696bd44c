"""Reading mentions off timesteps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtner_cli.core.actions.action_text import first_crossing
from mtner_cli.core.actions.timesteps import encode_timesteps
from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.decode.mentions import DecodedActions, decode_mentions
from mtner_cli.core.types import Span, Tag

DISEASE, CHEMICAL = Tag("BC5CDR", "Disease"), Tag(None, "Chemical")
VOCABULARY = ActionVocabulary((DISEASE, CHEMICAL))
SHIFT, OPEN, CLOSE = 1, VOCABULARY.transition(DISEASE), VOCABULARY.reduce(DISEASE)


def decoded(*sentences: list[dict[int, float]]) -> DecodedActions:
    """Each timestep as the probabilities of its likely actions; all others are at 0.01."""
    longest = max(map(len, sentences))
    probabilities = np.full((len(sentences), longest, VOCABULARY.size), 0.01, dtype=np.float32)
    for row, steps in enumerate(sentences):
        for step, values in enumerate(steps):
            for action, value in values.items():
                probabilities[row, step, action] = value
    consumed = probabilities.argmax(-1) == SHIFT
    return DecodedActions(probabilities, consumed, np.array([len(steps) for steps in sentences]))


def test_a_mention_that_ends_the_sentence_comes_out_with_its_score() -> None:
    steps = [{SHIFT: 0.9}, {OPEN: 0.81}, {SHIFT: 0.9}, {CLOSE: 1.0}, {0: 0.9}]
    ((mention,),) = decode_mentions(decoded(steps), VOCABULARY)
    assert mention[:3] == (1, 2, DISEASE)
    assert mention.score == pytest.approx(0.9)


def test_an_action_that_is_not_the_likeliest_still_counts_above_one_half() -> None:
    both = {OPEN: 0.9, VOCABULARY.transition(CHEMICAL): 0.6}
    closing = {CLOSE: 0.9, VOCABULARY.reduce(CHEMICAL): 0.7}
    (mentions,) = decode_mentions(decoded([both, {SHIFT: 0.9}, closing]), VOCABULARY)
    assert {mention[:3] for mention in mentions} == {(0, 1, DISEASE), (0, 1, CHEMICAL)}


def test_where_shift_is_likeliest_nothing_opens() -> None:
    steps = [{SHIFT: 0.9, OPEN: 0.8}, {SHIFT: 0.9}, {CLOSE: 0.9}]
    assert decode_mentions(decoded(steps), VOCABULARY) == [[]]


def test_a_mention_of_no_words_stays_open_and_an_unclosed_one_is_none() -> None:
    steps = [{OPEN: 0.9}, {CLOSE: 0.9}, {SHIFT: 0.9}, {CLOSE: 0.9}]
    ((mention,),) = decode_mentions(decoded(steps), VOCABULARY)
    assert mention[:2] == (0, 1)
    assert decode_mentions(decoded([{OPEN: 0.9}, {SHIFT: 0.9}]), VOCABULARY) == [[]]


def test_padding_after_a_short_sentence_is_not_read() -> None:
    short = decoded([{OPEN: 0.9}, {SHIFT: 0.9}, {CLOSE: 0.9}])
    cut = DecodedActions(short.probabilities, short.consumed, np.array([2]))
    assert decode_mentions(cut, VOCABULARY) == [[]]


spans = st.sets(
    st.tuples(st.integers(0, 9), st.integers(1, 10), st.sampled_from([DISEASE, CHEMICAL])).filter(
        lambda mention: mention[0] < mention[1]
    ),
    max_size=6,
)


@given(st.lists(spans, min_size=1, max_size=3))
def test_certain_gold_actions_give_the_gold_mentions(
    sentences: list[set[tuple[int, int, Tag]]],
) -> None:
    rows, expected = [], []
    for mentions in sentences:
        if first_crossing([Span(start, end, str(tag)) for start, end, tag in mentions]):
            continue
        timesteps = encode_timesteps(list(mentions), 10, VOCABULARY)
        rows.append([dict.fromkeys(timestep, 0.99) for timestep in timesteps])
        expected.append(mentions)
    if rows:
        found = decode_mentions(decoded(*rows), VOCABULARY)
        assert [{mention[:3] for mention in mentions} for mentions in found] == expected
