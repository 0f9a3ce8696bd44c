from __future__ import annotations

import pytest

from mtner_cli.errors import nearest


@pytest.mark.parametrize(
    ("name", "expected"), [("batch_sise", "batch_size"), ("zzz", None), ("x" * 10**6, None)]
)
def test_the_nearest_name_is_found(name: str, expected: str | None) -> None:
    assert nearest(name, ["seed", "batch_size", "y" * 10**6]) == expected


def test_only_so_many_names_are_compared() -> None:
    assert nearest("batch_sise", [*map(str, range(10**6)), "batch_size"]) is None
