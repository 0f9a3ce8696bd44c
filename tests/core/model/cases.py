"""Random models and batches, and the way from the oracle's weights to a tagger."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mtner_cli.core.features.batch import GoldTimesteps
from mtner_cli.core.model.slot_tagger import CLS_POSITION, SlotTagger, TaggerSettings

PARAMETER_NAMES = {
    "action_embeddings": "action_embeddings",
    "start": "start",
    "V": "latents",
    "alpha": "score_diagonal",
    "beta": "context_diagonal",
    "P": "positions",
    "W1": "hidden.weight",
    "b1": "hidden.bias",
    "W2": "output.weight",
    "b2": "output.bias",
}


class SlippedTagger(SlotTagger):
    """With the published code's slip: relative position h + 1 reads the row of CLS."""

    @staticmethod
    def _rows_of_distances(distance: Tensor, reach: int) -> Tensor:
        rows = SlotTagger._rows_of_distances(distance, reach)
        return torch.where(distance == reach + 1, 2 * reach + CLS_POSITION, rows)


@dataclass
class Batch:
    slots: Tensor
    mask: Tensor
    words: list[int]
    gold: GoldTimesteps


def random_weights(
    width: int, tags: int, latents_per_action: int, half_context: int, dtype: torch.dtype
) -> dict[str, Tensor]:
    actions = 2 + 2 * tags
    shapes = {
        "action_embeddings": (actions, width),
        "start": (width,),
        "V": (latents_per_action * actions, width),
        "alpha": (width,),
        "beta": (width,),
        "P": (2 * half_context + 4, width),
        "W1": (2 * width, 2 * width),
        "b1": (2 * width,),
        "W2": (actions, 2 * width),
        "b2": (actions,),
    }
    return {name: torch.randn(shape, dtype=dtype) * 0.5 for name, shape in shapes.items()}


def tagger_with(
    weights: dict[str, Tensor],
    settings: TaggerSettings,
    kind: type[SlotTagger] = SlotTagger,
) -> SlotTagger:
    actions, width = weights["action_embeddings"].shape
    tagger = kind(width, actions, 1, settings).to(weights["V"].dtype).eval()
    parameters = dict(tagger.named_parameters())
    with torch.no_grad():
        for name, parameter in PARAMETER_NAMES.items():
            parameters[parameter].copy_(weights[name])
    return tagger


def random_batch(
    words: list[int], width: int, tags: int, dtype: torch.dtype, foreign_tags: int = 0
) -> Batch:
    """Sentences with random mentions; the last ``foreign_tags`` tags are foreign to all."""
    slots = max(words) + 2
    actions = 2 + 2 * tags
    rows = [_random_gold(count, tags - foreign_tags) for count in words]
    gold = torch.zeros(len(words), max(map(len, rows)), actions, dtype=dtype)
    for sentence, timesteps in enumerate(rows):
        for step, timestep in enumerate(timesteps):
            gold[sentence, step, list(timestep)] = 1
    mask = torch.zeros(len(words), slots, dtype=torch.bool)
    for sentence, count in enumerate(words):
        mask[sentence, : count + 2] = True
    embeddings = torch.randn(len(words), slots, width, dtype=dtype) * mask.unsqueeze(-1)
    foreign = None
    if foreign_tags:
        foreign = torch.zeros(len(words), actions, dtype=torch.bool)
        foreign[:, actions - 2 * foreign_tags :] = True
    lengths = torch.tensor([len(timesteps) for timesteps in rows])
    return Batch(embeddings, mask, words, GoldTimesteps(gold, lengths, foreign))


def _random_gold(words: int, tags: int) -> list[tuple[int, ...]]:
    timesteps: list[tuple[int, ...]] = []
    for _ in range(words):
        if torch.rand(()) < 0.4:
            picked = torch.randint(2, 2 + 2 * tags, (2,)).tolist()
            timesteps.append(tuple(sorted(set(picked))))
        timesteps.append((1,))
    return [*timesteps, (0,)]
