"""An unexpected error: one line for the user, and a file with what a developer needs."""

from __future__ import annotations

import errno
import os
import platform
import re
import sys
import tempfile
import time
import traceback
from pathlib import Path

from mtner_cli import __version__
from mtner_cli.errors import quoted

_PASSWORD = re.compile(r"//[^/@\s]*@")
_OUT_OF_MEMORY = (
    "the memory of this machine (or of its GPU) is not enough for this; close other programs or "
    "use a larger machine, and in training a smaller train.batch_size or "
    "data_transform.max_tokens, or a smaller encoder"
)
_NO_MEMORY = ("can't allocate memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
"""What torch says of it where it raises a plain RuntimeError."""


def crash_message(error: BaseException) -> str:
    """Write a crash report; say in one sentence what happened, and in one where the report is."""
    what = f"{type(error).__name__}: {quoted(str(error))}"
    path = _write_report(error)
    where = "could not be written" if path is None else f"is in {path}"
    return (
        f"mtner {__version__} has an error of its own ({what}). "
        f"The traceback {where}; please report it with that file"
    )


def limit_of_machine(error: BaseException) -> str | None:
    """Say what the machine lacks; None where the error is a fault of the program."""
    if (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and any(text in str(error) for text in _NO_MEMORY))
    ):
        return _OUT_OF_MEMORY
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full ({error}); make room, then run the command again"
    return None


def _write_report(error: BaseException) -> Path | None:
    """Write the report into the current folder, or where temporary files go."""
    name = time.strftime(f"mtner-crash-%Y-%m-%d_%H-%M-%S-{os.getpid()}.txt")
    text = _report(error).encode("utf-8", "backslashreplace")
    for folder in (Path.cwd(), Path(tempfile.gettempdir())):
        try:
            handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError:
            continue
        with os.fdopen(handle, "wb") as file:
            file.write(text)
        return folder / name
    return None


def _report(error: BaseException) -> str:
    versions = {
        name: getattr(sys.modules[name], "__version__", "?")
        for name in ("torch", "transformers", "numpy", "pandas", "pydantic", "rich", "typer")
        if name in sys.modules
    }
    lines = [
        f"mtner {__version__}, Python {platform.python_version()}, {platform.platform()}",
        ", ".join(f"{name} {version}" for name, version in versions.items()),
        f"command: {_PASSWORD.sub('//***@', ' '.join(map(repr, sys.argv)))}",
        f"folder: {os.getcwd()!r}",
        "",
        *traceback.format_exception(error),
    ]
    return "\n".join(lines)
