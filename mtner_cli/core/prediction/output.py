"""Place the output of a prediction: a file, a folder of shards, or an open stream."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mtner_cli.core.documents.items import Failure
from mtner_cli.core.files.atomic import atomic_path, remove_temporaries
from mtner_cli.core.files.lock import locked
from mtner_cli.errors import ConfigError, DataError, reason_of
from mtner_cli.paths import exists, is_file, is_folder

_MANIFEST, _LOCK, _JOINED = "manifest.sqlite", "lock", "joined"
_PARTS = ".parts"


@dataclass(frozen=True)
class Output:
    """Where a prediction goes.

    Attributes:
        target: the file or the folder.
        is_folder: whether the shards stay in the folder, instead of being joined to a file.
        suffix: the end of the shards' names.
    """

    target: Path
    is_folder: bool
    suffix: str

    @staticmethod
    def at(out: str, suffix: str) -> Output:
        """Return the output for ``--out``: a folder if there is one, or if it ends with ``/``.

        Raises:
            ConfigError: if it is a device or a pipe, which a file must not replace.
        """
        path = Path(out)
        is_special = exists(path) and not is_file(path) and not is_folder(path)
        if is_special or path.absolute().parts[1:2] in (("dev",), ("proc",)):
            message = f"--out {out}: expected a file or a folder; to write to a device or a pipe, "
            raise ConfigError([message + "leave --out out and redirect the standard output"])
        folder = out.endswith("/") or is_folder(path)
        return Output(path if folder else path.resolve(), folder, suffix)

    @property
    def folder(self) -> Path:
        """The folder of the shards and of the manifest."""
        return self.target if self.is_folder else self.target.with_name(self.target.name + _PARTS)

    @property
    def manifest(self) -> Path:
        return self.folder / _MANIFEST

    @property
    def failed(self) -> Path:
        """The file that names what could not be read."""
        if self.is_folder:
            return self.target / "failed.jsonl"
        return self.target.with_name(f"{self.target.stem}.failed.jsonl")

    def shard(self, number: int) -> Path:
        return self.folder / f"part-{number:05d}{self.suffix}"

    def refuse_inputs(self, inputs: Iterable[str]) -> None:
        """Refuse an output that is an input, or in a folder of inputs.

        Raises:
            ConfigError: with both names.
        """
        for name in inputs:
            given = Path(name).resolve()
            for place in (self.target.resolve(), self.folder.resolve(), self.failed.resolve()):
                if place == given or (is_folder(given) and place.is_relative_to(given)):
                    message = f"--out {self.target}: is or lies in the input {name}, so it would "
                    raise ConfigError([message + "be read as an input; write to another place"])

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Make the folder, and keep other processes from writing to it.

        Raises:
            ConfigError: if another process writes to it.
            DataError: if the folder cannot be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = locked(self.folder / _LOCK)
            is_free = lock.__enter__()
        except OSError as error:
            message = f"cannot be written: {reason_of(error)}; give another --out"
            raise DataError(self.folder, None, message) from None
        try:
            if not is_free:
                message = f"--out {self.target}: another process is writing to it; wait for its end"
                raise ConfigError([message])
            remove_temporaries(self.folder)
            yield
        finally:
            lock.__exit__(None, None, None)

    def refuse_foreign_shards(self) -> None:
        """Refuse a folder with shards of no prediction that is known here."""
        if self.is_folder and next(self.folder.glob("part-*"), None) is not None:
            message = "holds parts of another prediction; give another --out, or delete them"
            raise DataError(self.folder, None, message)

    def write_shard(self, number: int, content: Iterable[str]) -> None:
        """Write a shard that appears completely or not at all."""
        with (
            atomic_path(self.shard(number), own_folder=True) as path,
            path.open("w", encoding="utf-8", newline="") as file,
        ):
            file.writelines(content)

    def write_failures(self, failures: Iterator[Failure]) -> None:
        """Write the failures as JSON lines; without any, remove the file of an earlier run."""
        first = next(failures, None)
        if first is None:
            self.failed.unlink(missing_ok=True)
            return
        with atomic_path(self.failed) as path, path.open("w", encoding="utf-8") as file:
            for place, reason in (first, *failures):
                record = {"input": str(place.path), "line": place.line, "reason": reason}
                file.write(json.dumps(record) + "\n")

    def join(self, shards: int) -> None:
        """Make one file of all shards, which replaces the target."""
        if self.is_folder:
            return
        joined = self.folder / _JOINED
        try:
            with joined.open("wb") as file:
                for number in range(shards):
                    with self.shard(number).open("rb") as part:
                        shutil.copyfileobj(part, file, 1 << 20)
                file.flush()
                os.fsync(file.fileno())
            os.replace(joined, self.target)
        except OSError as error:
            message = f"cannot be written: {reason_of(error)}; make room, then run this again"
            raise DataError(self.target, None, message) from None

    def clean(self, shards: int) -> None:
        """Remove what only an unfinished prediction needs: the manifest last, and the lock."""
        if not self.is_folder:
            for number in range(shards):
                self.shard(number).unlink(missing_ok=True)
            self.abandon()

    def abandon(self) -> None:
        """Remove the manifest and, if it is empty then, the folder."""
        for name in (_JOINED, _MANIFEST, f"{_MANIFEST}-journal", _LOCK):
            (self.folder / name).unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()


@dataclass(frozen=True)
class StreamOutput:
    """An open stream, to which shards are written as they are finished."""

    stream: BinaryIO

    def write_shard(self, number: int, content: Iterable[str]) -> None:
        """Write a shard."""
        for text in content:
            self.stream.write(text.encode())
        self.stream.flush()
