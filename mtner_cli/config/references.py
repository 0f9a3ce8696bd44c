r"""Resolve the references ``${...}`` of an experiment file.

``${train.batch_size}`` gives another setting (its value where it is the whole text, else its text),
``${now:%Y-%m-%d}`` gives the time of the run, and ``\${`` gives the characters ``${``.
A short file could produce a huge text or section through references, so the size and the depth of
what they give are limited.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NoReturn

from mtner_cli.config.yaml_source import (
    Fault,
    KeyPath,
    key_of_text,
    key_text,
    keys_within,
    shown_key,
)
from mtner_cli.errors import MOST_FAULTS, did_you_mean, nearest, quoted, shown

_MOST_GIVEN = 1_000_000
"""Most values and characters that all references together give; no file needs as many."""
_MOST_LEVELS = 50
"""Deepest nesting of sections and references; the limit for YAML is the same."""
_LONGEST_TIME_FORMAT = 100

# A run of backslashes is matched once, from its start, so that a long one takes no extra time.
_MARK = re.compile(r"(?<!\\)(?P<slashes>\\*+)\$\{")
_TOKEN = re.compile(rf"{_MARK.pattern}(?:(?P<name>[^${{}}]*)\}})?")


def escape_references(values: Any) -> Any:
    """Escape texts so that :func:`resolve_references` gives them back unchanged."""
    return _map_texts(
        values, (), lambda text, _: _MARK.sub(lambda found: found["slashes"] * 2 + r"\${", text)
    )


def _map_texts(value: Any, key: KeyPath, change: Callable[[str, KeyPath], Any]) -> Any:
    """Return the value with every text in it replaced by ``change(text, key)``."""
    if isinstance(value, dict):
        return {name: _map_texts(inner, (*key, name), change) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_map_texts(inner, (*key, str(at)), change) for at, inner in enumerate(value)]
    return change(value, key) if isinstance(value, str) else value


@dataclass
class Resolved:
    """Settings whose references are replaced by their values.

    Attributes:
        values: the settings.
        faults: one for each text with a wrong reference, or one if a limit is reached.
        unresolved: the keys that could not be resolved; they keep their text.
        targets: for each key that holds references, the keys it refers to, also through others.
    """

    values: dict[str, Any]
    faults: list[Fault] = field(default_factory=list)
    unresolved: set[KeyPath] = field(default_factory=set)
    targets: defaultdict[KeyPath, set[KeyPath]] = field(default_factory=lambda: defaultdict(set))


def resolve_references(values: dict[str, Any], now: datetime) -> Resolved:
    """Replace every reference; ``now`` is the time that ``${now:...}`` gives.

    If the references give too much or are nested too deeply, none is replaced.
    """
    resolved = Resolved(values)
    try:
        resolved.values = _map_texts(values, (), _Resolver(resolved, now).text_or_itself)
    except _LimitError as error:
        return Resolved(values, [*error.args], {()})
    return resolved


class _LimitError(Exception):
    """References that give too much or are nested too deeply; its argument is the fault."""


class _UnresolvedError(Exception):
    """A reference whose fault is already reported."""


class _Resolver:
    def __init__(self, resolved: Resolved, now: datetime) -> None:
        self._resolved = resolved
        self._written = resolved.values
        self._now = now
        self._active: list[KeyPath] = []
        self._known: dict[KeyPath, Any] = {}
        self._given = 0

    def text_or_itself(self, text: str, key: KeyPath) -> Any:
        """Return a text with its references replaced; a text with a fault stays as it is."""
        try:
            return self._text(text, key)
        except _UnresolvedError:
            return text

    def _text(self, text: str, key: KeyPath) -> Any:
        if "${" not in text:
            return text
        if key in self._active:
            circle = " -> ".join(map(shown_key, [*self._active[self._active.index(key) :], key]))
            self._refuse(key, f"refers to itself: {circle}")
        if key not in self._known and key not in self._resolved.unresolved:
            self._active.append(key)
            self._check_levels(sum(map(len, self._active)))
            try:
                self._known[key] = self._replaced(text, key)
            except _UnresolvedError:
                self._resolved.unresolved.add(key)
            self._active.pop()
        if key in self._resolved.unresolved:
            raise _UnresolvedError
        if self._active:
            self._resolved.targets[self._active[-1]] |= self._resolved.targets[key]
        return self._known[key]

    def _replaced(self, text: str, key: KeyPath) -> Any:
        whole = _TOKEN.fullmatch(text)
        if whole and not whole["slashes"] and whole["name"] is not None:
            value = self._value(whole["name"], key)
            self._take(value, len(key))
            return value

        def replacement(match: re.Match[str]) -> str:
            kept, escaped = divmod(len(match["slashes"]), 2)
            if escaped:
                return "\\" * kept + match[0][len(match["slashes"]) :]
            if match["name"] is None:
                self._refuse(key, "expected references such as ${task_name}, closed and not nested")
            given = self._as_text(self._value(match["name"], key), match[0], key)
            self._take(given, len(key))
            return "\\" * kept + given

        return _TOKEN.sub(replacement, text)

    def _value(self, name: str, key: KeyPath) -> Any:
        """Return what the reference ``${name}`` gives."""
        reference = shown(f"${{{name}}}")
        resolver, colon, argument = name.partition(":")
        if resolver.strip() == "now" and colon:
            return self._time(argument, key)
        if colon:
            more = " (output_dir sets the run's folder)" if resolver == "hydra" else ""
            self._refuse(
                key,
                f"{reference} is not known here: references name a setting, as ${{task_name}}, or "
                f"the time, as ${{now:%Y-%m-%d}}; write the value itself{more}",
            )
        target = key_of_text(name.strip())
        self._resolved.targets[key].add(target)
        value: Any = self._written
        for part in target:
            if not isinstance(value, dict) or part not in value:
                # A message shows the first faults only, and each search takes time.
                is_shown = len(self._resolved.faults) < MOST_FAULTS
                near = nearest(name, self._all_keys) if is_shown else None
                hint = did_you_mean(near and f"${{{near}}}")
                self._refuse(key, f"{reference} refers to a setting that does not exist{hint}")
            value = value[part]
        self._take(value, len(target))
        return _map_texts(value, target, self._text)

    def _time(self, time_format: str, key: KeyPath) -> str:
        try:
            if len(time_format) <= _LONGEST_TIME_FORMAT:
                return self._now.strftime(time_format)
        except ValueError:
            pass
        what = f"{quoted(time_format)} is not a time format"
        self._refuse(key, f"{what}; write one such as ${{now:%Y-%m-%d_%H-%M-%S}}")

    def _as_text(self, value: Any, reference: str, key: KeyPath) -> str:
        if isinstance(value, dict | list):
            what = "is a section or a list, which cannot be part of a text"
            self._refuse(key, f"{shown(reference)} {what}")
        if value is None or isinstance(value, bool):
            return {None: "null", True: "true", False: "false"}[value]
        try:
            return str(value)
        except ValueError:  # Python writes no number of more than 4,300 digits
            self._refuse(key, f"{shown(reference)} gives {quoted(value)}; write a smaller one")

    def _take(self, value: Any, level: int) -> None:
        """Count what a reference gives, before it is copied or becomes part of a text."""
        self._check_levels(level)
        self._given += 1 + (len(value) if isinstance(value, str) else 0)
        if self._given > _MOST_GIVEN:
            self._stop(f"the references give more than {_MOST_GIVEN:,} values and characters")
        if isinstance(value, dict | list):
            for inner in value.values() if isinstance(value, dict) else value:
                self._take(inner, level + 1)

    def _check_levels(self, levels: int) -> None:
        if levels > _MOST_LEVELS:
            self._stop(f"references and sections are nested more than {_MOST_LEVELS} levels deep")

    def _stop(self, what: str) -> NoReturn:
        raise _LimitError(Fault(self._active[0], f"{what}; write the values themselves"))

    def _refuse(self, key: KeyPath, message: str) -> NoReturn:
        self._resolved.faults.append(Fault(key, message))
        raise _UnresolvedError

    @cached_property
    def _all_keys(self) -> list[str]:
        return [key_text(key) for key in keys_within(self._written)]
