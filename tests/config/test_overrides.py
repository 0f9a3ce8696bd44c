from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtner_cli.config.load import merged, nested, parse_overrides
from mtner_cli.config.yaml_source import key_text, write_yaml
from mtner_cli.errors import ConfigError
from tests.settings import config_from_mapping

NAMES = st.text(st.characters(exclude_categories=["Cs", "Z", "Cc"]), min_size=1, max_size=6)
KEYS = st.lists(NAMES, min_size=1, max_size=4).map(tuple)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = TEXT | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
TREES = st.recursive(SCALARS, lambda inner: st.dictionaries(NAMES, inner, max_size=3), max_leaves=8)


@given(KEYS, SCALARS)
def test_any_key_and_value_can_be_written(key: tuple[str, ...], value: Any) -> None:
    ((read_key, read_value, _),) = parse_overrides([f"{key_text(key)}={write_yaml(value)}"])
    assert read_key == key
    assert repr(read_value) == repr(value)


def test_values_are_yaml() -> None:
    texts = ["a.b=3e-5", "c=[x, y]", "d={e: null}", "f=", "g=a=b"]
    assert [(key, value) for key, value, _ in parse_overrides(texts)] == [
        (("a", "b"), 3e-5),
        (("c",), ["x", "y"]),
        (("d",), {"e": None}),
        (("f",), None),
        (("g",), "a=b"),
    ]


def test_every_text_that_is_no_override_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_overrides(["train.loss", "a=1", "=3", "a..b=3", "c=[1", "d={e: 1, e: 2}"])
    assert [fault[:22] for fault in caught.value.faults] == [
        "override 'train.loss':",
        "override '=3': expecte",
        "override 'a..b=3': exp",
        "override 'c=[1':1: not",
        "override 'd={e: 1, e: ",
    ]
    assert "expected key.sub=value, such as train.batch_size=8" in caught.value.faults[0]
    assert "occurs twice" in caught.value.faults[4]


@given(TREES, TREES)
def test_above_wins_and_below_fills_in(below: Any, above: Any) -> None:
    joined = merged(below, above)
    assert merged(joined, above) == joined
    assert merged(below, {}) == (below if isinstance(below, dict) else {})
    if isinstance(below, dict) and isinstance(above, dict):
        assert joined.keys() == below.keys() | above.keys()
    else:
        assert joined == above


@given(KEYS, SCALARS)
def test_nested_holds_the_value_at_its_key(key: tuple[str, ...], value: Any) -> None:
    section = nested(key, value)
    for name in key:
        (only,) = section
        assert only == name
        section = section[name]
    assert section is value


@pytest.mark.parametrize("text", ["run_name=\udcff", "\udcff=1", "a=1\udc80"])
def test_bytes_that_are_not_utf8_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="holds bytes that are not UTF-8; write it in UTF-8"):
        parse_overrides([text])


def test_long_overrides_are_cut_in_messages() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_overrides(["x" * 10**6, f"a=[{'x' * 10**6}", f"{'x' * 10**6}=1"])
    assert all(len(fault) < 300 for fault in caught.value.faults)


def test_only_a_password_is_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_overrides(["data_transform.max_tokens=[1", "access_token=[hunter2"])
    shown, hidden = caught.value.faults
    assert shown.startswith("override 'data_transform.max_tokens=[1'")
    assert hidden.startswith("override 'access_token=...'")


CORPORA = {
    name: {"mode": "simple", "split_paths": {"train": f"{name}/train.txt", "dev": "dev.txt"}}
    for name in ("BC5CDR", "JNLPBA")
}
EXPERIMENT = {"seed": 1, "task_name": "t", "datasets": CORPORA}


def test_null_leaves_a_corpus_out() -> None:
    config = config_from_mapping(EXPERIMENT, ["datasets.JNLPBA=null"])
    assert list(config.datasets) == ["BC5CDR"]
    assert config_from_mapping(EXPERIMENT, ["datasets.BC5CDR.tag_dict=null"]).datasets.keys() == {
        "BC5CDR",
        "JNLPBA",
    }


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("datasets.JNLBPA=null", "no corpus 'JNLBPA'; did you mean JNLPBA?"),
        ("datasets.x=null", "no corpus 'x'$"),
        ("datasets={}", "adds nothing to the section; write datasets.NAME=null to leave out a"),
        (
            "datasets={BC5CDR: {}}",
            "has no effect, since it adds nothing to the section; write datasets.NAME=null",
        ),
        ("train.optimizers={}", "has no effect, since it adds nothing to the section$"),
    ],
)
def test_an_override_without_effect_is_refused(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config_from_mapping(EXPERIMENT, [override])
