"""The recurrence over a batch in training, with a backward pass written by hand.

Autograd would keep a copy of the whole memory for every timestep. The memory at a timestep is the
encoder's slots plus the writes so far, so vectors per timestep are enough: the backward pass walks
the timesteps in reverse, takes each write back out of the memory, and forms the gradients of the
weights in single products at the end.

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
class StepDropout:
    """Dropout masks that the steps apply themselves; already scaled by 1 / keep.

    Attributes:
        context: (B, T, d), for the raw context at each timestep.
        attention: (B, S), for the attention scores, the same at all timesteps.
        padding: (B, S), bool, True on padding slots; goes with ``attention``.
    """

    context: Tensor | None = None
    attention: Tensor | None = None
    padding: Tensor | None = None


def attend(
    slots: SlotMemory, centre: Tensor, step: int, dropout: StepDropout
) -> tuple[Tensor, Tensor]:
    """Attention over the slots seen from ``centre`` (B,): weights (B, S), best latents (B, S)."""
    best_scores, best_latents = slots.latent_scores(centre, step).max(1)
    if dropout.attention is not None and dropout.padding is not None:
        best_scores = (best_scores * dropout.attention).masked_fill(dropout.padding, MASKED)
    return best_scores.softmax(-1), best_latents


class SlotRecurrence(torch.autograd.Function):
    """Logits of all timesteps under a guide that decides where the pointer stands.

    ``SlotRecurrence.apply(guide, dropout, shift, memory, start, memory_scores, position_scores,
    cls_position_scores, action_scores, action_embeddings, word_hidden, context_weight,
    output_weight, output_bias)`` returns logits (B, T, A); the tensors are those of
    :class:`StepTables` and :class:`SlotMemory`, ``memory`` (B, S, d) being the encoder's slots and
    ``start`` (d,) what is added to slot 0. No argument is changed. Differentiable once.
    """

    @staticmethod
    def forward(
        ctx: Any,
        guide: Guide,
        dropout: StepDropout,
        shift: int,
        memory: Tensor,
        start: Tensor,
        memory_scores: Tensor,
        *tables: Tensor,
    ) -> Tensor:
        memory = memory.clone()
        memory[:, 0] += start
        slots = SlotMemory(memory, memory_scores.clone(), StepTables(*tables))
        batch = memory.shape[0]
        centre = torch.zeros(batch, dtype=torch.long, device=memory.device)
        saved: dict[str, list[Tensor]] = {
            name: []
            for name in ("logits", "hidden", "context", "attention", "latents", "pointer", "centre")
        }
        for step in range(guide.max_steps):
            attention, latents = attend(slots, centre, step, dropout)
            context = slots.context(attention)
            if dropout.context is not None:
                context = context * dropout.context[:, step]
            pointer = guide.pointer()
            hidden = slots.hidden(context, pointer)
            logits = slots.logits(hidden)
            slots.write(soft_actions(logits, shift), pointer)
            guide.advance(logits)
            values = (logits, hidden, context, attention, latents, pointer, centre)
            for name, value in zip(saved, values, strict=True):
                saved[name].append(value)
            centre = pointer
            if guide.finished():
                break
        stacked = [torch.stack(values, 1) for values in saved.values()]
        ctx.save_for_backward(memory, *tables, *stacked)
        ctx.tables = len(tables)
        ctx.shift = shift
        ctx.dropout = dropout
        return stacked[0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_logits: Tensor) -> tuple[Tensor | None, ...]:
        memory, *rest = ctx.saved_tensors
        tables = StepTables(*rest[: ctx.tables])
        saved = SavedSteps(*rest[ctx.tables :])
        return (
            None,
            None,
            None,
            *_backward(memory, tables, saved, ctx.shift, ctx.dropout, grad_logits),
        )


@dataclass(frozen=True, slots=True)
class SavedSteps:
    """What the backward pass needs of every timestep: (B, T, ...) each."""

    logits: Tensor
    hidden: Tensor
    context: Tensor
    attention: Tensor
    latents: Tensor
    pointer: Tensor
    centre: Tensor


def _backward(
    memory: Tensor,
    tables: StepTables,
    saved: SavedSteps,
    shift: int,
    dropout: StepDropout,
    grad_logits: Tensor,
) -> tuple[Tensor, ...]:
    """Gradients of ``memory``, ``start``, ``memory_scores`` and then of the tables, in order."""
    batch, slots, width = memory.shape
    steps = saved.logits.shape[1]
    mask_sets, latents, _ = tables.position_scores.shape
    probabilities = saved.logits.softmax(-1)
    written = soft_actions(saved.logits, shift)
    kept = (written != 0).to(written.dtype)
    memory = memory.clone()
    flat_memory = memory.view(batch * slots, width)
    grad_memory = torch.zeros_like(memory)
    flat_grad_memory = grad_memory.view(batch * slots, width)
    grad_scores = memory.new_zeros(batch, mask_sets * latents, slots)
    row_starts = torch.arange(batch, device=memory.device) * slots
    grad_z = torch.empty_like(saved.logits)
    grad_hidden = torch.empty_like(saved.hidden)
    grad_written_memory = torch.empty_like(saved.context)
    grad_written_scores = memory.new_empty(batch, steps, mask_sets * latents)
    grad_attention_scores = torch.empty_like(saved.attention)
    hidden_slope = 1 - saved.hidden.square()
    for step in range(steps - 1, -1, -1):
        pointer, actions = saved.pointer[:, step], written[:, step]
        slot = row_starts + pointer
        # The write: what came of the slot's memory and of its scores in later timesteps.
        from_memory = flat_grad_memory[slot]
        at_pointer = pointer.view(-1, 1, 1).expand(-1, mask_sets * latents, 1)
        from_scores = grad_scores.gather(2, at_pointer).squeeze(2)
        grad_actions = from_memory @ tables.action_embeddings.t()
        grad_actions.addmm_(from_scores, tables.action_scores.t())
        grad_written_memory[:, step] = from_memory
        grad_written_scores[:, step] = from_scores
        flat_memory.index_add_(0, slot, actions @ tables.action_embeddings, alpha=-1)
        # The masked softmax and the two layers.
        grad_actions *= kept[:, step]
        probability = probabilities[:, step]
        inner = (probability * grad_actions).sum(-1, keepdim=True)
        dz = torch.addcmul(grad_logits[:, step], probability, grad_actions - inner)
        grad_z[:, step] = dz
        dh = (dz @ tables.output_weight) * hidden_slope[:, step]
        grad_hidden[:, step] = dh
        grad_context = dh @ tables.context_weight
        if dropout.context is not None:
            grad_context *= dropout.context[:, step]
        # The attention: context, softmax, best latent.
        attention = saved.attention[:, step]
        grad_weights = torch.bmm(memory, grad_context.unsqueeze(2)).squeeze(2)
        grad_memory.baddbmm_(attention.unsqueeze(2), grad_context.unsqueeze(1))
        mean = (attention * grad_weights).sum(-1, keepdim=True)
        score = attention * (grad_weights - mean)
        if dropout.attention is not None:
            score = score * dropout.attention
        grad_attention_scores[:, step] = score
        of_mask_set = grad_scores.narrow(1, step % mask_sets * latents, latents)
        of_mask_set.scatter_add_(1, saved.latents[:, step].unsqueeze(1), score.unsqueeze(1))
    return (
        grad_memory,
        grad_memory[:, 0].sum(0),
        grad_scores,
        *_position_gradients(tables, saved, grad_attention_scores),
        written.flatten(0, 1).t() @ grad_written_scores.flatten(0, 1),
        written.flatten(0, 1).t() @ grad_written_memory.flatten(0, 1),
        _word_gradients(tables.word_hidden, saved.pointer, grad_hidden),
        grad_hidden.flatten(0, 1).t() @ saved.context.flatten(0, 1),
        grad_z.flatten(0, 1).t() @ saved.hidden.flatten(0, 1),
        grad_z.sum((0, 1)),
    )


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
