"""Read and tokenize the corpora of an experiment, and derive the actions of its model."""

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
    """Pause garbage collection while corpora are read; also a decorator.

    The collector would search the growing number of sentences for reference cycles again and again,
    which can take as much time as reading them. They have no cycles.
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
    """Read the split of every corpus that has it, in the order of the configuration.

    Raises:
        DataError: if a file is missing or does not have the configured encoding.
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
    """Return the tags that each corpus annotates in the given splits."""
    annotated: dict[str, frozenset[Tag]] = {}
    for split in splits:
        tags = {Tag(split.corpus if separate else None, name) for name in split.entity_types}
        annotated[split.corpus] = annotated.get(split.corpus, frozenset()) | tags
    return annotated


def build_vocabulary(annotated: Annotated, change_out_to_shift: bool) -> ActionVocabulary:
    """Return the actions of a model that predicts every annotated tag."""
    tags = tags_in_order(tag for tags in annotated.values() for tag in tags)
    return ActionVocabulary(tags, with_out=not change_out_to_shift)


def foreign_actions(vocabulary: ActionVocabulary, annotated: Annotated) -> dict[str, Tensor] | None:
    """Return, for each corpus, (A,), bool, its foreign actions; None if no corpus has any."""
    masks = {}
    for corpus, tags in annotated.items():
        masks[corpus] = torch.zeros(vocabulary.size, dtype=torch.bool)
        masks[corpus][vocabulary.foreign_actions(tags)] = True
    return masks if any(mask.any() for mask in masks.values()) else None


@garbage_collection_paused()
def tokenize_splits(
    splits: Iterable[CorpusSplit], tokenizer: SubwordTokenizer, separate: bool
) -> list[TokenizedSentence]:
    """Tokenize the sentences of all splits, one split after the other."""
    return [sentence for split in splits for sentence in tokenize_split(split, tokenizer, separate)]


def action_frequencies(
    examples: Iterable[Example], vocabulary: ActionVocabulary, annotated: Annotated
) -> Tensor:
    """Return (A,), each action's share of the timesteps of the corpora that annotate it."""
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
