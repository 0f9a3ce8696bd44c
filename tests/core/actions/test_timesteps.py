from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtner_cli.core.actions.action_text import EncodingError
from mtner_cli.core.actions.timesteps import encode_timesteps
from mtner_cli.core.actions.vocabulary import (
    ActionVocabulary,
    tags_in_order,
    vocabulary_from_json,
    vocabulary_to_json,
)
from mtner_cli.core.types import Tag
from tests.core.actions.reading import mentions_of_timesteps
from tests.core.actions.strategies import mentions_in

PER, LOC = Tag(None, "PER"), Tag("news", "LOC")
EOA, SHIFT = ActionVocabulary.EOA, ActionVocabulary.SHIFT
VOCABULARY = ActionVocabulary((PER, LOC))
OPEN_PER, CLOSE_PER = VOCABULARY.transition(PER), VOCABULARY.reduce(PER)
OPEN_LOC, CLOSE_LOC = VOCABULARY.transition(LOC), VOCABULARY.reduce(LOC)


def test_actions_are_numbered_as_the_model_expects() -> None:
    assert [VOCABULARY.name(action) for action in range(VOCABULARY.size)] == [
        "EOA", "SHIFT", "TRANSITION(PER)", "REDUCE(PER)", "TRANSITION(news$LOC)",
        "REDUCE(news$LOC)",
    ]  # fmt: skip
    with_out = ActionVocabulary((PER,), with_out=True)
    assert [with_out.name(action) for action in range(with_out.size)] == [
        "EOA", "SHIFT", "OUT", "TRANSITION(PER)", "REDUCE(PER)",
    ]  # fmt: skip
    assert with_out.consuming == (1, 2)
    assert VOCABULARY.foreign_actions([PER]) == [OPEN_LOC, CLOSE_LOC]


def test_boundary_actions_share_a_timestep() -> None:
    mentions = [(0, 2, PER), (0, 1, LOC), (2, 3, PER)]
    assert encode_timesteps(mentions, 4, VOCABULARY) == [
        (OPEN_PER, OPEN_LOC),
        (SHIFT,),
        (CLOSE_LOC,),
        (SHIFT,),
        (CLOSE_PER, OPEN_PER),
        (SHIFT,),
        (CLOSE_PER,),
        (SHIFT,),
        (EOA,),
    ]


def test_an_action_that_repeats_starts_a_timestep() -> None:
    mentions = [(0, 2, PER), (0, 1, PER), (0, 2, LOC), (1, 2, PER)]
    assert encode_timesteps(mentions, 2, VOCABULARY) == [
        (OPEN_PER, OPEN_LOC),
        (OPEN_PER,),
        (SHIFT,),
        (CLOSE_PER, OPEN_PER),
        (SHIFT,),
        (CLOSE_PER,),
        (CLOSE_PER, CLOSE_LOC),
        (EOA,),
    ]


def test_actions_at_one_place_follow_the_numbers_of_their_tags() -> None:
    tags = tags_in_order(Tag(None, f"T{number:02}") for number in range(12))
    vocabulary = ActionVocabulary(tags)
    opened, *_, closed, _ = encode_timesteps([(0, 1, tag) for tag in tags], 1, vocabulary)
    assert opened == tuple(vocabulary.transition(tag) for tag in tags)
    assert closed == tuple(vocabulary.reduce(tag) for tag in tags)


def test_out_is_written_only_where_the_vocabulary_has_it() -> None:
    with_out = ActionVocabulary((PER,), with_out=True)
    assert encode_timesteps([(0, 1, PER)], 2, with_out) == [(3,), (1,), (4,), (2,), (0,)]


def test_crossing_mentions_of_one_tag_are_refused() -> None:
    with pytest.raises(
        EncodingError, match=r"two mentions of type 'news\$LOC' cross: \[0, 2\) and"
    ):
        encode_timesteps([(0, 2, LOC), (1, 3, LOC), (1, 3, PER)], 3, VOCABULARY)


@given(length=st.integers(1, 8), with_out=st.booleans(), data=st.data())
def test_any_mentions_survive_the_timesteps(
    length: int, with_out: bool, data: st.DataObject
) -> None:
    corpora = st.sampled_from([None, "CoNLL-2003", "a$b"])
    spans = data.draw(mentions_in(length))
    tag_of = {name: Tag(data.draw(corpora), name) for name in {span.tag for span in spans}}
    mentions = sorted({(span.start, span.end, tag_of[span.tag]) for span in spans}, key=repr)
    vocabulary = ActionVocabulary(tags_in_order(tag_of.values()), with_out)
    timesteps = encode_timesteps(mentions, length, vocabulary)
    assert set(mentions_of_timesteps(timesteps, vocabulary)) == set(mentions)
    assert all(len(set(timestep)) == len(timestep) for timestep in timesteps)
    consuming = [timestep for timestep in timesteps if set(timestep) & set(vocabulary.consuming)]
    assert all(len(timestep) == 1 for timestep in consuming)
    assert len(consuming) == length
    assert timesteps[-1] == (EOA,)
    assert vocabulary_from_json(vocabulary_to_json(vocabulary), with_out) == vocabulary


def test_a_tag_twice_is_no_vocabulary() -> None:
    with pytest.raises(ValueError, match="twice"):
        ActionVocabulary((PER, PER))
