from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtner_cli.config import yaml_source
from mtner_cli.config.yaml_source import Fault, YamlSource, parse_value, read_yaml, write_yaml
from mtner_cli.errors import ConfigError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
# fmt: off
LOOKS_LIKE_MORE = st.sampled_from([
    "3e-4", "010", "1_0", "12:30", "2024-01-01", "no", "NO", "null", "~", "1.", ".5", "<<", "=", "",
    " ", "- a", "a: b", "#x", "${a}", "true", ".inf", "0x1f", "!!int 3", "&a", "*a", "'", "a\x85b",
])
# fmt: on
SCALARS = (
    TEXT | LOOKS_LIKE_MORE | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXT | LOOKS_LIKE_MORE, inner, max_size=3)
    ),
    max_leaves=10,
)


def read(text: str, tmp_path: Path) -> YamlSource:
    path = tmp_path / "source.yaml"
    path.write_text(text, encoding="utf-8")
    return read_yaml(path)


@given(VALUES)
def test_what_is_written_reads_the_same(value: Any) -> None:
    read_back = parse_value(write_yaml(value), "value")
    assert read_back == value
    assert repr(read_back) == repr(value)  # 1, 1.0 and True are equal but not the same


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3e-4", 3e-4),
        ("-1.5E+3", -1500.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("010", 10),
        ("1_000", 1000),
        ("2024-01-01", "2024-01-01"),
        ("12:30", "12:30"),
        ("True", True),
        ("~", None),
        ("", None),
        ("builtin:minilm", "builtin:minilm"),
        ("{a: [1, b]}", {"a": [1, "b"]}),
    ],
)
def test_scalars_mean_what_people_write(text: str, value: Any) -> None:
    assert repr(parse_value(text, "value")) == repr(value)


def test_keys_are_text_and_know_their_lines(tmp_path: Path) -> None:
    source = read("NO: 1\n2003:\n  ~: x\n", tmp_path)
    assert source.values == {"NO": 1, "2003": {"~": "x"}}
    lines = {("NO",): 1, ("2003",): 2, ("2003", "~"): 3}
    assert source.places == {key: f"{tmp_path}/source.yaml:{line}" for key, line in lines.items()}


def test_a_key_that_stands_twice_is_a_fault_and_the_first_counts(tmp_path: Path) -> None:
    source = read("a:\n  b: 1\n  c: 2\n  b: 3\n", tmp_path)
    assert source.values == {"a": {"b": 1, "c": 2}}
    assert source.faults == [Fault(("a", "b"), "occurs twice, in lines 2 and 4; keep one")]


@pytest.mark.parametrize("text", ["a: &x {b: 1}\nc:\n  <<: *x\n", "? [a, b]\n: 1\n"])
def test_keys_that_are_no_names_are_faults(text: str, tmp_path: Path) -> None:
    (fault,) = read(text, tmp_path).faults
    assert fault.message.startswith("expected a name as key in line ")


def test_objects_are_never_made(tmp_path: Path) -> None:
    marker = tmp_path / "made"
    source = read(f"a: !!python/object/apply:os.mkdir ['{marker}']\nb: !!int x\n", tmp_path)
    assert not marker.exists()
    assert source.values == {"a": None, "b": None}
    assert source.unreadable == {("a",), ("b",)}
    assert [fault.message.split(":")[0] for fault in source.faults] == [
        "line 1 holds no value that can be read",
        "line 2 holds no value that can be read",
    ]


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    assert read("# only a comment\n", tmp_path).values == {}


def test_a_byte_order_mark_is_no_part_of_a_key(tmp_path: Path) -> None:
    assert read("\ufeffseed: 1\n", tmp_path).values == {"seed": 1}


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", ":3:", "not valid YAML"),
        ("a: 1\n\tb: 2\n", ":2:", "not valid YAML: YAML allows no tab here; write spaces"),
        ("a: 1\n---\nb: 2\n", ":2:", "another document"),
        ("a: 1\nb: \x01\n", ":2:", "the character U+0001 is not allowed"),
        ("a: 1\nb: \0\n", ":2:", "the character U+0000 is not allowed"),
        ("- a\n", ":", "expected 'key: value' lines"),
        ("a: " + "[" * 200_000, ":", "nested too deeply"),
        ("a: " + "{a: " * 200_000, ":", "nested too deeply"),
        ("a: &x [*x]\n", ":", "nested too deeply"),
        ("a: 1\nb: '\\u\n", ":3:", "not valid YAML"),
        ('a: 1\nb: "\\U00110000"\n', ":2:", "an escape or a version is not valid"),
        ('a: 1\nb: "\\UFFFFFFFF"\n', ":2:", "an escape or a version is not valid"),
        (f"%YAML {'1' * 5000}.1\n---\na: 1\n", ":1:", "an escape or a version is not valid"),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_place(
    text: str, place: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text, tmp_path)
    assert f"source.yaml{place} " in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["a: *hunter2\n", "a: [*hunter2, 'b']\n", "a: !hunter2!x 1\n"])
def test_names_from_a_file_that_is_no_yaml_are_not_shown(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not valid YAML: ") as caught:
        read(text, tmp_path)
    assert "hunter2" not in str(caught.value)


SCALAR_TAGS = ["int", "float", "bool", "null", "timestamp", "binary", "merge", "value", "foo"]
SECTION_TAGS = ["set", "omap", "pairs", "map", "seq", "str"]
TAGGED = [
    *(f"!!{tag} {value}" for tag in SCALAR_TAGS for value in ("z", "''", "'1:x'", "[1]", "{a: 1}")),
    *(f"!!{tag} {value}" for tag in SECTION_TAGS[:3] for value in ("z", "[a]", "{a: 1}")),
    *("!!str [a]", "!!map z", "!!seq z", "!!map [a]", "!!seq {a: 1}", "!!bool 1", "!!null 0"),
    *("!!float 1:30", "!!float ' 1'", "!!python/none z", "!!python/tuple [1]"),
]
NOTHING = "!!null ''"


@pytest.mark.parametrize("text", sorted({*TAGGED} - {NOTHING}))
def test_a_tag_before_what_it_does_not_fit_is_a_fault(text: str, tmp_path: Path) -> None:
    source = read(f"a: {text}\n", tmp_path)
    (fault,) = source.faults
    assert fault.key == ("a",)
    assert fault.message.startswith("line 1 holds no value that can be read: ")
    assert source.unreadable == {("a",)}
    with pytest.raises(ConfigError, match="override: line 1 holds no value that can be read: "):
        parse_value(text, "override")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!!int '3'", 3),
        ("!!float 3", 3.0),
        ("!!float '3e-4'", 3e-4),
        ("!!bool 'yes'", True),
        ("!!str 3", "3"),
        (NOTHING, None),
        ("!!map {a: 1}", {"a": 1}),
        ("!!seq [1]", [1]),
    ],
)
def test_a_tag_before_what_it_fits_is_read(text: str, value: Any) -> None:
    assert repr(parse_value(text, "value")) == repr(value)


def test_a_number_with_thousands_of_digits_is_a_fault(tmp_path: Path) -> None:
    (fault,) = read(f"a: {'9' * 5000}\n", tmp_path).faults
    assert "(5,000 characters)" in fault.message
    assert len(fault.message) < 200


def test_half_a_character_is_a_fault_in_values_and_keys(tmp_path: Path) -> None:
    source = read('a: "x\\ud83d"\nb: {"\\ude00": 1}\nc: "\\U0001f600"\n', tmp_path)
    assert source.values == {"a": None, "b": {}, "c": "\U0001f600"}
    assert [(fault.key, fault.message) for fault in source.faults] == [
        (("a",), r"line 1 holds half of a character: 'x\ud83d'; write the character itself"),
        (
            ("b",),
            r"the key in line 2 holds half of a character: '\ude00'; write the character itself",
        ),
    ]
    assert source.unreadable == {("a",)}


@given(st.text(alphabet="ab:{}[]!&*?-'\"\\ \n|>%#\t\0\ud83d0123.,~\ufeff", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ConfigError):
        parse_value(text, "value")


def test_aliases_cannot_blow_up_a_file(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 9):
        below = ", ".join([f"*a{level - 1}"] * 10)
        lines.append(f"a{level}: &a{level} [{below}]")
    with pytest.raises(ConfigError, match="more than 100,000 values"):
        read("\n".join(lines), tmp_path)


def test_a_text_of_too_many_values_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_source, "_MOST_NODES", 100)
    with pytest.raises(ConfigError, match="more than 100,000 values"):
        parse_value("[" + "a, " * 3000 + "'not closed", "value")


def test_a_device_without_an_end_is_refused() -> None:
    with pytest.raises(ConfigError, match="/dev/zero: larger than 10,000,000 bytes"):
        read_yaml(Path("/dev/zero"))


def test_a_pipe_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as writer:
        written = writer.submit(pipe.write_text, "seed: 1\n" * 100)
        assert read_yaml(pipe).values == {"seed": 1}
        written.result()


def test_a_key_that_is_too_long_is_a_fault(tmp_path: Path) -> None:
    source = read(f"{'a' * 1000}: 1\nb:\n  ? {'a' * 2000}\n  : 1\n", tmp_path)
    assert source.values == {"a" * 1000: 1, "b": {}}
    message = "the key in line 3 has 2,000 characters; write at most 1,000"
    assert source.faults == [Fault(("b",), message)]


def test_aliases_of_a_long_text_cannot_blow_up_a_file() -> None:
    with pytest.raises(ConfigError, match="more than 100,000 values or too long ones"):
        parse_value(f"[&a {'x' * 10**5}{', *a' * 200}]", "value")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.yaml: there is no such file"):
        read_yaml(tmp_path / "missing.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_yaml(tmp_path)
    for path in (Path("x" * 300), Path("a\0b"), tmp_path / "latin.yaml" / "x"):
        (tmp_path / "latin.yaml").write_bytes(b"a: caf\xe9\n")
        with pytest.raises(ConfigError, match="cannot be read: "):
            read_yaml(path)
    (tmp_path / "wide.yaml").write_bytes("a: 1\n".encode("utf-16"))
    for name in ("latin.yaml", "wide.yaml"):
        with pytest.raises(ConfigError, match="expected a YAML file in UTF-8"):
            read_yaml(tmp_path / name)
