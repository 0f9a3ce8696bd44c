"""Name the files of a run, and lock its folder against a second process."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Self

from mtner_cli.config.load import RESOLVED_NAME
from mtner_cli.core.files.atomic import atomic_text_file, remove_temporaries
from mtner_cli.core.files.lock import lock
from mtner_cli.core.train.checkpoint import BEST, LAST, file_of_checkpoint
from mtner_cli.errors import CheckpointError, DataError, quoted, reason_of
from mtner_cli.paths import is_file

RESULTS = ("test_results.pkl", "test_results.jsonl", "test_report.txt", "scores.json")
_HALF_WRITTEN_TENSORS = re.compile(r"\.tmp[A-Za-z0-9]{6}")


@dataclass(frozen=True)
class RunFolder:
    """A run's output folder."""

    path: Path

    @staticmethod
    def find(path: Path) -> RunFolder:
        """Find the run that ``path`` (its folder, or its resolved configuration) belongs to.

        Raises:
            CheckpointError: if there is no run at ``path``.
        """
        folder = path.parent if path.name == RESOLVED_NAME else path
        if not is_file(folder / RESOLVED_NAME):
            raise CheckpointError(
                f"{path}: no run here; expected a folder that holds {RESOLVED_NAME} (a training "
                "writes it), or that file itself"
            )
        return RunFolder(folder)

    @property
    def resolved_config(self) -> Path:
        return self.path / RESOLVED_NAME

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
        """The file with MLflow's id of this run; it exists only if MLflow tracks the run."""
        return self.path / "mlflow_run_id"

    def checkpoint(self, which: str | None = None) -> Path:
        """Find ``best``, ``last``, ``best:CORPUS`` or a file; None finds best, or else last.

        Raises:
            CheckpointError: if it does not exist.
        """
        if which is None:
            candidates = [self.checkpoints / name for name in (BEST, LAST)]
        else:
            candidates = [self.checkpoints / file_of_checkpoint(which), Path(which)]
        for candidate in candidates:
            if is_file(candidate):
                return candidate
        wanted = f"checkpoint {quoted(which)}" if which else "checkpoint"
        there = sorted(path.name for path in self.checkpoints.glob("*.safetensors"))
        raise CheckpointError(
            f"{self.path}: there is no {wanted}; in its checkpoints folder there is "
            f"{', '.join(there) or 'nothing yet'}"
        )

    @property
    def results(self) -> tuple[Path, Path, Path, Path]:
        """The result pickle, the result lines, the readable report and the scores of a test."""
        pickle, lines, report, scores = (self.path / name for name in RESULTS)
        return pickle, lines, report, scores

    @property
    def written(self) -> tuple[Path, ...]:
        """Every file that a run writes, and every folder in which it writes files."""
        logs = (self.resolved_config, self.log, self.sampling, self.mlflow_run_id)
        return (*logs, self.checkpoints, self.encoder, *self.results)

    @property
    def is_empty(self) -> bool:
        """Tell whether the folder holds no checkpoint and no results: a run may start here."""
        if any(os.path.lexists(path) for path in self.results):
            return False
        return next(self.checkpoints.glob("*.safetensors"), None) is None

    def refuse_links(self) -> None:
        """Refuse links in place of the run's files: writes would leave the run's folder.

        Raises:
            DataError: with the path of the link.
        """
        self._refuse_links(self.written)

    def _refuse_links(self, paths: Iterable[Path]) -> None:
        for path in paths:
            if path.is_symlink():
                message = "is a link, and a run writes only into its own folder; delete the link"
                raise DataError(path, None, message)

    def check_writable(self) -> None:
        """Check that results can be written, before they are computed.

        Raises:
            DataError: if they cannot be written.
        """
        self._refuse_links(self.results)
        try:
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            reason = error.strerror
            message = f"results cannot be written into this run: {reason}; copy the run elsewhere"
            raise DataError(self.path, None, message) from None

    def start(self, resolved_config: str, is_new: bool) -> None:
        """Write the resolved configuration, and remove incomplete files of a killed training.

        Args:
            is_new: nothing is resumed; logs and a configuration of an earlier training that saved
                no checkpoint are kept under another name, such as ``log-1.jsonl``.

        Raises:
            DataError: if the folder cannot be written.
        """
        self.refuse_links()
        try:
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            for folder in (self.path, self.checkpoints, self.encoder):
                remove_temporaries(folder)
            _remove_half_written_tensors(self.checkpoints)
            if is_new:
                self.mlflow_run_id.unlink(missing_ok=True)
                for path in (self.log, self.sampling, self.resolved_config):
                    _keep_content(path)
        except OSError as error:
            raise _not_writable(self.path, error) from None
        with atomic_text_file(self.resolved_config, own_folder=True) as file:
            file.write(resolved_config)


def _remove_half_written_tensors(folder: Path) -> None:
    """Delete the temporary files of safetensors that a killed training left."""
    for path in folder.iterdir():
        if _HALF_WRITTEN_TENSORS.fullmatch(path.name) and is_file(path) and not path.is_symlink():
            path.unlink()


def _keep_content(path: Path) -> None:
    """Copy a file's content to the next free name, and empty the file.

    The file is not replaced by a new one, because the lock is on the log's file.
    """
    if not path.exists() or not path.stat().st_size:
        return
    for number in count(1):
        kept = path.with_stem(f"{path.stem}-{number}")
        with suppress(FileExistsError), kept.open("xb") as copy, path.open("rb") as content:
            shutil.copyfileobj(content, copy)
            break
    os.truncate(path, 0)


class RunLock:
    """Reserves a run's folder for this process, with a lock on the run's log.

    The system releases the lock when the process ends, even after a crash. On a file system without
    locks the folder counts as free.
    """

    def __init__(self, handle: int, folder: RunFolder, made: list[Path]) -> None:
        self._handle = handle
        self._folder = folder
        self._made = made

    @classmethod
    def take(cls, folder: RunFolder) -> Self | None:
        """Create the folder if it is missing, and lock it; None if another process has the lock.

        Raises:
            DataError: if the folder cannot be created or written, or if it contains a link.
        """
        try:
            folder.refuse_links()
            while True:
                made = _make_folders(folder.path)
                handle = _open_for_appending(folder.log)
                if not lock(handle):
                    os.close(handle)
                    return None
                # Another process may have released and removed the folder in between.
                with suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(handle), os.stat(folder.log)):
                        return cls(handle, folder, made)
                os.close(handle)
        except (OSError, ValueError) as error:
            raise _not_writable(folder.path, error) from None

    def release(self) -> None:
        """Release the folder; remove what was created if nothing was written to the log."""
        with suppress(OSError):
            if not self._folder.log.stat().st_size:
                self._folder.log.unlink()
                for folder in reversed(self._made):
                    folder.rmdir()
        os.close(self._handle)


def _make_folders(path: Path) -> list[Path]:
    """Create a folder and its parents; return those that were missing, outermost first."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()][::-1]
    for folder in missing:
        folder.mkdir(exist_ok=True)
    return missing


def _open_for_appending(path: Path) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(path, flags, 0o666)


def _not_writable(path: Path, error: Exception) -> DataError:
    reason = reason_of(error)
    message = f"this folder for the run cannot be written: {reason}; give another output_dir"
    return DataError(path, None, message)
