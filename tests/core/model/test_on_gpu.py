"""What must hold on a GPU: the CPU's numbers, no waiting inside the loop, a compiled step."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.decode.inference import infer_actions
from mtner_cli.core.model.loss import adjusted_targets, timestep_loss
from mtner_cli.core.model.slot_tagger import SlotTagger, TaggerSettings
from mtner_cli.core.model.teacher_forcing import GoldPointer
from mtner_cli.core.types import Tag
from tests.core.model.cases import Batch, random_batch, random_weights, tagger_with

pytestmark = pytest.mark.gpu

WIDTH, TAGS, LATENTS = 32, 3, 2
WORDS = [17, 9, 4, 1]


@pytest.fixture
def gpu() -> Iterator[torch.device]:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    with torch.backends.cuda.matmul.flags(allow_tf32=False):
        yield torch.device("cuda")


def case(foreign_tags: int) -> tuple[SlotTagger, Batch]:
    torch.manual_seed(0)
    weights = random_weights(WIDTH, TAGS, LATENTS, 5, torch.float32)
    settings = TaggerSettings(
        latents_per_action=LATENTS,
        half_context=5,
        dropout_positions=0,
        dropout_latents=0,
        dropout_hidden=0,
    )
    batch = random_batch(WORDS, WIDTH, TAGS, torch.float32, foreign_tags)
    return tagger_with(weights, settings).train(), batch


def loss_and_gradients(tagger: SlotTagger, batch: Batch, device: torch.device) -> list[Tensor]:
    tagger = tagger.to(device)
    tagger.zero_grad()
    slots = batch.slots.to(device).requires_grad_()
    gold = batch.gold.to(device)
    guide = GoldPointer(gold, slots.shape[1])
    logits = tagger(slots, batch.mask.to(device), guide)
    loss = timestep_loss(logits, *adjusted_targets(logits, gold, guide))
    loss.backward()
    gradients = [parameter.grad for parameter in tagger.parameters()]
    return [tensor.cpu() for tensor in (loss.detach(), slots.grad, *gradients)]


@pytest.mark.parametrize("foreign_tags", [0, 1])
@pytest.mark.parametrize("compiled", [False, True])
def test_training_gives_the_cpu_s_numbers(
    gpu: torch.device, foreign_tags: int, compiled: bool
) -> None:
    tagger, batch = case(foreign_tags)
    expected = loss_and_gradients(tagger, batch, torch.device("cpu"))
    if compiled:
        tagger.compile_step()
    torch.testing.assert_close(
        loss_and_gradients(tagger, batch, gpu), expected, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("compiled", [False, True])
def test_inference_gives_the_cpu_s_probabilities(gpu: torch.device, compiled: bool) -> None:
    tagger, batch = case(0)
    tagger.eval()
    vocabulary = ActionVocabulary([Tag(None, name) for name in "ABC"])
    words = torch.tensor(batch.words)
    expected = infer_actions(tagger, batch.slots, batch.mask, words, vocabulary)
    tagger = tagger.to(gpu)
    if compiled:
        tagger.compile_step()
    found = infer_actions(
        tagger, batch.slots.to(gpu), batch.mask.to(gpu), words.to(gpu), vocabulary
    )
    for sentence, steps in enumerate(expected.steps):
        assert found.steps[sentence] == steps
        torch.testing.assert_close(
            torch.from_numpy(found.probabilities[sentence, :steps]),
            torch.from_numpy(expected.probabilities[sentence, :steps]),
            rtol=1e-4,
            atol=1e-5,
        )


def test_nothing_is_waited_for_inside_the_loop(gpu: torch.device) -> None:
    tagger, batch = case(0)
    tagger = tagger.to(gpu)
    slots = batch.slots.to(gpu).requires_grad_()
    mask = batch.mask.to(gpu)
    guide = GoldPointer(batch.gold.to(gpu), slots.shape[1])
    torch.cuda.set_sync_debug_mode("error")
    try:
        tagger(slots, mask, guide).sum().backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
