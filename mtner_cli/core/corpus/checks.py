"""Find faults that only the files of a configuration show, such as a missing file."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mtner_cli.config.schema import DatasetConfig, ExperimentConfig
from mtner_cli.config.yaml_source import Fault
from mtner_cli.core.corpus.action_files import action_encoding_of, read_corpus
from mtner_cli.errors import DataError, names_text, visible
from mtner_cli.paths import exists, is_file, why_absent


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
    return visible(f"file not found: {path}{looked}; make it with: {command_for(path)}")


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


@dataclass(frozen=True)
class DataSource:
    """Files that commands of one kind make.

    Attributes:
        files: the end of their paths, where ``{corpus}`` and ``{split}`` match any name and split.
        command: the command that makes one or all of them; ``{corpus}``, ``{split}``, ``{source}``
            (the corpus's own name of the split) and ``{path}`` are filled in.
        source_names: the corpus's own names of splits that have other names here.
    """

    files: str
    command: str
    source_names: Mapping[str, str] = field(default_factory=dict)

    def command_for(self, path: Path) -> str | None:
        """Return the command that makes ``path``, or None if it is not one of these files."""
        pattern = re.escape(self.files).replace(r"\{split\}", "(?P<split>train|dev|test)")
        pattern = pattern.replace(r"\{corpus\}", "(?P<corpus>[^/]+)", 1)
        pattern = pattern.replace(r"\{corpus\}", "(?P=corpus)")
        match = re.search(rf"(?:^|/){pattern}$", path.as_posix())
        if match is None:
            return None
        parts = {name: shlex.quote(part) for name, part in match.groupdict().items()}
        split = parts.get("split", "")
        source = self.source_names.get(split, split)
        return self.command.format(**parts, source=source, path=shlex.quote(str(path)))


_CORPORA = "mtner convert corpora configs/corpora"

SOURCES = (
    DataSource(
        "data/converted/samples/{corpus}/{split}.txt", f"{_CORPORA}/samples.yaml {{corpus}}"
    ),
    DataSource("data/converted/CoNLL/{split}.txt", f"{_CORPORA}/conll.yaml"),
    DataSource("data/converted/GENIA/{split}.parser", f"{_CORPORA}/genia.yaml"),
    DataSource(
        "data/converted/multi-task/{corpus}/{split}.txt", f"{_CORPORA}/crichton.yaml {{corpus}}"
    ),
    DataSource(
        "data/converted/BC5_splits/{corpus}/{split}.txt",
        f"{_CORPORA}/bc5cdr-halves.yaml {{corpus}}",
    ),
    DataSource(
        "data/converted/flair/{corpus}/{corpus}.{split}", f"{_CORPORA}/hunflair.yaml {{corpus}}"
    ),
    DataSource(
        "data/converted/hunflair2_eval/{corpus}.txt", f"{_CORPORA}/evaluation.yaml {{corpus}}"
    ),
    DataSource(
        "data/converted/BC5CDR/{split}.txt",
        "mtner convert conll data/original/BC5CDR/{source}.tsv --out {path}",
        {"dev": "devel"},
    ),
    DataSource(
        "data/converted/GENIA-dev/{split}.txt",
        "mtner convert jsonl data/original/GENIA-dev/{split}.jsonlines --out {path}",
    ),
)


def command_for(path: Path) -> str:
    """Return the command that makes a data file; for unknown files, a general one."""
    for source in SOURCES:
        command = source.command_for(path)
        if command is not None:
            return command
    return (
        f"mtner convert FORMAT INPUT --out {shlex.quote(str(path))} "
        "('mtner convert --list' names the formats)"
    )
