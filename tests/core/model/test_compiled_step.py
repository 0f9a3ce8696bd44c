"""A compiled step does what the plain one does."""

from __future__ import annotations

import pytest
import torch

from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.decode.inference import infer_actions
from mtner_cli.core.model.slot_tagger import SlotTagger, TaggerSettings
from mtner_cli.core.model.teacher_forcing import GoldPointer
from mtner_cli.core.types import Tag
from tests.core.model.cases import random_batch, random_weights, tagger_with

WIDTH, TAGS, LATENTS = 8, 3, 2


def traced(tagger: SlotTagger) -> SlotTagger:
    """The tagger with its step captured as one graph, but not translated, which takes long."""
    tagger.steps = tagger.steps.compiled(backend="eager")
    return tagger


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_training_steps_are_one_graph(dropout: float) -> None:
    torch.manual_seed(0)
    weights = random_weights(WIDTH, TAGS, LATENTS, 5, torch.float64)
    batch = random_batch([7, 4, 1], WIDTH, TAGS, torch.float64, foreign_tags=1)
    settings = TaggerSettings(
        latents_per_action=LATENTS,
        half_context=5,
        dropout_attention=dropout,
        dropout_positions=dropout,
        dropout_latents=dropout,
        dropout_hidden=dropout,
    )
    gradients = []
    for prepare in (lambda tagger: tagger, traced):
        tagger = prepare(tagger_with(weights, settings)).train()
        torch.manual_seed(1)
        slots = batch.slots.clone().requires_grad_()
        logits = tagger(slots, batch.mask, GoldPointer(batch.gold, slots.shape[1]))
        logits.square().sum().backward()
        gradients.append((logits.detach(), slots.grad, tagger.latents.grad))
    torch.testing.assert_close(*gradients)


def test_inference_steps_are_one_graph() -> None:
    torch.manual_seed(0)
    weights = random_weights(WIDTH, TAGS, LATENTS, 5, torch.float32)
    batch = random_batch([9, 4, 1], WIDTH, TAGS, torch.float32)
    vocabulary = ActionVocabulary([Tag(None, name) for name in "ABC"])
    results = [
        infer_actions(tagger, batch.slots, batch.mask, torch.tensor(batch.words), vocabulary)
        for tagger in (
            tagger_with(weights, TaggerSettings(latents_per_action=LATENTS, half_context=5)).eval(),
            traced(
                tagger_with(weights, TaggerSettings(latents_per_action=LATENTS, half_context=5))
            ).eval(),
        )
    ]
    for plain, compiled in zip(*results, strict=True):
        torch.testing.assert_close(torch.from_numpy(plain), torch.from_numpy(compiled))
