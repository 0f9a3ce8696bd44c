"""Join consecutive sentences of one document into inputs of several sentences.

The length of an input is the number of its subwords, with CLS and a SEP after each sentence. Only
neighbours of one document are joined, each sentence is in one input, and no input is longer than
``max_tokens``. A longer sentence is not joined with others: each of its segments is an input, and
no input holds sentences from both sides of it.

``maximize``: from left to right, each input takes sentences while they fit. With ``swap``, the last
sentence of an input then moves to the next input, or the first one to the input before, wherever
that lowers the variance of the lengths, until no move does.

``normalize``: of all ways to cut a document into inputs, the one with the least sum of distances
between the lengths and the target length. The target length is the mean length of all possible
inputs, which are all runs of consecutive sentences that fit: those of the whole split of the corpus
(``global``), or those of the document (``local``).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, groupby, pairwise

import numpy as np

from mtner_cli.config.schema import MergeSentsConfig
from mtner_cli.core.features.segments import SPECIAL_TOKENS, Segment
from mtner_cli.core.features.tokenize import TokenizedSentence
from mtner_cli.core.types import Sentence

# Where each sentence of a stretch starts and where the last one ends, in subwords with a SEP after
# each sentence: sentences i to j (exclusive) make an input of starts[j] - starts[i] + 1 subwords.
Starts = Sequence[int]

Divide = Callable[[TokenizedSentence, int], list[Segment]]
"""Splits a sentence into segments of at most so many subwords."""


def merges_sentences(merging: MergeSentsConfig) -> bool:
    """Tell whether the settings merge sentences at all."""
    return merging.maximize.use or merging.normalize.use


def merges_split(merging: MergeSentsConfig, corpus: str, sentences: Iterable[Sentence]) -> bool:
    """Tell whether to merge the sentences of a split: it has documents, or merging is forced.

    Sentences before the first document separator are one document. If merging is forced, a whole
    split without separators is one document, too.
    """
    return merges_sentences(merging) and (
        corpus in (merging.force_merge or ())
        or any(sentence.document is not None for sentence in sentences)
    )


def merge_sentences(
    sentences: Iterable[TokenizedSentence],
    max_tokens: int,
    merging: MergeSentsConfig,
    divide: Divide,
) -> Iterator[list[Segment]]:
    """Yield the segments of each input, in the order of the sentences.

    Args:
        sentences: those of one or more corpora, one split after the other.
        max_tokens: greatest length of an input.
        divide: splits a sentence into segments.
    """
    for corpus, members in groupby(sentences, key=lambda sentence: sentence.corpus):
        split = list(members)
        if merges_split(merging, corpus, (sentence.sentence for sentence in split)):
            yield from _merge_split(split, max_tokens, merging, divide)
        else:
            for sentence in split:
                for segment in divide(sentence, max_tokens):
                    yield [segment]


def _merge_split(
    split: Sequence[TokenizedSentence],
    max_tokens: int,
    merging: MergeSentsConfig,
    divide: Divide,
) -> Iterator[list[Segment]]:
    documents = [
        [
            (stretch, _starts(stretch, max_tokens))
            for stretch in _stretches(document, max_tokens, divide)
        ]
        for _, document in groupby(split, key=lambda sentence: sentence.sentence.document)
    ]
    aim = mean_length((starts for document in documents for _, starts in document), max_tokens)
    for document in documents:
        if merging.normalize.mode == "local":
            aim = mean_length((starts for _, starts in document), max_tokens)
        for stretch, starts in document:
            for first, last in pairwise(_cuts(starts, max_tokens, merging, aim)):
                yield stretch[first:last]


def _cuts(starts: Starts, max_tokens: int, merging: MergeSentsConfig, aim: float) -> list[int]:
    if merging.normalize.use:
        return cut_near(starts, max_tokens, aim)
    cuts = cut_full(starts, max_tokens)
    return even_out(starts, cuts) if merging.maximize.swap else cuts


def _stretches(
    document: Iterable[TokenizedSentence], max_tokens: int, divide: Divide
) -> Iterator[list[Segment]]:
    """Yield runs of sentences that may be joined; each segment of a long one is a run alone."""
    stretch: list[Segment] = []
    for sentence in document:
        segments = divide(sentence, max_tokens)
        if len(segments) > 1:
            if stretch:
                yield stretch
            yield from ([segment] for segment in segments)
            stretch = []
        else:
            stretch += segments
    if stretch:
        yield stretch


def _starts(stretch: Sequence[Segment], max_tokens: int) -> list[int]:
    # A word longer than max_tokens is truncated, so it fills the input.
    lengths = (min(len(segment.subwords), max_tokens - SPECIAL_TOKENS) for segment in stretch)
    return list(accumulate((length + 1 for length in lengths), initial=0))


def mean_length(stretches: Iterable[Starts], max_tokens: int) -> float:
    """Return the mean length of all possible inputs; 0 if there is none."""
    total = count = 0
    for starts in stretches:
        sums = list(accumulate(starts, initial=0))
        for first, start in enumerate(starts[:-1]):
            last = bisect_right(starts, start + max_tokens - 1)
            runs = last - first - 1
            total += sums[last] - sums[first + 1] + runs * (1 - start)
            count += runs
    return total / count if count else 0.0


def cut_full(starts: Starts, max_tokens: int) -> list[int]:
    """Cut so that each input, from left to right, holds all that fits.

    Returns:
        The index of the first sentence of each input, and at the end the number of sentences.
    """
    cuts = [0]
    while cuts[-1] < len(starts) - 1:
        cuts.append(bisect_right(starts, starts[cuts[-1]] + max_tokens - 1) - 1)
    return cuts


def even_out(starts: Starts, cuts: Sequence[int]) -> list[int]:
    """Move sentences between neighbouring inputs while that lowers the variance of the lengths.

    The number and the sum of the lengths do not change, so a move lowers the variance exactly where
    the neighbour is shorter by more than the sentence. So no input becomes longer than the longest
    one, and none becomes empty.
    """
    cuts = list(cuts)
    moved = True
    while moved:
        moved = False
        for place in range(1, len(cuts) - 1):
            before, here, after = cuts[place - 1 : place + 2]
            while True:
                surplus = 2 * starts[here] - starts[before] - starts[after]
                if surplus > starts[here] - starts[here - 1]:
                    here -= 1
                elif -surplus > starts[here + 1] - starts[here]:
                    here += 1
                else:
                    break
            moved |= here != cuts[place]
            cuts[place] = here
    return cuts


def cut_near(starts: Starts, max_tokens: int, aim: float) -> list[int]:
    """Cut for the least sum of distances between the lengths of inputs and ``aim``."""
    offsets = np.asarray(starts)
    least = np.zeros(len(starts))  # for the sentences up to each place
    cut_before = [0] * len(starts)
    for last in range(1, len(starts)):
        first = bisect_left(starts, starts[last] - max_tokens + 1)
        distances = np.abs(offsets[last] - offsets[first:last] + 1 - aim)
        sums = least[first:last] + distances
        best = int(sums.argmin())
        least[last], cut_before[last] = sums[best], first + best
    cuts = [len(starts) - 1]
    while cuts[-1]:
        cuts.append(cut_before[cuts[-1]])
    return cuts[::-1]
