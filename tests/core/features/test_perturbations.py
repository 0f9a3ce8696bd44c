"""Sentences of other corpora appended to training sentences."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch

from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.experiment.corpora import foreign_actions
from mtner_cli.core.features.batch import Collator
from mtner_cli.core.features.examples import Example, examples_of, with_timesteps
from mtner_cli.core.features.sampler import (
    EpochSampler,
    Perturbations,
    join_examples,
    joined_length,
)
from mtner_cli.core.features.tokenize import SubwordTokenizer
from mtner_cli.core.model.encoder import load_tokenizer
from mtner_cli.core.types import Sentence, Span, Tag
from tests.core.actions.reading import mentions_of_timesteps

TAGS = {name: Tag(name, f"{name}-type") for name in ("clinic", "labs", "ward")}
VOCABULARY = ActionVocabulary(tuple(TAGS.values()))
ANNOTATED = {name: frozenset({tag}) for name, tag in TAGS.items()}


@pytest.fixture(scope="module")
def tokenizer(tiny_encoder: Path) -> SubwordTokenizer:
    return load_tokenizer(str(tiny_encoder))


def examples(tokenizer: SubwordTokenizer, corpus: str, *texts: str) -> list[Example]:
    """Sentences whose last word is a mention."""
    sentences = [
        Sentence.of_words(words, [Span(len(words) - 1, len(words), f"{corpus}-type")])
        for words in map(str.split, texts)
    ]
    tokenized = tokenizer.tokenize(corpus, sentences, separate_tags=True)
    return [with_timesteps(one, VOCABULARY) for one in examples_of(tokenized, tokenizer, 40)]


@pytest.fixture(scope="module")
def data(tokenizer: SubwordTokenizer) -> list[Example]:
    return [
        *examples(tokenizer, "clinic", *(f"no {'o' * size} flu" for size in range(1, 31))),
        *examples(tokenizer, "labs", "a b", "c d e f", "g " * 34 + "h"),
        *examples(tokenizer, "ward", "i", "j k"),
    ]


def sampler(data: list[Example], seed: int = 1, **probabilities: float) -> EpochSampler:
    """Only one corpus is perturbed."""
    return EpochSampler(data, 4, seed, Perturbations({"clinic": probabilities}, 40))


def test_a_joined_example_is_both_with_a_separator_word(data: list[Example]) -> None:
    first, second = data[0], data[30]
    joined = join_examples(first, second)
    # "no o flu" and "a b"
    assert joined.words == 6
    assert joined.slot_of_subword.tolist() == [0, 1, 1, 2, 3, 3, 3, 4, 5, 6, 7]
    assert joined.input_ids.tolist() == [*first.input_ids, *second.input_ids[1:]]
    assert len(joined.input_ids) == joined_length(first, second)
    assert (joined.corpus, joined.appended_corpus) == ("clinic", "labs")
    expected = [(2, 3, TAGS["clinic"]), (5, 6, TAGS["labs"])]
    assert mentions_of_timesteps(joined.timesteps or (), VOCABULARY) == expected
    assert [mention for segment in joined.segments for mention in segment.gold] == expected


def test_foreign_is_what_neither_corpus_annotates(
    data: list[Example], tokenizer: SubwordTokenizer
) -> None:
    collate = Collator(VOCABULARY, tokenizer.pad_id, foreign_actions(VOCABULARY, ANNOTATED))
    gold = collate([data[0], join_examples(data[0], data[30])]).gold
    assert gold is not None
    assert gold.foreign is not None
    foreign = [
        {VOCABULARY.tag_of(action) for action in row.nonzero().flatten().tolist()}
        for row in gold.foreign
    ]
    assert foreign == [{TAGS["labs"], TAGS["ward"]}, {TAGS["ward"]}]


def test_examples_are_appended_as_often_as_asked(data: list[Example]) -> None:
    perturbed = sampler(data, labs=0.5, ward=0.25)
    appended: Counter[str] = Counter()
    of_clinic = 0
    for epoch in range(100):
        plan = perturbed.plan(epoch)
        of_clinic += plan.drawn["clinic"]
        appended.update(plan.appended)
        for draw in (draw for batch in plan.batches for draw in batch):
            if draw.appended is not None:
                assert data[draw.example].corpus == "clinic"
                assert joined_length(data[draw.example], data[draw.appended]) <= 40
    assert appended["clinic"] == 0
    # One example in three of labs leaves no room for any of clinic.
    assert 0.27 < appended["labs"] / of_clinic < 0.39
    assert 0.2 < appended["ward"] / of_clinic < 0.3


def test_a_plan_is_a_function_of_seed_and_epoch(data: list[Example]) -> None:
    assert sampler(data, labs=0.5).plan(3) == sampler(data, labs=0.5).plan(3)
    assert sampler(data, labs=0.5).plan(3) != sampler(data, seed=2, labs=0.5).plan(3)


def test_without_perturbations_the_same_examples_are_drawn(data: list[Example]) -> None:
    plain = EpochSampler(data, 4, 1).plan(0)
    perturbed = sampler(data, labs=1.0).plan(0)
    assert (plain.drawn, plain.repeated) == (perturbed.drawn, perturbed.repeated)
    assert plain.appended == {"clinic": 0, "labs": 0, "ward": 0}


def test_batches_follow_the_joined_lengths(data: list[Example]) -> None:
    plan = sampler(data, ward=1.0).plan(0)
    for batch in plan.batches:
        lengths = torch.tensor(
            [
                len(data[draw.example].input_ids)
                if draw.appended is None
                else joined_length(data[draw.example], data[draw.appended])
                for draw in batch
            ]
        )
        assert (lengths.diff() >= 0).all()
