"""Hold the subwords of thousands of sentences in flat arrays, to process all of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import __version__ as tokenizers_version

from mtner_cli.core.corpus.splits import CorpusSplit
from mtner_cli.core.files.cache import cache_key, load_cached, store_arrays
from mtner_cli.core.types import Sentence, Tag, TaggedSpan
from mtner_cli.errors import EncoderError

Integers = NDArray[np.int32]
_Indices = NDArray[np.intp]

WORDS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class SubwordArrays:
    """The words and subwords of S sentences, one after the other. W words, N subwords in all.

    Attributes:
        subwords: (N,), token ids.
        word_offsets: (W, 2), the character range of each word in its sentence's text.
        word_starts: (W + S,), for each sentence, where the subwords of each word start within the
            sentence, and then its number of subwords.
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
        """S, the number of sentences."""
        return len(self.word_bounds) - 1

    @staticmethod
    def of(
        subwords: Integers,
        word_offsets: Integers,
        subwords_of_word: _Indices,
        words_of_sentence: _Indices,
    ) -> SubwordArrays:
        """Build the arrays from the number of subwords per word and of words per sentence."""
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
    """Splits given words into subwords, each word once, since its split needs no context.

    Args:
        backend: the tokenizer.
        unknown_id: the subword for a word that the tokenizer deletes (such as control characters).
    """

    def __init__(self, backend: Any, unknown_id: int) -> None:
        self._backend = backend
        self._unknown_id = unknown_id
        self._number_of_word: dict[str, int] = {}
        self._subwords = np.empty(0, dtype=np.int32)
        self._counts = np.empty(0, dtype=np.intp)
        self._characters = np.empty(0, dtype=np.intp)

    def arrays(self, sentences: Sequence[tuple[str, ...]]) -> SubwordArrays:
        """Return the arrays of sentences whose words are joined by single spaces."""
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
    """Return the arrays of the words and subwords that a tokenizer found in texts."""
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
    """Join arrays, one after the other."""
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
    """Return (n + 1,), the starts of n consecutive stretches of these lengths, and the end."""
    result = np.zeros(len(counts) + 1, dtype=np.intp)
    np.cumsum(counts, out=result[1:])
    return result


def _ranges(starts: _Indices, counts: _Indices) -> _Indices:
    """Return the indices ``starts[i]`` to ``starts[i] + counts[i]`` (exclusive) of i = 0, 1, ..."""
    before = bounds(counts)
    return np.repeat(starts - before[:-1], counts) + np.arange(before[-1])


def _offsets_of_joined(characters: _Indices, words_of_sentence: _Indices) -> Integers:
    """Return (W, 2), the character ranges of words that are joined by spaces in each sentence."""
    before = bounds(characters + 1)
    first_words = bounds(words_of_sentence)[:-1]
    starts = before[:-1] - np.repeat(before[first_words], words_of_sentence)
    return np.stack((starts, starts + characters), 1).astype(np.int32)


_FORMAT = 1  # version of the cached arrays; increase it whenever they change
SENTENCES_AT_ONCE = 4096
PROBES = (
    "Naloxone reverses the antihypertensive effect of clonidine (P<0.05).",
    "IL-2R\u03b1 and NF-\u03baB p65/RelA; c.1799T>A, 5'-UTR, 37.5\u00a0\u00b0C",
    "na\u00efve  Fran\u00e7ois e\u0301  \u00c5ngstr\u00f6m \ufb01brosis H\u2082O \u00bd",
    "\u4e2d\u6587 \u0440\u0443\u0441 \u0639\u0631\u0628\u064a \U0001f9ec\t\u200b_#@",
)
"""Texts that different tokenizers split differently: case, accents, symbols, scripts, spaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizedSentence:
    """A sentence with its words and subwords. W words, N subwords.

    Attributes:
        corpus: its corpus.
        index: its index within its split, from 0.
        sentence: the sentence as read from the corpus.
        words: W words.
        word_offsets: (W, 2), the character range of each word in ``sentence.text``.
        subwords: (N,), token ids without special tokens.
        word_starts: (W + 1,), word w has the subwords ``word_starts[w]:word_starts[w + 1]``.
        gold: mentions in word indices.
        gold_unmatched: mentions that do not start and end at word boundaries, in characters.
    """

    corpus: str
    index: int
    sentence: Sentence
    words: tuple[str, ...]
    word_offsets: Integers
    subwords: Integers
    word_starts: Integers
    gold: tuple[TaggedSpan, ...]
    gold_unmatched: tuple[TaggedSpan, ...]


class SubwordTokenizer:
    """A fast Hugging Face tokenizer, as the slot model needs it.

    Args:
        tokenizer: a ``PreTrainedTokenizerFast``; its truncation, padding and BPE dropout are
            switched off.

    Raises:
        EncoderError: if it has no subword for the start or the end of an input.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self._backend = tokenizer.backend_tokenizer
        self._backend.no_truncation()
        self._backend.no_padding()
        if getattr(self._backend.model, "dropout", None):
            self._backend.model.dropout = None
        self.cls_id: int = _first(tokenizer.cls_token_id, tokenizer.bos_token_id)
        self.sep_id: int = _first(tokenizer.sep_token_id, tokenizer.eos_token_id)
        self.pad_id: int = _first(tokenizer.pad_token_id, 0)
        self.unknown_id: int = _first(tokenizer.unk_token_id, self.sep_id)

    @cached_property
    def identity(self) -> str:
        """A hash of the vocabulary and of how some texts are split.

        It is the same in every version of the library that splits text the same way.
        """
        vocabulary = sorted(self._backend.get_vocab(with_added_tokens=True).items())
        pieces = [self._backend.encode(text, add_special_tokens=False).ids for text in PROBES]
        return cache_key(vocabulary, pieces, self.cls_id, self.sep_id, self.unknown_id)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of everything but the text that subwords depend on."""
        return cache_key(tokenizers_version, self._backend.to_str(), self.unknown_id)

    def tokenize(
        self, corpus: str, sentences: Sequence[Sentence], separate_tags: bool
    ) -> Iterator[TokenizedSentence]:
        """Yield the tokenized sentences in order; with ``separate_tags`` tags name the corpus."""
        first = 0
        for arrays in self.arrays(sentences):
            chunk = sentences[first : first + arrays.sentences]
            yield from tokenized_sentences(corpus, chunk, arrays, separate_tags, first)
            first += len(chunk)

    def arrays(self, sentences: Sequence[Sentence]) -> Iterator[SubwordArrays]:
        """Yield the words and subwords of sentences, for thousands of sentences at a time."""
        known_words = WordSubwords(self._backend, self.unknown_id)
        for first in range(0, len(sentences), SENTENCES_AT_ONCE):
            chunk = sentences[first : first + SENTENCES_AT_ONCE]
            if chunk[0].words is not None:
                yield known_words.arrays([sentence.words or () for sentence in chunk])
            else:
                texts = [sentence.text for sentence in chunk]
                yield text_arrays(self._backend.encode_batch(texts, add_special_tokens=False))


class _TagsOfCorpus(dict[str, Tag]):
    """The tag of each entity type; each tag is created once."""

    def __init__(self, corpus: str | None) -> None:
        self._corpus = corpus

    def __missing__(self, entity_type: str) -> Tag:
        tag = self[entity_type] = Tag(self._corpus, entity_type)
        return tag


def tokenized_sentences(
    corpus: str,
    sentences: Sequence[Sentence],
    arrays: SubwordArrays,
    separate_tags: bool,
    first_index: int = 0,
) -> Iterator[TokenizedSentence]:
    """Yield tokenized sentences whose arrays are views into ``arrays``, from ``first_index``."""
    tags = _TagsOfCorpus(corpus if separate_tags else None)
    word_bounds, subword_bounds = arrays.word_bounds.tolist(), arrays.subword_bounds.tolist()
    for number, sentence in enumerate(sentences):
        word, word_end = word_bounds[number : number + 2]
        word_offsets = arrays.word_offsets[word:word_end]
        if sentence.words is not None:
            words = sentence.words
            gold = tuple([(m.start, m.end, tags[m.tag]) for m in sentence.mentions])
            unmatched: tuple[TaggedSpan, ...] = ()
        else:
            offsets, text = word_offsets.tolist(), sentence.text
            words = tuple([text[start:end] for start, end in offsets])
            gold, unmatched = _to_words(sentence, offsets, tags)
        yield TokenizedSentence(
            corpus=corpus,
            index=first_index + number,
            sentence=sentence,
            words=words,
            word_offsets=word_offsets,
            subwords=arrays.subwords[subword_bounds[number] : subword_bounds[number + 1]],
            word_starts=arrays.word_starts[word + number : word_end + number + 1],
            gold=gold,
            gold_unmatched=unmatched,
        )


def _to_words(
    sentence: Sentence, word_offsets: list[list[int]], tags: _TagsOfCorpus
) -> tuple[tuple[TaggedSpan, ...], tuple[TaggedSpan, ...]]:
    """Return the mentions in word indices, and those that match no words, in characters."""
    if not sentence.mentions:
        return (), ()
    word_starting_at = {start: word for word, (start, _) in enumerate(word_offsets)}
    word_ending_at = {end: word + 1 for word, (_, end) in enumerate(word_offsets)}
    gold, unmatched = [], []
    for mention in sentence.mentions:
        start, end = word_starting_at.get(mention.start), word_ending_at.get(mention.end)
        tag = tags[mention.tag]
        if start is None or end is None or end <= start:
            unmatched.append((mention.start, mention.end, tag))
        else:
            gold.append((start, end, tag))
    return tuple(gold), tuple(unmatched)


def _first(*candidates: int | None) -> int:
    """Return the first candidate that is not None: tokenizers name CLS and SEP differently."""
    for candidate in candidates:
        if candidate is not None:
            return candidate
    raise EncoderError(
        "the tokenizer names no subword that starts (cls_token or bos_token) or ends (sep_token or "
        "eos_token) an input; give an encoder whose tokenizer_config.json names them"
    )


def tokenize_split(
    split: CorpusSplit, tokenizer: SubwordTokenizer, separate_tags: bool
) -> list[TokenizedSentence]:
    """Tokenize the sentences of a split, with a cache; see :meth:`SubwordTokenizer.tokenize`."""
    arrays = _arrays(split, tokenizer)
    return list(tokenized_sentences(split.corpus, split.sentences, arrays, separate_tags))


def _arrays(split: CorpusSplit, tokenizer: SubwordTokenizer) -> SubwordArrays:
    # Tags are not among the arrays, so neither corpus nor the spelling of tags matters here.
    key = split.key and cache_key("subwords", _FORMAT, split.key, tokenizer.fingerprint)
    stored = load_cached(key, lambda arrays: SubwordArrays(**arrays)) if key else None
    if stored is not None:
        return stored
    arrays = joined_arrays(list(tokenizer.arrays(split.sentences)))
    if key:
        store_arrays(key, asdict(arrays))
    return arrays
