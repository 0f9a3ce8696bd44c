r"""``${...}`` in an experiment file.

``${train.batch_size}`` stands for another setting (its value where it is the whole text, its text
otherwise), ``${now:%Y-%m-%d}`` for the time of the run, ``\${`` for the characters themselves.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from mtner_cli.config.faults import Fault, KeyPath, key_of_text, key_text

_TOKEN = re.compile(r"(?P<slashes>\\*)\$\{(?:(?P<name>[^${}]*)\})?")


@dataclass(frozen=True)
class Resolved:
    """Settings whose references have been replaced by what they stand for.

    Attributes:
        values: the settings.
        faults: one per reference that stands for nothing.
        unresolved: the keys that could not be resolved; they keep their text.
        targets: for each key that holds references, the keys it refers to.
    """

    values: dict[str, Any]
    faults: list[Fault]
    unresolved: set[KeyPath]
    targets: dict[KeyPath, set[KeyPath]]


def resolve_references(values: dict[str, Any], now: datetime) -> Resolved:
    """Replace every reference; ``now`` is the time that ``${now:...}`` gives."""
    resolver = _Resolver(values, now)
    resolved = resolver.resolve(values, ())
    return Resolved(resolved, resolver.faults, resolver.unresolved, dict(resolver.targets))


def escape_references(values: Any) -> Any:
    """The inverse: settings whose texts mean themselves when they are resolved."""
    return _map_texts(
        values, (), lambda text, _: re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + r"\${", text)
    )


def _map_texts(value: Any, key: KeyPath, change: Callable[[str, KeyPath], Any]) -> Any:
    """The value with ``change(text, key)`` in place of every text in it."""
    if isinstance(value, dict):
        return {name: _map_texts(inner, (*key, name), change) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_map_texts(inner, (*key, str(at)), change) for at, inner in enumerate(value)]
    return change(value, key) if isinstance(value, str) else value


class _UnresolvedError(Exception):
    """A reference on which a fault has been reported."""


class _Resolver:
    def __init__(self, values: dict[str, Any], now: datetime) -> None:
        self._values = values
        self._now = now
        self._active: list[KeyPath] = []
        self._known: dict[KeyPath, Any] = {}
        self.faults: list[Fault] = []
        self.unresolved: set[KeyPath] = set()
        self.targets: defaultdict[KeyPath, set[KeyPath]] = defaultdict(set)

    def resolve(self, value: Any, key: KeyPath) -> Any:
        """The value with its references replaced; a text that has a fault stays as it is."""
        return _map_texts(value, key, self._text_or_itself)

    def _text_or_itself(self, text: str, key: KeyPath) -> Any:
        try:
            return self._text_at(text, key)
        except _UnresolvedError:
            return text

    def _text_at(self, text: str, key: KeyPath) -> Any:
        if "${" not in text:
            return text
        if key in self._known:
            return self._known[key]
        if key in self.unresolved:
            raise _UnresolvedError
        if key in self._active:
            circle = " -> ".join(map(key_text, [*self._active[self._active.index(key) :], key]))
            self._refuse(key, f"refers to itself: {circle}")
        self._active.append(key)
        try:
            self._known[key] = self._replace(text, key)
        except _UnresolvedError:
            self.unresolved.add(key)
            raise
        finally:
            self._active.pop()
        return self._known[key]

    def _replace(self, text: str, key: KeyPath) -> Any:
        whole = _TOKEN.fullmatch(text)
        if whole and not whole["slashes"] and whole["name"] is not None:
            return self._value_of(whole["name"], key)

        def replacement(match: re.Match[str]) -> str:
            kept, escaped = divmod(len(match["slashes"]), 2)
            if escaped:
                return "\\" * kept + match[0][len(match["slashes"]) :]
            if match["name"] is None:
                self._refuse(key, "expected references such as ${task_name}, closed and not nested")
            return "\\" * kept + self._as_text(self._value_of(match["name"], key), match[0], key)

        return _TOKEN.sub(replacement, text)

    def _value_of(self, name: str, key: KeyPath) -> Any:
        resolver, colon, argument = name.partition(":")
        if resolver.strip() == "now" and colon:
            return self._now.strftime(argument)
        if colon:
            self._refuse(
                key,
                f"${{{name}}} is not known here: references name a setting, as ${{task_name}}, or "
                "the time, as ${now:%Y-%m-%d}; write the value itself"
                + (" (output_dir sets the run's folder)" if resolver == "hydra" else ""),
            )
        target = key_of_text(name.strip())
        self.targets[key].add(target)
        value: Any = self._values
        for part in target:
            if not isinstance(value, dict) or part not in value:
                near = difflib.get_close_matches(name, _all_keys(self._values), n=1)
                hint = f"; did you mean ${{{near[0]}}}?" if near else ""
                self._refuse(key, f"${{{name}}} refers to a setting that does not exist{hint}")
            value = value[part]
        return _map_texts(value, target, self._text_at)

    def _as_text(self, value: Any, reference: str, key: KeyPath) -> str:
        if isinstance(value, dict | list):
            self._refuse(
                key, f"{reference} stands for several values, which cannot be part of a text"
            )
        if value is None or isinstance(value, bool):
            return {None: "null", True: "true", False: "false"}[value]
        return str(value)

    def _refuse(self, key: KeyPath, message: str) -> NoReturn:
        self.faults.append(Fault(key, message))
        raise _UnresolvedError


def _all_keys(values: dict[str, Any], key: KeyPath = ()) -> list[str]:
    keys: list[str] = []
    for name, value in values.items():
        keys.append(key_text((*key, name)))
        if isinstance(value, dict):
            keys += _all_keys(value, (*key, name))
    return keys
