"""Compute the gradients of the recurrence by hand.

Autograd would keep a copy of the whole memory for every timestep. The memory at a timestep is the
memory at the start plus the writes so far, so a few vectors per timestep are enough: the pass walks
through the timesteps in reverse, undoes each write, and computes the gradients of all tables as
single products at the end.

Shapes: B sentences, S slots, T timesteps, A actions, K mask sets, L latents, d width,
H hidden units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from mtner_cli.core.model.slot_memory import AttentionDropout, StepOptions, StepTables, soft_actions


@dataclass(frozen=True, slots=True)
class SavedSteps:
    """The values of every timestep that the backward pass needs: (B, T, ...) each."""

    logits: Tensor
    hidden: Tensor
    attention: Tensor
    latents: Tensor
    pointer: Tensor
    centre: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class StepToReturn:
    """The values that a backward step reads.

    The first four are (B, A), then (B, H), (B, S) twice and (B,) twice. ``slot`` is the pointer as
    an index among the B S slots.
    """

    grad_logits: Tensor
    probability: Tensor
    kept_probability: Tensor
    written: Tensor
    hidden_slope: Tensor
    attention: Tensor
    latents: Tensor
    pointer: Tensor
    slot: Tensor


@dataclass(frozen=True, slots=True)
class RunningGradients:
    """The values that each backward step changes in place.

    Attributes:
        slot_actions: (B, A, S), the actions written to each slot before the step.
        grad_slot_actions: (B, A, S), their gradient through the contexts of the steps after it.
        scores: (B, S, K L), the gradient of the slots' scores.
    """

    slot_actions: Tensor
    grad_slot_actions: Tensor
    scores: Tensor


class BackwardTables(NamedTuple):
    """The tables that all steps of the backward pass read.

    Attributes:
        of_steps: the tables of the forward pass.
        hidden_of_slots: (B, H, S), what each slot adds to the hidden layer at the start.
        hidden_to_actions: (H, A) or (B, H, A).
    """

    of_steps: StepTables
    hidden_of_slots: Tensor
    hidden_to_actions: Tensor


StepBackFunction = Callable[..., tuple[Tensor, Tensor, Tensor, Tensor]]


def gradients(
    context_hidden: Tensor,
    tables: StepTables,
    saved: SavedSteps,
    options: StepOptions,
    step_back: StepBackFunction,
    grad_logits: Tensor,
) -> tuple[Tensor, ...]:
    """Compute the gradients of the memory and the tables (equations 25 and 29 of docs/model.md).

    They are those of ``scores``, of ``context_hidden``, and of the tables in their order. The other
    functions of this module compute the other equations.

    Args:
        context_hidden: (B, S, H), at the start.
        step_back: :func:`take_step_back`, or that compiled.
        grad_logits: (B, T, A).
    """
    written = soft_actions(saved.logits, options.shift)
    running = _at_the_end(tables, saved, written, context_hidden.shape[1])
    returned = _steps_to_return(saved, written, grad_logits)
    # Row-times-matrix products are far faster than matrix-times-column ones on a CPU.
    backward_tables = BackwardTables(
        tables,
        context_hidden.transpose(1, 2).contiguous(),
        tables.action_hidden.transpose(-1, -2).contiguous(),
    )
    mask_sets, _, latents = tables.position_scores.shape
    taken = []
    for number in range(len(returned) - 1, -1, -1):
        first_latent = number % mask_sets * latents
        taken.append(
            step_back(returned[number], running, backward_tables, first_latent, options.dropout)
        )
    grad_z, grad_hidden, grad_written_scores, grad_attention_scores = (
        torch.stack(values[::-1], 1) for values in zip(*taken, strict=True)
    )
    return (
        running.scores,
        saved.attention.transpose(1, 2) @ grad_hidden,
        *_position_gradients(tables, saved, grad_attention_scores),
        written.flatten(0, 1).t() @ grad_written_scores.flatten(0, 1),
        _action_gradients(tables.action_hidden, saved, written, grad_hidden),
        _word_gradients(tables.word_hidden, saved.pointer, grad_hidden),
        grad_z.flatten(0, 1).t() @ saved.hidden.flatten(0, 1),
        grad_z.sum((0, 1)),
    )


def _at_the_end(
    tables: StepTables, saved: SavedSteps, written: Tensor, slots: int
) -> RunningGradients:
    """Return the state after the last timestep: all writes are done, and all gradients are zero."""
    batch, _, actions = written.shape
    of_actions = saved.pointer.unsqueeze(1).expand(-1, actions, -1)
    slot_actions = written.new_zeros(batch, actions, slots)
    slot_actions.scatter_add_(2, of_actions, written.transpose(1, 2))
    scores = written.new_zeros(batch, slots, tables.action_scores.shape[1])
    return RunningGradients(slot_actions, torch.zeros_like(slot_actions), scores)


def _steps_to_return(saved: SavedSteps, written: Tensor, grad_logits: Tensor) -> list[StepToReturn]:
    probabilities = saved.logits.softmax(-1)
    batch, _, slots = saved.attention.shape
    first_slots = torch.arange(batch, device=written.device).unsqueeze(1) * slots
    of_all_steps = {
        "grad_logits": grad_logits,
        "probability": probabilities,
        "kept_probability": probabilities * (written != 0),
        "written": written,
        "hidden_slope": 1 - saved.hidden.square(),
        "attention": saved.attention,
        "latents": saved.latents,
        "pointer": saved.pointer,
        "slot": saved.pointer + first_slots,
    }
    by_step = zip(*(values.unbind(1) for values in of_all_steps.values()), strict=True)
    return [StepToReturn(**dict(zip(of_all_steps, values, strict=True))) for values in by_step]


def take_step_back(
    step: StepToReturn,
    running: RunningGradients,
    backward_tables: BackwardTables,
    first_latent: int,
    dropout: AttentionDropout | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Undo one timestep and compute its gradients (equations 18 to 24 of docs/model.md).

    It takes tensors only, so that it can be compiled.

    Args:
        running: changed in place.
        first_latent: index, among the K L columns of scores, of the first of this step's mask set.

    Returns:
        Gradients of the logits (B, A), of the hidden layer's input (B, H), of the scores written
        (B, K L) and of the attention scores (B, S).
    """
    tables, hidden_of_slots, hidden_to_actions = backward_tables
    # The write: its effect on later timesteps, through their contexts and scores.
    of_actions = step.pointer.view(-1, 1, 1).expand(-1, step.written.shape[1], 1)
    from_scores = running.scores.flatten(0, 1).index_select(0, step.slot)
    from_context = running.grad_slot_actions.gather(2, of_actions).squeeze(2)
    grad_actions = torch.addmm(from_context, from_scores, tables.action_scores.t())
    running.slot_actions.scatter_add_(2, of_actions, -step.written.unsqueeze(2))
    # The masked softmax and the two layers.
    kept = step.kept_probability * grad_actions
    grad_logits = step.grad_logits + kept - step.probability * kept.sum(-1, keepdim=True)
    grad_hidden = (grad_logits @ tables.output_weight) * step.hidden_slope
    # The attention: average, softmax, best latent.
    to_actions = torch.matmul(grad_hidden.unsqueeze(1), hidden_to_actions)
    to_weights = torch.bmm(grad_hidden.unsqueeze(1), hidden_of_slots)
    grad_weights = torch.baddbmm(to_weights, to_actions, running.slot_actions).squeeze(1)
    running.grad_slot_actions.baddbmm_(to_actions.transpose(1, 2), step.attention.unsqueeze(1))
    mean = (step.attention * grad_weights).sum(-1, keepdim=True)
    score = step.attention * (grad_weights - mean)
    if dropout is not None:
        score = score * dropout.scale
    of_mask_set = running.scores.narrow(2, first_latent, tables.position_scores.shape[2])
    of_mask_set.scatter_add_(2, step.latents.unsqueeze(2), score.unsqueeze(2))
    return grad_logits, grad_hidden, from_scores, score


def _action_gradients(
    action_hidden: Tensor, saved: SavedSteps, written: Tensor, grad_hidden: Tensor
) -> Tensor:
    """Return (A, H) or (B, A, H), the gradient of ``action_hidden`` (equation 26 of docs/model.md).

    The context of a timestep contains the writes of all timesteps before it.
    """
    steps = written.shape[1]
    written_slots = saved.pointer.unsqueeze(1).expand(-1, steps, -1)
    of_write = saved.attention.gather(2, written_slots).tril(-1)
    gradients = (of_write @ written).transpose(1, 2) @ grad_hidden
    return gradients if action_hidden.dim() == 3 else gradients.sum(0)


def _position_gradients(
    tables: StepTables, saved: SavedSteps, grad_scores: Tensor
) -> tuple[Tensor, Tensor]:
    """Return (K, 2S - 1, L) and (K, L), the gradients of positions (equation 27 of docs/model.md).

    The gradient of each slot's score goes to the row of the position that the timestep read.
    """
    _, steps, slots = grad_scores.shape
    mask_sets, rows, latents = tables.position_scores.shape
    mask_set = (torch.arange(steps, device=grad_scores.device) % mask_sets).view(1, steps, 1)
    row = torch.arange(slots, device=grad_scores.device) + (slots - 1 - saved.centre[..., None])
    positions = torch.zeros_like(tables.position_scores).flatten()
    read = ((mask_set * rows + row) * latents + saved.latents)[:, :, 1:]
    positions.scatter_add_(0, read.flatten(), grad_scores[:, :, 1:].flatten())
    cls = torch.zeros_like(tables.cls_position_scores).flatten()
    of_cls = (mask_set * latents + saved.latents)[:, :, 0]
    cls.scatter_add_(0, of_cls.flatten(), grad_scores[:, :, 0].flatten())
    return positions.view_as(tables.position_scores), cls.view_as(tables.cls_position_scores)


def _word_gradients(word_hidden: Tensor, pointer: Tensor, grad_hidden: Tensor) -> Tensor:
    """Return (B, S, H), the gradient of ``word_hidden`` (equation 28 of docs/model.md).

    It is the sum over the timesteps that read each slot.
    """
    gradients = torch.zeros_like(word_hidden)
    return gradients.scatter_add_(1, pointer.unsqueeze(-1).expand_as(grad_hidden), grad_hidden)
