"""Options of converters that come from a file: checked against what the converter takes."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from mtner_cli.config.compose import Recipe, compose
from mtner_cli.config.faults import KeyPath
from mtner_cli.config.text_encoding import text_encoding
from mtner_cli.config.values import Text
from mtner_cli.config.yaml_source import read_yaml
from mtner_cli.core.actions.tag_schemes import scheme_named
from mtner_cli.core.convert.cleaning import TypeMap
from mtner_cli.core.convert.formats.conll import checked_column
from mtner_cli.core.convert.registry import CONVERTERS
from mtner_cli.errors import ConfigError, quoted, visible

_NO_OPTIONS = ("inputs", "ledger")
_CHECKS: Mapping[str, Callable[[Any], object]] = {
    "charset": text_encoding,
    "scheme": scheme_named,
    "word_column": checked_column,
    "tag_column": checked_column,
}
"""What readers check themselves, so that a file of corpora is refused before anything is read."""


def checked_options(
    converter: str, values: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The options for a converter's ``read``, of the types that it wants, and their faults.

    Args:
        converter: a key of ``CONVERTERS``.
        values: the options by the names of its parameters.

    Returns:
        The options that are well, and what is wrong with each of the others.
    """
    read = CONVERTERS[converter].read
    hints = get_type_hints(read)
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(read).parameters.items()
        if name not in _NO_OPTIONS
    }
    options: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for name, value in values.items():
        if name not in defaults:
            faults[name] = unknown_name(name, defaults)
            continue
        try:
            options[name] = TypeAdapter(hints[name]).validate_python(value)
            if name in _CHECKS and options[name] is not None:
                _CHECKS[name](options[name])
        except ValidationError as error:
            faults[name] = error.errors()[0]["msg"]
            continue
        except ConfigError as error:
            faults[name] = str(error)
            continue
        if isinstance(options[name], Path) and not os.path.isfile(options[name]):
            faults[name] = f"there is no such file: {visible(str(value))}"
    for name, default in defaults.items():
        if default is inspect.Parameter.empty and name not in values:
            faults[name] = f"missing; {converter} needs it"
    return options, faults


def unknown_name(name: str, known: Iterable[str]) -> str:
    """What to say of a name that is not among those known."""
    names = list(known)
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are: {', '.join(names) or 'none'}"
    return f"unknown name {quoted(name)}; {hint}"


def load_type_map(path: Path) -> TypeMap:
    """A type map from a YAML file: the name to write by each type's own, null to drop it.

    Raises:
        ConfigError: with every fault.
    """

    def stand_in(values: dict[str, Any], key: KeyPath) -> None:
        values[key[0]] = None

    recipe: Recipe[TypeMap] = Recipe(dict[Text, Text | None], {}, (), stand_in)
    return compose(recipe, read_yaml(path), str(path))
