from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtner_cli.config.yaml_source import (
    Fault,
    YamlSource,
    concerned_by,
    key_of_text,
    key_text,
    keys_within,
    shown_key,
)

KEYS = st.lists(st.text(min_size=1), min_size=1, max_size=4).map(tuple)


@given(KEYS)
def test_a_key_is_read_back_from_its_text(key: tuple[str, ...]) -> None:
    assert key_of_text(key_text(key)) == key


def test_a_dot_within_a_name_is_marked() -> None:
    assert key_text(("datasets", "BC5.v2", "mode")) == r"datasets.BC5\.v2.mode"
    assert key_of_text(r"datasets.BC5\.v2.mode") == ("datasets", "BC5.v2", "mode")


def test_a_fault_has_the_place_of_its_key_or_of_the_section_above() -> None:
    places = {("train",): "exp.yaml:3", ("train", "loss"): "exp.yaml:5"}
    source = YamlSource("exp.yaml", places=places)
    assert source.describe(Fault(("train", "loss"), "bad")) == "exp.yaml:5: train.loss: bad"
    assert source.describe(Fault(("train", "lr"), "bad")) == "exp.yaml:3: train.lr: bad"
    assert source.describe(Fault(("seed",), "missing")) == "exp.yaml: seed: missing"
    assert source.describe(Fault((), "bad")) == "exp.yaml: bad"


@pytest.mark.parametrize(
    ("key", "concerned"),
    [(("a",), True), (("a", "b"), True), (("a", "b", "c"), True), (("a", "x"), False), ((), True)],
)
def test_keys_above_and_below_are_concerned(key: tuple[str, ...], concerned: bool) -> None:
    assert concerned_by([("z",), ("a", "b")])(key) is concerned


def test_every_key_within_a_section_is_named() -> None:
    values = {"a": {"b": 1, "c": {"d": [{"e": 1}]}}, "f": {}}
    assert [".".join(key) for key in keys_within(values)] == ["a", "a.b", "a.c", "a.c.d", "f"]
    assert list(keys_within({"b": 1}, ("a",))) == [("a", "b")]
    assert list(keys_within(3, ("a",))) == []


def test_keys_are_cut_in_messages() -> None:
    assert shown_key(("train", "batch.size", "größe")) == r"train.batch\.size.größe"
    assert shown_key(("a", "b\nerror: c")) == r"a.'b\nerror: c'"
    assert len(shown_key(("a" * 10**6, "b"))) < 150
    assert len(YamlSource("exp.yaml").describe(Fault(("a" * 10**6,), "bad"))) < 150
