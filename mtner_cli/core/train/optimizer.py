"""Build AdamW with groups for encoder and tagger, with and without weight decay."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn
from torch.optim import AdamW

from mtner_cli.config.schema import OptimizersConfig
from mtner_cli.core.model.ner_model import NerModel
from mtner_cli.core.train.schedule import (
    LinearSchedule,
    PartSettings,
    chosen,
    linear_schedule,
)

BETAS = (0.9, 0.98)
EPSILON = 1e-6


class ScheduledOptimizer:
    """AdamW whose learning rates are a function of the step number, so that they need no state."""

    def __init__(
        self, model: NerModel, settings: OptimizersConfig, steps_per_epoch: int, epochs: int
    ) -> None:
        self.names: list[str] = []
        self._peaks: list[tuple[str, float, LinearSchedule]] = []
        groups: list[dict[str, object]] = []
        parts: list[tuple[str, str, nn.Module, PartSettings]] = [
            ("embed", "encoder", model.encoder, settings.embed_model),
            ("pred", "tagger", model.tagger, settings.pred_model),
        ]
        for part, prefix, module, part_settings in parts:
            schedule = linear_schedule(part_settings, steps_per_epoch, epochs)
            for decay, named in _by_decay(module, part_settings, settings.use_weight_decay_on_bias):
                self.names += [f"{prefix}.{name}" for name, _ in named]
                self._peaks.append((part, chosen(part_settings.lr), schedule))
                parameters = [parameter for _, parameter in named]
                groups.append({"params": parameters, "weight_decay": decay})
        self.adamw = AdamW(groups, betas=BETAS, eps=EPSILON)

    def set_step(self, step: int) -> dict[str, float]:
        """Set all learning rates for ``step`` (from 0); return them by part (embed, pred)."""
        rates = {}
        for group, (part, peak, schedule) in zip(self.adamw.param_groups, self._peaks, strict=True):
            group["lr"] = rates[part] = peak * schedule.factor(step)
        return rates


def _by_decay(
    module: nn.Module, settings: PartSettings, decay_on_bias: bool
) -> Iterable[tuple[float, list[tuple[str, nn.Parameter]]]]:
    """Yield each weight decay with its trainable parameters."""
    spared = set() if decay_on_bias else set(_biases_and_norms(module))
    trainable = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    decaying = [(name, p) for name, p in trainable if name not in spared]
    others = [(name, p) for name, p in trainable if name in spared]
    for decay, named in ((settings.weight_decay, decaying), (0.0, others)):
        if named:
            yield decay, named


def _biases_and_norms(module: nn.Module) -> Iterable[str]:
    for prefix, part in module.named_modules():
        for name, _ in part.named_parameters(recurse=False):
            if name == "bias" or isinstance(part, nn.LayerNorm):
                yield f"{prefix}.{name}" if prefix else name
