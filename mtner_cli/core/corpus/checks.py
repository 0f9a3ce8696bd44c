"""Find faults that only the files of a configuration show, such as a missing file."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from mtner_cli.config.schema import DatasetConfig, ExperimentConfig
from mtner_cli.config.yaml_source import Fault, read_yaml
from mtner_cli.core.corpus.action_files import action_encoding_of, read_corpus
from mtner_cli.core.fetch.download import load_catalogue
from mtner_cli.errors import ConfigError, DataError, names_text, visible
from mtner_cli.paths import PACKAGED, exists, is_file, shipped, why_absent

_CORPORA = Path("configs/corpora")


def find_file_faults(config: ExperimentConfig) -> Iterator[Fault]:
    """Yield the faults of the corpora's files and of the checkpoint to resume from."""
    for fault in find_corpus_faults(config.datasets):
        yield Fault(("datasets", *fault.key), fault.message)
    checkpoint = config.train.resume_from_checkpoint
    if checkpoint is not None and not exists(checkpoint):
        reason = why_absent(checkpoint) or f"looked in {Path.cwd()}"
        yield Fault(
            ("train", "resume_from_checkpoint"),
            f"there is no {checkpoint} ({reason}); name a run folder or a checkpoint",
        )


def find_corpus_faults(datasets: Mapping[str, DatasetConfig]) -> Iterator[Fault]:
    """Yield the faults of the corpora's files, under each corpus's name.

    No file is read further than needed.
    """
    for name, dataset in datasets.items():
        for split, path in dataset.split_paths.present().items():
            if not is_file(path):
                yield Fault((name, "split_paths", split), _missing(path))
                continue
            found = action_encoding_of(path, dataset.encoding)
            if found not in (None, dataset.mode):  # the reader reports other faults
                where = visible(str(path))
                message = f"is {dataset.mode}, but {where} is written in {found}"
                yield Fault((name, "mode"), message)
        dropped = _types_if_all_are_dropped(dataset)
        if dropped:
            yield Fault(
                (name, "tag_dict"),
                f"drops every entity type of {visible(str(dataset.split_paths.train))} "
                f"({names_text(dropped)}); keep at least one",
            )


def _missing(path: Path) -> str:
    reason = why_absent(path)
    if reason:
        return visible(f"{path} cannot be read: {reason}; give another path")
    if path.exists():
        cure = "give the action file itself"
        if path.is_dir():
            cure = f"convert it first: mtner convert brat {shlex.quote(str(path))} --out FILE"
        return visible(f"{path} is not a file; {cure}")
    looked = "" if path.is_absolute() else f" (looked in {Path.cwd()})"
    return visible(
        f"file not found: {path}{looked}; make it with: {' && '.join(commands_for(path))}"
    )


def _types_if_all_are_dropped(dataset: DatasetConfig) -> list[str]:
    """Return the training file's entity types if ``tag_dict`` drops all of them, else nothing.

    Types that ``tag_dict`` does not name stay.
    """
    path, types = dataset.split_paths.train, dataset.tag_dict
    if not types or any(types.values()) or path is None or not is_file(path):
        return []
    seen: set[str] = set()
    try:
        for sentence in read_corpus(path, dataset.mode, dataset.encoding):
            seen |= {mention.tag for mention in sentence.mentions}
            if not seen <= types.keys():
                return []
    except DataError:
        return []
    return sorted(seen)


def commands_for(path: Path) -> list[str]:
    """Return the commands that make an action file: one that fetches its source, if it is missing.

    The one that converts it names the file of ``configs/corpora`` that lists the path; if none
    does, it is a general one.
    """
    listed = _listed_conversions(Path.cwd())
    for number in range(len(path.parts)):
        found = listed.get("/".join(path.parts[number:]))
        if found is not None:
            is_there = exists(shipped(found.source))
            fetch = None if is_there else load_catalogue().command_for(found.source)
            return [fetch, found.command] if fetch else [found.command]
    command = f"mtner convert FORMAT INPUT --out {shlex.quote(str(path))}"
    return [f"{command} ('mtner convert --list' names the formats)"]


class _Conversion(NamedTuple):
    """The command that converts a file, and the file."""

    command: str
    source: Path


@lru_cache(maxsize=8)
def _listed_conversions(folder: Path) -> Mapping[str, _Conversion]:
    """Return the conversion to each action file that the files of corpora list.

    These are the files of ``configs/corpora`` in a folder, and the packaged ones.
    """
    files = {
        file.name: file
        for parent in (PACKAGED, folder)
        for file in sorted((parent / _CORPORA).glob("*.yaml"))
    }
    conversions: dict[str, _Conversion] = {}
    for name, file in files.items():
        with suppress(ConfigError):  # converting its corpora reports the fault
            for corpus, split in _splits(read_yaml(file).values):
                command = f"mtner convert corpora {_CORPORA / name} {shlex.quote(corpus)}"
                source = Path(str(split.get("input", "")))
                conversions.setdefault(str(split["out"]), _Conversion(command, source))
    return conversions


def _splits(values: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the corpus and settings of each split of a file of corpora; skip invalid parts."""
    for corpus, block in values.items():
        splits = block.get("splits") if isinstance(block, dict) else None
        for split in splits.values() if isinstance(splits, dict) else ():
            if isinstance(split, dict) and "out" in split:
                yield corpus, split
