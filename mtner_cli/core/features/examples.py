"""Build examples, the inputs of the model: one sentence, a part of one, or several.

Every example records which words of which sentence its slots are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mtner_cli.config.schema import MergeSentsConfig
from mtner_cli.core.actions.action_text import first_crossing
from mtner_cli.core.actions.timesteps import Timestep, encode_timesteps
from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.features.merging import Divide, merge_sentences
from mtner_cli.core.features.segments import (
    SPECIAL_TOKENS,
    ExampleNotes,
    Segment,
    segments_of,
)
from mtner_cli.core.features.tokenize import Integers, SubwordTokenizer, TokenizedSentence
from mtner_cli.core.types import TaggedSpan


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One input of the model. N subwords, W words (a SEP between two sentences counts as a word).

    Attributes:
        corpus: the corpus that determines which types are annotated.
        segments: where the words come from.
        input_ids: (N,), with CLS and SEP.
        slot_of_subword: (N,), 0 for CLS, 1 to W for words, W + 1 for the last SEP.
        words: W.
        timesteps: the gold actions; None outside training.
        appended_corpus: another corpus whose types the last words are annotated with, if any.
    """

    corpus: str
    segments: tuple[Segment, ...]
    input_ids: Integers
    slot_of_subword: Integers
    words: int
    timesteps: tuple[Timestep, ...] | None = None
    appended_corpus: str | None = None


def build_example(
    segments: Sequence[Segment], tokenizer: SubwordTokenizer, max_tokens: int
) -> Example:
    """Join segments into one example: CLS, the segments with SEP between them (a word), SEP."""
    ids = [np.array([tokenizer.cls_id], dtype=np.int32)]
    slots = [np.array([0], dtype=np.int32)]
    separator = np.array([tokenizer.sep_id], dtype=np.int32)
    placed: list[Segment] = []
    word = 0
    for segment in segments:
        if placed:
            ids.append(separator)
            slots.append(np.array([word + 1], dtype=np.int32))
            word += 1
        placed.append(replace(segment, first_word=word))
        # Truncate a word longer than max_tokens.
        subwords = segment.subwords[: max_tokens - SPECIAL_TOKENS]
        counts = np.diff(segment.sentence.word_starts[segment.start : segment.end + 1])
        ids.append(subwords)
        slots_of_words = np.arange(word + 1, word + 1 + len(counts), dtype=np.int32)
        slots.append(np.repeat(slots_of_words, counts)[: len(subwords)])
        word += len(counts)
    ids.append(separator)
    slots.append(np.array([word + 1], dtype=np.int32))
    return Example(
        corpus=segments[0].sentence.corpus,
        segments=tuple(placed),
        input_ids=np.concatenate(ids, dtype=np.int32),
        slot_of_subword=np.concatenate(slots, dtype=np.int32),
        words=word,
    )


def with_timesteps(
    example: Example, vocabulary: ActionVocabulary, notes: ExampleNotes | None = None
) -> Example:
    """Return the example with its gold actions, ready for training.

    Actions cannot express mentions of one tag that cross (joined types can cause them): of two
    such mentions the longer one is kept, and the other is counted in ``notes``.
    """
    mentions = [mention for segment in example.segments for mention in segment.gold]
    kept = _without_crossings(mentions, notes)
    return replace(example, timesteps=tuple(encode_timesteps(kept, example.words, vocabulary)))


def _without_crossings(mentions: list[TaggedSpan], notes: ExampleNotes | None) -> list[TaggedSpan]:
    kept = list(dict.fromkeys(mentions))
    while crossing := first_crossing(kept):
        kept.remove(min(crossing, key=lambda mention: mention[1] - mention[0]))
        if notes is not None:
            notes.left_out["mentions that cross another of their type"] += 1
    return kept


def examples_of(
    sentences: Iterable[TokenizedSentence],
    tokenizer: SubwordTokenizer,
    max_tokens: int,
    merging: MergeSentsConfig | None = None,
    divide: Divide = segments_of,
) -> list[Example]:
    """Make examples of sentences: one sentence each, several, or a part of one that is too long.

    Args:
        merging: how consecutive sentences are joined; None joins none.
        divide: splits a sentence that is too long.
    """
    joined = merge_sentences(sentences, max_tokens, merging or MergeSentsConfig(), divide)
    return [build_example(segments, tokenizer, max_tokens) for segments in joined]
