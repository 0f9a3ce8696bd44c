"""The published model's own numbers, where they are at hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.decode import inference
from mtner_cli.core.decode.inference import infer_actions
from mtner_cli.core.features.batch import GoldTimesteps
from mtner_cli.core.model.loss import adjusted_targets
from mtner_cli.core.model.slot_tagger import SlotTagger, TaggerSettings
from mtner_cli.core.model.teacher_forcing import GoldPointer
from mtner_cli.core.types import Tag
from tests.core.model.cases import SlippedTagger, tagger_with
from tests.core.model.oracle import Oracle

CASES = ("single", "multi", "multi_many", "window")
TOLERANCE = 1e-5


class PublishedCase:
    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.sizes = json.loads((folder / "slot_model.json").read_text())[name]
        arrays = np.load(folder / "slot_model.npz")
        prefix = f"{name}/"
        self.tensors: dict[str, Tensor] = {
            key.removeprefix(prefix): torch.from_numpy(arrays[key])
            for key in arrays.files
            if key.startswith(prefix)
        }
        self.lengths = torch.tensor(self.sizes["gold_rows"])
        foreign = self.tensors["foreign"] if self.sizes["multitask"] else None
        self.gold = GoldTimesteps(self.tensors["gold"], self.lengths, foreign)

    def tagger(self) -> SlotTagger:
        settings = TaggerSettings(
            latents_per_action=self.sizes["action_space_dim"],
            half_context=self.sizes["half_context"],
            token_multiplier=self.sizes["token_multiplier"],
        )
        kind = SlippedTagger if self.name == "window" else SlotTagger
        return tagger_with(self.tensors, settings, kind)

    def oracle(self) -> Oracle:
        return Oracle(
            self.tensors,
            self.sizes["half_context"],
            self.sizes["token_multiplier"],
            position_slip=self.name == "window",
        )


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, shared_data: Path) -> PublishedCase:
    return PublishedCase(shared_data / "parity", request.param)


def test_training_gives_the_published_logits_and_targets(case: PublishedCase) -> None:
    guide = GoldPointer(case.gold, case.tensors["E"].shape[1])
    logits = case.tagger()(case.tensors["E"], case.tensors["mask"], guide)
    targets, real = adjusted_targets(logits, case.gold, guide)
    for sentence, steps in enumerate(real.sum(1).tolist()):
        published = case.tensors["train_logits"][sentence, :steps]
        torch.testing.assert_close(logits[sentence, :steps], published, atol=TOLERANCE, rtol=0)
        published = case.tensors["adjusted_gold"][sentence, :steps]
        torch.testing.assert_close(targets[sentence, :steps], published, atol=TOLERANCE, rtol=0)
    assert int((guide.postponed & real).sum()) == case.sizes["postponed_shifts"]


def test_inference_gives_the_published_probabilities(
    case: PublishedCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    tags = tuple(Tag(None, str(number)) for number in range(case.sizes["K"]))
    published = case.tensors["infer_probs"].numpy()
    # The published code has no such limit within the timesteps that it recorded.
    monkeypatch.setattr(inference, "MAX_STEPS_PER_WORD", published.shape[1] + 1)
    decoded = infer_actions(
        case.tagger(),
        case.tensors["E"],
        case.tensors["mask"],
        torch.tensor(case.sizes["words"]),
        ActionVocabulary(tags),
    )
    for sentence, steps in enumerate(decoded.steps):
        compared = min(int(steps), published.shape[1])
        assert compared > 0
        np.testing.assert_allclose(
            decoded.probabilities[sentence, :compared],
            published[sentence, :compared],
            atol=TOLERANCE,
        )


def test_the_oracle_gives_the_published_numbers_too(case: PublishedCase) -> None:
    oracle = case.oracle()
    for sentence, length in enumerate(case.lengths.tolist()):
        slots = case.tensors["E"][sentence, : case.sizes["words"][sentence] + 2]
        foreign = None if case.gold.foreign is None else case.gold.foreign[sentence]
        run = oracle.train(slots, case.tensors["gold"][sentence, :length], foreign)
        steps = len(run.logits)
        published = case.tensors["train_logits"][sentence, :steps]
        torch.testing.assert_close(run.logits, published, atol=TOLERANCE, rtol=0)
        published = case.tensors["adjusted_gold"][sentence, :steps]
        torch.testing.assert_close(run.targets, published, atol=TOLERANCE, rtol=0)
        published = case.tensors["infer_probs"][sentence]
        logits, _ = oracle.infer(slots, max_steps_per_word=len(published) + 1)
        compared = min(len(logits), len(published))
        torch.testing.assert_close(
            logits[:compared].sigmoid(), published[:compared], atol=TOLERANCE, rtol=0
        )
