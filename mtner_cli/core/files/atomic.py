"""Write files that appear complete or not at all, and never over a file that is read."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from mtner_cli.errors import ConfigError, DataError, reason_of
from mtner_cli.paths import exists, is_folder

_PREFIX, _SUFFIX = ".mtner-", ".tmp"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_STREAM = re.compile(r"/dev/std(?P<name>out|err)|(?:/dev|/proc/self)/fd/(?P<number>[0-9]{1,9})")
_TEMPORARY = re.compile(r"\.mtner-[a-z0-9_]{8}\.tmp")


@contextmanager
def atomic_text_file(
    path: Path, encoding: str = "utf-8", *, own_folder: bool = False
) -> Iterator[TextIO]:
    r"""Open a text file for writing that replaces ``path`` only if the block succeeds.

    Lines end in ``\n`` on every system. The rest is as in :func:`atomic_path`.

    Raises:
        DataError: if the file cannot be written.
    """
    with (
        atomic_path(path, own_folder=own_folder) as temporary,
        open(temporary, "w", encoding=encoding, newline="\n") as file,
    ):
        yield file


@contextmanager
def atomic_path(path: Path, *, own_folder: bool = False, sync: bool = True) -> Iterator[Path]:
    """Yield a temporary file that replaces ``path`` if the block succeeds.

    It lies beside ``path`` and is renamed at the end, with the mode of the file that it replaces.
    On any exception, also an interrupt, it is removed and the file at ``path`` stays unchanged.
    A device or a pipe is never replaced: the finished content is written into it.

    Args:
        own_folder: ``path`` lies in a folder that this program made, such as a run's. A link there
            is refused, since it may come from another person's archive, and the folder must exist.
            In other folders the file behind a link is replaced, and missing folders are made.
        sync: flush the content to the disk before it replaces the old one.

    Raises:
        DataError: if the file cannot be written; the old content is still there.
    """
    temporary, target = None, path
    try:
        target, replaced = _target(path, own_folder)
        stream = _open_stream(path)
        is_plain = stream is None and (replaced is None or stat.S_ISREG(replaced.st_mode))
        temporary = _temporary_file(target.parent if is_plain else None)
        yield temporary
        if not is_plain:
            _pour(temporary, target if stream is None else stream)
            return
        if sync:
            _sync(temporary)
        _take_mode(temporary, replaced)  # after _sync: the mode may forbid reading
        os.replace(temporary, target)
        temporary = None
        if sync:
            with suppress(OSError):  # not every file system can sync a folder
                _sync(target.parent)
    except (OSError, RuntimeError, ValueError) as error:
        # An error of a write names no file; an error that names another file has another cause.
        if temporary and not _concerns((path, target, temporary), error):
            raise
        raise DataError(path, None, _cannot_be_written(error)) from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes ``path`` if the block succeeds, and else is removed.

    Raises:
        DataError: if ``path`` is there and is no empty folder, or cannot be written.
    """
    temporary = None
    try:
        if exists(path) and not (is_folder(path) and not any(path.iterdir())):
            raise DataError(path, None, "is there already; give the name of a new folder")
        target = path.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=_PREFIX, suffix=_SUFFIX, dir=target.parent))
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o777 & ~mask)
        os.replace(temporary, target)
        temporary = None
    except (OSError, ValueError) as error:
        if temporary and not _is_inside(temporary, error):
            raise
        raise DataError(path, None, _cannot_be_written(error)) from None
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def refuse_overwriting(inputs: Iterable[Path], out: Path) -> None:
    """Raise ConfigError if writing ``out`` would overwrite an input or a file in an input."""
    target = file_identity(out)
    for path in inputs:
        same_file = target is not None and target == file_identity(path)
        if same_file or (os.path.isdir(path) and _is_within(out, path)):
            raise ConfigError([f"{out} would overwrite {path}: write to another file"])


def _is_within(out: Path, folder: Path) -> bool:
    """Tell whether ``out`` is an existing file in the folder or in its subfolders."""
    return os.path.exists(out) and out.resolve().is_relative_to(folder.resolve())


def file_identity(path: Path) -> object:
    """Return a value that all names of one file share; None for a pipe or device.

    A pipe or device is never replaced, so it needs no comparison.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        return path.resolve()
    except (OSError, ValueError):
        return path  # reading or writing it reports the fault
    plain = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
    return (status.st_dev, status.st_ino) if plain else None


def remove_temporaries(folder: Path, older_than: float = 0) -> None:
    """Delete the temporary files of :func:`atomic_path` that killed processes left in a folder.

    Args:
        older_than: delete only files changed before this time (seconds since 1970); 0: all.
    """
    with suppress(OSError):
        for path in folder.iterdir():
            if _TEMPORARY.fullmatch(path.name) and not path.is_symlink():
                with suppress(OSError):
                    if not older_than or path.stat().st_mtime < older_than:
                        path.unlink()


def _target(path: Path, own_folder: bool) -> tuple[Path, os.stat_result | None]:
    """Return the file to write and its present status; make its folder unless ``own_folder``."""
    try:
        status = path.lstat() if own_folder else path.stat()
    except FileNotFoundError:
        status = None
    if status is not None and stat.S_ISDIR(status.st_mode):
        raise DataError(path, None, "is a folder; give the name of a file to write")
    if own_folder:
        if status is not None and not stat.S_ISREG(status.st_mode):
            message = "is a link or not a plain file, and a run writes plain files only; delete it"
            raise DataError(path, None, message)
        if not path.parent.is_dir():
            message = f"cannot be written: the folder {path.parent} has been removed"
            raise DataError(path, None, message)
        return path, status
    if status is not None and not stat.S_ISREG(status.st_mode):
        return path, status
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    return target, status


def _temporary_file(folder: Path | None) -> Path:
    handle, name = tempfile.mkstemp(prefix=_PREFIX, suffix=_SUFFIX, dir=folder)
    os.close(handle)
    return Path(name)


def _open_stream(path: Path) -> int | None:
    """Return the descriptor of the stream that a path such as ``/dev/stdout`` names, or None.

    The shell may have opened a file for it that other processes write to as well.
    """
    found = _STREAM.fullmatch(str(path))
    if found is None:
        return None
    number = found["number"]
    return int(number) if number is not None else {"out": 1, "err": 2}[found["name"]]


def _pour(source: Path, target: Path | int) -> None:
    """Write a file's content into a pipe, device or open stream, which is never replaced."""
    handle = os.dup(target) if isinstance(target, int) else os.open(target, os.O_WRONLY)
    with source.open("rb") as content, os.fdopen(handle, "wb") as sink:
        shutil.copyfileobj(content, sink)


def _take_mode(temporary: Path, replaced: os.stat_result | None) -> None:
    """Give the new file the owner and mode of the old one, or the default mode."""
    if replaced is None:
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        return
    if (replaced.st_uid, replaced.st_gid) != (os.geteuid(), os.getegid()):
        with suppress(OSError):  # only root can give files away
            os.chown(temporary, replaced.st_uid, replaced.st_gid)
    os.chmod(temporary, stat.S_IMODE(replaced.st_mode))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _concerns(paths: Iterable[Path], error: Exception) -> bool:
    """Tell whether an error comes from writing to these paths."""
    if not isinstance(error, OSError):
        return False
    named = {str(name) for name in (error.filename, error.filename2) if name is not None}
    return not named or not named.isdisjoint(map(str, paths))


def _is_inside(folder: Path, error: Exception) -> bool:
    """Tell whether an error comes from writing to files of a folder."""
    if not isinstance(error, OSError):
        return False
    named = [Path(os.fsdecode(name)) for name in (error.filename, error.filename2) if name]
    return not named or any(path.is_relative_to(folder) for path in named)


def _cannot_be_written(error: Exception) -> str:
    is_full = isinstance(error, OSError) and error.errno in _FULL
    advice = "make room, or write to another place" if is_full else "write to another place"
    return f"cannot be written: {reason_of(error)}; {advice}"
