"""The recurrence alone, against the plain loop: figures ``loop_speedup_*``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial

import torch
from torch import Tensor

from mtner_cli.core.features.batch import GoldTimesteps
from mtner_cli.core.model.recurrence import StepFunctions
from mtner_cli.core.model.slot_tagger import SlotTagger, TaggerSettings
from mtner_cli.core.model.teacher_forcing import GoldPointer
from tests.benchmarks.plain_recurrence import plain_logits
from tests.benchmarks.timing import DEVICE, side_by_side


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
    """Forward with backward (the key without an ending), and forward alone, at both sizes."""
    figures = {}
    for name, size in SIZES.items():
        for ending, speedup in _speedups(size).items():
            figures[f"loop_speedup_{name}{ending}"] = speedup
    return figures


def _speedups(size: Size) -> dict[str, float]:
    torch.manual_seed(0)
    settings = TaggerSettings(dropout_positions=0, dropout_latents=0, dropout_hidden=0)
    actions = 2 + 2 * size.types
    tagger = SlotTagger(size.width, actions, 1, settings).to(DEVICE)
    slots = torch.randn(size.sentences, size.slots, size.width, device=DEVICE)
    mask = torch.ones(size.sentences, size.slots, dtype=torch.bool, device=DEVICE)
    gold = _gold(size, actions).to(DEVICE)
    weights = torch.randn(size.sentences, size.timesteps, actions, device=DEVICE)
    ways = {"plain": plain_logits, "ours": SlotTagger.forward}
    if DEVICE.type == "cuda":
        ways["compiled"] = _compiled_logits

    def forward(name: str) -> None:
        with torch.no_grad():
            ways[name](tagger, slots, mask, GoldPointer(gold, size.slots))

    def training(name: str) -> None:
        tagger.zero_grad()
        leaf = slots.clone().requires_grad_()
        logits = ways[name](tagger, leaf, mask, GoldPointer(gold, size.slots))
        (logits * weights).sum().backward()

    speedups = {}
    for ending, task, rounds in (("", training, 3), ("_forward", forward, 3)):
        times = side_by_side({name: partial(task, name) for name in ways}, rounds)
        speedups[ending] = times.ratio("plain", "ours")
        if "compiled" in ways:
            speedups[f"{ending}_compiled"] = times.ratio("plain", "compiled")
    return speedups


def _compiled_logits(tagger: SlotTagger, slots: Tensor, mask: Tensor, guide: GoldPointer) -> Tensor:
    plain = tagger.steps
    tagger.steps = _compiled(plain)
    try:
        return tagger(slots, mask, guide)
    finally:
        tagger.steps = plain


@cache
def _compiled(steps: StepFunctions) -> StepFunctions:
    return steps.compiled()


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
