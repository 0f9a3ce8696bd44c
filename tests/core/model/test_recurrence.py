"""The fast recurrence against the oracle: values, loss, every gradient, and inference."""

from __future__ import annotations

import pytest
import torch

from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.decode import inference
from mtner_cli.core.decode.inference import infer_actions
from mtner_cli.core.decode.mentions import decode_mentions
from mtner_cli.core.model.loss import adjusted_targets, timestep_loss
from mtner_cli.core.model.slot_tagger import SlotTagger, TaggerSettings
from mtner_cli.core.model.teacher_forcing import GoldPointer
from mtner_cli.core.types import Tag
from tests.core.model.cases import PARAMETER_NAMES, random_batch, random_weights, tagger_with
from tests.core.model.oracle import Oracle, oracle_loss, oracle_mentions

WIDTH, TAGS, LATENTS = 8, 3, 2


@pytest.mark.parametrize("foreign_tags", [0, 2])
@pytest.mark.parametrize("half_context", [2, 30])
def test_loss_and_every_gradient_are_the_oracles(foreign_tags: int, half_context: int) -> None:
    torch.manual_seed(half_context + foreign_tags)
    weights = random_weights(WIDTH, TAGS, LATENTS, half_context, torch.float64)
    batch = random_batch([7, 4, 1], WIDTH, TAGS, torch.float64, foreign_tags)
    settings = TaggerSettings(
        latents_per_action=LATENTS,
        half_context=half_context,
        token_multiplier=1.5,
        train_token_multiplier=True,
    )
    tagger = tagger_with(weights, settings)
    slots = batch.slots.clone().requires_grad_()
    guide = GoldPointer(batch.gold, slots.shape[1])
    logits = tagger(slots, batch.mask, guide)
    targets, real = adjusted_targets(logits, batch.gold, guide, project_coeff=0.9)
    loss = timestep_loss(logits, targets, real)
    loss.backward()

    leaves = {name: tensor.clone().requires_grad_() for name, tensor in weights.items()}
    multiplier = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    plain_slots = batch.slots.clone().requires_grad_()
    oracle = Oracle(leaves, half_context, multiplier)
    runs = [
        oracle.train(
            plain_slots[sentence, : words + 2],
            batch.gold.rows[sentence, : batch.gold.lengths[sentence]],
            None if batch.gold.foreign is None else batch.gold.foreign[sentence],
            project_coeff=0.9,
        )
        for sentence, words in enumerate(batch.words)
    ]
    if foreign_tags:
        assert any(any(run.postponed) for run in runs), "the case must postpone a SHIFT"
    plain_loss = oracle_loss(runs)
    plain_loss.backward()

    torch.testing.assert_close(loss, plain_loss)
    for sentence, run in enumerate(runs):
        torch.testing.assert_close(logits[sentence, : len(run.logits)], run.logits)
    torch.testing.assert_close(slots.grad, plain_slots.grad)
    parameters = dict(tagger.named_parameters())
    for name, parameter in PARAMETER_NAMES.items():
        torch.testing.assert_close(parameters[parameter].grad, leaves[name].grad, msg=name)
    torch.testing.assert_close(parameters["token_multiplier"].grad, multiplier.grad)


@pytest.mark.parametrize("per_step", [False, True])
@pytest.mark.parametrize("foreign_tags", [0, 1])
def test_gradients_are_right_under_dropout(
    foreign_tags: int, per_step: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Fewer masks than timesteps, so that their turn comes again.
    monkeypatch.setattr("mtner_cli.core.model.slot_tagger.LOCKED_MASK_SETS", 2)
    torch.manual_seed(5)
    weights = random_weights(3, 2, LATENTS, 2, torch.float64)
    batch = random_batch([3, 2], 3, 2, torch.float64, foreign_tags)
    settings = TaggerSettings(
        latents_per_action=LATENTS,
        half_context=2,
        dropout_attention=0.3,
        dropout_positions=0.2,
        dropout_latents=0.2,
        dropout_per_step=per_step,
    )
    tagger = tagger_with(weights, settings).train()
    names = [name for name, _ in tagger.named_parameters()]

    def logits(slots: torch.Tensor, *parameters: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(7)  # the same dropout at every evaluation
        guide = GoldPointer(batch.gold, slots.shape[1])
        state = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(tagger, state, (slots, batch.mask, guide))

    inputs = [batch.slots, *(parameter.detach() for parameter in tagger.parameters())]
    assert torch.autograd.gradcheck(logits, [tensor.requires_grad_() for tensor in inputs])


def test_a_batch_gives_what_its_sentences_give_alone() -> None:
    torch.manual_seed(3)
    weights = random_weights(WIDTH, TAGS, LATENTS, 5, torch.float32)
    batch = random_batch([9, 2, 5], WIDTH, TAGS, torch.float32)
    tagger = tagger_with(weights, TaggerSettings(latents_per_action=LATENTS, half_context=5))
    vocabulary = _vocabulary()
    together = infer_actions(tagger, batch.slots, batch.mask, torch.tensor(batch.words), vocabulary)
    for sentence, words in enumerate(batch.words):
        alone = infer_actions(
            tagger,
            batch.slots[sentence : sentence + 1, : words + 2],
            batch.mask[sentence : sentence + 1, : words + 2],
            torch.tensor([words]),
            vocabulary,
        )
        steps = int(alone.steps[0])
        assert steps == together.steps[sentence]
        torch.testing.assert_close(
            torch.from_numpy(alone.probabilities[0, :steps]),
            torch.from_numpy(together.probabilities[sentence, :steps]),
        )


@pytest.mark.parametrize("seed", range(6))
def test_inference_and_mentions_are_the_oracles(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "MAX_STEPS_PER_WORD", 5)
    torch.manual_seed(seed)
    weights = random_weights(WIDTH, TAGS, LATENTS, 4, torch.float32)
    weights["b2"][0] -= 3  # seldom EOA, so that sentences are read to their end
    batch = random_batch([12, 6, 3, 8], WIDTH, TAGS, torch.float32)
    tagger = tagger_with(weights, TaggerSettings(latents_per_action=LATENTS, half_context=4))
    vocabulary = _vocabulary()
    decoded = infer_actions(tagger, batch.slots, batch.mask, torch.tensor(batch.words), vocabulary)
    mentions = decode_mentions(decoded, vocabulary)
    oracle = Oracle(weights, 4)
    for sentence, words in enumerate(batch.words):
        logits, consumed = oracle.infer(batch.slots[sentence, : words + 2], 5)
        steps = int(decoded.steps[sentence])
        assert steps == len(logits)
        assert decoded.consumed[sentence, :steps].tolist() == consumed
        torch.testing.assert_close(
            torch.from_numpy(decoded.probabilities[sentence, :steps]),
            logits.sigmoid(),
            atol=1e-5,
            rtol=0,
        )
        found = {
            (mention.start, mention.end, int(mention.tag.entity_type))
            for mention in mentions[sentence]
        }
        assert found == oracle_mentions(logits, consumed, TAGS)


def test_a_sentence_that_never_shifts_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "MAX_STEPS_PER_WORD", 4)
    weights = random_weights(WIDTH, TAGS, LATENTS, 4, torch.float32)
    weights["W2"].zero_()
    weights["b2"][:] = -5.0
    weights["b2"][2] = 5.0  # always TRANSITION of the first tag
    tagger = tagger_with(weights, TaggerSettings(latents_per_action=LATENTS, half_context=4))
    batch = random_batch([3], WIDTH, TAGS, torch.float32)
    decoded = infer_actions(tagger, batch.slots, batch.mask, torch.tensor([3]), _vocabulary())
    assert decoded.steps.tolist() == [16]  # three words and the end, four timesteps each
    assert decode_mentions(decoded, _vocabulary()) == [[]]


def test_output_starts_at_the_log_odds() -> None:
    tagger = SlotTagger(WIDTH, 4, 1, TaggerSettings())
    tagger.start_output_at(torch.tensor([0.0, 0.5, 1.0, 0.25]))
    expected = torch.logit(torch.tensor([1e-4, 0.5, 1 - 1e-4, 0.25]))
    torch.testing.assert_close(tagger.output.bias.detach(), expected)


def _vocabulary() -> ActionVocabulary:
    return ActionVocabulary(tuple(Tag(None, str(number)) for number in range(TAGS)))
