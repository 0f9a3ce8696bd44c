"""Compose settings from defaults, a file and command-line overrides, and check them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from mtner_cli.config.explain import example_of, explain, foreign_file, is_foreign
from mtner_cli.config.faults import (
    LONGEST_KEY,
    Fault,
    KeyPath,
    KeySet,
    Origin,
    is_whole,
    key_of_text,
    ways_to,
)
from mtner_cli.config.references import ReferenceLimitError, Resolved, resolve_references
from mtner_cli.config.values import SECRET
from mtner_cli.config.yaml_source import YamlSource, parse_value
from mtner_cli.errors import ConfigError, quoted

_KEY_AND_VALUE = re.compile(r"(?P<key>(?:\\.|[^\\=])+)=(?P<value>.*)", re.DOTALL)

_LONGEST_SHOWN = 100


def parse_overrides(texts: Sequence[str]) -> list[tuple[KeyPath, Any, str]]:
    r"""Return each override's key, value and name in messages, in the order given.

    The value is YAML. A dot or equals sign inside a name is written ``\.`` or ``\=``.

    Raises:
        ConfigError: naming every text that is not an override.
    """
    overrides: list[tuple[KeyPath, Any, str]] = []
    faults: list[str] = []
    for text in texts:
        name = f"override {_shown(text)}"
        if not is_whole(text):
            faults.append(f"{name}: holds bytes that are not UTF-8; write it in UTF-8")
            continue
        match = _KEY_AND_VALUE.fullmatch(text)
        key = key_of_text(match["key"].strip()) if match else ()
        if match is None or "" in key:
            faults.append(f"{name}: expected key.sub=value, such as train.batch_size=8")
            continue
        if max(map(len, key)) > LONGEST_KEY:
            faults.append(f"{name}: a key may have at most {LONGEST_KEY:,} characters")
            continue
        try:
            overrides.append((key, parse_value(match["value"], name), name))
        except ConfigError as error:
            faults.extend(error.faults)
    if faults:
        raise ConfigError(faults)
    return overrides


def _shown(text: str) -> str:
    """Return the name of an override in messages, without a value that may hold a password."""
    if "@" in text or SECRET.search(text):
        key = text.partition("=")[0]
        return quoted("..." if "@" in key else f"{key}=...", _LONGEST_SHOWN)
    return quoted(text, _LONGEST_SHOWN)


def merged(below: Any, above: Any) -> Any:
    """Merge sections key by key, where ``above`` wins; for other values return ``above``."""
    if not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return above
    return {
        **below,
        **{name: merged(below.get(name), value) for name, value in above.items()},
    }


def nested(key: KeyPath, value: Any) -> Any:
    """Return the sections that hold ``value`` at ``key``: ``{"a": {"b": value}}``."""
    for name in reversed(key):
        value = {name: value}
    return value


Settings = TypeVar("Settings")


@dataclass(frozen=True)
class Recipe(Generic[Settings]):
    """The schema, defaults and checks for settings of one kind.

    Attributes:
        schema: the type of the settings: a section, or a dict of sections.
        defaults: the values of settings that are not given; texts may hold references.
        checks: functions for rules that the schema cannot express; each yields its faults.
        stand_in: puts a valid value in place of a mandatory setting that is missing or refused, so
            that the checks can run and report other faults.
    """

    schema: Any
    defaults: Mapping[str, Any]
    checks: Sequence[Callable[[Settings], Iterable[Fault]]]
    stand_in: Callable[[dict[str, Any], KeyPath], None]


def compose(
    recipe: Recipe[Settings],
    source: YamlSource,
    name: str,
    overrides: Sequence[str] = (),
    now: datetime | None = None,
) -> Settings:
    """Merge defaults, source and overrides, then resolve references and check the settings.

    Args:
        recipe: the schema, defaults and checks.
        source: the settings of the file.
        name: the name of the source in messages.
        overrides: ``key.sub=value`` texts.
        now: the time for ``${now:...}``; the current time if None.

    Raises:
        ConfigError: with every fault.
    """
    if is_foreign(source.values, recipe.schema):
        raise ConfigError([foreign_file(name, example_of(recipe.schema))])
    places = {key: f"{name}:{line}" for key, line in source.lines.items()}
    values = merged(recipe.defaults, source.values)
    for key, value, override_name in parse_overrides(overrides):
        values = merged(values, nested(key, value))
        places |= dict.fromkeys(_keys_within(value, key), override_name)
    origin = Origin(name, places)
    try:
        resolved = resolve_references(values, now or datetime.now())
    except ReferenceLimitError as error:
        raise ConfigError([origin.describe(error.fault)]) from None
    outcome = _checked(recipe, resolved, source.unreadable)
    faults = [*source.faults, *outcome.faults]
    if outcome.settings is None or faults:
        raise ConfigError([origin.describe(fault) for fault in faults])
    return outcome.settings


@dataclass(frozen=True)
class _Outcome(Generic[Settings]):
    """The settings (None if the schema refuses them) and their faults."""

    settings: Settings | None
    faults: list[Fault]


def _checked(
    recipe: Recipe[Settings], resolved: Resolved, unreadable: set[KeyPath]
) -> _Outcome[Settings]:
    """Check the settings; leave out faults that only follow from another fault."""
    outcome = _validated(recipe, resolved.values)
    unsure = unreadable | resolved.unresolved
    known_unsure = KeySet(unsure)
    refused = [fault for fault in outcome.faults if not known_unsure.concerns(fault.key)]
    causes = unreadable | {fault.key for fault in refused}
    following = _referring_to(causes, resolved.targets)
    faults = [fault for fault in [*resolved.faults, *refused] if fault.key not in following]
    settings = outcome.settings or _repaired(recipe, resolved.values, unsure | causes)
    if settings is not None:
        explained = KeySet(unsure | causes)
        found = [fault for check in recipe.checks for fault in check(settings)]
        faults += [fault for fault in found if not explained.concerns(fault.key)]
    return _Outcome(settings, faults)


def _validated(recipe: Recipe[Settings], values: dict[str, Any]) -> _Outcome[Settings]:
    """Return the settings, or the faults that the schema finds."""
    try:
        return _Outcome(TypeAdapter(recipe.schema).validate_python(values), [])
    except ValidationError as error:
        return _Outcome(None, explain(error, recipe.schema))


def _referring_to(
    causes: set[KeyPath], targets: Mapping[KeyPath, Iterable[KeyPath]]
) -> set[KeyPath]:
    """Return the keys that refer to one of ``causes``, directly or through others."""
    # By target, and by every section that holds the target.
    referring: defaultdict[KeyPath, set[KeyPath]] = defaultdict(set)
    referring_within: defaultdict[KeyPath, set[KeyPath]] = defaultdict(set)
    for key, named in targets.items():
        for target in named:
            referring[target].add(key)
            for way in ways_to(target):
                referring_within[way].add(key)
    following: set[KeyPath] = set()
    waiting = list(causes)
    while waiting:
        cause = waiting.pop()
        found = referring_within[cause].union(*(referring[way] for way in ways_to(cause)))
        waiting += found - following
        following |= found
    return following


def _repaired(
    recipe: Recipe[Settings], values: dict[str, Any], refused: set[KeyPath]
) -> Settings | None:
    """Return the settings without the refused ones, or None if the rest is not valid either."""
    repaired = _copied(values)
    for key in sorted(refused, key=len, reverse=True):
        _remove(repaired, key)
        recipe.stand_in(repaired, key)
    return _validated(recipe, repaired).settings


def _remove(values: dict[str, Any], key: KeyPath) -> None:
    """Remove a key; for an entry of a list, remove the whole list."""
    section: Any = values
    for at, name in enumerate(key):
        if not isinstance(section, dict) or name not in section:
            return
        if at == len(key) - 1 or not isinstance(section[name], dict):
            del section[name]
            return
        section = section[name]


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(inner) for name, inner in value.items()}
    return value


def _keys_within(value: Any, key: KeyPath) -> Iterator[KeyPath]:
    yield key
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _keys_within(inner, (*key, name))
