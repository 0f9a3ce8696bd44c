"""Sentences as a result file holds them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mtner_cli.core.types import ScoredMention, Tag, TaggedSpan, TestedSentence


def result_sentence(
    corpus: str,
    text: str,
    predicted: Iterable[ScoredMention] = (),
    gold_unmatched: Iterable[TaggedSpan] = (),
    index: int = 0,
    document: str | None = None,
) -> TestedSentence:
    """A sentence whose words lie between white space; in a document it starts at 100."""
    words = list(re.finditer(r"\S+", text))
    return TestedSentence(
        corpus=corpus,
        index=index,
        document=document,
        start=0 if document is None else 100,
        text=text,
        words=tuple(word.group() for word in words),
        word_offsets=tuple(word.span() for word in words),
        gold=(),
        gold_unmatched=tuple(gold_unmatched),
        predicted=tuple(predicted),
    )


def mention(start: int, end: int, entity_type: str, score: float = 0.5) -> ScoredMention:
    """A prediction in words."""
    return ScoredMention(start, end, Tag(None, entity_type), score)
