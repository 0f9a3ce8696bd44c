"""Reading a result pickle in a process of its own, which is limited and cannot harm this one."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from mtner_cli.core.evaluate.caged_reader import (
    ANSWER,
    ANSWER_PER_BYTE,
    LARGEST,
    OUT_OF_MEMORY,
    TOO_DEEP,
    size_of,
)
from mtner_cli.errors import DataError

_PIECE = 1 << 20
# A fresh interpreter, since a fork would copy the threads' locks; it finds what this one finds.
_START = (
    "import sys; parent, *sys.path = sys.argv[1:]; "
    "from mtner_cli.core.evaluate.caged_reader import main; main(int(parent))"
)
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # more cost time and memory

_ADVICE = (
    "write it again with 'mtner test' or 'mtner predict-cross', and do not load it with other "
    "tools unless you trust who made it"
)
_TOO_MUCH = "takes more {} than a result file of its size does, so it is not read; " + _ADVICE
_NESTED = "is nested more deeply than any result file, so it is not read; " + _ADVICE
_ENDS = {
    OUT_OF_MEMORY: _TOO_MUCH.format("memory"),
    -signal.SIGABRT: _TOO_MUCH.format("memory"),
    -signal.SIGXCPU: _TOO_MUCH.format("time"),
    -signal.SIGKILL: _TOO_MUCH.format("time or memory"),
    TOO_DEEP: _NESTED,
    -signal.SIGSEGV: _NESTED,
    -signal.SIGBUS: _NESTED,
}


def caged_sentences(path: Path) -> Iterator[Any]:
    """Every :data:`~mtner_cli.core.evaluate.result_content.PlainSentence` of a result pickle, as
    JSON has it: a list where that has a tuple.

    Raises:
        DataError: if the file cannot be read, is no result pickle, or would take more memory, time
            or depth than the limits of :mod:`mtner_cli.core.evaluate.caged_reader`.
    """
    with _opened(path) as stream, _reading_process(path, stream) as process:
        assert process.stdout is not None
        room = ANSWER + ANSWER_PER_BYTE * size_of(stream)
        while (line := process.stdout.readline(room + 1)).endswith(b"\n"):
            value = json.loads(line)
            if isinstance(value, str):
                raise DataError(path, None, value)
            yield value
            room -= len(line)
        if len(line) > room:
            raise DataError(path, None, _TOO_MUCH.format("room"))
        end = process.wait()
        if end != 0:
            unknown = f"cannot be read: the process that reads it ended with the code {end}"
            raise DataError(path, None, _ENDS.get(end, unknown))


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file; of a pipe or device a copy, since the limits depend on the size."""
    with ExitStack() as files:
        try:
            stream: IO[bytes] = files.enter_context(path.open("rb"))
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                stream = _copied(stream, files.enter_context(TemporaryFile()), path)
        except OSError as error:
            raise DataError(path, None, f"cannot be read: {error.strerror}") from error
        yield stream


def _copied(stream: IO[bytes], copy: IO[bytes], path: Path) -> IO[bytes]:
    while piece := stream.read(_PIECE):
        copy.write(piece)
        if copy.tell() > LARGEST:
            message = f"gives more than {LARGEST >> 20:,} MB, which only a plain file may hold"
            raise DataError(path, None, message)
    copy.seek(0)
    return copy


@contextmanager
def _reading_process(path: Path, stream: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that reads the stream; on any way out of the block it has ended."""
    command = [sys.executable, "-I", "-c", _START, str(os.getpid()), *map(str, sys.path)]
    try:
        process = subprocess.Popen(
            command,
            stdin=stream,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **_ONE_THREAD},
        )
    except OSError as error:
        message = f"cannot be read: no process can be started for it ({error.strerror})"
        raise DataError(path, None, message) from error
    with process:
        try:
            yield process
        finally:
            process.kill()
