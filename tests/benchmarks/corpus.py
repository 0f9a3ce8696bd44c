"""Sentences to measure with where no real corpus is at hand: drawn, with a fixed seed.

Lengths, mentions and the growth of the vocabulary are about those of BC5CDR: 26 words a sentence
(standard deviation 14), two mentions, and some 10,000 distinct words among the first 118,000.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from mtner_cli.core.corpus.action_files import CorpusWriter
from mtner_cli.core.types import Sentence, Span

TYPES = ("Chemical", "Disease")
MEAN_WORDS, DEVIATION_OF_WORDS = 26.0, 14.0
MENTIONS_PER_WORD = 1 / 13
NESTED = 0.05  # of the mentions
FREQUENT_SHARE = 0.45  # of the words
VOCABULARY_GROWTH = 0.72  # n rarer words hold about n to the power of this distinct ones

_FREQUENT = """
    . , the of and in ( ) a to with was were for by patients - that or is on from at after an
    as induced treatment effects this not these but be which during rats than who had we are may
    it have been associated dose used mg / kg no % : between two cases study
"""
_PARTS = """
    a e i o al ol in an er os ne ri ti lo co mi pro hyp car dox cyc myo neph hep tox met phen
    zol pam mycin itis emia pathy osis ectomy azole idine olol statin caine sulf chlor benz ethyl
    methyl oxy tri para anti hemo neuro cardio gastro derm pulm ren thromb leuk lymph
"""
FREQUENT_WORDS, _SYLLABLES = _FREQUENT.split(), _PARTS.split()


def synthetic_sentences(
    count: int, seed: int, words: int | None = None, types: Sequence[str] = TYPES
) -> Iterator[Sentence]:
    """Draw sentences; the first of them are the same for every ``count``.

    Args:
        words: how many every sentence has; drawn where it is None.
        types: the entity types, each as likely.
    """
    random = np.random.default_rng(seed)
    for _ in range(count):
        length = words or _number_of_words(random)
        frequent = random.random(length) < FREQUENT_SHARE
        usual = (random.random(length) ** 2 * len(FREQUENT_WORDS)).astype(int)
        ranks = 10 * random.pareto(1 / VOCABULARY_GROWTH - 1, length)
        drawn = [
            FREQUENT_WORDS[one] if is_frequent else _word(other)
            for is_frequent, one, other in zip(
                frequent.tolist(),
                usual.tolist(),
                ranks.clip(max=1e9).astype(int).tolist(),
                strict=True,
            )
        ]
        yield Sentence.of_words(drawn, _mentions(random, length, types))


def write_corpus(sentences: Iterable[Sentence], path: Path) -> None:
    """Write sentences with words as an action file."""
    with CorpusWriter(path, "simple") as writer:
        for sentence in sentences:
            writer.write(sentence)


def _number_of_words(random: np.random.Generator) -> int:
    scale = DEVIATION_OF_WORDS**2 / MEAN_WORDS
    return max(3, round(random.gamma(MEAN_WORDS / scale, scale)))


def _mentions(random: np.random.Generator, length: int, types: Sequence[str]) -> list[Span]:
    spans = []
    end = 0
    while (start := end + int(random.geometric(MENTIONS_PER_WORD)) - 1) < length:
        end = min(length, start + int(random.geometric(0.6)))
        spans.append(Span(start, end, types[random.integers(len(types))]))
        if random.random() < NESTED:
            spans.append(Span(start, start + 1, types[random.integers(len(types))]))
    return spans


@cache
def _word(rank: int) -> str:
    """A word of its own for every number, of two or more syllables; the smaller, the shorter."""
    rank += len(_SYLLABLES)
    syllables = []
    while rank >= 0:
        rank, syllable = divmod(rank, len(_SYLLABLES))
        syllables.append(_SYLLABLES[syllable])
        rank -= 1
    return "".join(reversed(syllables))
