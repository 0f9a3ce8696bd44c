"""Read YAML safely and strictly, and write it so that it reads back unchanged.

Differences from PyYAML's safe loader: a duplicate key in a section is a fault, keys are always text
(a corpus may be called ``2003`` and an entity type ``NO``), ``3e-4`` is a number, and a date is
text. The line of every key is kept for messages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mtner_cli.config.faults import LONGEST_KEY, Fault, KeyPath, is_whole
from mtner_cli.errors import ConfigError, quoted, reason_of, shown

_MOST_BYTES = 10_000_000
"""Far more than any configuration has; reading a device never ends."""
_MOST_NODES = 100_000
"""Far more than any configuration has; a small file can name a huge one through aliases."""
_MOST_LEVELS = 50
"""Deeper than any configuration; an alias within its own anchor nests without end."""
_TOO_DEEP = f"sections are nested too deeply (more than {_MOST_LEVELS} levels)"
_TOO_MANY = f"more than {_MOST_NODES:,} values or too long ones for a configuration"

_FLOAT = re.compile(
    r"[-+]?(?:(?:[0-9][0-9_]*)?\.[0-9][0-9_]*|[0-9][0-9_]*\.)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_INT = re.compile(r"[-+]?[0-9][0-9_]*")
_NUMBER_STARTS = list("-+.0123456789")


class _Reader(yaml.SafeLoader):
    """The safe loader with numbers as people write them, and without dates."""

    # Looked up by first character; the loader's own table is shared by all loaders.
    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [
            (tag, pattern)
            for tag, pattern in resolvers
            if tag.rpartition(":")[2] in ("bool", "null")
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._nodes = self._levels = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose the next node; stop early in a text that is too large or too deep."""
        self._nodes += 1
        self._levels += 1
        if self._nodes > 2 * _MOST_NODES:  # keys and values
            raise _LimitError(_TOO_MANY)
        if self._levels > 2 * _MOST_LEVELS:  # keys may be nested, too
            raise _LimitError(_TOO_DEEP)
        node = super().compose_node(parent, index)
        self._levels -= 1
        return node


class _LimitError(yaml.YAMLError):
    """A text that is larger or deeper than any configuration."""


class _Writer(yaml.SafeDumper):
    """The safe dumper; it quotes every text that a YAML reader could take for another type."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(writer: _Writer, text: str) -> yaml.ScalarNode:
    # In single quotes, the library loses all line ends except \n.
    style = '"' if re.search("[\r\x85\u2028\u2029]", text) else None
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Writer.add_representer(str, _text)


def _whole(pattern: re.Pattern[str]) -> re.Pattern[str]:
    return re.compile(rf"(?:{pattern.pattern})\Z")


for _table in (_Reader, _Writer):
    _table.add_implicit_resolver("tag:yaml.org,2002:float", _whole(_FLOAT), _NUMBER_STARTS)
    _table.add_implicit_resolver("tag:yaml.org,2002:int", _whole(_INT), _NUMBER_STARTS)


_KINDS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null"))


# These functions also get values after an explicit tag, such as !!int.
def _whole_number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    return int(node.value)


def _number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float:
    if not (_FLOAT.fullmatch(node.value) or _INT.fullmatch(node.value)):
        raise ValueError
    return loader.construct_yaml_float(node)


def _nothing(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> None:
    if node.value.lower() not in ("", "~", "null"):
        raise ValueError


for _kind, _constructor in (("int", _whole_number), ("float", _number), ("null", _nothing)):
    _Reader.add_constructor(f"tag:yaml.org,2002:{_kind}", _constructor)


@dataclass
class YamlSource:
    """The content of a YAML file.

    Attributes:
        values: its sections, as dicts with text keys, lists and scalars.
        lines: the 1-based line of every key.
        faults: duplicate keys (the first wins) and invalid values.
        unreadable: the keys of the invalid values; ``values`` has None there.
    """

    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[KeyPath, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    unreadable: set[KeyPath] = field(default_factory=set)


def read_yaml(path: Path) -> YamlSource:
    """Read a file whose top level is a section; an empty file is an empty section.

    Raises:
        ConfigError: if it cannot be read or is not YAML, with the line.
    """
    text = _text_of(path)
    node, loader = _compose(text, str(path))
    source = YamlSource()
    if node is None:
        return source
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError([f"{path}: expected 'key: value' lines at the top level"])
    source.values = _Builder(source, loader, str(path)).build(node, ())
    return source


def parse_value(text: str, name: str) -> Any:
    """Parse the value of one override as YAML.

    Args:
        text: such as ``3``, ``null`` or ``{a: b}``.
        name: the override's name in messages.

    Raises:
        ConfigError: if it is not YAML.
    """
    node, loader = _compose(text, name)
    if node is None:
        return None
    source = YamlSource()
    value = _Builder(source, loader, name).build(node, ())
    if source.faults:
        raise ConfigError([f"{name}: {fault.message}" for fault in source.faults])
    return value


def write_yaml(values: Any) -> str:
    """Return values as YAML text that :func:`read_yaml` reads back unchanged."""
    return yaml.dump(values, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=100)


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError([f"{path}: there is no such file"]) from None
    except (OSError, ValueError) as error:
        reason = reason_of(error)
        raise ConfigError([f"{path}: cannot be read: {reason}"]) from None
    if len(content) > _MOST_BYTES:
        fault = f"{path}: larger than {_MOST_BYTES:,} bytes, too large for a configuration"
        raise ConfigError([f"{fault}; give the right file"])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        fault = f"{path}: expected a YAML file in UTF-8; found other bytes"
        raise ConfigError([f"{fault}; save it as UTF-8, or give the right file"]) from None


def _compose(text: str, name: str) -> tuple[yaml.Node | None, _Reader]:
    try:
        loader = _Reader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        found = f"U+{ord(text[error.position]):04X}"
        fault = f"{name}:{line}: not valid YAML: the character {found} is not allowed; delete it"
        raise ConfigError([fault]) from None
    try:
        return loader.get_single_node(), loader
    except _LimitError as error:
        raise ConfigError([f"{name}: {error}; give the right file"]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = loader.line if mark is None else mark.line
        words = ", ".join(part for part in (error.context, error.problem) if part)
        # The library's words hold names from the file, which may be a file of secrets.
        words = re.sub(r"(alias|anchor|tag handle) ['\"].*", r"\1", words, flags=re.DOTALL)
    except (ValueError, OverflowError):
        line, words = loader.line, "an escape or a version is not valid"
    raise ConfigError([f"{name}:{line + 1}: not valid YAML: {words}"])


def _is_merge(node: yaml.ScalarNode) -> bool:
    return node.value == "<<" and node.style is None


class _Builder:
    """A builder of values from YAML nodes; it notes the line of each key and every fault."""

    def __init__(self, source: YamlSource, loader: _Reader, name: str) -> None:
        self._source = source
        self._loader = loader
        self._name = name
        self._nodes = self._characters = 0

    def build(self, node: yaml.Node, key: KeyPath) -> Any:
        self._nodes += 1
        self._characters += len(node.value) if isinstance(node, yaml.ScalarNode) else 0
        # An alias may also repeat a long text.
        if self._nodes > _MOST_NODES or self._characters > _MOST_BYTES:
            raise ConfigError([f"{self._name}: {_TOO_MANY}; give the right file"])
        if len(key) > _MOST_LEVELS:
            raise ConfigError([f"{self._name}: {_TOO_DEEP}; give the right file"])
        if isinstance(node, yaml.MappingNode) and node.tag == _Reader.DEFAULT_MAPPING_TAG:
            return self._section(node, key)
        if isinstance(node, yaml.SequenceNode) and node.tag == _Reader.DEFAULT_SEQUENCE_TAG:
            return [self.build(item, (*key, str(index))) for index, item in enumerate(node.value)]
        return self._scalar(node, key)

    def _section(self, node: yaml.MappingNode, key: KeyPath) -> dict[str, Any]:
        section: dict[str, Any] = {}
        for name_node, value_node in node.value:
            line = name_node.start_mark.line + 1
            if not isinstance(name_node, yaml.ScalarNode) or _is_merge(name_node):
                found = "<<" if isinstance(name_node, yaml.ScalarNode) else "a section or list"
                self._fault(key, f"expected a name as key in line {line}; found {found}")
                continue
            if not is_whole(name_node.value):
                self._fault(key, f"the key in line {line} {_half(name_node.value)}")
                continue
            if len(name_node.value) > LONGEST_KEY:
                long = f"has {len(name_node.value):,} characters"
                self._fault(key, f"the key in line {line} {long}; write at most {LONGEST_KEY:,}")
                continue
            inner = (*key, name_node.value)
            if name_node.value in section:
                first = self._source.lines[inner]
                self._fault(inner, f"occurs twice, in lines {first} and {line}; keep one")
                continue
            self._source.lines[inner] = line
            section[name_node.value] = self.build(value_node, inner)
        return section

    def _scalar(self, node: yaml.Node, key: KeyPath) -> Any:
        line = node.start_mark.line + 1
        found = quoted(node.value, 40) if isinstance(node, yaml.ScalarNode) else shown(node.tag)
        message = (
            f"holds no value that can be read: {found}; write text, a number, true, false or null"
        )
        if isinstance(node, yaml.ScalarNode) and node.tag in _KINDS:
            try:
                value = self._loader.construct_object(node)
                if is_whole(node.value):
                    return value
                message = _half(node.value)
            except (yaml.YAMLError, LookupError, ValueError):
                pass
        self._fault(key, f"line {line} {message}")
        self._source.unreadable.add(key)
        return None

    def _fault(self, key: KeyPath, message: str) -> None:
        self._source.faults.append(Fault(key, message))


def _half(text: str) -> str:
    return f"holds half of a character: {quoted(text, 40)}; write the character itself"
