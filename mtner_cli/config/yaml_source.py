"""Read YAML safely and strictly, and write it so that it reads back unchanged.

Differences from PyYAML's safe loader: a duplicate key in a section is a fault, keys are always text
(a corpus may be called ``2003`` and an entity type ``NO``), ``3e-4`` is a number, and a date is
text. The place of every key is kept for messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mtner_cli.errors import ConfigError, quoted, reason_of, shown

LONGEST_KEY = 1000
"""Most characters of one key; every fault within a section repeats the section's key."""
_MOST_BYTES = 10_000_000
"""Far more than any configuration has; reading a device never ends."""
_MOST_NODES = 100_000
"""Far more than any configuration has; a small file can name a huge one through aliases."""
_MOST_LEVELS = 50
"""Deeper than any configuration; an alias within its own anchor nests without end."""
_TOO_DEEP = f"nested too deeply (more than {_MOST_LEVELS} levels); give the right file"
_TOO_MANY = f"more than {_MOST_NODES:,} values or too long ones; give the right file"

KeyPath = tuple[str, ...]
"""The path of a setting: keys from the top, such as ``("train", "batch_size")``."""


@dataclass(frozen=True)
class Fault:
    """A fault of one setting, or of the whole configuration if ``key`` is empty."""

    key: KeyPath
    message: str


def key_text(key: Iterable[str]) -> str:
    r"""Return the path as a user writes it; a dot inside a key is written ``\.``."""
    return ".".join(re.sub(r"([\\.=])", r"\\\1", part) for part in key)


def key_of_text(text: str) -> KeyPath:
    """Return the path that :func:`key_text` wrote as ``text``."""
    parts = re.findall(r"(?:^|\.)((?:\\.|[^\\.])*)", text)
    return tuple(re.sub(r"\\(.)", r"\1", part) for part in parts)


def shown_key(key: Iterable[str]) -> str:
    """Return the path for a message; a name that could spoil it is cut and in quotes."""
    return ".".join(key_text((part,)) if shown(part) == part else shown(part) for part in key)


def keys_within(value: Any, key: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield the path of every setting within the section at ``key``."""
    for name, inner in value.items() if isinstance(value, Mapping) else ():
        yield (*key, name)
        yield from keys_within(inner, (*key, name))


def concerned_by(keys: Iterable[KeyPath]) -> Callable[[KeyPath], bool]:
    """Return a test that tells whether a key is one of ``keys``, holds one, or lies within one."""
    known = set(keys)
    above = {way for key in known for way in _ways_to(key)}
    return lambda key: key in above or not known.isdisjoint(_ways_to(key))


def _ways_to(key: KeyPath) -> Iterator[KeyPath]:
    """Yield the sections that hold a key, from the top, then the key: ``()``, ``("a",)``, ..."""
    return (key[:length] for length in range(len(key) + 1))


def is_whole(text: str) -> bool:
    r"""Tell whether a text has no half of a character, such as ``\ud83d`` in YAML or JSON.

    Bytes of the command line that are not UTF-8 also become such halves.
    """
    return text.isascii() or not re.search("[\ud800-\udfff]", text)


def _number(text: str) -> float:
    return float(re.sub(r"\.(inf|nan)", r"\1", text.replace("_", "").lower()))


_BOOLEANS: Mapping[str, bool] = yaml.SafeLoader.bool_values
_ANY_CASE = "|".join(f"{word}|{word.capitalize()}|{word.upper()}" for word in _BOOLEANS)
_FLOAT = (
    r"[-+]?(?:[0-9][0-9_]*\.?|(?:[0-9][0-9_]*)?\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_SCALARS: Mapping[str, tuple[re.Pattern[str], Callable[[str], Any]]] = {
    f"tag:yaml.org,2002:{kind}": (re.compile(rf"(?:{pattern})\Z"), convert)
    for kind, pattern, convert in (
        ("null", "|~|null|Null|NULL", lambda text: None),
        ("bool", _ANY_CASE, lambda text: _BOOLEANS[text.lower()]),
        ("int", "[-+]?[0-9][0-9_]*", int),
        ("float", _FLOAT, _number),
    )
}
"""For each kind of scalar but text: how people write it, and its value."""
# PyYAML looks up the first character, and tries what is under None for all of them.
_RESOLVERS: Any = {None: [(tag, pattern) for tag, (pattern, _) in _SCALARS.items()]}


class _Reader(yaml.SafeLoader):
    """The safe loader with our scalars; it stops early in a text that is too large."""

    yaml_implicit_resolvers = _RESOLVERS
    _nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._nodes += 1
        if self._nodes > 2 * _MOST_NODES:  # keys and values
            raise ConfigError([f"{self.name}: {_TOO_MANY}"])
        return super().compose_node(parent, index)


class _Writer(yaml.SafeDumper):
    """The safe dumper; it quotes every text that a YAML reader could take for another type."""

    yaml_implicit_resolvers = {**yaml.SafeDumper.yaml_implicit_resolvers, **_RESOLVERS}  # noqa: RUF012

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(writer: _Writer, text: str) -> yaml.ScalarNode:
    # In single quotes, the library loses all line ends except \n.
    style = '"' if re.search("[\r\x85\u2028\u2029]", text) else None
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Writer.add_representer(str, _text)


def write_yaml(values: Any) -> str:
    """Return values as YAML text that :func:`read_yaml` reads back unchanged."""
    return yaml.dump(values, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=100)


@dataclass
class YamlSource:
    """The settings of a YAML file, and where they are in it.

    Attributes:
        name: the file, or the name of an override, in messages.
        values: its sections, as dicts with text keys, lists and scalars.
        places: the place of every key, such as ``exp.yaml:12``.
        faults: duplicate keys (the first wins) and invalid values.
        unreadable: the keys of the invalid values; ``values`` has None there.
    """

    name: str
    values: dict[str, Any] = field(default_factory=dict)
    places: dict[KeyPath, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    unreadable: set[KeyPath] = field(default_factory=set)
    _nodes = _characters = 0  # read so far

    def describe(self, fault: Fault) -> str:
        """Return a line with place, key and message; an unwritten key has its section's place."""
        key = fault.key
        while key and key not in self.places:
            key = key[:-1]
        place = self.places.get(key, self.name)
        return f"{place}: {f'{shown_key(fault.key)}: ' if fault.key else ''}{fault.message}"

    def read(self, node: yaml.Node, key: KeyPath = ()) -> Any:
        """Return the value of a node; note the places of its keys, and every fault."""
        self._nodes += 1
        self._characters += len(node.value) if isinstance(node, yaml.ScalarNode) else 0
        # An alias may also repeat a long text.
        if self._nodes > _MOST_NODES or self._characters > _MOST_BYTES:
            raise ConfigError([f"{self.name}: {_TOO_MANY}"])
        if len(key) > _MOST_LEVELS:
            raise ConfigError([f"{self.name}: {_TOO_DEEP}"])
        if isinstance(node, yaml.MappingNode) and node.tag == _Reader.DEFAULT_MAPPING_TAG:
            return self._section(node, key)
        if isinstance(node, yaml.SequenceNode) and node.tag == _Reader.DEFAULT_SEQUENCE_TAG:
            return [self.read(item, (*key, str(index))) for index, item in enumerate(node.value)]
        return self._scalar(node, key)

    def _section(self, node: yaml.MappingNode, key: KeyPath) -> dict[str, Any]:
        section: dict[str, Any] = {}
        for name_node, value_node in node.value:
            line = name_node.start_mark.line + 1
            name = name_node.value if isinstance(name_node, yaml.ScalarNode) else None
            if name is None or (name == "<<" and name_node.style is None):
                found = "a section or list" if name is None else name
                self._fault(key, f"expected a name as key in line {line}; found {found}")
            elif not is_whole(name):
                self._fault(key, f"the key in line {line} {_half(name)}")
            elif len(name) > LONGEST_KEY:
                long = f"has {len(name):,} characters; write at most {LONGEST_KEY:,}"
                self._fault(key, f"the key in line {line} {long}")
            elif name in section:
                first = self.places[*key, name].rpartition(":")[2]
                self._fault((*key, name), f"occurs twice, in lines {first} and {line}; keep one")
            else:
                self.places[*key, name] = f"{self.name}:{line}"
                section[name] = self.read(value_node, (*key, name))
        return section

    def _scalar(self, node: yaml.Node, key: KeyPath) -> Any:
        found = quoted(node.value, 40) if isinstance(node, yaml.ScalarNode) else shown(node.tag)
        words = "write text, a number, true, false or null"
        message = f"holds no value that can be read: {found}; {words}"
        if isinstance(node, yaml.ScalarNode):
            pattern, convert = _SCALARS.get(node.tag, (None, str))
            if node.tag == _Reader.DEFAULT_SCALAR_TAG and not is_whole(node.value):
                message = _half(node.value)
            elif node.tag == _Reader.DEFAULT_SCALAR_TAG:
                return node.value
            elif pattern and pattern.match(node.value):
                with suppress(ValueError):  # a number of thousands of digits
                    return convert(node.value)
        self._fault(key, f"line {node.start_mark.line + 1} {message}")
        self.unreadable.add(key)
        return None

    def _fault(self, key: KeyPath, message: str) -> None:
        self.faults.append(Fault(key, message))


def _half(text: str) -> str:
    return f"holds half of a character: {quoted(text, 40)}; write the character itself"


def read_yaml(path: Path) -> YamlSource:
    """Read a file whose top level is a section; an empty file is an empty section.

    Raises:
        ConfigError: if it cannot be read or is not YAML, with the line.
    """
    source = YamlSource(str(path))
    node = _composed(_text_of(path), source.name)
    if isinstance(node, yaml.MappingNode):
        source.values = source.read(node)
    elif node is not None:
        raise ConfigError([f"{path}: expected 'key: value' lines at the top level"])
    return source


def parse_value(text: str, name: str) -> Any:
    """Parse the value of one override as YAML.

    Args:
        text: such as ``3``, ``null`` or ``{a: b}``.
        name: the override's name in messages.

    Raises:
        ConfigError: if it is not YAML.
    """
    source = YamlSource(name)
    node = _composed(text, name)
    value = None if node is None else source.read(node)
    if source.faults:
        raise ConfigError([f"{name}: {fault.message}" for fault in source.faults])
    return value


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) <= _MOST_BYTES:
            return content.decode("utf-8-sig")
        size = f"larger than {_MOST_BYTES:,} bytes, too large for a configuration"
        fault = f"{size}; give the right file"
    except FileNotFoundError:
        fault = "there is no such file"
    except UnicodeDecodeError:
        found = "expected a YAML file in UTF-8; found other bytes"
        fault = f"{found}; save it as UTF-8, or give the right file"
    except (OSError, ValueError) as error:
        fault = f"cannot be read: {reason_of(error)}"
    raise ConfigError([f"{path}: {fault}"])


def _composed(text: str, name: str) -> yaml.Node | None:
    """Return the top node of one YAML document, or None if it is empty."""
    try:
        loader = _Reader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        found = f"U+{ord(text[error.position]):04X}"
        fault = f"{name}:{line}: not valid YAML: the character {found} is not allowed; delete it"
        raise ConfigError([fault]) from None
    loader.name = name
    try:
        return loader.get_single_node()
    except RecursionError:
        raise ConfigError([f"{name}: {_TOO_DEEP}"]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = loader.line if mark is None else mark.line
        words = ", ".join(part for part in (error.context, error.problem) if part)
        if r"'\t'" in words:
            words = "YAML allows no tab here; write spaces"
        # The library's words hold names from the file, which may be a file of secrets.
        words = re.sub(r"(alias|anchor|tag handle) ['\"].*", r"\1", words, flags=re.DOTALL)
    except (ValueError, OverflowError):
        line, words = loader.line, "an escape or a version is not valid"
    raise ConfigError([f"{name}:{line + 1}: not valid YAML: {words}"])
