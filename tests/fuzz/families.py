"""The families of readers, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st

from tests.fuzz import (
    actions,
    cache_files,
    checkpoints,
    configuration,
    formats,
    pickles,
    sheets,
)
from tests.fuzz.cage import Run
from tests.fuzz.case import Case


@dataclass(frozen=True)
class Family:
    """Readers of one kind of file.

    Attributes:
        name: as the command line calls it.
        cases: what to try; made of real corpora too if the argument is true.
        run: gives a case to the readers.
        inputs: how many cases ``make test`` tries.
        rewrites: how the paths of input files start that a reader may write anew.
    """

    name: str
    cases: Callable[[bool], st.SearchStrategy[Case]]
    run: Run
    inputs: int
    rewrites: tuple[str, ...] = ()


FAMILIES = {
    family.name: family
    for family in (
        Family(formats.NAME, formats.cases, formats.run, 750),
        Family(configuration.NAME, configuration.cases, configuration.run, 250),
        Family(checkpoints.NAME, checkpoints.cases, checkpoints.run, 200),
        Family(actions.NAME, actions.cases, actions.run, 200, ("cache/",)),
        Family(sheets.NAME, sheets.cases, sheets.run, 200),
        Family(pickles.NAME, pickles.cases, pickles.run, 250),
        Family(cache_files.NAME, cache_files.cases, cache_files.run, 150, ("cache/",)),
    )
}
