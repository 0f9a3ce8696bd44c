"""Load many conversions from one YAML file of corpora, their splits and paths."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, Field, TypeAdapter, ValidationError

from mtner_cli.config.encodings import EncodingName
from mtner_cli.config.explain import example_text, foreign_file, is_foreign
from mtner_cli.config.load import compose
from mtner_cli.config.values import FilePath, Section, Text
from mtner_cli.config.yaml_source import Fault, KeyPath, read_yaml
from mtner_cli.core.convert.cleaning import TypeMap
from mtner_cli.core.convert.conversion import convert, files_of
from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.convert.registry import FORMATS, format_named
from mtner_cli.core.fetch.download import load_catalogue
from mtner_cli.core.files.atomic import file_identity, refuse_overwriting
from mtner_cli.errors import ConfigError, did_you_mean, nearest, quoted, visible
from mtner_cli.paths import exists, shipped, why_absent

_MOST_MATCHES = 5  # shown in a message


class SplitConversion(Section):
    """One file to convert."""

    input: FilePath
    """The source: a file or, for brat, a folder; a name with ``*`` must match exactly one."""
    out: FilePath
    """The action file to write."""
    options: dict[Text, Any] = Field(default={})
    """The converter's options for this split; they override the options of the corpus."""


class CorpusConversion(Section):
    """One corpus."""

    converter: Text
    """A name that ``mtner convert --list`` shows."""
    origin: Text | None = None
    """The origin of the sources; shown if one is missing."""
    action_encoding: EncodingName | None = Field(
        default=None, validation_alias=AliasChoices("action_encoding", "encoding")
    )
    """The action encoding; by default ``simple`` for words and ``simple-char`` for raw text."""
    options: dict[Text, Any] = Field(default={})
    """The converter's options, with underscores instead of the command line's dashes."""
    types: dict[Text, Text | None] | None = None
    """The name to write for each entity type; null drops a type, ``*`` means all others."""
    splits: Annotated[dict[Text, SplitConversion], Field(min_length=1)]
    """The files to convert, by split name."""

    def options_of(self, split: str) -> dict[str, Any]:
        return {**self.options, **self.splits[split].options}


Conversions = Mapping[str, CorpusConversion]


@dataclass(frozen=True)
class Conversion:
    """One checked conversion of one file.

    Attributes:
        corpus: the corpus's name.
        split: the split's name.
        source: the file to read.
        block: the checked settings of the corpus.
    """

    corpus: str
    split: str
    source: Path
    block: CorpusConversion

    @property
    def out(self) -> Path:
        return self.block.splits[self.split].out

    def run(self) -> Ledger:
        """Run the conversion; see :func:`mtner_cli.core.convert.conversion.convert`."""
        block = self.block
        options, _ = checked_options(block.converter, block.options_of(self.split))
        return convert(
            block.converter, [self.source], self.out, block.action_encoding, block.types, **options
        )


def load_conversions(path: Path, only: Collection[str] = ()) -> list[Conversion]:
    """Load the conversions of a file, in its order, without running them.

    Args:
        path: a YAML file that maps corpus names to :class:`CorpusConversion` sections.
        only: the corpora to convert; all if it is empty.

    Raises:
        ConfigError: with every fault, including missing sources.
    """
    path = shipped(path)
    source = read_yaml(path)
    schema = Annotated[dict[Text, CorpusConversion], Field(min_length=1)]
    if is_foreign(source.values, schema):
        raise ConfigError([foreign_file(path, example_text(schema))])
    unknown = [name for name in only if name not in source.values]
    if unknown:
        known = visible(", ".join(source.values))
        raise ConfigError([f"{path}: there is no corpus {name}, only {known}" for name in unknown])
    if only:
        source.values = {name: source.values[name] for name in source.values if name in only}
    checks = (_option_faults, partial(_path_faults, path))
    return [
        Conversion(corpus, split, _matching_files(paths.input)[0], block)
        for corpus, block in compose(source, schema, checks=checks).items()
        for split, paths in block.splits.items()
    ]


def _option_faults(conversions: Conversions) -> Iterator[Fault]:
    for corpus, block in conversions.items():
        if block.converter not in FORMATS:
            yield Fault((corpus, "converter"), unknown_name(block.converter, FORMATS))
            continue
        encodings = format_named(block.converter).encodings
        if block.action_encoding is not None and block.action_encoding not in encodings:
            message = f"{block.converter} can be written as {' or '.join(encodings)} only"
            yield Fault((corpus, "action_encoding"), message)
        for split in block.splits:
            _, faults = checked_options(block.converter, block.options_of(split))
            for option, message in faults.items():
                shared = option in block.options and option not in block.splits[split].options
                section: KeyPath = (corpus,) if shared else (corpus, "splits", split)
                yield Fault((*section, "options", option), message)


def _path_faults(file: Path, conversions: Conversions) -> Iterator[Fault]:
    writers: dict[object, KeyPath] = {}
    outs: dict[KeyPath, Path] = {}
    sources = [file]
    for corpus, block in conversions.items():
        for split, paths in block.splits.items():
            key: KeyPath = (corpus, "splits", split)
            found = _matching_files(paths.input)
            if fault := _input_fault(paths.input, found, block):
                yield Fault((*key, "input"), fault)
            sources += _files_read(found, block, split)
            outs[*key, "out"] = paths.out
            first = writers.setdefault(file_identity(paths.out), key)
            if reason := why_absent(paths.out):
                yield Fault((*key, "out"), f"cannot be written: {reason}; name another file")
            elif first != key and file_identity(paths.out) is not None:
                message = f"{paths.out} is written by {'.'.join(first)} as well"
                yield Fault((*key, "out"), message)
    for key, out in outs.items():
        try:
            refuse_overwriting(sources, out)
        except ConfigError as error:
            yield Fault(key, str(error))


def _files_read(found: list[Path], block: CorpusConversion, split: str) -> Iterable[Path]:
    if block.converter not in FORMATS:
        return found
    options, _ = checked_options(block.converter, block.options_of(split))
    return files_of(format_named(block.converter), found, options)


def _matching_files(path: Path) -> list[Path]:
    if "*" in str(path) and not why_absent(path):
        return [Path(match) for match in sorted(glob.glob(str(path)))]
    return [shipped(path)]


def _input_fault(path: Path, found: list[Path], block: CorpusConversion) -> str:
    """Return what is wrong with an input; empty if it is one file or a readable folder."""
    takes_folders = block.converter in FORMATS and format_named(block.converter).takes_folders
    if len(found) == 1:
        if os.path.isfile(found[0]) or (takes_folders and os.path.isdir(found[0])):
            return ""
        if reason := why_absent(found[0]):
            return f"cannot be read: {reason}"
        if exists(found[0]):
            return f"{visible(str(found[0]))} is not a plain file; name one"
    name = visible(str(path))
    if len(found) > 1:
        shown = ", ".join(visible(str(match)) for match in found[:_MOST_MATCHES])
        more = ", ..." if len(found) > _MOST_MATCHES else ""
        return f"expected one file for {name}; found {shown}{more}"
    origin = f"from {visible(block.origin)}" if block.origin else load_catalogue().command_for(path)
    return f"there is no such file: {name}" + (f" ({origin})" if origin else "")


def checked_options(name: str, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Convert a format's options to their types, and find their faults.

    Args:
        name: a key of ``FORMATS``.
        values: the options by parameter name.

    Returns:
        The valid options, and what is wrong with each of the others.
    """
    known = format_named(name).options
    options: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for key, value in values.items():
        if key not in known:
            faults[key] = unknown_name(key, known)
            continue
        check = known[key].help.check
        try:
            options[key] = TypeAdapter(known[key].kind).validate_python(value)
            if check is not None and options[key] is not None:
                check(options[key])
        except ValidationError as error:
            faults[key] = error.errors()[0]["msg"]
            continue
        except ConfigError as error:
            faults[key] = str(error)
            continue
        if isinstance(options[key], Path) and not os.path.isfile(options[key]):
            faults[key] = f"there is no such file: {visible(str(value))}"
    for key, option in known.items():
        if option.is_required and key not in values:
            faults[key] = f"missing; {name} needs it"
    return options, faults


def unknown_name(name: str, known: Iterable[str]) -> str:
    """Return a message for an unknown name, with a similar known name or all known names."""
    names = list(known)
    hint = did_you_mean(nearest(name, names)) or f"; known are: {', '.join(names) or 'none'}"
    return f"unknown name {quoted(name)}{hint}"


def load_type_map(path: Path) -> TypeMap:
    """Load a type map from a YAML file: the name to write for each type, or null to drop it.

    Raises:
        ConfigError: with every fault.
    """
    return compose(read_yaml(path), dict[Text, Text | None])
