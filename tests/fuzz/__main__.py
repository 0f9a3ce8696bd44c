"""``make fuzz`` and ``make fuzz-case``: look for findings until told to stop, or repeat one.

Cases run in a process of their own, family by family in turn, so that one that crashes or hangs
the interpreter is a finding like any other. A finding is a folder of ``fuzz-findings`` with the
files, the traceback, and the command that repeats it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

from tests.fuzz.cage import Cage, scratch_folder
from tests.fuzz.case import Finding, read_case
from tests.fuzz.families import FAMILIES
from tests.fuzz.hunt import Tally, hunt
from tests.fuzz.seeds import PROJECT

FINDINGS = PROJECT / "fuzz-findings"
LINE_EVERY = 30.0
TURN = 60.0
"""Seconds of one family before it is the next one's turn."""
CASES_AT_ONCE = 500


def main() -> int:
    """Read the command line; the exit code is 1 if there was a finding."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("case", nargs="?", type=Path, help="repeat the case in this folder")
    parser.add_argument("--family", choices=sorted(FAMILIES), help="only these readers")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--worker", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case is not None:
        return repeat(arguments.case)
    if arguments.worker is not None:
        return Worker(arguments.family, arguments.worker, 60 * arguments.minutes).work()
    names = [arguments.family] if arguments.family else list(FAMILIES)
    return Watchman(time.monotonic() + 60 * arguments.minutes).watch(names)


def repeat(folder: Path) -> int:
    """Try one kept case again and say what comes of it."""
    case = read_case(folder)
    family = FAMILIES[case.family]
    with scratch_folder() as scratch:
        outcome = Cage(Path(scratch)).try_case(case, family.run, family.rewrites)
    if isinstance(outcome, Finding):
        print(f"{outcome.report}\nfinding: {outcome.key}")  # noqa: T201
        return 1
    print(f"no finding: {outcome}")  # noqa: T201
    return 0


# ------------------------------------------------------------------------------------- the worker


class Worker:
    """Hunts for a while; each line of its output is a JSON object for the watchman.

    Args:
        name: the family.
        folder: a scratch folder, in which ``known.json`` names what has been found.
        seconds: how long.
    """

    def __init__(self, name: str, folder: Path, seconds: float) -> None:
        self._family = FAMILIES[name]
        self._cage = Cage(folder)
        self._known = set(json.loads((folder / "known.json").read_text()))
        self._end = time.monotonic() + seconds
        self._tally = Tally()
        self._told = 0.0
        # Whatever else prints to standard output goes to standard error.
        self._output = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)

    def work(self) -> int:
        """Hunt until the time is up."""
        draw = random.SystemRandom()
        while not self._is_over():
            number = draw.getrandbits(60)
            found = hunt(
                self._family,
                self._cage,
                CASES_AT_ONCE,
                self._tally,
                self._known,
                number,
                self._is_over,
            )
            if found is not None:
                case, finding = found
                self._known.add(finding.key)
                self._tell({"found": finding.key, "folder": str(finding.keep(case, FINDINGS))})
        self._tell({"tally": self._tally.outcomes, "done": True})
        return 0

    def _is_over(self) -> bool:
        now = time.monotonic()
        if now - self._told > 1:
            self._told = now
            self._tell({"tally": self._tally.outcomes})
        return now > self._end

    def _tell(self, message: dict[str, object]) -> None:
        self._output.write(f"{json.dumps(message)}\n")
        self._output.flush()


# ----------------------------------------------------------------------------------- the watchman


@dataclass
class Watchman:
    """Sends workers out, one at a time, and sums up what they tell.

    Attributes:
        end: when to stop, by the monotonic clock.
        tallies: outcomes of each family.
        findings: folders by the keys of what was found, and by the families.
    """

    end: float
    tallies: dict[str, Counter[str]] = field(default_factory=dict)
    findings: dict[tuple[str, str], str] = field(default_factory=dict)

    def watch(self, names: list[str]) -> int:
        """Let the families take turns until the end or an interrupt."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        reporter = Thread(target=self._report, daemon=True)
        reporter.start()
        turn = 0
        try:
            while time.monotonic() < self.end:
                self._send(names[turn % len(names)])
                turn += 1
        except KeyboardInterrupt:
            pass
        inputs = sum(tally.total() for tally in self.tallies.values())
        for (family, key), folder in self.findings.items():
            print(f"{family}: {key}\n  make fuzz-case CASE={folder}")  # noqa: T201
        counts = ", ".join(f"{name} {tally.total():,}" for name, tally in self.tallies.items())
        print(f"{inputs:,} inputs ({counts}), {len(self.findings)} findings")  # noqa: T201
        return 1 if self.findings else 0

    def _report(self) -> None:
        while True:
            time.sleep(LINE_EVERY)
            whole: Counter[str] = sum(self.tallies.values(), Counter())
            print(  # noqa: T201
                f"{time.strftime('%H:%M:%S')}  inputs {whole.total():,}  ok {whole['ok']:,}  "
                f"clear errors {whole['error']:,}  not counted {whole['not counted']:,}  "
                f"findings {len(self.findings)}",
                flush=True,
            )

    def _send(self, name: str) -> None:
        """A worker's turn; one that ends before its time has found something by dying."""
        seconds = min(TURN, self.end - time.monotonic())
        with scratch_folder() as made:
            folder = Path(made)
            known = [key for family, key in self.findings if family == name]
            (folder / "known.json").write_text(json.dumps(known))
            options = ["--family", name, "--worker", str(folder), "--minutes", str(seconds / 60)]
            with (folder / "errors").open("w") as errors:
                worker = subprocess.Popen(
                    [sys.executable, "-m", "tests.fuzz", *options],
                    cwd=PROJECT,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                    start_new_session=True,
                )
                try:
                    done = self._listen(name, worker)
                finally:
                    worker.kill()
                    worker.wait()
            if not done:
                self._keep_last(name, folder, worker.returncode)

    def _listen(self, name: str, worker: subprocess.Popen[str]) -> bool:
        """Take in what a worker tells; False if it dies."""
        assert worker.stdout is not None
        before = self.tallies.get(name, Counter())
        for line in worker.stdout:
            message = json.loads(line)
            if "tally" in message:
                self.tallies[name] = before + Counter(message["tally"])
            if "found" in message:
                self._add(name, message["found"], message["folder"])
            if "done" in message:
                worker.wait()
                return True
        worker.wait()
        return False

    def _keep_last(self, name: str, folder: Path, code: int) -> None:
        """Keep the case that a worker died of."""
        report = (folder / "errors").read_text(errors="replace")[-20_000:]
        frames = [line for line in report.splitlines() if "/mtner_cli/" in line]
        place = frames[0].rpartition("/mtner_cli/")[2] if frames else ""
        finding = Finding(f"the process ended with {code}", place.partition('"')[0], report)
        try:
            case = read_case(folder / "case")
        except (OSError, ValueError):
            print(f"{name}: the worker ended with {code}\n{report}")  # noqa: T201
            self._add(name, finding.key, "")
            return
        self._add(name, finding.key, str(finding.keep(case, FINDINGS)))

    def _add(self, name: str, key: str, folder: str) -> None:
        if (name, key) not in self.findings:
            print(f"finding in {name}: {key}\n  {folder}", flush=True)  # noqa: T201
        self.findings[name, key] = folder


if __name__ == "__main__":
    sys.exit(main())
