"""Write the schema for readers and editors: ``configs/defaults.yaml`` and a JSON schema."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from itertools import pairwise
from textwrap import wrap
from typing import Any

from mtner_cli.config import schema
from mtner_cli.config.explain import fields_of
from mtner_cli.config.schema import ExperimentConfig
from mtner_cli.config.yaml_source import write_yaml

_REFERENCE = {"type": "string", "pattern": r"\$\{"}


def default_settings() -> dict[str, Any]:
    """Return the default of every setting that has one, with references unresolved."""
    return ExperimentConfig.model_construct().model_dump(warnings=False)


def defaults_yaml() -> str:
    """Return ``configs/defaults.yaml``: every setting that has a default, and what it does."""
    introduction = files(__package__).joinpath("introduction.yaml").read_text(encoding="utf-8")
    lines = _lines(ExperimentConfig, default_settings())
    return introduction + "".join(f"{line}\n" for line in lines)


def _lines(section: Any, defaults: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    for name, value in defaults.items():
        inner = fields_of(section)[name].annotation
        text = descriptions().get((section.__name__, name)) or inspect.getdoc(inner) or ""
        if not indent:
            yield ""
        for line in wrap(text.replace("``", ""), 98 - len(indent)):
            yield f"{indent}# {line}"
        if fields_of(inner):
            yield f"{indent}{name}:"
            yield from _lines(inner, value, f"{indent}  ")
        else:
            yield f"{indent}{write_yaml({name: value}).rstrip()}"


def json_schema() -> str:
    """Return the JSON schema of an experiment file, with a description of every setting."""
    described = ExperimentConfig.model_json_schema()
    for name, section in {**described["$defs"], "ExperimentConfig": described}.items():
        for setting, value in section["properties"].items():
            if (name, setting) not in descriptions():
                continue  # a section, which is described in its own place
            text = descriptions()[name, setting].replace("``", "`")
            if value.get("type") != "string" or "enum" in value or "const" in value:
                shared = {key: value.pop(key) for key in ("title", "default") if key in value}
                value = {**shared, "anyOf": [*value.get("anyOf", [value]), _REFERENCE]}
            section["properties"][setting] = {"description": text, **value}
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(dialect | described, indent=2) + "\n"


@cache
def descriptions() -> Mapping[tuple[str, str], str]:
    """Return the text below each setting in the schema, by the names of section and setting.

    It is read from the code when it is needed. ``use_attribute_docstrings`` of pydantic reads it
    at each import, which would delay every command.
    """
    tree = ast.parse(inspect.getsource(schema))
    return {
        (section.name, ast.unparse(setting.target)): inspect.cleandoc(str(text.value.value))
        for section in tree.body
        if isinstance(section, ast.ClassDef)
        for setting, text in pairwise(section.body)
        if isinstance(setting, ast.AnnAssign)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }
