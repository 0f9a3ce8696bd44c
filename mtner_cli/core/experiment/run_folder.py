"""Where the files of a run are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mtner_cli.core.corpus.atomic import atomic_text_file
from mtner_cli.core.train.checkpoint_names import BEST, LAST, file_of_checkpoint
from mtner_cli.errors import CheckpointError

RESOLVED_CONFIG = "resolved_cfg.yaml"


@dataclass(frozen=True)
class RunFolder:
    """A run's output folder."""

    path: Path

    @staticmethod
    def find(path: Path) -> RunFolder:
        """The run that ``path`` (its folder, or its resolved configuration) belongs to.

        Raises:
            CheckpointError: if there is no run.
        """
        folder = path.parent if path.name == RESOLVED_CONFIG else path
        if not (folder / RESOLVED_CONFIG).is_file():
            raise CheckpointError(
                f"{path}: no run here; expected a folder that holds {RESOLVED_CONFIG} (a training "
                "writes it), or that file itself"
            )
        return RunFolder(folder)

    @property
    def resolved_config(self) -> Path:
        return self.path / RESOLVED_CONFIG

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def encoder(self) -> Path:
        """The encoder's configuration and tokenizer, so that the run can be loaded anywhere."""
        return self.path / "encoder"

    @property
    def log(self) -> Path:
        return self.path / "log.jsonl"

    @property
    def sampling(self) -> Path:
        return self.path / "sampling.jsonl"

    @property
    def mlflow_run_id(self) -> Path:
        """What MLflow calls this run; there only where it is tracked."""
        return self.path / "mlflow_run_id"

    def checkpoint(self, which: str | None = None) -> Path:
        """The checkpoint ``best``, ``last`` or ``best:CORPUS``, or a file; if not said, the best
        there is.

        Raises:
            CheckpointError: if it is not there.
        """
        if which is None:
            candidates = [self.checkpoints / name for name in (BEST, LAST)]
        else:
            candidates = [self.checkpoints / file_of_checkpoint(which), Path(which)]
        for candidate in candidates:
            if candidate.is_file():
                return candidate
        wanted = f"checkpoint {which!r}" if which else "checkpoint"
        there = sorted(path.name for path in self.checkpoints.glob("*.safetensors"))
        raise CheckpointError(
            f"{self.path}: there is no {wanted}; in its checkpoints folder there is "
            f"{', '.join(there) or 'nothing yet'}"
        )

    def start(self, resolved_config: str) -> None:
        """Make the folder and write the resolved configuration into it."""
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        with atomic_text_file(self.resolved_config) as file:
            file.write(resolved_config)
