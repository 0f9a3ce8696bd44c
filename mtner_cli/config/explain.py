"""Explain the schema and what it refuses: expected value, found value and nearest valid name."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from mtner_cli.config.values import Section
from mtner_cli.config.yaml_source import Fault, KeyPath, shown_key
from mtner_cli.errors import did_you_mean, nearest, quoted

_EXPECTED: Mapping[str, str] = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "string_too_short": "text that is not empty",
    "bool_type": "true or false",
    "literal_error": "{expected}",
    "model_type": "a section of 'key: value' lines",
    "dict_type": "a section of 'key: value' lines",
    "tuple_type": "a list",
    "too_short": "at least {min_length} entry",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number from {ge}",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number up to {le}",
}
_ELSEWHERE: Mapping[str, str] = {
    "hydra": "set output_dir instead of hydra.run.dir",
    "defaults": "the defaults always apply; delete the list",
    "tags": "entity types are found in the corpus; rename them with tag_dict",
}
"""Keys that users know from other tools, and what to do instead."""
_MOST_HINTS = 200
"""Most faults that get a hint; a message shows fewer, and each search takes time."""


def explain(error: ValidationError, schema: Any) -> list[Fault]:
    """Return one fault for each error of the schema."""
    details = error.errors(include_url=False)
    return [
        _explain_one(detail, schema if at < _MOST_HINTS else None)
        for at, detail in enumerate(details)
    ]


def _explain_one(detail: ErrorDetails, schema: Any | None) -> Fault:
    key = tuple(str(part) for part in detail["loc"] if part != "[key]")
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "missing":
        return Fault(key, "missing; it has no default and must be given")
    if kind == "extra_forbidden":
        return Fault(key, "unknown key" if schema is None else _unknown_key(key, schema))
    if kind == "password":
        return Fault(key, detail["msg"])
    expected, hint = detail["msg"], ""
    if kind in _EXPECTED:
        expected = "expected " + _EXPECTED[kind].format(**context)
    if kind == "string_type" and isinstance(value, int | float):
        hint = " (put it in quotes to make it text)"
    if kind == "literal_error" and isinstance(value, str):
        names = context["expected"].replace(" or ", ", ").split(", ")
        hint = did_you_mean(nearest(value, [name.strip("'") for name in names]))
    found = "an empty name" if "[key]" in detail["loc"] else describe(value)
    return Fault(key, f"{expected}; found {found}{hint}")


def describe(value: Any) -> str:
    """Describe a value for a message."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {quoted(value)}"
    if isinstance(value, str):
        return f"the text {quoted(value, 80)}"
    if isinstance(value, list | tuple):
        return "a list"
    return "a section" if value else "an empty section"


def _unknown_key(key: KeyPath, schema: Any) -> str:
    """Say which valid key was probably meant: a sibling, or a key of that name elsewhere."""
    *above, name = key
    section = schema
    for part in above:
        section = _inner_type(section, part)
    siblings = fields_of(section)
    near = nearest(name, siblings, cutoff=0.75)
    if not near and name in _ELSEWHERE:
        return f"unknown key; {_ELSEWHERE[name]}"
    known = _known_keys(schema) if not near else [(*above, near)]
    meant = [shown_key(other) for other in known if other[-1] == (near or name)]
    if meant:
        return f"unknown key{did_you_mean(*meant[:3])}"
    near = nearest(name, siblings, cutoff=0.5)
    hint = did_you_mean(near and shown_key((*above, near)))
    return f"unknown key; valid here: {', '.join(siblings)}{hint}"


def is_foreign(values: Mapping[str, Any], schema: Any) -> bool:
    """Tell whether a file is of another kind: it is not empty, but has none of the known keys.

    It may be a file of secrets that was given by mistake, so no message shows its content.

    Args:
        values: what the file holds.
        schema: a section, or a dict of sections or texts under names that users choose.
    """
    fields = fields_of(schema)
    sections = [values] if fields else list(values.values())
    known = {*(fields or fields_of(_inner_type(schema, "")))}
    if not known:
        return bool(values) and all(isinstance(value, dict | list) for value in sections)
    known.update(_ELSEWHERE)
    return bool(values) and not any(isinstance(at, dict) and known & at.keys() for at in sections)


def foreign_file(path: str | Path, example: str) -> str:
    """Return the fault of a foreign file; ``example`` shows which keys belong in it."""
    return (
        f"{path}: holds none of the keys that are expected here, so its content is not shown; "
        f"give a file such as: {example}"
    )


def example_text(schema: Any) -> str:
    """Return an example of the mandatory settings, in one line of YAML."""
    text = yaml.safe_dump(
        example_of(schema), default_flow_style=True, sort_keys=False, width=float("inf")
    )
    return text.strip().removeprefix("{").removesuffix("}")


def example_of(annotation: Any) -> Any:
    """Return an example of a section's mandatory settings, or of the value of one setting."""
    fields = fields_of(annotation)
    if fields:
        mandatory = [name for name, field in fields.items() if field.is_required()]
        return {name: example_of(fields[name].annotation) for name in mandatory or fields}
    annotation = _plain(annotation)
    if typing.get_origin(annotation) is dict:
        return {"NAME": example_of(_inner_type(annotation, "NAME"))}
    if typing.get_origin(annotation) is typing.Literal:
        return typing.get_args(annotation)[0]
    return {int: 1, Path: "PATH"}.get(annotation, "TEXT")


def with_example(values: Mapping[str, Any], key: KeyPath, schema: Any) -> dict[str, Any]:
    """Return settings in which the one at ``key`` is an example, or left out if it need not be."""
    if not key:
        return example_of(schema)
    name, *below = key
    field, inner = fields_of(schema).get(name), _inner_type(schema, name)
    is_mandatory = field.is_required() if field else bool(name and fields_of(inner))
    value, changed = values.get(name), dict(values)
    if below and isinstance(value, dict):
        changed[name] = with_example(value, tuple(below), inner)
    elif is_mandatory:
        changed[name] = example_of(inner)
    else:
        changed.pop(name, None)
    return changed


def _plain(annotation: Any) -> Any:
    """Return the type within ``Annotated`` and beside ``None``."""
    while typing.get_origin(annotation) in (typing.Annotated, typing.Union, types.UnionType):
        annotation = typing.get_args(annotation)[0]
    return annotation


def fields_of(annotation: Any) -> Mapping[str, FieldInfo]:
    """Return the settings of a section; other types have none."""
    annotation = _plain(annotation)
    is_section = isinstance(annotation, type) and issubclass(annotation, Section)
    return annotation.model_fields if is_section else {}


def _inner_type(annotation: Any, name: str) -> Any:
    """Return the type of one setting of a section, or of one value of a dict; None for others."""
    fields, annotation = fields_of(annotation), _plain(annotation)
    if typing.get_origin(annotation) is dict:
        return typing.get_args(annotation)[1]
    return fields[name].annotation if name in fields else None


def _known_keys(annotation: Any, above: KeyPath = ()) -> Iterator[KeyPath]:
    for name, field in fields_of(annotation).items():
        yield (*above, name)
        yield from _known_keys(field.annotation, (*above, name))
