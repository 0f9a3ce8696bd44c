"""Draws cases of a family, tries each, and makes those that fail small."""

from __future__ import annotations

import faulthandler
import time
from collections import Counter
from collections.abc import Callable, Container
from contextlib import suppress
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Flaky, FlakyFailure

from tests.fuzz.cage import GRACE, MOST_SECONDS, Cage, OutOfTime
from tests.fuzz.case import Case, Finding
from tests.fuzz.families import Family

LONGEST_SHRINK = 30.0
"""Seconds in which a failing case is made smaller."""


@dataclass
class Tally:
    """How many cases came to what: ``ok``, ``error``, ``not counted`` or ``finding``."""

    outcomes: Counter[str] = field(default_factory=Counter)

    @property
    def inputs(self) -> int:
        return self.outcomes.total()


class _Failed(Exception):  # noqa: N818 - it is what hypothesis is to make small
    """A case that shows a finding."""


@dataclass
class _Hunter:
    """Tries cases until one shows a finding that is not known; then only that one counts."""

    family: Family
    cage: Cage
    known: Container[str]
    tally: Tally
    is_over: Callable[[], bool]
    case: Case | None = None
    finding: Finding | None = None
    since: float = 0.0
    wound_up: float = float("-inf")

    def take(self, case: Case) -> None:
        self._wind_up()
        if self.finding is None and self.is_over():
            return
        if self.finding is not None and time.monotonic() - self.since > LONGEST_SHRINK:
            if case == self.case:  # time is up: only the smallest so far still fails
                raise _Failed
            return
        outcome = self.cage.try_case(case, self.family.run, self.family.rewrites)
        if self.finding is None:
            kind = "finding" if isinstance(outcome, Finding) else outcome
            self.tally.outcomes[kind] += 1
        if not isinstance(outcome, Finding) or outcome.key in self.known:
            return
        if self.finding is None:
            self.since = time.monotonic()
            if outcome.kind == OutOfTime.__name__:
                self.since -= LONGEST_SHRINK  # each attempt would take as long again
        elif outcome.key != self.finding.key:
            return
        self.case, self.finding = case, outcome
        raise _Failed

    def _wind_up(self) -> None:
        """Have the process end some time from now; now and then, since it takes a while."""
        if time.monotonic() - self.wound_up > GRACE / 2:
            self.wound_up = time.monotonic()
            faulthandler.dump_traceback_later(MOST_SECONDS + 2 * GRACE, exit=True, file=2)


def hunt(
    family: Family,
    cage: Cage,
    examples: int,
    tally: Tally,
    known: Container[str] = (),
    number: int | None = None,
    is_over: Callable[[], bool] = bool,
) -> tuple[Case, Finding] | None:
    """Try cases of a family; the first finding that is not known, made small, or None.

    Args:
        examples: how many cases to try.
        known: keys of findings to pass over.
        number: other cases for each number, from real corpora too; None tries the same cases of
            samples each time.
        is_over: says when to stop before.
    """
    hunter = _Hunter(family, cage, known, tally, is_over)
    test = given(case=family.cases(number is not None))(hunter.take)
    test = settings(
        max_examples=examples,
        derandomize=number is None,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )(test)
    if number is not None:
        test = seed(number)(test)
    try:
        with suppress(_Failed, Flaky, FlakyFailure):
            test()
    finally:
        faulthandler.cancel_dump_traceback_later()
    if hunter.case is None or hunter.finding is None:
        return None
    return hunter.case, hunter.finding
