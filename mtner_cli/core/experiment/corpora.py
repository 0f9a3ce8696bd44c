"""Python's search for reference cycles, paused while a great many objects without any are made."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from mtner_cli.config.schema import DatasetConfig, DataTransformConfig
from mtner_cli.core.actions.vocabulary import ActionVocabulary, tags_in_order
from mtner_cli.core.corpus.splits import CorpusSplit, SplitName, load_split
from mtner_cli.core.features.examples import Example
from mtner_cli.core.features.tokenize import SubwordTokenizer, TokenizedSentence, tokenize_split
from mtner_cli.core.types import Tag


@contextmanager
def garbage_collection_paused() -> Iterator[None]:
    """For reading corpora: looking through all sentences again and again, as they become more, can
    take as long as making them. Also a decorator.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


Annotated = Mapping[str, frozenset[Tag]]


@garbage_collection_paused()
def read_splits(
    datasets: Mapping[str, DatasetConfig], transform: DataTransformConfig, split: SplitName
) -> list[CorpusSplit]:
    """The split of every corpus that has it, in the order of the configuration.

    Raises:
        DataError: where a file is missing or not of its encoding.
    """
    limit = getattr(transform.limit_sentences, split)
    return [
        load_split(
            name,
            path,
            dataset.mode,
            dataset.encoding,
            dataset.tag_dict if transform.change_tags else None,
            limit,
        )
        for name, dataset in datasets.items()
        if (path := getattr(dataset.split_paths, split)) is not None
    ]


def annotated_tags(splits: Iterable[CorpusSplit], separate: bool) -> dict[str, frozenset[Tag]]:
    """The tags that each corpus annotates, over all splits given."""
    annotated: dict[str, frozenset[Tag]] = {}
    for split in splits:
        tags = {Tag(split.corpus if separate else None, name) for name in split.entity_types}
        annotated[split.corpus] = annotated.get(split.corpus, frozenset()) | tags
    return annotated


def build_vocabulary(annotated: Annotated, change_out_to_shift: bool) -> ActionVocabulary:
    """The actions of a model that is to predict every annotated tag."""
    tags = tags_in_order(tag for tags in annotated.values() for tag in tags)
    return ActionVocabulary(tags, with_out=not change_out_to_shift)


def foreign_actions(vocabulary: ActionVocabulary, annotated: Annotated) -> dict[str, Tensor] | None:
    """(A,), bool, of each corpus: actions of tags it does not annotate; None if there are none."""
    masks = {}
    for corpus, tags in annotated.items():
        masks[corpus] = torch.zeros(vocabulary.size, dtype=torch.bool)
        masks[corpus][vocabulary.foreign_actions(tags)] = True
    return masks if any(mask.any() for mask in masks.values()) else None


@garbage_collection_paused()
def tokenize_splits(
    splits: Iterable[CorpusSplit], tokenizer: SubwordTokenizer, separate: bool
) -> list[TokenizedSentence]:
    """The tokenized sentences of all splits, one split after the other."""
    return [sentence for split in splits for sentence in tokenize_split(split, tokenizer, separate)]


def action_frequencies(
    examples: Iterable[Example], vocabulary: ActionVocabulary, annotated: Annotated
) -> Tensor:
    """(A,), how often each action is among the timesteps of the corpora that annotate it."""
    counts = {corpus: torch.zeros(vocabulary.size, dtype=torch.float64) for corpus in annotated}
    timesteps: Counter[str] = Counter()
    for example in examples:
        timesteps[example.corpus] += len(example.timesteps or ())
        of_example = Counter(action for step in example.timesteps or () for action in step)
        for action, count in of_example.items():
            counts[example.corpus][action] += count
    totals = torch.zeros(vocabulary.size, dtype=torch.float64)
    known_timesteps = torch.zeros(vocabulary.size, dtype=torch.float64)
    for corpus, tags in annotated.items():
        known = torch.ones(vocabulary.size, dtype=torch.bool)
        known[vocabulary.foreign_actions(tags)] = False
        totals += counts[corpus] * known
        known_timesteps += timesteps[corpus] * known
    return (totals / known_timesteps.clamp_min(1)).float()
