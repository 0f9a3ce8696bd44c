"""Many conversions at once: a YAML file of corpora, their splits and paths."""

from __future__ import annotations

import glob
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from mtner_cli.config.compose import Recipe, compose
from mtner_cli.config.faults import Fault, KeyPath
from mtner_cli.config.values import FilePath, Section, Text
from mtner_cli.config.yaml_source import read_yaml
from mtner_cli.core.actions.codecs import EncodingName
from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.convert.options import checked_options, unknown_name
from mtner_cli.core.convert.registry import CONVERTERS, convert
from mtner_cli.core.fetch.catalogue import load_catalogue
from mtner_cli.errors import ConfigError


class SplitConversion(Section):
    """One file to convert."""

    input: Text
    """The source, a file or, for brat, a folder; with ``*`` the one that the name matches."""
    out: FilePath
    """The action file to write."""
    options: dict[Text, Any] = Field(default={})
    """The converter's options for this split, over those of the corpus."""


class CorpusConversion(Section):
    """One corpus."""

    converter: Text
    """A name that ``mtner convert --list`` shows."""
    origin: Text | None = None
    """Where the sources come from; said where one is missing."""
    encoding: EncodingName | None = None
    """The action encoding; without it ``simple`` for words, ``simple-char`` for raw text."""
    options: dict[Text, Any] = Field(default={})
    """The converter's options, with underscores where the command line has dashes."""
    types: dict[Text, Text | None] | None = None
    """Names to write for entity types; null drops one, ``*`` stands for all others."""
    splits: Annotated[dict[Text, SplitConversion], Field(min_length=1)]
    """What to convert, by the name of the split."""

    def options_of(self, split: str) -> dict[str, Any]:
        return {**self.options, **self.splits[split].options}


Conversions = Mapping[str, CorpusConversion]


@dataclass(frozen=True)
class Conversion:
    """One file to convert, checked.

    Attributes:
        corpus: the corpus's name.
        split: the split's name.
        source: the file to read.
        block: how to read it.
    """

    corpus: str
    split: str
    source: Path
    block: CorpusConversion

    @property
    def out(self) -> Path:
        return self.block.splits[self.split].out

    def run(self) -> Ledger:
        """Convert; see :func:`mtner_cli.core.convert.registry.convert`."""
        block = self.block
        options, _ = checked_options(block.converter, block.options_of(self.split))
        return convert(
            block.converter, [self.source], self.out, block.encoding, block.types, **options
        )


def load_conversions(path: Path, only: Collection[str] = ()) -> list[Conversion]:
    """The conversions of a file, in its order; nothing is converted yet.

    Args:
        path: corpus names, and under each a :class:`CorpusConversion`.
        only: the corpora to convert; all where it is empty.

    Raises:
        ConfigError: with every fault, missing sources included.
    """
    source = read_yaml(path)
    unknown = [name for name in only if name not in source.values]
    if unknown:
        known = ", ".join(source.values)
        raise ConfigError([f"{path}: there is no corpus {name}, only {known}" for name in unknown])
    if only:
        source.values = {name: source.values[name] for name in source.values if name in only}
    schema = Annotated[dict[Text, CorpusConversion], Field(min_length=1)]
    checks = (_option_faults, _path_faults)
    recipe: Recipe[Conversions] = Recipe(schema, {}, checks, _stand_in)
    return [
        Conversion(corpus, split, _matching_files(paths.input)[0], block)
        for corpus, block in compose(recipe, source, str(path)).items()
        for split, paths in block.splits.items()
    ]


def _option_faults(conversions: Conversions) -> Iterator[Fault]:
    for corpus, block in conversions.items():
        if block.converter not in CONVERTERS:
            yield Fault((corpus, "converter"), unknown_name(block.converter, CONVERTERS))
            continue
        encodings = CONVERTERS[block.converter].encodings
        if block.encoding is not None and block.encoding not in encodings:
            message = f"{block.converter} can be written as {' or '.join(encodings)} only"
            yield Fault((corpus, "encoding"), message)
        for split in block.splits:
            _, faults = checked_options(block.converter, block.options_of(split))
            for option, message in faults.items():
                shared = option in block.options and option not in block.splits[split].options
                section: KeyPath = (corpus,) if shared else (corpus, "splits", split)
                yield Fault((*section, "options", option), message)


def _path_faults(conversions: Conversions) -> Iterator[Fault]:
    writers: dict[Path, KeyPath] = {}
    sources: set[Path] = set()
    for corpus, block in conversions.items():
        for split, paths in block.splits.items():
            key: KeyPath = (corpus, "splits", split)
            found = _matching_files(paths.input)
            sources.update(path.resolve() for path in found)
            if len(found) != 1 or not _is_readable(found[0], block.converter):
                yield Fault((*key, "input"), _not_one_file(paths.input, found, block.origin))
            out = paths.out.resolve()
            if out in writers:
                message = f"{paths.out} is written by {'.'.join(writers[out])} as well"
                yield Fault((*key, "out"), message)
            writers.setdefault(out, key)
    for out, key in writers.items():
        if out in sources:
            yield Fault((*key, "out"), f"{out} is a source, which is never overwritten")


def _matching_files(name: str) -> list[Path]:
    if "*" in name:
        return [Path(match) for match in sorted(glob.glob(str(Path(name).expanduser())))]
    return [Path(name).expanduser()]


def _is_readable(path: Path, converter: str) -> bool:
    takes_folders = converter in CONVERTERS and CONVERTERS[converter].takes_folders
    return path.is_file() or (takes_folders and path.is_dir())


def _not_one_file(name: str, found: list[Path], origin: str | None) -> str:
    if len(found) > 1:
        return f"expected one file for {name}; found {', '.join(map(str, found))}"
    hint = f" (from {origin})" if origin else load_catalogue().hint(Path(name))
    return f"there is no such file: {name}{hint}"


def _stand_in(values: dict[str, Any], key: KeyPath) -> None:
    """Something valid for a mandatory setting, so that checking can go on."""
    match key:
        case (corpus,):
            values[corpus] = {"converter": "conll", "splits": {}}
        case (corpus, "converter"):
            values[corpus]["converter"] = "conll"
        case (corpus, "splits"):
            values[corpus]["splits"] = {}
