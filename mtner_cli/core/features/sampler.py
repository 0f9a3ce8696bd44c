"""Append sentences of other corpora to training sentences (perturbations).

Such an input counts as annotated with the types of both corpora; its foreign types are those that
neither corpus annotates.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import torch

from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.features.examples import Example


class Draw(NamedTuple):
    """The index of an example, and of the example that is appended to it, if any."""

    example: int
    appended: int | None = None


@dataclass(frozen=True)
class Perturbations:
    """Settings for appending examples.

    Attributes:
        probabilities: for each corpus, the probability that an example of each other corpus is
            appended to an example of it; the rest to 1 is the probability that none is.
        max_tokens: greatest length of an input; what would exceed it is not appended.
    """

    probabilities: Mapping[str, Mapping[str, float]]
    max_tokens: int

    def append(
        self, drawn: Sequence[int], examples: Sequence[Example], generator: torch.Generator
    ) -> list[Draw]:
        """Choose what to append to each drawn example; a corpus's examples are equally likely."""
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
    """Return the number of subwords of what :func:`join_examples` makes."""
    return len(first.input_ids) + len(second.input_ids) - 1


def join_examples(first: Example, second: Example) -> Example:
    """Append the second example to the first, whose SEP becomes a word that SHIFT consumes."""
    words_before = first.words + 1
    timesteps = None
    if first.timesteps is not None and second.timesteps is not None:
        timesteps = (*first.timesteps[:-1], (ActionVocabulary.SHIFT,), *second.timesteps)
    moved = (
        replace(segment, first_word=segment.first_word + words_before)
        for segment in second.segments
    )
    return Example(
        corpus=first.corpus,
        segments=(*first.segments, *moved),
        input_ids=np.concatenate((first.input_ids, second.input_ids[1:])),
        slot_of_subword=np.concatenate(
            (first.slot_of_subword, second.slot_of_subword[1:] + words_before)
        ),
        words=words_before + second.words,
        timesteps=timesteps,
        appended_corpus=second.corpus,
    )


# Drawn examples are sorted by length within pools of this many batches: wide enough to save most
# padding, narrow enough to keep an epoch's batches mixed.
BATCHES_IN_POOL = 50


@dataclass(frozen=True)
class EpochPlan:
    """The batches of one epoch, as indices into the examples, and how often each corpus was drawn.

    Attributes:
        drawn: number of examples drawn from each corpus.
        repeated: how many of those had been drawn before in this epoch.
        appended: number of examples of each corpus that were appended to drawn ones.
    """

    batches: tuple[tuple[Draw, ...], ...]
    drawn: dict[str, int]
    repeated: dict[str, int]
    appended: dict[str, int]


class EpochSampler:
    """Draws the examples of each epoch.

    With one corpus an epoch draws all its examples, shuffled. With several it draws with
    replacement, from every corpus equally often on average, as many examples as the mean size of
    the corpora.

    Args:
        perturbations: what to append to drawn examples; None appends nothing.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        batch_size: int,
        seed: int,
        perturbations: Perturbations | None = None,
    ) -> None:
        self._examples = examples
        self._perturbations = perturbations
        self._corpora = [example.corpus for example in examples]
        self._sizes = Counter(self._corpora)
        self._batch_size = batch_size
        self._seed = seed

    @property
    def examples(self) -> int:
        """The number of examples of all corpora."""
        return len(self._corpora)

    @property
    def examples_per_epoch(self) -> int:
        return max(1, round(len(self._corpora) / len(self._sizes)))

    @property
    def batches_per_epoch(self) -> int:
        return -(-self.examples_per_epoch // self._batch_size)

    def plan(self, epoch: int) -> EpochPlan:
        """Return the batches of ``epoch`` (from 0), the same at every call."""
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + epoch)
        drawn = self._draw(generator)
        if self._perturbations is None:
            draws = [Draw(index) for index in drawn]
        else:
            draws = self._perturbations.append(drawn, self._examples, generator)
        batches = self._batches(draws, generator)
        corpora = Counter(self._corpora[index] for index in drawn)
        repeated: Counter[str] = Counter()
        for index, count in Counter(drawn).items():
            repeated[self._corpora[index]] += count - 1
        appended = Counter(
            self._corpora[draw.appended] for draw in draws if draw.appended is not None
        )
        return EpochPlan(
            tuple(map(tuple, batches)),
            *(
                {name: counts[name] for name in self._sizes}
                for counts in (corpora, repeated, appended)
            ),
        )

    def _draw(self, generator: torch.Generator) -> list[int]:
        if len(self._sizes) == 1:
            return torch.randperm(len(self._corpora), generator=generator).tolist()
        weights = torch.tensor(
            [1 / self._sizes[name] for name in self._corpora], dtype=torch.float64
        )
        return torch.multinomial(
            weights, self.examples_per_epoch, replacement=True, generator=generator
        ).tolist()

    def _batches(self, draws: list[Draw], generator: torch.Generator) -> list[list[Draw]]:
        pool_size = BATCHES_IN_POOL * self._batch_size
        batches = []
        for start in range(0, len(draws), pool_size):
            pool = sorted(
                draws[start : start + pool_size],
                key=lambda draw: drawn_length(draw, self._examples),
            )
            batches += [
                pool[first : first + self._batch_size]
                for first in range(0, len(pool), self._batch_size)
            ]
        order = torch.randperm(len(batches), generator=generator).tolist()
        return [batches[index] for index in order]


def drawn_length(draw: Draw, examples: Sequence[Example]) -> int:
    """Return the number of subwords of a drawn example, with the one that is appended to it."""
    example = examples[draw.example]
    if draw.appended is None:
        return len(example.input_ids)
    return joined_length(example, examples[draw.appended])


def limited(batches: int, limit: float | int) -> int:
    """Limit a number of batches, to at least one if there are any; 1.0 keeps all, 1 keeps one."""
    wanted = limit if isinstance(limit, int) else round(batches * limit)
    return min(batches, max(1, wanted))
