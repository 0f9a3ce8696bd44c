"""Words and subwords of sentences, thousands at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtner_cli.core.actions.timesteps import TaggedSpan
from mtner_cli.core.actions.vocabulary import Tag
from mtner_cli.core.types import Sentence

SENTENCES_AT_ONCE = 4096

Integers = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class TokenizedSentence:
    """A sentence with its words and subwords. W words, N subwords.

    Attributes:
        corpus: its corpus.
        index: its place within its split, from 0.
        sentence: what was read.
        words: W words.
        word_offsets: (W, 2), the character range of each word in ``sentence.text``.
        subwords: (N,), token ids without special tokens.
        word_starts: (W + 1,), word w is made of subwords ``word_starts[w]:word_starts[w + 1]``.
        gold: mentions in word indices.
        gold_unmatched: in characters, mentions that do not start and end at word boundaries.
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
        tokenizer: a ``PreTrainedTokenizerFast``; its truncation and padding are switched off.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self._backend = tokenizer.backend_tokenizer
        self._backend.no_truncation()
        self._backend.no_padding()
        self.cls_id: int = _first(tokenizer.cls_token_id, tokenizer.bos_token_id)
        self.sep_id: int = _first(tokenizer.sep_token_id, tokenizer.eos_token_id)
        self.pad_id: int = _first(tokenizer.pad_token_id, 0)
        self.unknown_id: int = _first(tokenizer.unk_token_id, self.sep_id)

    def tokenize(
        self, corpus: str, sentences: Sequence[Sentence], separate_tags: bool
    ) -> Iterator[TokenizedSentence]:
        """Tokenize sentences in order; with ``separate_tags`` their tags name the corpus."""
        numbered = enumerate(sentences)
        tag_corpus = corpus if separate_tags else None
        while chunk := list(islice(numbered, SENTENCES_AT_ONCE)):
            given = chunk[0][1].words is not None
            inputs = [sentence.words if given else sentence.text for _, sentence in chunk]
            encodings = self._backend.encode_batch(
                inputs, is_pretokenized=given, add_special_tokens=False
            )
            for (index, sentence), encoding in zip(chunk, encodings, strict=True):
                if sentence.words is not None:
                    yield self._from_words(corpus, tag_corpus, index, sentence, encoding)
                else:
                    yield self._from_text(corpus, tag_corpus, index, sentence, encoding)

    def _from_words(
        self, corpus: str, tag_corpus: str | None, index: int, sentence: Sentence, encoding: Any
    ) -> TokenizedSentence:
        words = sentence.words or ()
        subwords = np.array(encoding.ids, dtype=np.int32)
        word_of_subword = np.array(encoding.word_ids, dtype=np.int32)
        counts = np.bincount(word_of_subword, minlength=len(words))
        if not counts.all():
            subwords, counts = self._with_unknown(subwords, counts)
        lengths = np.fromiter(map(len, words), dtype=np.int32, count=len(words))
        starts = np.cumsum(lengths + 1, dtype=np.int32) - lengths - 1
        return TokenizedSentence(
            corpus,
            index,
            sentence,
            words,
            np.stack((starts, starts + lengths), 1),
            subwords,
            _boundaries(counts),
            tuple((m.start, m.end, Tag(tag_corpus, m.tag)) for m in sentence.mentions),
            (),
        )

    def _with_unknown(
        self, subwords: Integers, counts: NDArray[np.int_]
    ) -> tuple[Integers, NDArray[np.int_]]:
        """Give words that the tokenizer deletes (control characters, say) the unknown token."""
        empty = np.flatnonzero(counts == 0)
        places = _boundaries(counts)[empty]
        return np.insert(subwords, places, self.unknown_id), np.maximum(counts, 1)

    def _from_text(
        self, corpus: str, tag_corpus: str | None, index: int, sentence: Sentence, encoding: Any
    ) -> TokenizedSentence:
        subwords = np.array(encoding.ids, dtype=np.int32)
        offsets = np.array(encoding.offsets, dtype=np.int32).reshape(-1, 2)
        word_of_subword = np.array(encoding.word_ids, dtype=np.int32)
        is_first = np.ones(len(subwords), dtype=bool)
        is_first[1:] = word_of_subword[1:] != word_of_subword[:-1]
        firsts = np.flatnonzero(is_first)
        word_starts = np.append(firsts, len(subwords)).astype(np.int32)
        word_offsets = np.stack((offsets[firsts, 0], offsets[word_starts[1:] - 1, 1]), 1)
        gold, unmatched = _to_words(sentence, word_offsets, tag_corpus)
        text = sentence.text
        return TokenizedSentence(
            corpus,
            index,
            sentence,
            tuple(text[start:end] for start, end in word_offsets.tolist()),
            word_offsets,
            subwords,
            word_starts,
            gold,
            unmatched,
        )


def _to_words(
    sentence: Sentence, word_offsets: Integers, tag_corpus: str | None
) -> tuple[tuple[TaggedSpan, ...], tuple[TaggedSpan, ...]]:
    """Mentions in word indices, and those in characters that fit no words."""
    if not sentence.mentions:
        return (), ()
    word_starting_at = {start: word for word, start in enumerate(word_offsets[:, 0].tolist())}
    word_ending_at = {end: word + 1 for word, end in enumerate(word_offsets[:, 1].tolist())}
    gold, unmatched = [], []
    for mention in sentence.mentions:
        start, end = word_starting_at.get(mention.start), word_ending_at.get(mention.end)
        tag = Tag(tag_corpus, mention.tag)
        if start is None or end is None or end <= start:
            unmatched.append((mention.start, mention.end, tag))
        else:
            gold.append((start, end, tag))
    return tuple(gold), tuple(unmatched)


def _boundaries(counts: NDArray[np.int_]) -> Integers:
    """(W + 1,), where each word's subwords start, from how many each word has."""
    return np.concatenate(([0], np.cumsum(counts))).astype(np.int32)


def _first(*candidates: int | None) -> int:
    return next(candidate for candidate in candidates if candidate is not None)
