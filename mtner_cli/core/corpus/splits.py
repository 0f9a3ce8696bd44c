"""A corpus's sentences as an experiment uses them: read, entity types renamed or dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np

from mtner_cli.core.actions.codecs import EncodingName
from mtner_cli.core.cache import Arrays, cache_key, content_hash, load_cached, store_arrays
from mtner_cli.core.corpus.packed import (
    pack_sentences,
    pack_strings,
    unpack_sentences,
    unpack_strings,
)
from mtner_cli.core.corpus.reader import read_corpus
from mtner_cli.core.types import Sentence, Span
from mtner_cli.errors import DataError

SplitName = Literal["train", "dev", "test"]

_FORMAT = 1  # of what is stored; another number for every change of it, or of how files are read


@dataclass(frozen=True)
class CorpusSplit:
    """The sentences of one split of one corpus.

    Attributes:
        corpus: the corpus's name.
        sentences: in file order.
        dropped: how many mentions of each entity type the experiment leaves out.
        content: a hash of the file's bytes; None where that is not known.
        key: a hash of all that the sentences depend on; None where that is not known.
    """

    corpus: str
    sentences: tuple[Sentence, ...]
    dropped: Mapping[str, int]
    content: str | None = field(default=None, compare=False)
    key: str | None = field(default=None, compare=False)

    @property
    def entity_types(self) -> set[str]:
        return {mention.tag for sentence in self.sentences for mention in sentence.mentions}


def load_split(
    corpus: str,
    path: Path,
    mode: EncodingName,
    encoding: str = "utf-8",
    tag_dict: Mapping[str, str | None] | None = None,
    limit: int | None = None,
) -> CorpusSplit:
    """Read an action file and apply an experiment's choice of entity types.

    What was read before comes from the cache (:mod:`mtner_cli.core.cache`).

    Args:
        tag_dict: old type to new one, or to None to leave its mentions out; types that are not
            named stay as they are.
        limit: read only so many sentences.

    Raises:
        DataError: where the file is missing or not of its encoding.
    """
    types = tag_dict or {}
    content = content_hash(path)
    key = content and split_key(content, mode, encoding, types, limit)

    def unpack(arrays: Arrays) -> CorpusSplit:
        names, counts = unpack_strings(arrays, "dropped"), arrays["dropped_counts"].tolist()
        dropped = Counter(dict(zip(names, counts, strict=True)))
        return CorpusSplit(corpus, tuple(unpack_sentences(arrays)), dropped, content, key)

    stored = load_cached(key, unpack) if key else None
    if stored is not None:
        return stored
    dropped: Counter[str] = Counter()
    sentences = tuple(
        _with_types(sentence, types, dropped)
        for sentence in islice(read_corpus(path, mode, encoding), limit)
    )
    if content != content_hash(path):
        message = "has changed while it was read; start again when it is complete"
        raise DataError(path, None, message)
    if key:
        store_arrays(key, _packed(sentences, dropped))
    return CorpusSplit(corpus, sentences, dropped, content, key)


def split_key(
    content: str,
    mode: EncodingName,
    encoding: str,
    tag_dict: Mapping[str, str | None],
    limit: int | None,
) -> str:
    """Hash all that a split's sentences depend on."""
    return cache_key("sentences", _FORMAT, content, mode, encoding, dict(tag_dict), limit)


def _packed(sentences: Sequence[Sentence], dropped: Mapping[str, int]) -> Arrays:
    return {
        **pack_sentences(sentences),
        **pack_strings("dropped", dropped),
        "dropped_counts": np.array(list(dropped.values()), dtype=np.int64),
    }


def _with_types(
    sentence: Sentence, tag_dict: Mapping[str, str | None], dropped: Counter[str]
) -> Sentence:
    if not tag_dict or not sentence.mentions:
        return sentence
    return replace(
        sentence, mentions=tuple(sorted(set(_renamed(sentence.mentions, tag_dict, dropped))))
    )


def _renamed(
    mentions: Iterable[Span], tag_dict: Mapping[str, str | None], dropped: Counter[str]
) -> Iterable[Span]:
    for mention in mentions:
        tag = tag_dict.get(mention.tag, mention.tag)
        if tag is None:
            dropped[mention.tag] += 1
        else:
            yield Span(mention.start, mention.end, tag)
