"""Compute the targets and the loss, also where a corpus does not annotate some types.

Shapes: B sentences, T timesteps, A actions.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.features.batch import GoldTimesteps
from mtner_cli.core.model.teacher_forcing import GoldPointer


def adjusted_targets(
    logits: Tensor, gold: GoldTimesteps, guide: GoldPointer, project_coeff: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Compute the targets of each timestep of ``guide`` (equation 11 of docs/model.md).

    Actions of foreign tags get the model's own probability times ``project_coeff`` (at most 1),
    except where gold is EOA; a postponed SHIFT gets the model's own probability of SHIFT. All
    targets are detached.

    Returns:
        targets (B, T, A), zero on padding, and real (B, T), bool, False on padding.
    """
    rows = guide.row_of_step
    real = rows < gold.lengths.unsqueeze(1)
    at_row = rows.clamp_max(gold.rows.shape[1] - 1).unsqueeze(-1).expand(-1, -1, logits.shape[-1])
    targets = gold.rows.gather(1, at_row)
    if gold.foreign is not None:
        own = logits.detach().sigmoid()
        ends = targets[..., ActionVocabulary.EOA, None] > 0
        silent = gold.foreign.unsqueeze(1) & ~ends
        targets = torch.where(silent, (own * project_coeff).clamp_max(1.0), targets)
        shift = torch.zeros_like(silent)
        shift[..., ActionVocabulary.SHIFT] = guide.postponed
        targets = torch.where(shift, own, targets)
    return targets * real.unsqueeze(-1), real


def timestep_loss(logits: Tensor, targets: Tensor, real: Tensor) -> Tensor:
    """Average the binary cross-entropy over actions and over the batch's real timesteps.

    The entropy of the targets is subtracted. That changes no gradient, and makes the loss zero for
    a target that is the model's own probability.
    """
    cross_entropy = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    entropy = torch.special.entr(targets) + torch.special.entr(1 - targets)
    per_timestep = (cross_entropy - entropy).mean(-1)
    return (per_timestep * real).sum() / real.sum()
