from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtner_cli.config.references import escape_references, resolve_references
from mtner_cli.config.yaml_source import Fault

NOON = datetime(2025, 7, 31, 12, 0, 5)
PIECES = st.lists(st.sampled_from(["\\", "$", "{", "}", "${", "a", ":", ".", "${a}"]), max_size=8)
NAMES = st.text("ab.$", min_size=1, max_size=3)


def resolve(**values: Any) -> dict[str, Any]:
    resolved = resolve_references(values, NOON)
    assert not resolved.faults
    assert not resolved.unresolved
    return resolved.values


def refusal(**values: Any) -> Fault:
    resolved = resolve_references(values, NOON)
    (fault,) = resolved.faults
    assert fault.key in resolved.unresolved
    return fault


@given(st.dictionaries(NAMES, PIECES.map("".join) | st.integers() | st.lists(PIECES.map("".join))))
def test_escaped_texts_mean_themselves(values: dict[str, Any]) -> None:
    assert resolve(**escape_references(values)) == values


def test_a_reference_within_a_text_becomes_text() -> None:
    resolved = resolve(
        task="MT", run="${now:%Y-%m-%d_%H-%M-%S}", folder="logs/${task}/${run}/${a.b}", a={"b": 3}
    )
    assert resolved["folder"] == "logs/MT/2025-07-31_12-00-05/3"


def test_a_reference_alone_keeps_the_kind_of_its_value() -> None:
    resolved = resolve(number=3, same="${number}", off=None, too="${off}", twice="${same}")
    assert resolved == {"number": 3, "same": 3, "off": None, "too": None, "twice": 3}


def test_a_whole_section_can_be_referred_to() -> None:
    resolved = resolve(one={"lr": "${rate}", "list": ["${rate}"]}, other="${one}", rate=0.1)
    assert resolved["other"] == resolved["one"] == {"lr": 0.1, "list": [0.1]}


@pytest.mark.parametrize(
    ("value", "text"), [(None, "is null"), (True, "is true"), (False, "is false"), (0.5, "is 0.5")]
)
def test_values_in_texts_are_written_as_in_yaml(value: Any, text: str) -> None:
    assert resolve(value=value, text="is ${value}")["text"] == text


def test_names_with_dots_can_be_referred_to() -> None:
    assert resolve(a={"b.c": 1}, x=r"${a.b\.c}")["x"] == 1


def test_backslashes_only_count_before_a_reference() -> None:
    resolved = resolve(a=1, plain=r"C:\x", escaped=r"\${a}", both=r"\\${a}")
    assert resolved["plain"] == r"C:\x"
    assert resolved["escaped"] == "${a}"
    assert resolved["both"] == "\\1"


def test_an_unknown_setting_is_refused_with_the_nearest_one() -> None:
    fault = refusal(task_name="MT", folder="${taskname}/x")
    assert fault == Fault(
        ("folder",),
        "${taskname} refers to a setting that does not exist; did you mean ${task_name}?",
    )


@pytest.mark.parametrize("text", ["${hydra:runtime.cwd}", "${oc.env:HOME}"])
def test_what_belongs_to_other_tools_is_refused(text: str) -> None:
    fault = refusal(folder=text)
    assert f"{text} is not known here" in fault.message
    assert "write the value itself" in fault.message
    assert ("output_dir sets the run's folder" in fault.message) == ("hydra" in text)


def test_a_circle_is_reported_once_and_everything_in_it_stays() -> None:
    values = {"a": "${b.c}", "b": {"c": "x${a}"}, "d": "${a}"}
    resolved = resolve_references(values, NOON)
    assert resolved.faults == [Fault(("a",), "refers to itself: a -> b.c -> a")]
    assert resolved.unresolved == {("a",), ("b", "c"), ("d",)}
    assert resolved.values == values


def test_a_section_within_itself_is_a_circle() -> None:
    assert "refers to itself: a.b -> a.b" in refusal(a={"b": "${a}"}).message


@pytest.mark.parametrize("text", ["${a", "x${", "${a${b}}", "${{a}}"])
def test_a_reference_that_is_not_closed_is_refused(text: str) -> None:
    assert "closed and not nested" in refusal(a=1, b="a", text=text).message


def test_a_section_cannot_be_part_of_a_text() -> None:
    assert "is a section or a list" in refusal(a={"b": 1}, text="x${a}").message


def test_it_is_known_what_refers_to_what() -> None:
    resolved = resolve_references({"a": "${b}/${c.d}", "b": "${c.d}", "c": {"d": 1}}, NOON)
    assert resolved.targets == {("a",): {("b",), ("c", "d")}, ("b",): {("c", "d")}}


def limit_of(values: dict[str, Any]) -> str:
    resolved = resolve_references(values, NOON)
    (fault,) = resolved.faults
    assert resolved.values is values
    assert resolved.unresolved == {()}
    return fault.message


def chain(length: int, link: Callable[[str], Any], end: Any) -> dict[str, Any]:
    """``a0`` refers to ``a1`` in the way that ``link`` makes, and so on to ``end``."""
    return {f"a{at}": link(f"${{a{at + 1}}}") for at in range(length)} | {f"a{length}": end}


GROWING: list[tuple[int, Callable[[str], Any], Any]] = [
    (20, lambda inner: inner * 4, "Nerve"),
    (15, lambda inner: dict.fromkeys("abcdef", inner), {"a": 1}),
    (15, lambda inner: [inner] * 6, [1]),
    (1, lambda inner: [inner] * 1000, dict.fromkeys(map(str, range(1000)), 1)),
    (1, lambda inner: [f"x{inner}"] * 1000, dict.fromkeys(map(str, range(1000)), 1)),
    (1, lambda inner: inner * 1000, 10**4000),
]


@pytest.mark.parametrize(("length", "link", "end"), GROWING)
@pytest.mark.parametrize("backwards", [False, True])
def test_references_give_no_more_than_a_limit(
    length: int, link: Callable[[str], Any], end: Any, backwards: bool
) -> None:
    values = chain(length, link, end)
    if backwards:
        values = dict(reversed(values.items()))
    assert limit_of(values).startswith("the references give more than 1,000,000 values")


@pytest.mark.parametrize("link", [lambda inner: inner, lambda inner: {"a": inner}])
def test_references_refer_no_deeper_than_a_limit(link: Callable[[str], Any]) -> None:
    message = (
        "references and sections are nested more than 50 levels deep; write the values themselves"
    )
    assert limit_of(chain(5000, link, "x")) == message
    assert resolve(**chain(10, link, "x"))["a10"] == "x"


def test_sections_nest_no_deeper_through_references_that_are_known_already() -> None:
    values = chain(5000, lambda inner: {"a": inner}, "x")
    assert "are nested more than 50 levels deep" in limit_of(dict(reversed(values.items())))


def test_many_references_are_resolved() -> None:
    assert resolve(rate=0.1, rates=["${rate}"] * 1000)["rates"] == [0.1] * 1000


@pytest.mark.parametrize("text", ["\\" * 100_000 + "x${a}", ("\\" * 1000 + "$") * 100 + "${a}"])
def test_backslashes_are_read_once(text: str) -> None:
    assert resolve(a=1, text=text)["text"] == text.replace("${a}", "1")
    assert escape_references(text) == text.replace("${a}", r"\${a}")


@pytest.mark.parametrize("argument", ["%Y" * 100, "\ud83d"])
def test_a_format_that_gives_no_time_is_refused(argument: str) -> None:
    message = refusal(run=f"${{now:{argument}}}").message
    assert "is not a time format; write one such as ${now:%Y-%m-%d_%H-%M-%S}" in message
    assert message.isprintable()


def test_long_names_are_cut_in_messages() -> None:
    for text in ("${" + "a" * 10**6 + "}", "${" + "a:" * 10**6 + "}"):
        assert len(refusal(text=text).message) < 300
    assert len(refusal(**{"a" * 10**6: {"b": 1}, "text": "x${" + "a" * 10**6 + "}"}).message) < 300
    circle = {"a" * 10**4: "${" + "a" * 10**4 + "}"}
    assert len(refusal(**circle).message) < 300


def test_thousands_of_unknown_names_are_refused_at_once() -> None:
    names = [f"${{nothing{number}}}" for number in range(5000)]
    assert len(resolve_references({"a": names}, NOON).faults) == 5000
