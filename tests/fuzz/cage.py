"""Runs one case under watch: in time, in little memory, in its own folder, without a network.

What a reader must never do is noticed by an audit hook of the interpreter, so it is noticed
whichever library does it: connect somewhere, start a program, run code of the case's files, write
outside the case's folder.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import traceback
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Literal

import mtner_cli
from mtner_cli.errors import ConfigError, MtnerError
from tests.fuzz.case import Case, Finding, NotCounted, WrongResult

MOST_SECONDS = 20
GRACE = 20
"""Seconds more after which a process that is busy outside the interpreter is ended."""
MOST_MEMORY = 2 * 1024**3
"""Bytes of address space for one case, beyond what the process has before it."""
MOST_LINES = 21
"""Twenty faults, and a line that counts the others."""
MOST_LENGTH = 600
"""Characters of a fault; an escaped character counts once."""

Outcome = Literal["ok", "error", "not counted"]
Run = Callable[[Case, Path], set[str]]
"""Gives the files of the case to their readers; returns the paths of what may be there then."""

_PACKAGE = Path(mtner_cli.__file__).parent
_ESCAPE = re.compile(r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")
_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
_HARMLESS = "\n\t\u00ad\u200c\u200d"
"""Line ends, and what joins or breaks words and emoji."""
_OTHER_PROGRAMS = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class OutOfTime(BaseException):
    """A case takes too long; no ``except Exception`` stops it."""


_RUN_OUT = (OutOfTime, MemoryError, RecursionError)


def scratch_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder for a cage: in memory if possible, since a disk takes its time to sync."""
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)


class Cage:
    """A folder in which cases run one after the other.

    Args:
        folder: a scratch folder; its subfolder ``case`` holds the case that runs, also after the
            process has been killed by it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve() / "case"

    def try_case(self, case: Case, run: Run, rewrites: tuple[str, ...] = ()) -> Outcome | Finding:
        """What becomes of a case.

        Args:
            rewrites: how the paths of input files start that the reader may write anew.
        """
        self._clear()
        self.folder.mkdir(parents=True)
        case.write(self.folder)
        (self.folder / "out").mkdir()
        (self.folder / "tmp").mkdir()
        before = _files_in(self.folder)
        outcome: Outcome | Finding
        made: set[str] = set()
        shown = StringIO()
        with _limits(), _at_home(self.folder), _watch(self.folder) as seen:
            try:
                with redirect_stdout(shown), redirect_stderr(shown):
                    made = run(case, self.folder)
                outcome = "ok"
            except MtnerError as error:
                outcome = _judge_message(error)
            except NotCounted:
                outcome = "not counted"
                made = _files_in(self.folder) - before
            except WrongResult as wrong:
                return Finding(wrong.what, case.settings.get("converter", ""), str(wrong))
            except (Exception, OutOfTime) as error:
                return _finding_of(error)
        if isinstance(outcome, Finding):
            return outcome
        return (
            _judge_deeds(seen)
            or _judge_files(self.folder, before, made, case, rewrites)
            or _judge_shown(shown.getvalue())
            or outcome
        )

    def _clear(self) -> None:
        if self.folder.exists():
            shutil.rmtree(self.folder)


def _finding_of(error: BaseException) -> Finding:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)]
    place = ""
    if ours:
        # Where time, memory or stack run out is chance: what was called says more.
        frame = ours[0 if isinstance(error, _RUN_OUT) else -1]
        place = f"{Path(frame.filename).relative_to(_PACKAGE)}:{frame.name}"
    report = "".join(traceback.format_exception(error, limit=-25))
    report = report.encode("utf-8", "backslashreplace").decode()[-20_000:]
    return Finding(type(error).__name__, place, report)


def _judge_message(error: MtnerError) -> Literal["error"] | Finding:
    """An error must be short, on one line for each fault, and show nothing that steers."""
    message = str(error)
    lines = message.split("\n")
    place = _finding_of(error).place
    report = message[:5000].encode("unicode_escape").decode()
    if any(_is_hidden(character) for character in message):
        return Finding("control character in a message", place, report)
    if not message.strip() or (len(lines) > 1 and not isinstance(error, ConfigError)):
        return Finding("message that is not one line", place, report)
    if len(lines) > MOST_LINES or any(len(_ESCAPE.sub("x", line)) > MOST_LENGTH for line in lines):
        return Finding("message too long", place, report)
    return "error"


def _judge_shown(text: str) -> Finding | None:
    if any(_is_hidden(character) for character in text):
        report = text[:5000].encode("unicode_escape").decode()
        return Finding("control character on the terminal", "", report)
    return None


def _is_hidden(character: str) -> bool:
    return character not in _HARMLESS and unicodedata.category(character) in _HIDDEN


def _judge_deeds(seen: list[str]) -> Finding | None:
    return Finding("forbidden deed", seen[0].partition(":")[0], "\n".join(seen)) if seen else None


def _judge_files(
    folder: Path, before: set[str], made: set[str], case: Case, rewrites: tuple[str, ...]
) -> Finding | None:
    """The inputs as they were, the outputs that there should be, and nothing else."""
    after = _files_in(folder)
    if after != before | made:
        wrong = (
            f"left over {sorted(after - before - made)}, missing {sorted(before | made - after)}"
        )
        return Finding("wrong files afterwards", "", wrong)
    for name, content in case.files.items():
        if not name.startswith(rewrites or ("\0",)) and (folder / name).read_bytes() != content:
            return Finding("input file changed", "", name)
    return None


def _files_in(folder: Path) -> set[str]:
    found: set[str] = set()
    for path, _, names in os.walk(folder):
        found.update(os.path.relpath(os.path.join(path, name), folder) for name in names)
    return found


@contextmanager
def _at_home(folder: Path) -> Iterator[None]:
    """Temporary files and relative paths lie in the folder, and the cache too."""
    old_folder, old_temporary = os.getcwd(), tempfile.tempdir
    old_cache = os.environ.get("MTNER_CACHE")
    os.chdir(folder)
    tempfile.tempdir = str(folder / "tmp")
    os.environ["MTNER_CACHE"] = str(folder / "cache")
    try:
        yield
    finally:
        os.chdir(old_folder)
        tempfile.tempdir = old_temporary
        if old_cache is None:
            del os.environ["MTNER_CACHE"]
        else:
            os.environ["MTNER_CACHE"] = old_cache


@contextmanager
def _limits() -> Iterator[None]:
    """Little memory, and an exception after a while."""

    def out_of_time(number: int, frame: FrameType | None) -> None:
        if frame is not None and "hypothesis" in frame.f_code.co_filename:
            # In a callback of the garbage collector an exception would be lost.
            signal.setitimer(signal.ITIMER_REAL, 0.01, GRACE / 2)
            return
        raise OutOfTime(f"more than {MOST_SECONDS} s")

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MOST_MEMORY
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    old_handler = signal.signal(signal.SIGALRM, out_of_time)
    old_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    # Again and again: an exception that is raised within a finaliser is lost.
    signal.setitimer(signal.ITIMER_REAL, MOST_SECONDS, GRACE / 2)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        sys.dont_write_bytecode = old_bytecode
        signal.signal(signal.SIGALRM, old_handler)


class _Watched:
    """What the audit hook looks at; hooks cannot be taken off, so it is one for the process."""

    folder: str | None = None
    seen: list[str]
    hooked = False


@contextmanager
def _watch(folder: Path) -> Iterator[list[str]]:
    if not _Watched.hooked:
        sys.addaudithook(_hook)
        _Watched.hooked = True
    _Watched.seen = []
    _Watched.folder = str(folder)
    try:
        yield _Watched.seen
    finally:
        _Watched.folder = None


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    folder = _Watched.folder
    if folder is None:
        return
    deed = ""
    if event == "open":
        path, _, flags = arguments
        writes = isinstance(flags, int) and flags & _WRITING
        if writes and isinstance(path, str | bytes) and not _is_own(os.fsdecode(path), folder):
            deed = f"wrote outside its folder: {path!r}"
    elif event == "exec":
        code = arguments[0]
        if isinstance(code, CodeType) and code.co_filename.startswith(folder):
            deed = f"ran code: {code.co_filename}"
    elif event in ("socket.connect", "socket.getaddrinfo"):
        if not (event == "socket.connect" and isinstance(arguments[1], str | bytes)):
            deed = f"{event}: {arguments[-1]!r}"
    elif event in _OTHER_PROGRAMS and os.fsdecode(arguments[0] or b"") != sys.executable:
        deed = f"{event}: {arguments[0]!r}"
    if deed:
        _Watched.seen.append(deed)
        raise PermissionError(f"refused in a fuzz test: {deed}")


def _is_own(path: str, folder: str) -> bool:
    whole = os.path.normpath(os.path.join(folder, path))
    return whole.startswith(folder + os.sep) or whole == os.devnull
