"""Read a result pickle in a separate, limited process, which cannot harm this one.

No function that the file names runs (:mod:`mtner_cli.core.results.unpickle`), but a few bytes can
ask for all memory, endless time or endless depth. So the process limits itself before it reads its
standard input. It answers in JSON, which cannot run anything, on its standard output, one sentence
per line. A line that is a string says what is wrong with the file.
"""

from __future__ import annotations

import ctypes
import gc
import json
import math
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from mtner_cli.core.results.unpickle import (
    PlainSentence,
    ResultFileError,
    plain_sentences,
    read_pickle,
)
from mtner_cli.core.types import ScoredMention, Tag, TestedSentence
from mtner_cli.errors import DataError

# Limits for reading a result file. Files of 20 to 130 MB, of this system and the original one,
# needed 9 bytes of memory per byte and one second per 33 MB; the answers were smaller than the
# files.
MEMORY = 512 << 20
MEMORY_PER_BYTE = 16
SECONDS = 2
BYTES_PER_SECOND = 4 << 20
ANSWER = 4 << 20
ANSWER_PER_BYTE = 8
LARGEST = 1 << 30  # most bytes that count: a sparse file of a terabyte needs no disk space

OUT_OF_MEMORY = 3
TOO_DEEP = 4
"""Exit codes of the process when it has no memory or no stack left to write a message."""

_PARENT_DEATH_SIGNAL, _DUMPABLE = 1, 4  # prctl's option numbers
_PIECE = 1 << 20
# A fresh interpreter, since a fork would copy the threads' locks; it has the same sys.path.
_START = (
    "import sys; parent, *sys.path = sys.argv[1:]; "
    "from mtner_cli.core.results.read import main; main(int(parent))"
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


def caged_sentences(path: Path) -> Iterator[PlainSentence]:
    """Yield the sentences of a result pickle, read in a limited process.

    They were JSON, so they have lists instead of tuples.

    Raises:
        DataError: if the file cannot be read, is no result pickle, or would take more memory, time
            or depth than the limits of :mod:`mtner_cli.core.results.read`.
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
    """Open a file, or a copy of a pipe or device, since the limits depend on the size."""
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
    """Start a process that reads the stream; end it whenever the block is left."""
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


def size_of(stream: IO[bytes]) -> int:
    """Return the number of bytes of a file that count for its limits."""
    return min(os.fstat(stream.fileno()).st_size, LARGEST)


def main(parent: int) -> None:
    """Read the file on standard input, write the answer, and end this process.

    Args:
        parent: the id of the process that wants the answer; this process ends with it.
    """
    stream, answer = sys.stdin.buffer, sys.stdout.buffer
    _die_with(parent)
    _limit(size_of(stream))
    try:
        _answer(stream, answer)
        answer.flush()
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except RecursionError:
        os._exit(TOO_DEEP)
    os._exit(0)  # at once: freeing all objects one by one would only cost time


def _answer(stream: IO[bytes], answer: IO[bytes]) -> None:
    encode = json.JSONEncoder(ensure_ascii=False).encode
    try:
        for sentence in plain_sentences(read_pickle(stream)):
            answer.write(encode(sentence).encode() + b"\n")
    except UnicodeEncodeError:
        answer.write(b'"holds text that is no Unicode (a half of a surrogate pair)"\n')
    except ResultFileError as error:
        answer.write(json.dumps(str(error)).encode() + b"\n")


def _die_with(parent: int) -> None:
    """Make this process end with its parent and write no core dump."""
    set_process = ctypes.CDLL(None).prctl
    set_process(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    set_process(_DUMPABLE, 0)
    if os.getppid() != parent:
        os._exit(1)


def _limit(size: int) -> None:
    gc.disable()  # plain values have hardly any cycles, but are millions of objects to scan
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    memory = pages * resource.getpagesize() + MEMORY + MEMORY_PER_BYTE * size
    seconds = int(time.process_time()) + SECONDS + size // BYTES_PER_SECOND
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    for kind, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        with suppress(ValueError):  # the user's own limit is even lower
            resource.setrlimit(kind, (most, hard))


def read_result_sentences(path: Path) -> list[TestedSentence]:
    """Return all sentences of a result pickle in order, with the mentions of its ``pred_df``.

    The file holds tags as text, so the corpus of a separate tag is a part of its entity type.

    Raises:
        DataError: if the file is not such a pickle, or exceeds the limits; see
            :func:`~mtner_cli.core.results.read.caged_sentences`.
    """
    return [_tested(sentence) for sentence in caged_sentences(path)]


def _tested(plain: PlainSentence) -> TestedSentence:
    return TestedSentence(
        corpus=plain["corpus"],
        index=plain["number"],
        document=plain["document"],
        start=plain["start"],
        text=plain["text"],
        words=tuple(plain["words"]),
        word_offsets=tuple((first, last) for first, last in plain["word_offsets"]),
        gold=tuple((start, end, Tag(None, name)) for start, end, name in plain["gold"]),
        gold_unmatched=tuple(
            (start, end, Tag(None, name)) for start, end, name in plain["unmatched"]
        ),
        predicted=tuple(
            ScoredMention(start, end, Tag(None, name), math.nan if score is None else score)
            for start, end, name, score in plain["predicted"]
        ),
    )
