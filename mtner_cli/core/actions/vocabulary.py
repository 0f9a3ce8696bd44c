"""The model's actions: EOA, SHIFT, (OUT,) and a TRANSITION and a REDUCE for every tag."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mtner_cli.core.types import Tag


@dataclass(frozen=True)
class ActionVocabulary:
    """Numbers for actions: EOA 0, SHIFT 1, optionally OUT 2, then TRANSITION, REDUCE per tag.

    Attributes:
        tags: in the order of their action numbers.
        with_out: True if OUT, instead of SHIFT, consumes words outside mentions.
    """

    tags: tuple[Tag, ...]
    with_out: bool = False

    EOA = 0
    SHIFT = 1
    OUT = 2

    def __post_init__(self) -> None:
        if len(set(self.tags)) != len(self.tags):
            raise ValueError("a tag appears twice in the vocabulary")
        numbers = {tag: number for number, tag in enumerate(self.tags)}
        object.__setattr__(self, "_number_of_tag", numbers)

    @property
    def first_tag_action(self) -> int:
        return 3 if self.with_out else 2

    @property
    def size(self) -> int:
        """A, the number of actions."""
        return self.first_tag_action + 2 * len(self.tags)

    @property
    def consuming(self) -> tuple[int, ...]:
        """The actions that consume a word."""
        return (self.SHIFT, self.OUT) if self.with_out else (self.SHIFT,)

    def number(self, tag: Tag) -> int:
        """Return the tag's index in ``tags``."""
        return self._number_of_tag[tag]  # type: ignore[attr-defined]

    def transition(self, tag: Tag) -> int:
        return self.first_tag_action + 2 * self.number(tag)

    def reduce(self, tag: Tag) -> int:
        return self.transition(tag) + 1

    def tag_of(self, action: int) -> Tag:
        """Return the tag of a TRANSITION or REDUCE action."""
        return self.tags[(action - self.first_tag_action) // 2]

    def is_reduce(self, action: int) -> bool:
        return action >= self.first_tag_action and (action - self.first_tag_action) % 2 == 1

    def foreign_actions(self, annotated: Iterable[Tag]) -> list[int]:
        """Return TRANSITION and REDUCE of every tag that is not in ``annotated``."""
        known = set(annotated)
        return [
            action
            for tag in self.tags
            if tag not in known
            for action in (self.transition(tag), self.reduce(tag))
        ]

    def name(self, action: int) -> str:
        """Return the action's name for display: ``SHIFT``, ``TRANSITION(tag)`` and so on."""
        if action < self.first_tag_action:
            return ("EOA", "SHIFT", "OUT")[action]
        return f"{'REDUCE' if self.is_reduce(action) else 'TRANSITION'}({self.tag_of(action)})"


def tags_in_order(tags: Iterable[Tag]) -> tuple[Tag, ...]:
    """Return the distinct tags, sorted so that a vocabulary never depends on file order."""
    return tuple(sorted(set(tags), key=lambda tag: (tag.corpus or "", tag.entity_type)))


def vocabulary_from_json(
    tags: Sequence[tuple[str | None, str]], with_out: bool
) -> ActionVocabulary:
    """Rebuild a vocabulary from what :func:`vocabulary_to_json` wrote."""
    return ActionVocabulary(tuple(Tag(corpus, name) for corpus, name in tags), with_out)


def vocabulary_to_json(vocabulary: ActionVocabulary) -> list[list[str | None]]:
    """Return the tags as plain lists, for a checkpoint's metadata."""
    return [[tag.corpus, tag.entity_type] for tag in vocabulary.tags]
