from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from mtner_cli.config.defaults import default_settings, defaults_yaml, json_schema
from mtner_cli.config.yaml_source import keys_within

SCHEMA: dict[str, Any] = json.loads(json_schema())


def described(*key: str) -> dict[str, Any]:
    """The schema at a key."""
    section = SCHEMA
    for name in key:
        section = section["properties"][name]
        if "$ref" in section:
            section = SCHEMA["$defs"][section["$ref"].removeprefix("#/$defs/")]
    return section


def test_every_setting_is_written_below_what_it_does() -> None:
    lines = defaults_yaml().splitlines()
    for key in keys_within(default_settings()):
        indent = "  " * (len(key) - 1)
        assert any(
            line.startswith(f"{indent}{key[-1]}:") and above.startswith(f"{indent}# ")
            for above, line in pairwise(lines)
        ), key
    assert max(map(len, lines)) <= 105
    assert "`" not in "".join(lines)


def test_every_setting_is_described_to_editors() -> None:
    for key in keys_within(default_settings()):
        assert described(*key)["description"], key
    assert described("train", "loss")["anyOf"][0]["enum"] == ["MultiLabel", "BCE"]
    assert described("train", "limit_val_batches")["default"] == 1.0
    assert SCHEMA["required"] == ["seed", "task_name", "datasets"]
    assert SCHEMA["$defs"]["DatasetConfig"]["required"] == ["mode", "split_paths"]


def test_no_other_key_is_valid_for_editors() -> None:
    for section in (SCHEMA, *SCHEMA["$defs"].values()):
        assert section["additionalProperties"] is False


@pytest.mark.parametrize("key", [("seed",), ("train", "loss"), ("train", "early_stop")])
def test_a_reference_is_valid_for_editors_in_place_of_a_number(key: tuple[str, ...]) -> None:
    assert {"type": "string", "pattern": r"\$\{"} in described(*key)["anyOf"]
