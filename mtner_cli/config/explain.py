"""Explain what the schema refuses: expected value, found value and nearest valid name."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mtner_cli.config.faults import Fault, KeyPath, nearest, shown_key
from mtner_cli.config.values import Section
from mtner_cli.errors import quoted

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
        Fault(*_explain_one(detail, schema if at < _MOST_HINTS else None))
        for at, detail in enumerate(details)
    ]


def is_foreign(values: Mapping[str, Any], schema: Any) -> bool:
    """Tell whether a file is of another kind: it is not empty, but has none of the known keys.

    It may be a file of secrets that was given by mistake, so no message shows its content.

    Args:
        values: what the file holds.
        schema: a section, or a dict of sections under names that users choose.
    """
    annotation = _plain(schema)
    if not values or _holds_keys_of(annotation, values):
        return False
    if _section_of(annotation) is not None:
        return True
    inner = typing.get_args(annotation)[1]
    if _section_of(inner) is not None:
        return not any(_holds_keys_of(inner, value) for value in values.values())
    return all(isinstance(value, dict | list) for value in values.values())


def _holds_keys_of(annotation: Any, values: Any) -> bool:
    section = _section_of(annotation)
    known = {*section.model_fields, *_ELSEWHERE} if section is not None else set()
    return isinstance(values, Mapping) and not known.isdisjoint(values)


def foreign_file(path: str | Path, example: str) -> str:
    """Return the fault of a foreign file; ``example`` shows which keys belong in it."""
    return (
        f"{path}: holds none of the keys that are expected here, so its content is not shown; "
        f"give a file such as: {example}"
    )


def example_of(schema: Any) -> str:
    """Return an example of the mandatory settings, in one line of YAML."""
    text = yaml.safe_dump(
        _example(schema), default_flow_style=True, sort_keys=False, width=float("inf")
    )
    return text.strip().removeprefix("{").removesuffix("}")


def _example(annotation: Any) -> Any:
    section = _section_of(annotation)
    if section is not None:
        fields = section.model_fields
        mandatory = [name for name, field in fields.items() if field.is_required()]
        return {name: _example(fields[name].annotation) for name in mandatory or fields}
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is dict:
        return {"NAME": _example(arguments[1])}
    if origin is typing.Literal:
        return arguments[0]
    if origin in (typing.Annotated, typing.Union, types.UnionType):
        return _example(arguments[0])
    return {int: 1, Path: "PATH"}.get(annotation, "TEXT")


def _explain_one(detail: ErrorDetails, schema: Any | None) -> tuple[KeyPath, str]:
    key = tuple(str(part) for part in detail["loc"] if part != "[key]")
    context = detail.get("ctx", {})
    kind = detail["type"]
    if kind == "missing":
        return key, "missing; it has no default and must be given"
    if kind == "extra_forbidden":
        return key, "unknown key" if schema is None else _unknown_key(key, schema)
    if kind == "password":
        return key, detail["msg"]
    if kind in _EXPECTED:
        expected = "expected " + _EXPECTED[kind].format(**context)
    else:
        expected = detail["msg"]
    found = "an empty name" if "[key]" in detail["loc"] else describe(detail["input"])
    return key, f"{expected}; found {found}{_hint(kind, detail['input'], context)}"


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


def _hint(kind: str, value: Any, context: Mapping[str, Any]) -> str:
    if kind == "string_type" and isinstance(value, int | float):
        return " (put it in quotes to make it text)"
    if kind == "literal_error" and isinstance(value, str):
        names = [name.strip("'") for name in context["expected"].replace(" or ", ", ").split(", ")]
        near = nearest(value, names)
        return f"; did you mean {near}?" if near else ""
    return ""


def _unknown_key(key: KeyPath, schema: Any) -> str:
    """Say which valid key was probably meant: a sibling, or a key of that name elsewhere."""
    *above, name = key
    section = section_at(tuple(above), schema)
    siblings = list(section.model_fields) if section is not None else []
    near = nearest(name, siblings, cutoff=0.75)
    if near:
        return f"unknown key; did you mean {shown_key((*above, near))}?"
    if name in _ELSEWHERE:
        return f"unknown key; {_ELSEWHERE[name]}"
    elsewhere = [known for known in _known_keys(schema) if known[-1] == name]
    if elsewhere:
        return f"unknown key; did you mean {' or '.join(map(shown_key, elsewhere[:3]))}?"
    near = nearest(name, siblings, cutoff=0.5)
    guess = f"did you mean {shown_key((*above, near))}? " if near else ""
    return f"unknown key; {guess}valid here: {', '.join(siblings)}"


def section_at(key: KeyPath, schema: Any) -> type[Section] | None:
    """Return the type of the section at a key, or None if no section can be there."""
    annotation: Any = _plain(schema)
    for part in key:
        section = _section_of(annotation)
        if section is not None:
            if part not in section.model_fields:
                return None
            annotation = section.model_fields[part].annotation
        elif typing.get_origin(annotation) is dict:
            annotation = typing.get_args(annotation)[1]
        else:
            return None
    return _section_of(annotation)


def _plain(annotation: Any) -> Any:
    is_annotated = typing.get_origin(annotation) is typing.Annotated
    return typing.get_args(annotation)[0] if is_annotated else annotation


def _section_of(annotation: Any) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return None


def _known_keys(annotation: Any, above: KeyPath = ()) -> Iterator[KeyPath]:
    section = _section_of(annotation)
    for name, field in section.model_fields.items() if section is not None else ():
        yield (*above, name)
        yield from _known_keys(field.annotation, (*above, name))
