"""The recurrence alone, against the plain loop: figures ``loop_speedup_*``."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mtner_cli.core.features.gold import GoldTimesteps
from mtner_cli.core.model.guides import GoldGuide
from mtner_cli.core.model.tagger import SlotTagger, TaggerSettings
from tests.benchmarks.plain_recurrence import plain_logits
from tests.benchmarks.timing import side_by_side


@dataclass(frozen=True)
class Size:
    """B sentences of S slots, T timesteps, width d."""

    sentences: int
    slots: int
    timesteps: int
    width: int
    types: int


SIZES = {"small": Size(16, 80, 90, 384, 3), "large": Size(16, 120, 160, 1024, 24)}


def measure_recurrence() -> dict[str, float]:
    """Forward alone, and forward with backward, at both sizes."""
    figures = {}
    for name, size in SIZES.items():
        training, forward = _speedups(size)
        figures[f"loop_speedup_{name}"] = training
        figures[f"loop_speedup_{name}_forward"] = forward
    return figures


def _speedups(size: Size) -> tuple[float, float]:
    torch.manual_seed(0)
    settings = TaggerSettings(dropout_positions=0, dropout_latents=0, dropout_hidden=0)
    actions = 2 + 2 * size.types
    tagger = SlotTagger(size.width, actions, 1, settings)
    slots = torch.randn(size.sentences, size.slots, size.width)
    mask = torch.ones(size.sentences, size.slots, dtype=torch.bool)
    gold = _gold(size, actions)
    weights = torch.randn(size.sentences, size.timesteps, actions)
    ways = {"plain": plain_logits, "ours": SlotTagger.forward}

    def forward(name: str) -> None:
        with torch.no_grad():
            ways[name](tagger, slots, mask, GoldGuide(gold, size.slots))

    def training(name: str) -> None:
        tagger.zero_grad()
        leaf = slots.clone().requires_grad_()
        logits = ways[name](tagger, leaf, mask, GoldGuide(gold, size.slots))
        (logits * weights).sum().backward()

    speedups = []
    for task, rounds in ((training, 3), (forward, 5)):
        times = side_by_side({name: lambda n=name, t=task: t(n) for name in ways}, rounds)
        speedups.append(times.ratio("plain", "ours"))
    return speedups[0], speedups[1]


def _gold(size: Size, actions: int) -> GoldTimesteps:
    """Random timesteps: as many SHIFTs as words, the others open something."""
    rows = torch.zeros(size.sentences, size.timesteps, actions)
    for sentence in rows:
        shifts = torch.randperm(size.timesteps - 1)[: size.slots - 2]
        sentence[:-1, 2] = 1
        sentence[shifts, 2] = 0
        sentence[shifts, 1] = 1
        sentence[-1, 0] = 1
    lengths = torch.full((size.sentences,), size.timesteps)
    return GoldTimesteps(rows, lengths, None, (1,))
