"""A corpus's sentences as an experiment uses them: read, entity types renamed or dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal

from mtner_cli.core.actions.codecs import EncodingName
from mtner_cli.core.corpus.reader import read_corpus
from mtner_cli.core.types import Sentence, Span

SplitName = Literal["train", "dev", "test"]


@dataclass(frozen=True)
class CorpusSplit:
    """The sentences of one split of one corpus.

    Attributes:
        corpus: the corpus's name.
        sentences: in file order.
        dropped: how many mentions of each entity type the experiment leaves out.
    """

    corpus: str
    sentences: tuple[Sentence, ...]
    dropped: Mapping[str, int]

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

    Args:
        tag_dict: old type to new one, or to None to leave its mentions out; types that are not
            named stay as they are.
        limit: read only so many sentences.

    Raises:
        DataError: where the file is missing or not of its encoding.
    """
    dropped: Counter[str] = Counter()
    sentences = tuple(
        _with_types(sentence, tag_dict or {}, dropped)
        for sentence in islice(read_corpus(path, mode, encoding), limit)
    )
    return CorpusSplit(corpus, sentences, dropped)


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
