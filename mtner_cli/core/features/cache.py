"""Subwords of whole splits, kept between runs."""

from __future__ import annotations

from dataclasses import asdict

from mtner_cli.core.cache import cache_key, load_cached, store_arrays
from mtner_cli.core.corpus.splits import CorpusSplit
from mtner_cli.core.features.subwords import SubwordArrays, joined_arrays
from mtner_cli.core.features.tokenize import (
    SubwordTokenizer,
    TokenizedSentence,
    tokenized_sentences,
)

_FORMAT = 1  # of what is stored; another number for every change of it


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
