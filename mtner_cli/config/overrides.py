"""``key.sub=value`` on the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mtner_cli.config.faults import LONGEST_KEY, KeyPath, is_whole, key_of_text
from mtner_cli.config.values import SECRET
from mtner_cli.config.yaml_source import parse_value
from mtner_cli.errors import ConfigError, quoted

_KEY_AND_VALUE = re.compile(r"(?P<key>(?:\\.|[^\\=])+)=(?P<value>.*)", re.DOTALL)

_LONGEST_SHOWN = 100


def parse_overrides(texts: Sequence[str]) -> list[tuple[KeyPath, Any, str]]:
    r"""Each override's key, value and how messages call it, in the order given.

    The value is YAML. A dot or equals sign inside a name is written ``\.`` or ``\=``.

    Raises:
        ConfigError: naming every text that is no override.
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
    """Give what is printed before a fault; a value that may hold a password is not shown."""
    if "@" in text or SECRET.search(text):
        key = text.partition("=")[0]
        return quoted("..." if "@" in key else f"{key}=...", _LONGEST_SHOWN)
    return quoted(text, _LONGEST_SHOWN)


def merged(below: Any, above: Any) -> Any:
    """Sections joined key by key, ``above`` winning; anything else is ``above`` alone."""
    if not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return above
    return {
        **below,
        **{name: merged(below.get(name), value) for name, value in above.items()},
    }


def nested(key: KeyPath, value: Any) -> Any:
    """The sections that hold ``value`` at ``key``: ``{"a": {"b": value}}``."""
    for name in reversed(key):
        value = {name: value}
    return value
