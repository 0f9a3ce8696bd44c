"""Where a training starts: in a fresh folder, or where an earlier one stopped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mtner_cli.config.load import load_resolved
from mtner_cli.config.schema import ExperimentConfig
from mtner_cli.core.experiment.run_folder import RunFolder
from mtner_cli.core.train.checkpoint import Checkpoint, load_checkpoint
from mtner_cli.errors import CheckpointError, ConfigError

# What may differ between a run and the configuration that goes on with it.
FREE_KEYS = ("run_name", "output_dir", "MLFlowLogger", "train.resume_from_checkpoint")


def start_point(
    config: ExperimentConfig, resume: Path | None
) -> tuple[ExperimentConfig, Checkpoint | None]:
    """The configuration to train with, and the checkpoint to go on from, if any.

    Args:
        resume: a run folder; ``train.resume_from_checkpoint`` where that is not given.

    Raises:
        ConfigError: if a fresh run would overwrite another, or the configuration is not the one
            the run was started with.
        CheckpointError: if there is nothing to go on from.
    """
    wanted = resume or config.train.resume_from_checkpoint
    if wanted is None:
        if RunFolder(config.output_dir).resolved_config.exists():
            raise ConfigError(
                [
                    f"output_dir: {config.output_dir} already holds a run; go on with it by "
                    "--resume, or choose another run_name or output_dir"
                ]
            )
        return config, None
    folder = RunFolder.find(wanted.parent.parent if wanted.is_file() else wanted)
    _check_same(config, load_resolved(folder.resolved_config), folder)
    checkpoint = load_checkpoint(folder.checkpoint("last"), with_optimizer=True)
    if not checkpoint.optimizer:
        raise CheckpointError(
            f"{folder.checkpoints}: the last checkpoint holds no optimiser state to go on from"
        )
    return config.model_copy(update={"output_dir": folder.path}), checkpoint


def _check_same(config: ExperimentConfig, before: ExperimentConfig, folder: RunFolder) -> None:
    now, then = config.model_dump(mode="json"), before.model_dump(mode="json")
    faults = [
        f"{key}: is {new!r}, but the run {folder.path} was started with {old!r}"
        for key, new, old in _differences(now, then)
        if not any(key == free or key.startswith(f"{free}.") for free in FREE_KEYS)
    ]
    if faults:
        raise ConfigError(faults)


def _differences(
    now: Mapping[str, Any], then: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    for key in now.keys() | then.keys():
        new, old = now.get(key), then.get(key)
        if isinstance(new, Mapping) and isinstance(old, Mapping):
            yield from _differences(new, old, f"{prefix}{key}.")
        elif new != old:
            yield f"{prefix}{key}", new, old
