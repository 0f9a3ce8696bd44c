"""The recurrence as one would first write it, batched: the loop that speed-ups are counted against.

Each step adds a position vector to every slot and scores B x S vectors of width d; training goes
through autograd. No dropout. B sentences, S slots, T timesteps, A actions, L latents, d width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mtner_cli.core.model.slot_memory import MASKED
from mtner_cli.core.model.slot_tagger import CLS_POSITION, OUT_OF_CONTEXT, SlotTagger
from mtner_cli.core.model.teacher_forcing import GoldPointer


def plain_logits(tagger: SlotTagger, slots: Tensor, mask: Tensor, guide: GoldPointer) -> Tensor:
    """(B, T, A), the logits under gold timesteps."""
    rows = torch.arange(len(slots), device=slots.device)
    memory = torch.cat((slots[:, :1] + tagger.start, slots[:, 1:]), 1)
    context = _context(tagger, memory, mask, torch.zeros_like(rows))
    logits = []
    for _ in range(guide.max_steps):
        pointer = guide.pointer()
        z = tagger.output(torch.tanh(tagger.hidden(torch.cat((slots[rows, pointer], context), 1))))
        probability = z.sigmoid()
        keep = probability >= probability[:, tagger.shift, None]
        written = (z.softmax(-1) * keep) @ tagger.action_embeddings
        places = torch.nn.functional.one_hot(pointer, slots.shape[1]).unsqueeze(-1)
        memory = memory + places * written.unsqueeze(1)
        context = _context(tagger, memory, mask, pointer)
        logits.append(z)
        guide.advance(z)
    return torch.stack(logits, 1)


def _context(tagger: SlotTagger, memory: Tensor, mask: Tensor, centre: Tensor) -> Tensor:
    """(B, d), attention over the memory seen from ``centre`` (B,)."""
    half = tagger.settings.half_context
    distance = torch.arange(memory.shape[1], device=memory.device) - centre.unsqueeze(1)
    row = torch.where(distance.abs() <= half, distance + half, 2 * half + OUT_OF_CONTEXT)
    row[:, 0] = 2 * half + CLS_POSITION
    seen = tagger.token_multiplier * memory + tagger.positions[row]
    scores = (seen @ (tagger.latents * tagger.score_diagonal).t()).amax(-1)
    weights = scores.masked_fill(~mask, MASKED).softmax(-1)
    return (weights.unsqueeze(-1) * (tagger.context_diagonal * memory)).sum(1)
