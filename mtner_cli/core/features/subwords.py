"""Subwords of thousands of sentences in flat arrays: a few operations for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int32]
_Indices = NDArray[np.intp]

WORDS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class SubwordArrays:
    """The words and subwords of S sentences, one after the other. W words, N subwords in all.

    Attributes:
        subwords: (N,), token ids.
        word_offsets: (W, 2), the character range of each word in its sentence's text.
        word_starts: (W + S,), of each sentence, where the subwords of its words start within the
            sentence, and their number.
        word_bounds: (S + 1,), sentence s has the words ``word_bounds[s]:word_bounds[s + 1]``.
        subword_bounds: (S + 1,), the same for subwords.
    """

    subwords: Integers
    word_offsets: Integers
    word_starts: Integers
    word_bounds: Integers
    subword_bounds: Integers

    @property
    def sentences(self) -> int:
        """S."""
        return len(self.word_bounds) - 1

    @staticmethod
    def of(
        subwords: Integers,
        word_offsets: Integers,
        subwords_of_word: _Indices,
        words_of_sentence: _Indices,
    ) -> SubwordArrays:
        """Put together from the number of subwords of every word, and of words per sentence."""
        word_bounds = bounds(words_of_sentence)
        subwords_before = bounds(subwords_of_word)
        subword_bounds = subwords_before[word_bounds]
        # A sentence has one more start than words: the next sentence's first word comes after it.
        starts_of_sentence = words_of_sentence + 1
        word_starts = np.insert(subwords_before[:-1], word_bounds[1:], subword_bounds[1:])
        word_starts -= np.repeat(subword_bounds[:-1], starts_of_sentence)
        return SubwordArrays(
            subwords,
            word_offsets,
            word_starts.astype(np.int32),
            word_bounds.astype(np.int32),
            subword_bounds.astype(np.int32),
        )


class WordSubwords:
    """The subwords of given words. A tokenizer splits each by itself, so each is split once.

    Args:
        backend: the tokenizer.
        unknown_id: what stands for a word that the tokenizer deletes (control characters, say).
    """

    def __init__(self, backend: Any, unknown_id: int) -> None:
        self._backend = backend
        self._unknown_id = unknown_id
        self._number_of_word: dict[str, int] = {}
        self._subwords = np.empty(0, dtype=np.int32)
        self._counts = np.empty(0, dtype=np.intp)
        self._characters = np.empty(0, dtype=np.intp)

    def arrays(self, sentences: Sequence[tuple[str, ...]]) -> SubwordArrays:
        """The subwords of sentences; their words are joined by single spaces."""
        words = list(chain.from_iterable(sentences))
        self._learn(words)
        numbers = np.fromiter(map(self._number_of_word.__getitem__, words), np.intp, len(words))
        counts = self._counts[numbers]
        words_of_sentence = np.fromiter(map(len, sentences), np.intp, len(sentences))
        return SubwordArrays.of(
            self._subwords[_ranges(bounds(self._counts)[numbers], counts)],
            _offsets_of_joined(self._characters[numbers], words_of_sentence),
            counts,
            words_of_sentence,
        )

    def _learn(self, words: Iterable[str]) -> None:
        known = self._number_of_word
        new = [word for word in dict.fromkeys(words) if word not in known]
        if not new:
            return
        groups = [new[i : i + WORDS_AT_ONCE] for i in range(0, len(new), WORDS_AT_ONCE)]
        encodings = self._backend.encode_batch(
            groups, is_pretokenized=True, add_special_tokens=False
        )
        subwords, counts = [self._subwords], [self._counts]
        for group, encoding in zip(groups, encodings, strict=True):
            of_group = np.bincount(np.array(encoding.word_ids, dtype=np.intp), minlength=len(group))
            ids = np.array(encoding.ids, dtype=np.int32)
            deleted = np.flatnonzero(of_group == 0)
            subwords.append(np.insert(ids, bounds(of_group)[deleted], self._unknown_id))
            counts.append(np.maximum(of_group, 1))
        known.update(zip(new, range(len(known), len(known) + len(new)), strict=True))
        characters = np.fromiter(map(len, new), np.intp, len(new))
        self._subwords = np.concatenate(subwords)
        self._counts = np.concatenate(counts)
        self._characters = np.concatenate((self._characters, characters))


def text_arrays(encodings: Sequence[Any]) -> SubwordArrays:
    """The words and subwords that a tokenizer found in texts."""
    lengths = np.fromiter(map(len, encodings), np.intp, len(encodings))
    total = int(lengths.sum())

    def flat(lists: Iterable[Iterable[int]], count: int = total) -> Integers:
        return np.fromiter(chain.from_iterable(lists), np.int32, count)

    offsets = flat(chain.from_iterable(e.offsets for e in encodings), 2 * total).reshape(-1, 2)
    word_of_subword = flat(encoding.word_ids for encoding in encodings)
    is_first = np.ones(total, dtype=bool)
    is_first[1:] = word_of_subword[1:] != word_of_subword[:-1]
    subword_bounds = bounds(lengths)
    is_first[subword_bounds[:-1][lengths > 0]] = True
    firsts = np.flatnonzero(is_first)
    ends = np.append(firsts[1:], total)[: len(firsts)]
    return SubwordArrays.of(
        flat(encoding.ids for encoding in encodings),
        np.stack((offsets[firsts, 0], offsets[ends - 1, 1]), 1),
        ends - firsts,
        np.diff(bounds(is_first)[subword_bounds]),
    )


def joined_arrays(parts: Sequence[SubwordArrays]) -> SubwordArrays:
    """One after the other."""
    nothing = np.empty(0, dtype=np.int32)
    return SubwordArrays(
        np.concatenate([nothing, *(part.subwords for part in parts)]),
        np.concatenate([nothing.reshape(0, 2), *(part.word_offsets for part in parts)]),
        np.concatenate([nothing, *(part.word_starts for part in parts)]),
        _joined_bounds([part.word_bounds for part in parts]),
        _joined_bounds([part.subword_bounds for part in parts]),
    )


def _joined_bounds(parts: Sequence[Integers]) -> Integers:
    counts = [np.empty(0, dtype=np.int32), *map(np.diff, parts)]
    return bounds(np.concatenate(counts)).astype(np.int32)


def bounds(counts: NDArray[Any]) -> _Indices:
    """(n + 1,), where each of n consecutive stretches of these lengths starts, and the end."""
    result = np.zeros(len(counts) + 1, dtype=np.intp)
    np.cumsum(counts, out=result[1:])
    return result


def _ranges(starts: _Indices, counts: _Indices) -> _Indices:
    """Indices ``starts[i]`` to ``starts[i] + counts[i]`` (exclusive), for every i in turn."""
    before = bounds(counts)
    return np.repeat(starts - before[:-1], counts) + np.arange(before[-1])


def _offsets_of_joined(characters: _Indices, words_of_sentence: _Indices) -> Integers:
    """(W, 2), the character ranges of words of these lengths, joined by spaces per sentence."""
    before = bounds(characters + 1)
    first_words = bounds(words_of_sentence)[:-1]
    starts = before[:-1] - np.repeat(before[first_words], words_of_sentence)
    return np.stack((starts, starts + characters), 1).astype(np.int32)
