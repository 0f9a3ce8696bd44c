"""Decode the actions of a batch to mentions; only timesteps that open or close one are read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.types import ScoredMention, Tag

THRESHOLD = 0.5


class DecodedActions(NamedTuple):
    """The actions of the model in a batch, on the host. B sentences, T timesteps, A actions.

    Attributes:
        probabilities: (B, T, A), float32, each action's own probability.
        consumed: (B, T), bool, whether the timestep consumed a word.
        steps: (B,), int64, the number of timesteps of each sentence; the rest is padding.
    """

    probabilities: NDArray[np.float32]
    consumed: NDArray[np.bool_]
    steps: NDArray[np.int64]


class _Event(NamedTuple):
    """The actions that a timestep takes, before the word at ``position``."""

    sentence: int
    position: int
    probability_of_action: dict[int, float]


def decode_mentions(
    actions: DecodedActions, vocabulary: ActionVocabulary
) -> list[list[ScoredMention]]:
    """Return the mentions of each sentence, sorted by start, longer mentions first.

    A timestep whose most probable action is SHIFT (or OUT, or EOA) opens and closes nothing. In any
    other timestep, every REDUCE above 0.5 closes the latest open mention of its tag that has at
    least one word; then every TRANSITION above 0.5 opens a mention. The score of a mention is the
    geometric mean of the probabilities of its two actions. A mention that is found several times is
    kept once, with its best score.
    """
    mentions: list[list[ScoredMention]] = [[] for _ in actions.steps]
    for sentence, events in groupby(_events(actions, vocabulary), key=lambda event: event.sentence):
        mentions[sentence] = _mentions_of_sentence(events, vocabulary)
    return mentions


def _events(actions: DecodedActions, vocabulary: ActionVocabulary) -> Iterator[_Event]:
    """Yield the timesteps that open or close a mention, in order, sentence by sentence."""
    probabilities, consumed, steps = actions
    first = vocabulary.first_tag_action
    real = np.arange(probabilities.shape[1]) < steps[:, None]
    acts = real & (probabilities.argmax(-1) >= first)
    fired = (probabilities[..., first:] > THRESHOLD) & acts[..., None]
    position = consumed.cumsum(1) - consumed
    found = zip(*(axis.tolist() for axis in np.nonzero(fired)), strict=True)
    for (sentence, step), group in groupby(found, key=lambda index: index[:2]):
        yield _Event(
            sentence,
            int(position[sentence, step]),
            {first + tag: float(probabilities[sentence, step, first + tag]) for _, _, tag in group},
        )


def _mentions_of_sentence(
    events: Iterator[_Event], vocabulary: ActionVocabulary
) -> list[ScoredMention]:
    opened: dict[Tag, list[tuple[int, float]]] = defaultdict(list)
    best: dict[tuple[int, int, Tag], float] = {}
    for _, position, probability_of_action in events:
        for action, probability in probability_of_action.items():
            if not vocabulary.is_reduce(action):
                continue
            tag = vocabulary.tag_of(action)
            waiting = [index for index, (start, _) in enumerate(opened[tag]) if start < position]
            if waiting:
                start, opening = opened[tag].pop(waiting[-1])
                score = float(np.sqrt(opening * probability))
                key = (start, position, tag)
                best[key] = max(score, best.get(key, 0.0))
        for action, probability in probability_of_action.items():
            if not vocabulary.is_reduce(action):
                opened[vocabulary.tag_of(action)].append((position, probability))
    mentions = [ScoredMention(*key, score) for key, score in best.items()]
    return sorted(mentions, key=lambda mention: (mention.start, -mention.end, str(mention.tag)))
