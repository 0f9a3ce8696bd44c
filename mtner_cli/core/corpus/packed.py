"""Sentences as a few arrays, and back: loaded several times faster than action files are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from mtner_cli.core.cache import Arrays
from mtner_cli.core.types import Sentence, Span


def pack_sentences(sentences: Sequence[Sentence]) -> Arrays:
    """The arrays of sentences, such as an action file can hold."""
    mentions = [mention for sentence in sentences for mention in sentence.mentions]
    tags = _numbers(mention.tag for mention in mentions)
    documents = _numbers(s.document for s in sentences if s.document is not None)
    return {
        "has_words": np.array([sentence.words is not None for sentence in sentences], dtype=bool),
        "document": _integers(
            -1 if sentence.document is None else documents[sentence.document]
            for sentence in sentences
        ),
        "mention_counts": _integers(len(sentence.mentions) for sentence in sentences),
        "mention_starts": _integers(mention.start for mention in mentions),
        "mention_ends": _integers(mention.end for mention in mentions),
        "mention_tags": _integers(tags[mention.tag] for mention in mentions),
        **pack_strings("text", [sentence.text for sentence in sentences]),
        **pack_strings("tag", tags),
        **pack_strings("document_name", documents),
    }


def unpack_sentences(arrays: Arrays) -> Iterator[Sentence]:
    """The sentences again."""
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
    for text, has_words, document, (start, end) in zip(
        unpack_strings(arrays, "text"),
        arrays["has_words"].tolist(),
        arrays["document"].tolist(),
        pairwise(accumulate(arrays["mention_counts"].tolist(), initial=0)),
        strict=True,
    ):
        words = tuple(text.split(" ") if text else ()) if has_words else None
        yield Sentence(text, tuple(mentions[start:end]), words, documents[document])


def pack_strings(name: str, strings: Iterable[str]) -> Arrays:
    """One long string and the lengths of its parts, in characters."""
    strings = list(strings)
    utf8 = "".join(strings).encode("utf-8", "surrogatepass")
    return {
        f"{name}_utf8": np.frombuffer(utf8, dtype=np.uint8),
        f"{name}_lengths": _integers(map(len, strings)),
    }


def unpack_strings(arrays: Arrays, name: str) -> list[str]:
    """The strings again."""
    joined = arrays[f"{name}_utf8"].tobytes().decode("utf-8", "surrogatepass")
    bounds = accumulate(arrays[f"{name}_lengths"].tolist(), initial=0)
    return [joined[start:end] for start, end in pairwise(bounds)]


def _numbers(names: Iterable[str]) -> dict[str, int]:
    """A number for each distinct name, in the order of their first appearance."""
    return {name: number for number, name in enumerate(dict.fromkeys(names))}


def _integers(values: Iterable[int]) -> NDArray[np.int32]:
    return np.fromiter(values, dtype=np.int32)
