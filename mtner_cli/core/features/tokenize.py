"""Words and subwords of sentences, thousands at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from tokenizers import __version__ as tokenizers_version

from mtner_cli.core.corpus.splits import CorpusSplit
from mtner_cli.core.features.subwords import (
    Integers,
    SubwordArrays,
    WordSubwords,
    joined_arrays,
    text_arrays,
)
from mtner_cli.core.files.cache import cache_key, load_cached, store_arrays
from mtner_cli.core.types import Sentence, Tag, TaggedSpan
from mtner_cli.errors import EncoderError

_FORMAT = 1  # of what is stored; another number for every change of it
SENTENCES_AT_ONCE = 4096
PROBES = (
    "Naloxone reverses the antihypertensive effect of clonidine (P<0.05).",
    "IL-2R\u03b1 and NF-\u03baB p65/RelA; c.1799T>A, 5'-UTR, 37.5\u00a0\u00b0C",
    "na\u00efve  Fran\u00e7ois e\u0301  \u00c5ngstr\u00f6m \ufb01brosis H\u2082O \u00bd",
    "\u4e2d\u6587 \u0440\u0443\u0441 \u0639\u0631\u0628\u064a \U0001f9ec\t\u200b_#@",
)
"""Texts that tokenizers split differently: case, accents, symbols, scripts, white space."""


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
        tokenizer: a ``PreTrainedTokenizerFast``; its truncation, padding and dropout of merges
            are switched off.

    Raises:
        EncoderError: if it has no subword that starts or ends an input.
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
        """A hash of all that subwords depend on, apart from the text."""
        return cache_key(tokenizers_version, self._backend.to_str(), self.unknown_id)

    def tokenize(
        self, corpus: str, sentences: Sequence[Sentence], separate_tags: bool
    ) -> Iterator[TokenizedSentence]:
        """Tokenize sentences in order; with ``separate_tags`` their tags name the corpus."""
        first = 0
        for arrays in self.arrays(sentences):
            chunk = sentences[first : first + arrays.sentences]
            yield from tokenized_sentences(corpus, chunk, arrays, separate_tags, first)
            first += len(chunk)

    def arrays(self, sentences: Sequence[Sentence]) -> Iterator[SubwordArrays]:
        """The words and subwords of sentences, thousands at a time."""
        known_words = WordSubwords(self._backend, self.unknown_id)
        for first in range(0, len(sentences), SENTENCES_AT_ONCE):
            chunk = sentences[first : first + SENTENCES_AT_ONCE]
            if chunk[0].words is not None:
                yield known_words.arrays([sentence.words or () for sentence in chunk])
            else:
                texts = [sentence.text for sentence in chunk]
                yield text_arrays(self._backend.encode_batch(texts, add_special_tokens=False))


class _TagsOfCorpus(dict[str, Tag]):
    """The tag of each entity type, made once."""

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
    """Sentences whose arrays are views into those of all; the first has ``first_index``."""
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
            corpus,
            first_index + number,
            sentence,
            words,
            word_offsets,
            arrays.subwords[subword_bounds[number] : subword_bounds[number + 1]],
            arrays.word_starts[word + number : word_end + number + 1],
            gold,
            unmatched,
        )


def _to_words(
    sentence: Sentence, word_offsets: list[list[int]], tags: _TagsOfCorpus
) -> tuple[tuple[TaggedSpan, ...], tuple[TaggedSpan, ...]]:
    """Mentions in word indices, and those in characters that fit no words."""
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
    """The first that there is; tokenizers name the subwords around an input differently."""
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
    """The split's sentences, tokenized; see :meth:`SubwordTokenizer.tokenize`."""
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
