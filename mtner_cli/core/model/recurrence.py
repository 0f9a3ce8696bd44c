"""Run the recurrence over a batch in training, with a backward pass written by hand.

Shapes: B sentences, S slots, T timesteps, A actions, K mask sets, L latents, d width,
H hidden units.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mtner_cli.core.model.recurrence_gradients import (
    SavedSteps,
    StepBackFunction,
    gradients,
    take_step_back,
)
from mtner_cli.core.model.slot_memory import (
    AttentionDropout,
    SlotMemory,
    StepFunction,
    StepOptions,
    StepTables,
    take_step,
)
from mtner_cli.core.model.teacher_forcing import Guide


@dataclass(frozen=True)
class StepFunctions:
    """The functions of a step and of its backward step: plain or compiled."""

    forward: StepFunction = take_step
    back: StepBackFunction = take_step_back

    def compiled(self, backend: str = "inductor") -> StepFunctions:
        """Compile each as one graph for all shapes; the first call of each compiles it."""
        translate = partial(torch.compile, dynamic=True, fullgraph=True, backend=backend)
        return StepFunctions(translate(self.forward), translate(self.back))


class SlotRecurrence(torch.autograd.Function):
    """Computes the logits of all timesteps of a guide (equations 3 to 10 of docs/model.md).

    ``SlotRecurrence.apply(guide, dropout, shift, steps, scores, context_hidden,
    position_scores, cls_position_scores, action_scores, action_hidden, word_hidden, output_weight,
    output_bias)`` returns logits (B, T, A); the tensors are those of :class:`SlotMemory`, at its
    start, and of :class:`StepTables`. No argument is changed. Differentiable once.
    """

    @staticmethod
    def forward(
        ctx: Any,
        guide: Guide,
        dropout: AttentionDropout | None,
        shift: int,
        steps: StepFunctions,
        scores: Tensor,
        context_hidden: Tensor,
        *tables: Tensor,
    ) -> Tensor:
        memory = SlotMemory(
            scores.clone(), context_hidden.clone(), StepTables.of(tables), shift, steps.forward
        )
        centre = torch.zeros(len(scores), dtype=torch.long, device=scores.device)
        taken = []
        for step in range(guide.max_steps):
            pointer = guide.pointer()
            values = memory.step(step, centre, pointer, dropout, keep_latents=True)
            guide.advance(values.logits)
            taken.append((*values, pointer, centre))
            centre = pointer
            if guide.finished():
                break
        saved = [torch.stack(values, 1) for values in zip(*taken, strict=True)]
        ctx.save_for_backward(context_hidden, *tables, *saved)
        ctx.tables = len(tables)
        ctx.options = StepOptions(shift, dropout)
        ctx.step_back = steps.back
        return saved[0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_logits: Tensor) -> tuple[Tensor | None, ...]:
        context_hidden, *rest = ctx.saved_tensors
        tables = StepTables.of(rest[: ctx.tables])
        saved = SavedSteps(*rest[ctx.tables :])
        return (
            *(None,) * 4,
            *gradients(context_hidden, tables, saved, ctx.options, ctx.step_back, grad_logits),
        )
