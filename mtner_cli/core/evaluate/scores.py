"""Count right, missed and wrong mentions, and compute precision, recall and F1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtner_cli.core.actions.vocabulary import tags_in_order
from mtner_cli.core.evaluate.matching import (
    Chunk,
    MentionArrays,
    TagNumbers,
    chunks,
    compare,
    distinct,
    overlapping_sentences,
)
from mtner_cli.core.evaluate.nesting import NestingRecall, NestingTally
from mtner_cli.core.types import Tag, TaggedSpan, TestedSentence


@dataclass(frozen=True, slots=True)
class Counts:
    """The numbers of found, missed and wrongly predicted mentions.

    Precision, recall and F1 are in [0, 1], and 0.0 if they are undefined.
    """

    true_positives: int = 0
    false_negatives: int = 0
    false_positives: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.true_positives + other.true_positives,
            self.false_negatives + other.false_negatives,
            self.false_positives + other.false_positives,
        )

    @property
    def gold(self) -> int:
        """The number of annotated mentions."""
        return self.true_positives + self.false_negatives

    @property
    def predicted(self) -> int:
        """The number of predicted mentions."""
        return self.true_positives + self.false_positives

    @property
    def precision(self) -> float:
        return self.true_positives / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        return self.true_positives / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        relevant = self.gold + self.predicted
        return 2 * self.true_positives / relevant if relevant else 0.0


Annotated = Mapping[str, Collection[Tag]]


@dataclass(frozen=True)
class CorpusScores:
    """The scores on one corpus.

    Attributes:
        per_tag: counts of every tag that the corpus annotates.
        foreign: number of predicted mentions of each tag that the corpus does not annotate.
        unscored_gold: number of gold mentions of each tag that the caller left out of the
            annotated ones; reported so that no gold mention is lost silently.
    """

    per_tag: dict[Tag, Counts]
    foreign: dict[Tag, int]
    unscored_gold: dict[Tag, int]

    @property
    def micro(self) -> Counts:
        return sum(self.per_tag.values(), Counts())


@dataclass(frozen=True)
class Scores:
    """Scores per corpus, and unweighted means over the corpora's micro values.

    A corpus without gold mentions has no score, so the means leave it out.
    """

    corpora: dict[str, CorpusScores]

    @property
    def mean_precision(self) -> float:
        return self._mean(lambda micro: micro.precision)

    @property
    def mean_recall(self) -> float:
        return self._mean(lambda micro: micro.recall)

    @property
    def mean_f1(self) -> float:
        return self._mean(lambda micro: micro.f1)

    @property
    def micro(self) -> Counts:
        """The counts of all corpora together."""
        return sum((corpus.micro for corpus in self.corpora.values()), Counts())

    def without(self, left_out: Mapping[str, Collection[Tag]]) -> Scores:
        """Return the scores without some of the tags of some corpora."""
        return Scores(
            {
                name: replace(
                    corpus,
                    per_tag={
                        tag: counts
                        for tag, counts in corpus.per_tag.items()
                        if tag not in left_out.get(name, ())
                    },
                )
                for name, corpus in self.corpora.items()
            }
        )

    def _mean(self, value: Callable[[Counts], float]) -> float:
        micros = [corpus.micro for corpus in self.corpora.values()]
        values = [value(micro) for micro in micros if micro.gold]
        return sum(values) / len(values) if values else 0.0


@dataclass(frozen=True)
class Evaluation:
    """Scores with separate and joined tags, with and without unmatched gold mentions.

    Attributes:
        separate: tags as they are (``corpus$type``), unmatched gold mentions counted as misses.
        joined: tags without their corpus; mentions that become equal are merged.
        separate_matched, joined_matched: as above, without gold mentions that do not match the
            tokenization.
        nesting: per corpus, recall by nesting depth (joined tags, unmatched mentions are misses).
    """

    separate: Scores
    separate_matched: Scores
    joined: Scores
    joined_matched: Scores
    nesting: dict[str, NestingRecall]

    @property
    def headline_f1(self) -> float:
        """The mean over corpora of the joined micro F1, over all gold mentions; in [0, 1]."""
        return self.joined.mean_f1

    def annotated_tags(self) -> dict[str, list[Tag]]:
        """Return the tags that are scored on each corpus."""
        return {name: list(corpus.per_tag) for name, corpus in self.separate.corpora.items()}

    def f1_of_corpora(self) -> dict[str, float]:
        """Return the joined micro F1 of each corpus, over all gold mentions; in [0, 1]."""
        return {name: corpus.micro.f1 for name, corpus in self.joined.corpora.items()}


def in_percent(value: float) -> float:
    """Return a score in [0, 1] in per cent, with two decimals, as in papers."""
    return round(100 * value, 2)


def scores_record(scores: Scores) -> dict[str, Any]:
    """Return scores as JSON values: mean and sum over corpora, each corpus, each of its types.

    Precision, recall and F1 are in per cent, and 0 if they are undefined.
    """
    return {
        "micro": _counts_record(scores.micro),
        "mean": _rates_record(scores.mean_precision, scores.mean_recall, scores.mean_f1),
        "corpora": {
            name: {
                **_counts_record(corpus.micro),
                "types": {
                    tag.entity_type: _counts_record(counts)
                    for tag, counts in corpus.per_tag.items()
                },
            }
            for name, corpus in scores.corpora.items()
        },
    }


def _counts_record(counts: Counts) -> dict[str, float]:
    return {
        "tp": counts.true_positives,
        "fn": counts.false_negatives,
        "fp": counts.false_positives,
        **_rates_record(counts.precision, counts.recall, counts.f1),
    }


def _rates_record(precision: float, recall: float, f1: float) -> dict[str, float]:
    return {"precision": in_percent(precision), "recall": in_percent(recall), "f1": in_percent(f1)}


def evaluate(sentences: Iterable[TestedSentence], annotated: Annotated) -> Evaluation:
    """Score sentences in one pass, in time linear in their mentions.

    Args:
        sentences: of any number of corpora, in any order.
        annotated: the tags that each corpus annotates.

    Raises:
        ValueError: on a sentence of a corpus that ``annotated`` does not name.
    """
    separate, joined = _Tallies(annotated, joined=False), _Tallies(annotated, joined=True)
    nesting: dict[str, NestingTally] = {}
    for chunk in chunks(sentences):
        separate.add(chunk)
        gold, found = joined.add(chunk)
        _add_nesting(nesting, chunk, gold, found)
    return Evaluation(
        separate=separate.scores(with_unmatched=True),
        separate_matched=separate.scores(with_unmatched=False),
        joined=joined.scores(with_unmatched=True),
        joined_matched=joined.scores(with_unmatched=False),
        nesting={corpus: tally.result() for corpus, tally in nesting.items()},
    )


@cache
def joined_tag(tag: Tag) -> Tag:
    """Return the tag without its corpus."""
    return Tag(None, tag.entity_type)


@dataclass
class _Tally:
    """Mutable counts of one corpus."""

    annotated: frozenset[Tag]
    gold: Counter[Tag] = field(default_factory=Counter)
    unmatched: Counter[Tag] = field(default_factory=Counter)
    predicted: Counter[Tag] = field(default_factory=Counter)
    hits: Counter[Tag] = field(default_factory=Counter)

    def scores(self, *, with_unmatched: bool) -> CorpusScores:
        gold = self.gold + self.unmatched if with_unmatched else self.gold
        per_tag = {
            tag: Counts(
                self.hits[tag], gold[tag] - self.hits[tag], self.predicted[tag] - self.hits[tag]
            )
            for tag in tags_in_order(self.annotated)
        }
        return CorpusScores(per_tag, self._others(self.predicted), self._others(gold))

    def _others(self, counter: Counter[Tag]) -> dict[Tag, int]:
        return {tag: counter[tag] for tag in tags_in_order(counter.keys() - self.annotated)}


class _Tallies:
    """The tallies of all corpora, with tags as they are or joined."""

    def __init__(self, annotated: Annotated, *, joined: bool) -> None:
        self._joined = joined
        self._annotated = {
            corpus: frozenset(map(joined_tag, tags) if joined else tags)
            for corpus, tags in annotated.items()
        }
        self._tallies: dict[str, _Tally] = {}

    def add(self, chunk: Chunk) -> tuple[MentionArrays, NDArray[np.bool_]]:
        """Count a chunk's mentions; return the distinct gold ones and which of them are found."""
        for corpus in chunk.corpora:
            if corpus not in self._tallies:
                self._tallies[corpus] = self._new_tally(corpus)
        tags, number_of_tag = chunk.tags, np.arange(len(chunk.tags))
        if self._joined:
            joined = TagNumbers()
            number_of_tag = np.array([joined[joined_tag(tag)] for tag in tags], dtype=np.int64)
            tags = list(joined)
        gold, predicted, found = compare(
            chunk.gold.with_tags(number_of_tag), chunk.predicted.with_tags(number_of_tag)
        )
        unmatched = distinct(chunk.unmatched.with_tags(number_of_tag))
        counted = {
            "gold": gold,
            "predicted": predicted,
            "hits": gold.taken(found),
            "unmatched": unmatched,
        }
        for kind, mentions in counted.items():
            for corpus, tag, count in chunk.count(mentions, tags):
                getattr(self._tallies[corpus], kind)[tag] += count
        return gold, found

    def scores(self, *, with_unmatched: bool) -> Scores:
        return Scores(
            {
                corpus: self._tallies[corpus].scores(with_unmatched=with_unmatched)
                for corpus in self._annotated
                if corpus in self._tallies
            }
        )

    def _new_tally(self, corpus: str) -> _Tally:
        if corpus not in self._annotated:
            raise ValueError(
                f"a sentence of corpus {corpus!r} cannot be scored, since the annotated types are "
                f"given only for {sorted(self._annotated)}"
            )
        return _Tally(self._annotated[corpus])


def _add_nesting(
    tallies: dict[str, NestingTally],
    chunk: Chunk,
    gold: MentionArrays,
    found: NDArray[np.bool_],
) -> None:
    """Count the joined gold mentions of a chunk, one by one only if a sentence needs it."""
    apart = np.zeros(len(chunk.sentences), dtype=bool)
    apart[overlapping_sentences(gold)] = True
    apart[chunk.unmatched.sentence] = True
    is_flat = ~apart[gold.sentence]
    corpus_of_mention = chunk.corpus_of_sentence[gold.sentence]
    totals = np.bincount(corpus_of_mention[is_flat], minlength=len(chunk.corpora))
    hits = np.bincount(corpus_of_mention[is_flat & found], minlength=len(chunk.corpora))
    for corpus, total, hit in zip(chunk.corpora, totals.tolist(), hits.tolist(), strict=True):
        tallies.setdefault(corpus, NestingTally()).add_flat(total, hit)
    for place in np.flatnonzero(apart).tolist():
        sentence = chunk.sentences[place]
        tallies[sentence.corpus].add(*_in_characters(sentence))


def _in_characters(sentence: TestedSentence) -> tuple[set[TaggedSpan], set[TaggedSpan]]:
    """Return all gold mentions, also unmatched ones, and those found.

    Both have character offsets and joined tags.
    """

    def moved(mentions: set[TaggedSpan]) -> set[TaggedSpan]:
        return {(*sentence.characters(start, end), tag) for start, end, tag in mentions}

    gold = {(start, end, joined_tag(tag)) for start, end, tag in sentence.gold}
    found = gold & {(start, end, joined_tag(tag)) for start, end, tag, _ in sentence.predicted}
    unmatched = {(start, end, joined_tag(tag)) for start, end, tag in sentence.gold_unmatched}
    return moved(gold) | unmatched, moved(found)
