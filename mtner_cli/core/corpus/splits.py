"""Load a split's sentences, and cache them as arrays, which load several times faster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, islice, pairwise
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mtner_cli.config.encodings import EncodingName
from mtner_cli.core.corpus.action_files import read_corpus
from mtner_cli.core.files.cache import Arrays, cache_key, content_hash, load_cached, store_arrays
from mtner_cli.core.types import Sentence, Span
from mtner_cli.errors import DataError


def pack_sentences(sentences: Sequence[Sentence]) -> Arrays:
    """Return the arrays of sentences that an action file can hold."""
    mentions = [mention for sentence in sentences for mention in sentence.mentions]
    tags = _numbers(mention.tag for mention in mentions)
    documents = _numbers(s.document for s in sentences if s.document is not None)
    return {
        "has_words": np.array([sentence.words is not None for sentence in sentences], dtype=bool),
        "document": _integers(
            -1 if sentence.document is None else documents[sentence.document]
            for sentence in sentences
        ),
        "start": _integers(sentence.start for sentence in sentences),
        "mention_counts": _integers(len(sentence.mentions) for sentence in sentences),
        "mention_starts": _integers(mention.start for mention in mentions),
        "mention_ends": _integers(mention.end for mention in mentions),
        "mention_tags": _integers(tags[mention.tag] for mention in mentions),
        **pack_strings("text", [sentence.text for sentence in sentences]),
        **pack_strings("tag", tags),
        **pack_strings("document_name", documents),
    }


def unpack_sentences(arrays: Arrays) -> Iterator[Sentence]:
    """Yield the sentences that :func:`pack_sentences` packed."""
    tags = unpack_strings(arrays, "tag")
    documents = [*unpack_strings(arrays, "document_name"), None]  # -1 is the last
    mentions = list(
        map(
            Span,
            arrays["mention_starts"].tolist(),
            arrays["mention_ends"].tolist(),
            map(tags.__getitem__, arrays["mention_tags"].tolist()),
        )
    )
    for text, has_words, document, place, (start, end) in zip(
        unpack_strings(arrays, "text"),
        arrays["has_words"].tolist(),
        arrays["document"].tolist(),
        arrays["start"].tolist(),
        pairwise(accumulate(arrays["mention_counts"].tolist(), initial=0)),
        strict=True,
    ):
        words = tuple(text.split(" ") if text else ()) if has_words else None
        yield Sentence(text, tuple(mentions[start:end]), words, documents[document], place)


def pack_strings(name: str, strings: Iterable[str]) -> Arrays:
    """Return strings as one long string and the lengths of its parts, in characters."""
    strings = list(strings)
    utf8 = "".join(strings).encode("utf-8", "surrogatepass")
    return {
        f"{name}_utf8": np.frombuffer(utf8, dtype=np.uint8),
        f"{name}_lengths": _integers(map(len, strings)),
    }


def unpack_strings(arrays: Arrays, name: str) -> list[str]:
    """Return the strings that :func:`pack_strings` packed."""
    joined = arrays[f"{name}_utf8"].tobytes().decode("utf-8", "surrogatepass")
    bounds = accumulate(arrays[f"{name}_lengths"].tolist(), initial=0)
    return [joined[start:end] for start, end in pairwise(bounds)]


def _numbers(names: Iterable[str]) -> dict[str, int]:
    """Return a number for each distinct name, in order of first appearance."""
    return {name: number for number, name in enumerate(dict.fromkeys(names))}


def _integers(values: Iterable[int]) -> NDArray[np.int32]:
    return np.fromiter(values, dtype=np.int32)


SplitName = Literal["train", "dev", "test"]

_FORMAT = 2  # of the stored arrays; change it whenever they, or the way files are read, change


@dataclass(frozen=True)
class CorpusSplit:
    """The sentences of one split of one corpus.

    Attributes:
        corpus: the corpus's name.
        sentences: in file order.
        dropped: the number of mentions of each entity type that the experiment drops.
        content: a hash of the file's bytes; None if it is not known.
        key: a hash of everything that the sentences depend on; None if it is not known.
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
    action_encoding: EncodingName,
    charset: str = "utf-8",
    tag_dict: Mapping[str, str | None] | None = None,
    limit: int | None = None,
) -> CorpusSplit:
    """Read an action file and apply an experiment's choice of entity types.

    A split that was read before comes from the cache (:mod:`mtner_cli.core.files.cache`).

    Args:
        tag_dict: old type to new one, or to None to drop its mentions; types that are not named
            stay as they are.
        limit: read only this many sentences.

    Raises:
        DataError: if the file is missing, changes meanwhile or is not in its encoding.
    """
    types = tag_dict or {}
    content = content_hash(path)
    key = content and split_key(content, action_encoding, charset, types, limit)

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
        for sentence in islice(read_corpus(path, action_encoding, charset), limit)
    )
    if content != content_hash(path):
        message = "has changed while it was read; start again when it is complete"
        raise DataError(path, None, message)
    if key:
        store_arrays(key, _packed(sentences, dropped))
    return CorpusSplit(corpus, sentences, dropped, content, key)


def split_key(
    content: str,
    action_encoding: EncodingName,
    charset: str,
    tag_dict: Mapping[str, str | None],
    limit: int | None,
) -> str:
    """Return a hash of everything that a split's sentences depend on."""
    return cache_key("sentences", _FORMAT, content, action_encoding, charset, dict(tag_dict), limit)


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
