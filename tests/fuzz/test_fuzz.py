"""Two thousand mutated inputs, the same each time; ``make fuzz`` tries others without end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.cage import Cage, scratch_folder
from tests.fuzz.families import FAMILIES, Family
from tests.fuzz.hunt import Tally, hunt

INPUTS = 2000


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_no_input_leads_astray(family: Family, tmp_path: Path) -> None:
    tally = Tally()
    with scratch_folder() as folder:
        found = hunt(family, Cage(Path(folder)), family.inputs, tally)
    if found is not None:
        case, finding = found
        kept = finding.keep(case, tmp_path / "findings")
        pytest.fail(
            f"{finding.key}\n{finding.report[-3000:]}\nmake fuzz-case CASE={kept}", pytrace=False
        )
    # Were nearly all inputs refused at once, the property would say little.
    assert tally.outcomes["ok"] >= family.inputs // 20
    assert tally.outcomes["error"] >= family.inputs // 20 or family.name == "cache"
    assert tally.outcomes["not counted"] <= family.inputs // 10


def test_so_many_inputs_are_tried() -> None:
    assert sum(family.inputs for family in FAMILIES.values()) == INPUTS
