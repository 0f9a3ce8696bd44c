"""Start a training in a new run folder, or resume it from the last checkpoint of a run."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from mtner_cli.config.load import load_experiment, load_resolved
from mtner_cli.config.schema import ExperimentConfig, TrainConfig
from mtner_cli.core.corpus.checks import find_file_faults
from mtner_cli.core.features.sampler import EpochSampler
from mtner_cli.core.train.checkpoint import (
    LAST,
    Checkpoint,
    ModelDescription,
    TrainingProgress,
    load_checkpoint,
)
from mtner_cli.core.train.run_folder import RunFolder, RunLock
from mtner_cli.core.train.schedule import TrainingLength, training_length
from mtner_cli.core.train.trainer import epochs_begun, is_finished
from mtner_cli.errors import CheckpointError, ConfigError, quoted

# Settings that may differ between a run and the configuration that resumes it: they change nothing
# of what is computed.
FREE_KEYS = (
    "run_name",
    "output_dir",
    "MLFlowLogger",
    "train.resume_from_checkpoint",
    "train.checkpoints.every_minutes",
    "train.checkpoints.keep_optimizer",
)
# The length changes the learning rates from here on, so it may differ only where it is asked for.
LENGTH_KEYS = ("train.num_epochs", "train.num_passes", "train.early_stop")

Start = tuple[ExperimentConfig, Checkpoint | None]


def settings_of_run(run: Path, overrides: Sequence[str]) -> ExperimentConfig:
    """Load the settings that a run was started with, to resume it; check its data files.

    Args:
        run: a run folder, or a checkpoint in it.
        overrides: ``key.sub=value`` texts.

    Raises:
        CheckpointError: if there is no run.
        ConfigError: with every fault of the settings and files.
    """
    folder = _run_at(run)
    return load_experiment(folder.resolved_config, overrides, check_files=find_file_faults)


def resume_command(run: Path, *options: str) -> str:
    """Return the command that resumes a run with its own settings, quoted for a shell."""
    return shlex.join(["mtner", "train", "--resume", str(run), *options])


@contextmanager
def claimed_run(
    config: ExperimentConfig, resume: Path | None, *, length_may_differ: bool = False
) -> Iterator[Start]:
    """Lock a run's folder: no other process can train in it until the block ends.

    A new run uses the folder of the configuration. If that is taken and its name ends with the
    run's name, both names get a number. A folder without any checkpoint or result counts as free.

    Args:
        resume: a run folder; None uses ``train.resume_from_checkpoint``.
        length_may_differ: the configuration may ask for another number of epochs than the run's.

    Yields:
        The configuration to train with, and the checkpoint to resume from, if any.

    Raises:
        ConfigError: if a new run would overwrite another, or if the configuration differs from that
            of the run to resume.
        CheckpointError: if there is no run or no complete checkpoint to resume from, or if another
            process trains in the folder.
        DataError: if the folder cannot be written.
    """
    wanted = resume or config.train.resume_from_checkpoint
    with ExitStack() as locks:
        is_first = _is_first_process()
        if wanted is not None:
            folder = _run_at(wanted)
            free = (*FREE_KEYS, *LENGTH_KEYS) if length_may_differ else FREE_KEYS
            config = _resumed(config, folder, free)
            if is_first:
                locks.callback(_locked(folder).release)
            _refuse_inputs(config)
            yield config, _checkpoint(folder, config)
            return
        if is_first:
            config, lock = _new_run(config)
            locks.callback(lock.release)
        _refuse_inputs(config)
        yield config, None


def _is_first_process() -> bool:
    """Tell whether this is the one of several processes that locks the folder for all of them."""
    alone = os.environ.get("WORLD_SIZE", "1") == "1"
    return alone or os.environ.get("RANK", "0") == "0"


def _new_run(config: ExperimentConfig) -> tuple[ExperimentConfig, RunLock]:
    """Find a free folder for a new run and lock it."""
    for number in count(1):
        candidate = _numbered(config, number)
        if number > 1 and candidate.output_dir == config.output_dir:
            break
        folder = RunFolder(candidate.output_dir)
        lock = RunLock.take(folder)
        if lock is not None and folder.is_empty:
            return candidate, lock
        if lock is not None:
            lock.release()
    raise ConfigError(
        [
            f"output_dir: {config.output_dir} already holds a run; choose another output_dir, or "
            f"resume the run: {resume_command(config.output_dir)}"
        ]
    )


def _numbered(config: ExperimentConfig, number: int) -> ExperimentConfig:
    """Return the configuration with ``-NUMBER`` added to the names of the run and its folder."""
    if number == 1:
        return config
    name = f"{config.run_name}-{number}"
    *above, last = config.output_dir.parts or ("",)
    if last.endswith(config.run_name):
        last = last.removesuffix(config.run_name) + name
    tracking = config.MLFlowLogger
    if tracking.run_name == config.run_name:
        tracking = tracking.model_copy(update={"run_name": name})
    update = {"run_name": name, "output_dir": Path(*above, last), "MLFlowLogger": tracking}
    return config.model_copy(update=update)


def _refuse_inputs(config: ExperimentConfig) -> None:
    """Refuse an output folder in which the run would overwrite its own inputs."""
    inputs = {"models.embed_model.pretrained_name": config.models.embed_model.pretrained_name}
    for corpus, dataset in config.datasets.items():
        for split, path in dataset.split_paths.present().items():
            inputs[f"datasets.{corpus}.split_paths.{split}"] = str(path)
    written = {os.path.realpath(path) for path in RunFolder(config.output_dir).written}
    faults = [
        f"{key}: {path} is a file that the run would write over; choose another output_dir"
        for key, path in inputs.items()
        if not written.isdisjoint((os.path.realpath(path), os.path.realpath(Path(path).parent)))
    ]
    if faults:
        raise ConfigError(faults)


def _run_at(path: Path) -> RunFolder:
    """Find the run of a folder, or of a checkpoint in it."""
    return RunFolder.find(path.parent.parent if path.suffix == ".safetensors" else path)


def _resumed(config: ExperimentConfig, folder: RunFolder, free: Sequence[str]) -> ExperimentConfig:
    """Return the configuration with the folder of the run that it resumes."""
    config = _with_rates_of(config, load_resolved(folder.resolved_config))
    _check_same(config, folder, free)
    # The run may have been started from another run, which may be gone when this one is resumed.
    train = config.train.model_copy(update={"resume_from_checkpoint": None})
    return config.model_copy(update={"output_dir": folder.path, "train": train})


def _locked(folder: RunFolder) -> RunLock:
    lock = RunLock.take(folder)
    if lock is None:
        raise CheckpointError(
            f"{folder.path}: another process trains in this folder; wait until it has ended"
        )
    return lock


def _checkpoint(folder: RunFolder, config: ExperimentConfig) -> Checkpoint | None:
    """Read the last checkpoint; None if the run ended before it wrote one."""
    if folder.is_empty:
        return None
    if config.train.checkpoints.most_recent and _ended_in_first_epoch(folder):
        return None
    checkpoint = load_checkpoint(folder.checkpoint("last"), with_optimizer=True)
    if not checkpoint.optimizer and not checkpoint.progress.finished:
        raise CheckpointError(
            f"{folder.checkpoints}: the last checkpoint holds no optimiser state to resume from"
        )
    return checkpoint


def _ended_in_first_epoch(folder: RunFolder) -> bool:
    """Tell whether the run holds only best checkpoints of epoch 1; a new start rewrites them.

    They are written before the last one, so a full disk or a kill can leave them without it.
    """
    files = list(folder.checkpoints.glob("*.safetensors"))
    if any(path.name == LAST for path in files) or any(path.exists() for path in folder.results):
        return False
    return all(load_checkpoint(path).progress.epoch <= 1 for path in files)


@dataclass(frozen=True, kw_only=True)
class ResumedRun:
    """A run that is resumed.

    Attributes:
        folder: its folder.
        progress: its progress.
        before: its length by the settings that it was trained with so far.
        is_finished: whether there is nothing more to train.
        longer: how to train it longer, as a clause with a command.
    """

    folder: Path
    progress: TrainingProgress
    before: TrainingLength
    is_finished: bool
    longer: str


def resumed_run(
    config: ExperimentConfig, checkpoint: Checkpoint, sampler: EpochSampler
) -> ResumedRun:
    """Compare a run's progress with the number of epochs that the settings ask for now.

    Raises:
        ConfigError: if more epochs have begun, or if the run was finished and its checkpoint holds
            no optimiser state for more of them.
    """
    folder, progress, train = RunFolder(config.output_dir), checkpoint.progress, config.train
    before, length = load_resolved(folder.path).train, training_length(sampler, train)
    key = "train.num_epochs" if train.num_passes is None else "train.num_passes"
    begun = epochs_begun(progress)
    if length.epochs < begun:
        message = f"ends the run {folder.path} after epoch {length.epochs}, but epoch {begun}"
        raise ConfigError([f"{key}: {message} has begun; give at least as many"])
    finished = is_finished(progress, length.epochs, train.early_stop)
    changes = [_more(train, length, progress)] if finished else _changed_length(train, before)
    longer = _way_to_longer(folder, bool(checkpoint.optimizer), changes)
    if not finished and not checkpoint.optimizer:
        message = f"the run {folder.path} is finished; to train longer, {longer}"
        raise ConfigError([f"{key}: {message}"])
    return ResumedRun(
        folder=folder.path,
        progress=progress,
        before=training_length(sampler, before),
        is_finished=finished,
        longer=longer,
    )


def _more(train: TrainConfig, length: TrainingLength, progress: TrainingProgress) -> str:
    """Return the setting that makes a finished training longer, as an override."""
    if progress.epoch < length.epochs:
        return "train.early_stop=null"
    if train.num_passes is not None:
        return f"train.num_passes={2 * train.num_passes:g}"
    return f"train.num_epochs={2 * length.epochs}"


def _changed_length(train: TrainConfig, before: TrainConfig) -> list[str]:
    """Return the settings of the length that differ from those before, as overrides."""
    return [
        f"train.{name}={'null' if value is None else f'{value:g}'}"
        for name in ("num_epochs", "num_passes", "early_stop")
        if (value := getattr(train, name)) != getattr(before, name)
    ]


def _way_to_longer(folder: RunFolder, has_optimizer: bool, changes: Sequence[str]) -> str:
    """Say how to resume a run with changes, or how to start a new one like it."""
    if has_optimizer:
        return f"run: {resume_command(folder.path, *_overrides(changes))}"
    name = f"{folder.path}-longer"
    output_dir = name if re.fullmatch(r"[\w./ -]+", name) else json.dumps(name)
    options = _overrides([f"output_dir={output_dir}", *changes])
    command = shlex.join(["mtner", "train", str(folder.resolved_config), *options])
    return (
        "start a new run, because the last checkpoint of a finished one keeps no optimiser state "
        f"(train.checkpoints.keep_optimizer): {command}"
    )


def _overrides(settings: Iterable[str]) -> list[str]:
    return [part for setting in settings for part in ("-o", setting)]


def check_same_model(now: ModelDescription, then: ModelDescription, folder: Path) -> None:
    """Refuse to resume a run whose data, entity types, tokenizer or encoder have changed.

    Raises:
        ConfigError: with everything that differs.
    """
    faults = [
        f"{what}, so the run {folder} cannot be resumed with it; restore it, or start a new run"
        for what in now.differences(then)
    ]
    if faults:
        raise ConfigError(faults)


def _with_rates_of(config: ExperimentConfig, before: ExperimentConfig) -> ExperimentConfig:
    """Take from the run what an experiment leaves to be chosen: the run holds what was chosen."""
    parts = {}
    for name in ("embed_model", "pred_model"):
        now, then = (getattr(each.train.optimizers, name) for each in (config, before))
        left = {key: value for key, value in then if getattr(now, key) is None}
        parts[name] = now.model_copy(update=left)
    optimizers = config.train.optimizers.model_copy(update=parts)
    train = config.train.model_copy(update={"optimizers": optimizers})
    return config.model_copy(update={"train": train})


def _check_same(config: ExperimentConfig, folder: RunFolder, free: Sequence[str]) -> None:
    before = load_resolved(folder.resolved_config)
    now, then = config.model_dump(mode="json"), before.model_dump(mode="json")
    faults = [
        f"{key}: is {quoted(new)}, but the run was started with {quoted(old)}"
        for key, new, old in _differences(now, then)
        if not any(key == name or key.startswith(f"{name}.") for name in free)
    ]
    if faults:
        cure = f"resume it with its own settings: {resume_command(folder.path)}"
        raise ConfigError([f"{folder.path}: was started with other settings; {cure}", *faults])


def _differences(
    now: Mapping[str, Any], then: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    for key in now.keys() | then.keys():
        new, old = now.get(key), then.get(key)
        if isinstance(new, Mapping) and isinstance(old, Mapping):
            yield from _differences(new, old, f"{prefix}{key}.")
        elif new != old:
            yield f"{prefix}{key}", new, old
