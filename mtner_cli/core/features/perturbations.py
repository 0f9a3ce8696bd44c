"""Perturbations: sentences of other corpora appended to training sentences.

Such an input counts as annotated with the types of both corpora; foreign to it are the types that
neither annotates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import torch

from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.features.examples import Example


class Draw(NamedTuple):
    """An example, and the one that is appended to it, if any: both as indices."""

    example: int
    appended: int | None = None


@dataclass(frozen=True)
class Perturbations:
    """When to append what.

    Attributes:
        probabilities: for examples of a corpus, how likely one of each other corpus is appended;
            what remains to 1 is that nothing is.
        max_tokens: what would make an input longer than this is not appended.
    """

    probabilities: Mapping[str, Mapping[str, float]]
    max_tokens: int

    def append(
        self, drawn: Sequence[int], examples: Sequence[Example], generator: torch.Generator
    ) -> list[Draw]:
        """Choose what to append to each drawn example, every example of a corpus as likely."""
        of_corpus: dict[str | None, list[int]] = defaultdict(list)
        for index, example in enumerate(examples):
            of_corpus[example.corpus].append(index)
        chances = torch.rand(len(drawn), 2, generator=generator, dtype=torch.float64).tolist()
        draws = []
        for index, (which_corpus, which_example) in zip(drawn, chances, strict=True):
            example = examples[index]
            candidates = of_corpus[self._corpus_for(example.corpus, which_corpus)]
            chosen = candidates[int(which_example * len(candidates))] if candidates else None
            fits = (
                chosen is not None and joined_length(example, examples[chosen]) <= self.max_tokens
            )
            draws.append(Draw(index, chosen if fits else None))
        return draws

    def _corpus_for(self, corpus: str, chance: float) -> str | None:
        probabilities = self.probabilities.get(corpus, {})
        for other, reached in zip(probabilities, accumulate(probabilities.values()), strict=True):
            if chance < reached:
                return other
        return None


def joined_length(first: Example, second: Example) -> int:
    """The subwords of :func:`join_examples`."""
    return len(first.input_ids) + len(second.input_ids) - 1


def join_examples(first: Example, second: Example) -> Example:
    """The second after the first, whose SEP then is a word of its own, which SHIFT consumes."""
    words_before = first.words + 1
    timesteps = None
    if first.timesteps is not None and second.timesteps is not None:
        timesteps = (*first.timesteps[:-1], (ActionVocabulary.SHIFT,), *second.timesteps)
    moved = (
        replace(segment, first_word=segment.first_word + words_before)
        for segment in second.segments
    )
    return Example(
        first.corpus,
        (*first.segments, *moved),
        np.concatenate((first.input_ids, second.input_ids[1:])),
        np.concatenate((first.slot_of_subword, second.slot_of_subword[1:] + words_before)),
        words_before + second.words,
        timesteps,
        second.corpus,
    )
