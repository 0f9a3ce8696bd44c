"""A plain reader of timesteps, to compare what the package writes with what was meant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from mtner_cli.core.actions.timesteps import Timestep
from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.types import Tag, TaggedSpan


def mentions_of_timesteps(
    timesteps: Iterable[Timestep], vocabulary: ActionVocabulary
) -> list[TaggedSpan]:
    """The mentions, sorted; in a timestep every REDUCE acts before every TRANSITION."""
    found: set[TaggedSpan] = set()
    opened: dict[Tag, list[int]] = defaultdict(list)
    position = 0
    for timestep in timesteps:
        if ActionVocabulary.EOA in timestep:
            break
        if set(timestep) & set(vocabulary.consuming):
            position += 1
            continue
        for action in timestep:
            if vocabulary.is_reduce(action):
                tag = vocabulary.tag_of(action)
                found.add((opened[tag].pop(), position, tag))
        for action in timestep:
            if not vocabulary.is_reduce(action):
                opened[vocabulary.tag_of(action)].append(position)
    assert not any(opened.values())
    return sorted(found, key=lambda mention: (*mention[:2], vocabulary.number(mention[2])))
