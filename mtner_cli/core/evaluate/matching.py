"""Compare the mentions of thousands of sentences as arrays, in few operations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtner_cli.core.types import Tag, TestedSentence

SENTENCES_AT_ONCE = 8192

_Integers = NDArray[np.int64]
_GREATEST = 2**62


class TagNumbers(dict[Tag, int]):
    """A number for each tag, assigned at its first use."""

    def __missing__(self, tag: Tag) -> int:
        number = self[tag] = len(self)
        return number


@dataclass(frozen=True, slots=True)
class MentionArrays:
    """M mentions as arrays.

    Attributes:
        sentence: (M,), the index of each mention's sentence in the chunk.
        start, end: (M,), positions, end exclusive.
        tag: (M,), tag numbers.
    """

    sentence: _Integers
    start: _Integers
    end: _Integers
    tag: _Integers

    @staticmethod
    def of(of_sentences: Iterable[Sequence[Any]], numbers: TagNumbers) -> MentionArrays:
        """Convert the mentions of each sentence: tuples that begin with start, end and tag."""
        of_sentences = list(of_sentences)
        counts = np.fromiter(map(len, of_sentences), np.int64, len(of_sentences))
        mentions = list(chain.from_iterable(of_sentences))

        def column(place: int) -> _Integers:
            return np.fromiter(map(itemgetter(place), mentions), np.int64, len(mentions))

        tags = map(numbers.__getitem__, map(itemgetter(2), mentions))
        return MentionArrays(
            np.repeat(np.arange(len(of_sentences)), counts),
            column(0),
            column(1),
            np.fromiter(tags, np.int64, len(mentions)),
        )

    def taken(self, which: NDArray[Any]) -> MentionArrays:
        """Return the mentions at the given indices, or where a mask is true."""
        return MentionArrays(
            self.sentence[which], self.start[which], self.end[which], self.tag[which]
        )

    def with_tags(self, number_of_tag: _Integers) -> MentionArrays:
        """Return the mentions with every tag replaced by its entry in ``number_of_tag``."""
        return replace(self, tag=number_of_tag[self.tag])


class Chunk:
    """Thousands of sentences and their mentions in arrays.

    Attributes:
        sentences: S sentences.
        corpora: their corpora, in the order of appearance.
        corpus_of_sentence: (S,), indices in ``corpora``.
        gold, predicted: mentions in word indices.
        unmatched: gold mentions in character offsets.
        tags: all tags in the order of their numbers.
    """

    def __init__(self, sentences: Sequence[TestedSentence]) -> None:
        numbers = TagNumbers()
        self.sentences = sentences
        self.corpora = list(dict.fromkeys(sentence.corpus for sentence in sentences))
        number_of_corpus = {corpus: number for number, corpus in enumerate(self.corpora)}
        self.corpus_of_sentence = np.array([number_of_corpus[s.corpus] for s in sentences])
        self.gold = MentionArrays.of((s.gold for s in sentences), numbers)
        self.predicted = MentionArrays.of((s.predicted for s in sentences), numbers)
        self.unmatched = MentionArrays.of((s.gold_unmatched for s in sentences), numbers)
        self.tags = list(numbers)

    def count(self, mentions: MentionArrays, tags: Sequence[Tag]) -> Iterator[tuple[str, Tag, int]]:
        """Yield corpus, tag and number of mentions, for every tag that a corpus has mentions of."""
        codes = self.corpus_of_sentence[mentions.sentence] * len(tags) + mentions.tag
        counts = np.bincount(codes)
        for code in np.flatnonzero(counts).tolist():
            corpus, tag = divmod(code, len(tags))
            yield self.corpora[corpus], tags[tag], int(counts[code])


def chunks(sentences: Iterable[TestedSentence]) -> Iterator[Chunk]:
    """Yield the sentences in order, in chunks."""
    remaining = iter(sentences)
    while some := list(islice(remaining, SENTENCES_AT_ONCE)):
        yield Chunk(some)


def compare(
    gold: MentionArrays, predicted: MentionArrays
) -> tuple[MentionArrays, MentionArrays, NDArray[np.bool_]]:
    """Return the distinct gold and predicted mentions, and which gold ones are predicted.

    Both are in the order of sentences and starts.
    """
    codes = _codes(gold, predicted)
    gold_codes, first_gold = np.unique(codes[: len(gold.tag)], return_index=True)
    predicted_codes, first_predicted = np.unique(codes[len(gold.tag) :], return_index=True)
    found = np.isin(gold_codes, predicted_codes, assume_unique=True)
    return gold.taken(first_gold), predicted.taken(first_predicted), found


def distinct(mentions: MentionArrays) -> MentionArrays:
    """Return each mention once."""
    return mentions.taken(np.unique(_codes(mentions), return_index=True)[1])


def overlapping_sentences(mentions: MentionArrays) -> _Integers:
    """Return the indices of sentences with mentions that share a word; mentions are in order."""
    same = mentions.sentence[1:] == mentions.sentence[:-1]
    # The first mention that overlaps an earlier one overlaps the one directly before it.
    return np.unique(mentions.sentence[1:][same & (mentions.start[1:] < mentions.end[:-1])])


def _codes(*groups: MentionArrays) -> _Integers:
    """Return a number for every mention of all groups, in order; equal mentions share one."""
    code, *columns = (
        np.concatenate([getattr(group, name) for group in groups])
        for name in ("sentence", "start", "end", "tag")
    )
    for column in columns:
        width = int(column.max(initial=0)) + 1
        if (int(code.max(initial=0)) + 1) * width > _GREATEST:
            code = np.unique(code, return_inverse=True)[1]
        code = code * width + column
    return code
