"""YAML as experiment files use it: read safely and strictly, and written so that it reads the same.

Beyond the usual safe loader: a key that stands twice in a section is a fault, keys are always text
(a corpus may be called ``2003`` and an entity type ``NO``), ``3e-4`` is a number, and a date is
text. The line of every key is kept for messages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mtner_cli.config.faults import Fault, KeyPath
from mtner_cli.errors import ConfigError

_MOST_NODES = 100_000
"""Far more than any configuration has; a small file can name a huge one through aliases."""
_MOST_LEVELS = 50
"""Deeper than any configuration; an alias within its own anchor has no bottom."""
_TOO_DEEP = "sections are nested too deeply"

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


class _Writer(yaml.SafeDumper):
    """The safe dumper; it puts into quotes what any YAML reader would take for more than text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(writer: _Writer, text: str) -> yaml.ScalarNode:
    # Between single quotes the library loses all line ends but \n.
    style = '"' if re.search("[\r\x85\u2028\u2029]", text) else None
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Writer.add_representer(str, _text)


def _whole(pattern: re.Pattern[str]) -> re.Pattern[str]:
    return re.compile(rf"(?:{pattern.pattern})\Z")


for _table in (_Reader, _Writer):
    _table.add_implicit_resolver("tag:yaml.org,2002:float", _whole(_FLOAT), _NUMBER_STARTS)
    _table.add_implicit_resolver("tag:yaml.org,2002:int", _whole(_INT), _NUMBER_STARTS)


def _whole_number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    return int(node.value)


_Reader.add_constructor("tag:yaml.org,2002:int", _whole_number)


@dataclass
class YamlSource:
    """What a YAML file holds.

    Attributes:
        values: its sections, as dicts with text keys, lists and scalars.
        lines: the 1-based line of every key.
        faults: keys that stand twice, of which the first is kept, and values that are none.
        unreadable: the keys of the latter; ``values`` has None there.
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
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError([f"{path}: there is no such file"]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{path}: expected a YAML file in UTF-8; found other bytes"]) from None
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from None
    node, loader = _compose(text, str(path))
    source = YamlSource()
    if node is None:
        return source
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError([f"{path}: expected 'key: value' lines at the top level"])
    source.values = _Builder(source, loader, str(path)).build(node, ())
    return source


def parse_value(text: str, name: str) -> Any:
    """The value of one override, in YAML.

    Args:
        text: such as ``3``, ``null`` or ``{a: b}``.
        name: how a message calls it.

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
    """YAML that :func:`read_yaml` reads back to the same values."""
    return yaml.dump(values, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=100)


def _compose(text: str, name: str) -> tuple[yaml.Node | None, _Reader]:
    try:
        loader = _Reader(text)
        return loader.get_single_node(), loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{name}:{mark.line + 1}" if mark is not None else name
        words = ", ".join(part for part in (error.context, error.problem) if part)
        raise ConfigError([f"{place}: not valid YAML: {words}"]) from None
    except yaml.YAMLError as error:
        raise ConfigError([f"{name}: not valid YAML: {' '.join(str(error).split())}"]) from None
    except RecursionError:
        raise ConfigError([f"{name}: {_TOO_DEEP}"]) from None


def _is_merge(node: yaml.ScalarNode) -> bool:
    return node.value == "<<" and node.style is None


class _Builder:
    """Turns YAML nodes into values, and notes the line of each key and every fault."""

    def __init__(self, source: YamlSource, loader: _Reader, name: str) -> None:
        self._source = source
        self._loader = loader
        self._name = name
        self._nodes = 0

    def build(self, node: yaml.Node, key: KeyPath) -> Any:
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise ConfigError([f"{self._name}: more than {_MOST_NODES:,} values"])
        if len(key) > _MOST_LEVELS:
            raise ConfigError([f"{self._name}: {_TOO_DEEP}"])
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
            inner = (*key, name_node.value)
            if name_node.value in section:
                first = self._source.lines[inner]
                self._fault(inner, f"stands twice, in lines {first} and {line}; keep one")
                continue
            self._source.lines[inner] = line
            section[name_node.value] = self.build(value_node, inner)
        return section

    def _scalar(self, node: yaml.Node, key: KeyPath) -> Any:
        try:
            if not isinstance(node, yaml.ScalarNode):
                raise ValueError
            return self._loader.construct_object(node)
        except (yaml.YAMLError, ValueError):
            line = node.start_mark.line + 1
            found = repr(node.value)[:40] if isinstance(node, yaml.ScalarNode) else node.tag
            self._fault(key, f"line {line} holds no value that can be read: {found}")
            self._source.unreadable.add(key)
            return None

    def _fault(self, key: KeyPath, message: str) -> None:
        self._source.faults.append(Fault(key, message))
