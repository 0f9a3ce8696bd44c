"""The recurrence over a batch in training, with a backward pass written by hand.

Autograd would keep a copy of the whole memory for every timestep. The memory at a timestep is what
it was at the start plus the writes so far, so vectors per timestep are enough: the backward pass
walks the timesteps in reverse, takes each write back, and forms the gradients of all tables in
single products at the end.

Shapes: B sentences, S slots, T timesteps, A actions, K mask sets, L latents, d width,
H hidden units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mtner_cli.core.model.guides import Guide
from mtner_cli.core.model.slot_memory import MASKED, SlotMemory, StepTables, soft_actions


@dataclass(frozen=True, slots=True)
class AttentionDropout:
    """Dropout of the attention scores, the same at all timesteps.

    Attributes:
        scale: (B, S), 0 or 1 / keep.
        padding: (B, S), bool, True on padding slots.
    """

    scale: Tensor
    padding: Tensor


def attend(
    slots: SlotMemory, centre: Tensor, step: int, dropout: AttentionDropout | None
) -> tuple[Tensor, Tensor]:
    """Attention over the slots seen from ``centre`` (B,): weights (B, S), best latents (B, S)."""
    best_scores, best_latents = slots.latent_scores(centre, step).max(1)
    if dropout is not None:
        best_scores = (best_scores * dropout.scale).masked_fill(dropout.padding, MASKED)
    return best_scores.softmax(-1), best_latents


class SlotRecurrence(torch.autograd.Function):
    """Logits of all timesteps under a guide that decides where the pointer stands.

    ``SlotRecurrence.apply(guide, dropout, shift, scores, context_hidden, position_scores,
    cls_position_scores, action_scores, action_hidden, word_hidden, output_weight, output_bias)``
    returns logits (B, T, A); the tensors are those of :class:`SlotMemory`, at its start, and of
    :class:`StepTables`. No argument is changed. Differentiable once.
    """

    @staticmethod
    def forward(
        ctx: Any,
        guide: Guide,
        dropout: AttentionDropout | None,
        shift: int,
        scores: Tensor,
        context_hidden: Tensor,
        *tables: Tensor,
    ) -> Tensor:
        slots = SlotMemory(context_hidden.clone(), scores.clone(), StepTables(*tables))
        centre = torch.zeros(len(scores), dtype=torch.long, device=scores.device)
        saved: dict[str, list[Tensor]] = {
            name: [] for name in ("logits", "hidden", "attention", "latents", "pointer", "centre")
        }
        for step in range(guide.max_steps):
            attention, latents = attend(slots, centre, step, dropout)
            pointer = guide.pointer()
            hidden = slots.hidden(attention, pointer)
            logits = slots.logits(hidden)
            slots.write(soft_actions(logits, shift), pointer)
            guide.advance(logits)
            values = (logits, hidden, attention, latents, pointer, centre)
            for name, value in zip(saved, values, strict=True):
                saved[name].append(value)
            centre = pointer
            if guide.finished():
                break
        stacked = [torch.stack(values, 1) for values in saved.values()]
        ctx.save_for_backward(context_hidden, *tables, *stacked)
        ctx.tables = len(tables)
        ctx.shift = shift
        ctx.dropout = dropout
        return stacked[0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_logits: Tensor) -> tuple[Tensor | None, ...]:
        context_hidden, *rest = ctx.saved_tensors
        tables = StepTables(*rest[: ctx.tables])
        saved = SavedSteps(*rest[ctx.tables :])
        gradients = _backward(context_hidden, tables, saved, ctx.shift, ctx.dropout, grad_logits)
        return (None, None, None, *gradients)


@dataclass(frozen=True, slots=True)
class SavedSteps:
    """What the backward pass needs of every timestep: (B, T, ...) each."""

    logits: Tensor
    hidden: Tensor
    attention: Tensor
    latents: Tensor
    pointer: Tensor
    centre: Tensor


def _backward(
    context_hidden: Tensor,
    tables: StepTables,
    saved: SavedSteps,
    shift: int,
    dropout: AttentionDropout | None,
    grad_logits: Tensor,
) -> tuple[Tensor, ...]:
    """Gradients of ``scores``, ``context_hidden`` and then of the tables, in order."""
    batch, slots, _ = context_hidden.shape
    steps, actions = saved.logits.shape[1:]
    mask_sets, latents, _ = tables.position_scores.shape
    probabilities = saved.logits.softmax(-1)
    written = soft_actions(saved.logits, shift)
    kept_probabilities = probabilities * (written != 0)
    hidden_slope = 1 - saved.hidden.square()
    # Row-times-matrix products are far faster than matrix-times-column ones on a CPU.
    hidden_of_slots = context_hidden.transpose(1, 2).contiguous()
    hidden_to_actions = tables.action_hidden.transpose(-1, -2).contiguous()
    # (B, A, S), the actions written to each slot up to the timestep, and the gradient of that.
    at_pointer = saved.pointer.unsqueeze(1)
    slot_actions = written.new_zeros(batch, actions, slots)
    slot_actions.scatter_add_(2, at_pointer.expand(-1, actions, -1), written.transpose(1, 2))
    grad_slot_actions = torch.zeros_like(slot_actions)
    grad_scores = written.new_zeros(batch, mask_sets * latents, slots)
    grad_z = torch.empty_like(saved.logits)
    grad_hidden = torch.empty_like(saved.hidden)
    grad_written_scores = written.new_empty(batch, steps, mask_sets * latents)
    grad_attention_scores = torch.empty_like(saved.attention)
    for step in range(steps - 1, -1, -1):
        pointer = saved.pointer[:, step].view(-1, 1, 1)
        # The write: what came of it in later timesteps, through the context and the scores.
        of_actions = pointer.expand(-1, actions, 1)
        from_scores = grad_scores.gather(2, pointer.expand(-1, mask_sets * latents, 1)).squeeze(2)
        grad_actions = grad_slot_actions.gather(2, of_actions).squeeze(2)
        grad_actions = torch.addmm(grad_actions, from_scores, tables.action_scores.t())
        grad_written_scores[:, step] = from_scores
        slot_actions.scatter_add_(2, of_actions, -written[:, step].unsqueeze(2))
        # The masked softmax and the two layers.
        kept = kept_probabilities[:, step] * grad_actions
        inner = kept.sum(-1, keepdim=True)
        dz = grad_logits[:, step] + kept - probabilities[:, step] * inner
        grad_z[:, step] = dz
        dh = (dz @ tables.output_weight) * hidden_slope[:, step]
        grad_hidden[:, step] = dh
        # The attention: average, softmax, best latent.
        attention = saved.attention[:, step]
        to_actions = torch.matmul(dh.unsqueeze(1), hidden_to_actions)
        grad_weights = torch.bmm(dh.unsqueeze(1), hidden_of_slots)
        grad_weights = grad_weights.baddbmm_(to_actions, slot_actions).squeeze(1)
        grad_slot_actions.baddbmm_(to_actions.transpose(1, 2), attention.unsqueeze(1))
        mean = (attention * grad_weights).sum(-1, keepdim=True)
        score = attention * (grad_weights - mean)
        if dropout is not None:
            score = score * dropout.scale
        grad_attention_scores[:, step] = score
        of_mask_set = grad_scores.narrow(1, step % mask_sets * latents, latents)
        of_mask_set.scatter_add_(1, saved.latents[:, step].unsqueeze(1), score.unsqueeze(1))
    return (
        grad_scores,
        saved.attention.transpose(1, 2) @ grad_hidden,
        *_position_gradients(tables, saved, grad_attention_scores),
        written.flatten(0, 1).t() @ grad_written_scores.flatten(0, 1),
        _action_gradients(tables.action_hidden, saved, written, grad_hidden),
        _word_gradients(tables.word_hidden, saved.pointer, grad_hidden),
        grad_z.flatten(0, 1).t() @ saved.hidden.flatten(0, 1),
        grad_z.sum((0, 1)),
    )


def _action_gradients(
    action_hidden: Tensor, saved: SavedSteps, written: Tensor, grad_hidden: Tensor
) -> Tensor:
    """(A, H) or (B, A, H): a timestep's context holds all writes of the timesteps before it."""
    steps = written.shape[1]
    written_slots = saved.pointer.unsqueeze(1).expand(-1, steps, -1)
    of_write = saved.attention.gather(2, written_slots).tril(-1)
    gradients = (of_write @ written).transpose(1, 2) @ grad_hidden
    return gradients if action_hidden.dim() == 3 else gradients.sum(0)


def _position_gradients(
    tables: StepTables, saved: SavedSteps, grad_scores: Tensor
) -> tuple[Tensor, Tensor]:
    """(K, L, 2S - 1) and (K, L): each slot's score gradient, where its position was read."""
    _, steps, slots = grad_scores.shape
    mask_sets, latents, columns = tables.position_scores.shape
    mask_set = torch.arange(steps, device=grad_scores.device) % mask_sets
    latent = saved.latents + (mask_set * latents).view(1, steps, 1)
    column = torch.arange(slots, device=grad_scores.device) + (slots - 1 - saved.centre[..., None])
    positions = torch.zeros_like(tables.position_scores).flatten()
    read = (latent * columns + column)[:, :, 1:]
    positions.scatter_add_(0, read.flatten(), grad_scores[:, :, 1:].flatten())
    cls = torch.zeros_like(tables.cls_position_scores).flatten()
    cls.scatter_add_(0, latent[:, :, 0].flatten(), grad_scores[:, :, 0].flatten())
    return positions.view_as(tables.position_scores), cls.view_as(tables.cls_position_scores)


def _word_gradients(word_hidden: Tensor, pointer: Tensor, grad_hidden: Tensor) -> Tensor:
    """(B, S, H): the hidden layer's gradients, summed over the timesteps that read each slot."""
    gradients = torch.zeros_like(word_hidden)
    return gradients.scatter_add_(1, pointer.unsqueeze(-1).expand_as(grad_hidden), grad_hidden)
