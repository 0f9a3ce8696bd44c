"""The process that reads a result pickle: standard input has the file, standard output the answer.

No function of the file's choosing runs (:mod:`mtner_cli.core.evaluate.safe_pickle`), but a few
bytes can ask for all memory, endless time or endless depth. So this process limits itself before it
reads, and it answers in JSON, a sentence a line, of which nothing can run. A line that is a string
says what is wrong with the file.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy  # noqa: F401  (before the limits, which it does not count against)

from mtner_cli.core.evaluate.result_content import plain_sentences
from mtner_cli.core.evaluate.safe_pickle import ResultFileError, read_pickle

# What reading a result file may take. Files of 20 to 130 MB, of this system and the original one,
# took 9 bytes of memory for each of their own, a second for 33 MB, and gave less than they hold.
MEMORY = 512 << 20
MEMORY_PER_BYTE = 16
SECONDS = 2
BYTES_PER_SECOND = 4 << 20
ANSWER = 4 << 20
ANSWER_PER_BYTE = 8
LARGEST = 1 << 30  # no more for larger files: an empty one of a terabyte takes no room on a disk

OUT_OF_MEMORY = 3
TOO_DEEP = 4
"""How the process ends where it has no memory, or no stack, left to say so."""

_PARENT_DEATH_SIGNAL, _DUMPABLE = 1, 4  # prctl's names of what it sets


def size_of(stream: IO[bytes]) -> int:
    """Give the bytes of a file that count for its limits."""
    return min(os.fstat(stream.fileno()).st_size, LARGEST)


def main(parent: int) -> None:
    """Answer for the file on standard input, and end this process.

    Args:
        parent: the process that wants the answer; this one does not outlive it.
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
    os._exit(0)  # at once: nobody needs what was read to be taken apart again


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
    """End with the parent, and leave no core dump behind."""
    set_process = ctypes.CDLL(None).prctl
    set_process(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    set_process(_DUMPABLE, 0)
    if os.getppid() != parent:
        os._exit(1)


def _limit(size: int) -> None:
    gc.disable()  # a pickle of plain values has hardly a cycle, but millions of objects to look at
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
        with suppress(ValueError):  # where the user's own limit is lower still
            resource.setrlimit(kind, (most, hard))
