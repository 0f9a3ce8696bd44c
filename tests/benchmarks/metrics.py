"""Scoring alone: figures ``metrics_*``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, cycle, islice

import numpy as np

from mtner_cli.core.evaluate.scores import evaluate
from mtner_cli.core.types import ScoredMention, Sentence, Tag, TaggedSpan, TestedSentence
from tests.benchmarks.corpus import TYPES, synthetic_sentences
from tests.benchmarks.timing import seconds_of

CORPORA = ("BC5CDR", "NCBI-Disease")
SIZES = (10_000, 100_000, 1_000_000)
FOUND = 0.85  # of the annotated mentions
UNMATCHED = 0.01  # of the annotated mentions


def measure_metrics(sizes: Sequence[int] = SIZES) -> dict[str, float]:
    """Annotated mentions scored in a second: of a corpus of each size, and (the key without a
    size) of the greatest one. About as many predicted mentions come on top.
    """
    annotated = {corpus: _tags(corpus) for corpus in CORPORA}
    figures = {}
    for size in sizes:
        sentences = list(tested_sentences(size, seed=1))
        rounds = max(1, min(5, 300_000 // size))
        seconds = seconds_of(lambda some=sentences: evaluate(some, annotated), rounds)  # type: ignore[misc]
        figures[f"metrics_mentions_per_s_{size}"] = size / seconds
    return figures | {"metrics_mentions_per_s": figures[f"metrics_mentions_per_s_{max(sizes)}"]}


def tested_sentences(mentions: int, seed: int) -> Iterator[TestedSentence]:
    """Sentences with so many annotated mentions in all, and what a model might predict."""
    random = np.random.default_rng(seed)
    texts = list(synthetic_sentences(5_000, seed))
    offsets = [_word_offsets(sentence) for sentence in texts]
    total = 0
    for index, (sentence, of_words) in enumerate(cycle(zip(texts, offsets, strict=True))):
        corpus = CORPORA[index % len(CORPORA)]
        spans = [(start, end, Tag(corpus, name)) for start, end, name in sentence.mentions]
        spans = spans[: mentions - total]
        total += len(spans)
        lost = random.random(len(spans)) < UNMATCHED
        yield TestedSentence(
            corpus=corpus,
            index=index,
            document=None,
            start=0,
            text=sentence.text,
            words=sentence.words or (),
            word_offsets=of_words,
            gold=tuple(span for span, is_lost in zip(spans, lost, strict=True) if not is_lost),
            gold_unmatched=tuple(
                (of_words[start][0], of_words[end - 1][1] - 1, tag)
                for (start, end, tag), is_lost in zip(spans, lost, strict=True)
                if is_lost
            ),
            predicted=tuple(_predicted(random, spans, len(of_words))),
        )
        if total == mentions:
            return


def _predicted(
    random: np.random.Generator, gold: Sequence[TaggedSpan], words: int
) -> Iterator[ScoredMention]:
    for (start, end, tag), draw in zip(gold, random.random(len(gold)).tolist(), strict=True):
        if draw < FOUND:
            yield ScoredMention(start, end, tag, 0.9)
        else:
            other = _tags(CORPORA[int(draw * 1000) % 2])[int(draw * 500) % 2]
            yield ScoredMention(max(0, start - 1), min(words, end + 1), other, 0.6)


def _tags(corpus: str) -> list[Tag]:
    return [Tag(corpus, name) for name in TYPES]


def _word_offsets(sentence: Sentence) -> tuple[tuple[int, int], ...]:
    words = sentence.words or ()
    starts = islice(accumulate((len(word) + 1 for word in words), initial=0), len(words))
    return tuple((start, start + len(word)) for start, word in zip(starts, words, strict=True))
