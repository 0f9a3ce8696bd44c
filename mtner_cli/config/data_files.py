"""Which command makes the data files that the experiments read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class DataSource:
    """Files that one kind of command makes.

    Attributes:
        files: how their paths end; ``{corpus}`` and ``{split}`` stand for parts of the path.
        command: what makes one or all of them, with ``{corpus}``, ``{split}``, ``{source}`` (the
            split as the corpus itself calls it) and ``{path}`` filled in.
        source_names: the corpus's own names of splits, where they differ.
    """

    files: str
    command: str
    source_names: Mapping[str, str] = field(default_factory=dict)

    def command_for(self, path: Path) -> str | None:
        """The command that makes ``path``, or None if this is none of the files."""
        pattern = re.escape(self.files).replace(r"\{split\}", "(?P<split>train|dev|test)")
        pattern = pattern.replace(r"\{corpus\}", "(?P<corpus>[^/]+)", 1)
        pattern = pattern.replace(r"\{corpus\}", "(?P=corpus)")
        match = re.search(rf"(?:^|/){pattern}$", path.as_posix())
        if match is None:
            return None
        parts = match.groupdict()
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
    """The command that makes a data file; a general one for files that are not known."""
    for source in SOURCES:
        command = source.command_for(path)
        if command is not None:
            return command
    return (
        f"mtner convert FORMAT INPUT --out {shlex.quote(str(path))} "
        "('mtner convert --list' names the formats)"
    )
