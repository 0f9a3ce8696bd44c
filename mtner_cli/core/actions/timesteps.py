"""Convert mentions to the timesteps that the model is trained on.

A timestep is a set of actions. A consuming action (SHIFT, OUT) or EOA is alone in its timestep.
Consecutive REDUCE and TRANSITION actions share a timestep; an action that is already in it begins
the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from mtner_cli.core.actions.action_text import boundary_actions, check_mentions
from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.types import TaggedSpan

Timestep = tuple[int, ...]


def encode_timesteps(
    mentions: Sequence[TaggedSpan], length: int, vocabulary: ActionVocabulary
) -> list[Timestep]:
    """Return the timesteps of a sentence of ``length`` words; the last one is EOA.

    Raises:
        EncodingError: see :func:`mtner_cli.core.actions.action_text.check_mentions`.
    """
    inside = (ActionVocabulary.SHIFT,)
    outside = (ActionVocabulary.OUT,) if vocabulary.with_out else inside
    check_mentions(mentions, length)
    numbered = [(start, end, vocabulary.number(tag)) for start, end, tag in mentions]
    timesteps: list[Timestep] = []
    position = depth = 0
    for boundary, closed, opened in boundary_actions(numbered):
        timesteps += [inside if depth else outside] * (boundary - position)
        timesteps += _boundary_timesteps(tuple(closed), tuple(opened), vocabulary.first_tag_action)
        position, depth = boundary, depth + len(opened) - len(closed)
    timesteps += [outside] * (length - position)
    return [*timesteps, (ActionVocabulary.EOA,)]


@lru_cache(maxsize=4096)  # a corpus has few different boundaries, and repeats them often
def _boundary_timesteps(
    closed: tuple[int, ...], opened: tuple[int, ...], first_tag_action: int
) -> list[Timestep]:
    """Return the timesteps of the REDUCE and TRANSITION actions at one position, by tag number."""
    actions = [first_tag_action + 2 * number + 1 for number in closed]
    actions += [first_tag_action + 2 * number for number in opened]
    groups: list[list[int]] = []
    for action in actions:
        if not groups or action in groups[-1]:
            groups.append([])
        groups[-1].append(action)
    return [tuple(group) for group in groups]
