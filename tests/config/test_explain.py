"""Messages that show no more than they should: of large files, and of files that are not ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field, TypeAdapter

from mtner_cli.config.explain import (
    describe,
    example_of,
    example_text,
    is_foreign,
    with_example,
)
from mtner_cli.config.load import Corpora, load_corpora, load_experiment
from mtner_cli.config.schema import DatasetConfig, ExperimentConfig
from mtner_cli.config.values import Text
from mtner_cli.config.yaml_source import parse_value
from mtner_cli.core.convert.corpora import load_type_map
from mtner_cli.core.triage.out_of_domain import read_specification
from mtner_cli.errors import ConfigError
from tests.settings import config_from_mapping

TypeMap = dict[Text, Text | None]
SECRETS = {
    "passwords": "password: hunter2\nuser: root\n",
    "accounts": "root:hunter2:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n",
    "sections": "database: {password: hunter2, port: 5432}\nhunter2: {}\n",
    "list": "- hunter2\n",
    "text": "hunter2\n",
    "broken": "password: [hunter2\n",
    "tagged": "password: !!int hunter2\nhunter2: 1\nhunter2: 2\n",
    "alias": "password: *hunter2\n",
}
LARGE: list[dict[str, Any]] = [
    {f"key{number}": 1 for number in range(20_000)},
    {"k" * 1000: 1},
    {"run_name": {"k" * 1000: 1}},
    {"train": {"num_epochs": "v" * 10**6, "loss": "v" * 10**6}},
    {"run_name": "v" * 10**6},
    {"datasets": {"k" * 1000: {f"key{number}": 1 for number in range(5_000)}}},
    {"datasets": {f"k{number}": {} for number in range(5_000)}},
    {"data_transform": {"merge_sents": {"force_merge": ["n" * 10**5] * 100}}},
    {"perturbations": {"use": True, "probs": {f"k{n}": {"x": 0.1} for n in range(5_000)}}},
]


def spell(name: str, tmp_path: Path) -> Path:
    path = tmp_path / "secret.yaml"
    path.write_text(SECRETS[name])
    return path


@pytest.mark.parametrize("load", [load_experiment, load_corpora, read_specification])
@pytest.mark.parametrize("name", SECRETS)
def test_the_content_of_a_file_that_is_not_ours_is_not_shown(
    load: Callable[[Path], Any], name: str, tmp_path: Path
) -> None:
    path = spell(name, tmp_path)
    with pytest.raises(ConfigError) as caught:
        load(path)
    (fault,) = caught.value.faults
    assert fault.startswith(f"{path}:")
    for word in ("hunter2", "root", "password", "database", "daemon"):
        assert word not in fault.removeprefix(str(path))


@pytest.mark.parametrize("load", [load_experiment, load_corpora, read_specification])
def test_what_is_expected_instead_is_shown(load: Callable[[Path], Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(spell("passwords", tmp_path))
    words = "holds none of the keys that are expected here, so its content is not shown; give a"
    assert words in str(caught.value)
    example = str(caught.value).partition("give a file such as: ")[2]
    values = parse_value(f"{{{example}}}", "the example")
    path = tmp_path / "example.yaml"
    path.write_text("\n".join(f"{key}: {parts}" for key, parts in _lines(values)))
    if load is read_specification:
        assert load(path)
    else:
        assert load(path)


def _lines(values: dict[str, Any]) -> list[tuple[str, str]]:
    import json

    return [(key, json.dumps(value)) for key, value in values.items()]


def test_a_type_map_of_sections_is_not_ours(tmp_path: Path) -> None:
    path = tmp_path / "secret.yaml"
    path.write_text("database: {password: hunter2}\n")
    with pytest.raises(ConfigError, match=r"give a file such as: NAME: TEXT$"):
        load_type_map(path)


@pytest.mark.parametrize(
    ("values", "schema", "foreign"),
    [
        ({}, ExperimentConfig, False),
        ({"seed": "x"}, ExperimentConfig, False),
        ({"hydra": {}, "x": 1}, ExperimentConfig, False),
        ({"sead": 1}, ExperimentConfig, True),
        ({}, Corpora, False),
        ({"ward": {"mode": 3}, "desk": 3}, Corpora, False),
        ({"ward": {"mod": 3}, "desk": 3}, Corpora, True),
        ({"desk": 3}, Corpora, True),
        ({"A": "B", "C": {}}, TypeMap, False),
        ({"A": 3}, TypeMap, False),
        ({"A": {}}, TypeMap, True),
    ],
)
def test_a_file_is_foreign_without_any_of_our_keys(
    values: dict[str, Any], schema: Any, foreign: bool
) -> None:
    assert is_foreign(values, schema) is foreign


def test_an_example_holds_what_must_be_given() -> None:
    assert example_text(DatasetConfig) == (
        "mode: simple, split_paths: {train: PATH, dev: PATH, test: PATH}"
    )
    assert example_text(Annotated[TypeMap, Field(min_length=1)]) == "NAME: TEXT"


@pytest.mark.parametrize("schema", [ExperimentConfig, Corpora, DatasetConfig, TypeMap])
def test_an_example_is_valid(schema: Any) -> None:
    TypeAdapter(schema).validate_python(example_of(schema))


@pytest.mark.parametrize(
    ("key", "repaired"),
    [
        (("seed",), {"seed": 1, "datasets": {"ward": {"mode": 3, "tag_dict": {"A": 3}}}, "x": 0}),
        (("x",), {"seed": "x", "datasets": {"ward": {"mode": 3, "tag_dict": {"A": 3}}}}),
        (
            ("datasets", "ward", "mode"),
            {"seed": "x", "datasets": {"ward": {"mode": "simple", "tag_dict": {"A": 3}}}, "x": 0},
        ),
        (
            ("datasets", "ward", "tag_dict", "A"),
            {"seed": "x", "datasets": {"ward": {"mode": 3, "tag_dict": {}}}, "x": 0},
        ),
    ],
)
def test_what_is_refused_is_left_out_or_an_example_if_it_is_mandatory(
    key: tuple[str, ...], repaired: dict[str, Any]
) -> None:
    values = {"seed": "x", "datasets": {"ward": {"mode": 3, "tag_dict": {"A": 3}}}, "x": 0}
    found = with_example(values, key, ExperimentConfig)
    assert found == repaired
    assert list(found) == list(repaired)


@pytest.mark.parametrize("values", LARGE, ids=lambda values: "-".join(values)[:20])
def test_messages_of_large_files_are_short(values: dict[str, Any]) -> None:
    dataset = {"mode": "simple", "split_paths": {"train": "t", "dev": "d"}}
    values = {"seed": 1, "task_name": "x", "datasets": {"clinic": dataset}, **values}
    with pytest.raises(ConfigError) as caught:
        config_from_mapping(values)
    assert len(str(caught.value)) < 12_000


def test_values_are_described_in_few_words() -> None:
    assert describe("x" * 10**6) == f"the text {'x' * 80!r}... (1,000,000 characters)"
    assert describe(10**5000) == "the number <whole number of 16,610 bits>"
    assert describe("a\x1b[2J") == r"the text 'a\x1b[2J'"
