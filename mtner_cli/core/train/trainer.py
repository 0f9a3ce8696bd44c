"""Train a model: a generator of events whose whole state is in its checkpoints.

Random numbers are a function of the seed and the step (dropout) or the epoch (drawing), so a run
that resumes from a checkpoint computes exactly what an uninterrupted one computes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from torch import Tensor

from mtner_cli.config.schema import TrainConfig
from mtner_cli.core.features.batch import Batch, Collator
from mtner_cli.core.features.examples import Example
from mtner_cli.core.features.sampler import (
    Draw,
    EpochSampler,
    Perturbations,
    join_examples,
)
from mtner_cli.core.model.ner_model import NerModel
from mtner_cli.core.train.checkpoint import (
    BEST,
    LAST,
    Checkpoint,
    ModelDescription,
    TrainingProgress,
    best_of_corpus,
    check_shapes,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
)
from mtner_cli.core.train.events import (
    CheckpointSaved,
    DevelopmentDone,
    DevelopmentScores,
    EpochStarted,
    StepDone,
    Stopped,
    TrainingEvent,
)
from mtner_cli.core.train.optimizer import ScheduledOptimizer
from mtner_cli.core.train.schedule import training_length
from mtner_cli.errors import TrainingError


@dataclass(frozen=True)
class TrainingData:
    """The data of a training.

    Attributes:
        examples: the training examples with their gold timesteps.
        collate: makes batches of examples.
        score_development: scores a model on the development data; None if there is none.
        perturbations: settings for appending examples; None appends nothing.
    """

    examples: Sequence[Example]
    collate: Collator
    score_development: Callable[[NerModel], DevelopmentScores] | None
    perturbations: Perturbations | None = None


def epochs_begun(progress: TrainingProgress) -> int:
    """Return the number of epochs of which at least one step is done."""
    return progress.epoch + (progress.step_in_epoch > 0)


def is_finished(progress: TrainingProgress, epochs: int, patience: int | None) -> bool:
    """Tell whether all epochs are done, or ``patience`` epochs without a better score."""
    if progress.step_in_epoch:
        return False
    if progress.epoch >= epochs:
        return True
    if not patience or progress.best_epoch is None:
        return False
    return progress.epoch - 1 - progress.best_epoch >= patience


class Trainer:
    """Trains a model; see :meth:`run`.

    Args:
        accelerator: determines the device, the precision and the number of processes.
        checkpoints: the folder that checkpoints are written to.
    """

    def __init__(
        self,
        *,
        model: NerModel,
        description: ModelDescription,
        data: TrainingData,
        settings: TrainConfig,
        seed: int,
        accelerator: Accelerator,
        checkpoints: Path,
    ) -> None:
        self._description = description
        self._data = data
        self._settings = settings
        self._seed = seed
        self._accelerator = accelerator
        self._checkpoints = checkpoints
        self._sampler = EpochSampler(data.examples, settings.batch_size, seed, data.perturbations)
        self._length = training_length(self._sampler, settings)
        # Move the model before the groups are made: they must hold the parameters on the device.
        model.to(accelerator.device)
        self._optimizer = ScheduledOptimizer(
            model, settings.optimizers, self._length.steps, self._length.epochs
        )
        self._model, self._adamw = accelerator.prepare(model, self._optimizer.adamw)
        self._parameters = [p for p in model.parameters() if p.requires_grad]
        self._saved_at = time.monotonic()

    def run(
        self, resume_from: Checkpoint | None = None, stop_wanted: Callable[[], bool] = bool
    ) -> Generator[TrainingEvent, None, None]:
        """Train until the last epoch, an early stop, or until ``stop_wanted`` returns True.

        A checkpoint is written at the end of each epoch, every few minutes within an epoch, and
        when the caller wants to stop; the last event is :class:`Stopped`.

        Raises:
            TrainingError: if the loss is no longer finite.
            DataError: if a checkpoint cannot be written, or the run's folder has been removed.

        Args:
            resume_from: the checkpoint to resume from; it must hold the optimiser's state, unless
                the training is finished.
            stop_wanted: called after each step, and after each epoch's scoring.
        """
        progress = self._resume(resume_from) if resume_from else TrainingProgress()
        progress = self._with_end(progress)  # the settings may ask for more epochs than before
        while not progress.finished:
            progress = yield from self._epoch(progress, stop_wanted)
            if progress.step_in_epoch or (not progress.finished and self._agreed(stop_wanted())[0]):
                yield self._save(LAST, progress)
                yield Stopped("interrupted", epochs_begun(progress), progress.step)
                return
        done = progress.epoch >= self._length.epochs
        yield Stopped("finished" if done else "early_stop", progress.epoch, progress.step)

    def _resume(self, checkpoint: Checkpoint) -> TrainingProgress:
        check_shapes(self._unwrapped, checkpoint.model, self._checkpoints / LAST)
        self._unwrapped.load_state_dict(checkpoint.model)
        restore_optimizer(self._optimizer.adamw, self._optimizer.names, checkpoint.optimizer)
        return checkpoint.progress

    @property
    def _unwrapped(self) -> NerModel:
        return self._accelerator.unwrap_model(self._model)

    def _epoch(
        self, progress: TrainingProgress, stop_wanted: Callable[[], bool]
    ) -> Generator[TrainingEvent, None, TrainingProgress]:
        """Train one epoch or the rest of it; return the progress after it."""
        plan = self._sampler.plan(progress.epoch)
        yield EpochStarted(progress.epoch + 1, self._length.steps, plan)
        accumulate = self._settings.accumulate_grad_batches
        batches = plan.batches[: self._length.batches]
        self._model.train()
        for step_in_epoch in range(progress.step_in_epoch, self._length.steps):
            group = batches[step_in_epoch * accumulate : (step_in_epoch + 1) * accumulate]
            started = time.perf_counter()
            rates = self._optimizer.set_step(progress.step)
            loss = float(self._step(group, progress.step))
            self._check_finite(loss, progress)
            progress = replace(progress, step=progress.step + 1, step_in_epoch=step_in_epoch + 1)
            yield StepDone(
                epoch=progress.epoch + 1,
                step_in_epoch=step_in_epoch + 1,
                step=progress.step,
                loss=loss,
                learning_rates=rates,
                examples=sum(map(len, group)),
                seconds=time.perf_counter() - started,
            )
            if step_in_epoch + 1 == self._length.steps:
                break
            stop, save = self._agreed(stop_wanted(), self._save_is_due())
            if stop:
                return progress
            if save:
                yield self._save(LAST, progress)
        return (yield from self._end_of_epoch(progress))

    def _check_finite(self, loss: float, progress: TrainingProgress) -> None:
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss is {loss} at step {progress.step + 1} (epoch {progress.epoch + 1}), so "
                "the weights are worthless from here. Train again with lower learning rates "
                "(train.optimizers.embed_model.lr, train.optimizers.pred_model.lr) or a smaller "
                f"train.grad_norm_clip; the checkpoints in {self._checkpoints} are older"
            )

    def _save_is_due(self) -> bool:
        """Tell whether the last checkpoint is older than the settings allow."""
        settings = self._settings.checkpoints
        if settings.every_minutes is None or not settings.most_recent:
            return False
        return time.monotonic() - self._saved_at >= 60 * settings.every_minutes

    def _agreed(self, *wishes: bool) -> list[bool]:
        """Return the wishes of the first process: all processes must do the same at a step."""
        agreed = list(wishes)
        if self._accelerator.num_processes > 1:
            broadcast_object_list(agreed)
        return agreed

    def _step(self, group: Sequence[Sequence[Draw]], step: int) -> Tensor:
        """Take one optimiser step over a group of batches; return their mean loss."""
        accelerator = self._accelerator
        torch.manual_seed(self._seed * 1_000_003 + step * 131 + accelerator.process_index)
        total = torch.zeros((), device=accelerator.device)
        for number, draws in enumerate(group):
            last = number == len(group) - 1
            with nullcontext() if last else accelerator.no_sync(self._model):
                loss = self._model(self._batch(draws)) / len(group)
                accelerator.backward(loss)
            total += loss.detach()
        if self._settings.grad_norm_clip:
            accelerator.clip_grad_norm_(self._parameters, self._settings.grad_norm_clip)
        self._adamw.step()
        self._adamw.zero_grad()
        clear_after = self._settings.clear_CUDA_cache_after_n_steps
        if clear_after and accelerator.device.type == "cuda" and (step + 1) % clear_after == 0:
            torch.cuda.empty_cache()
        return total

    def _batch(self, draws: Sequence[Draw]) -> Batch:
        examples = [self._example(draw) for draw in draws]
        with self._accelerator.split_between_processes(examples, apply_padding=True) as own:
            return self._data.collate(own).to(self._accelerator.device)

    def _example(self, draw: Draw) -> Example:
        example = self._data.examples[draw.example]
        if draw.appended is None:
            return example
        return join_examples(example, self._data.examples[draw.appended])

    def _end_of_epoch(
        self, progress: TrainingProgress
    ) -> Generator[TrainingEvent, None, TrainingProgress]:
        """Score the development data, write the best checkpoints, write the last one."""
        checkpoints = self._settings.checkpoints
        progress = replace(progress, epoch=progress.epoch + 1, step_in_epoch=0)
        if self._data.score_development is not None:
            started = time.perf_counter()
            scores = self._data.score_development(self._unwrapped)
            seconds = time.perf_counter() - started
            progress, better = self._with_best(progress, scores)
            yield DevelopmentDone(progress.epoch, progress.step, scores, BEST in better, seconds)
            if checkpoints.metric_based:
                for name in better:
                    yield self._save(name, progress)
        progress = self._with_end(progress)
        if checkpoints.most_recent or progress.best_score is None:
            yield self._save(LAST, progress)
        return progress

    def _with_best(
        self, progress: TrainingProgress, scores: DevelopmentScores
    ) -> tuple[TrainingProgress, list[str]]:
        """Return the progress after a development round, and the checkpoints to replace."""
        better = []
        if progress.best_score is None or scores.headline_f1 > progress.best_score:
            better.append(BEST)
            progress = replace(
                progress, best_score=scores.headline_f1, best_epoch=progress.epoch - 1
            )
        if not self._settings.checkpoints.save_average_only:
            best = dict(progress.best_of_corpora)
            for corpus, f1 in scores.f1_of_corpora().items():
                if corpus not in best or f1 > best[corpus]:
                    best[corpus] = f1
                    better.append(best_of_corpus(corpus))
            progress = replace(progress, best_of_corpora=best)
        return progress, better

    def _with_end(self, progress: TrainingProgress) -> TrainingProgress:
        finished = is_finished(progress, self._length.epochs, self._settings.early_stop)
        return replace(progress, finished=finished)

    def _save(self, name: str, progress: TrainingProgress) -> CheckpointSaved:
        path = self._checkpoints / name
        if self._accelerator.is_main_process:
            optimizer = None
            wanted = not progress.finished or self._settings.checkpoints.keep_optimizer
            if name == LAST and wanted:
                optimizer = optimizer_tensors(self._optimizer.adamw, self._optimizer.names)
            save_checkpoint(path, self._description, progress, self._unwrapped, optimizer)
        self._accelerator.wait_for_everyone()
        self._saved_at = time.monotonic()
        return CheckpointSaved(path, progress.step)
