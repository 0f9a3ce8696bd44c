"""Read the synthetic ensemble: BC5CDR in two halves, each of which annotates one of its two types.

Neither half has the other's type. A model trained on both shows what joint training gains.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from mtner_cli.core.convert.cleaning import map_types
from mtner_cli.core.convert.formats import conll
from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.convert.registry import Format, Help, Target
from mtner_cli.core.files.reading import numbered_lines
from mtner_cli.core.types import SourceSentence
from mtner_cli.errors import ConfigError, DataError, quoted

FOLDERS = {"Disease": "BC5_Dis", "Chemical": "BC5_Chem"}
"""The type that each half annotates, in the order of the halves, and its output folder."""

CUTS = {"train.tsv": "Pretreatment O", "devel.tsv": "Metformin B-Chemical"}
"""The second half of a file starts at the last line with these columns, as published."""


def read(
    inputs: Sequence[Path],
    ledger: Ledger,
    half: Annotated[
        Literal["Disease", "Chemical"], Help("Disease (the first half) or Chemical (the second).")
    ],
) -> Iterator[SourceSentence]:
    """Stream one half of each file with the mentions of the type that it annotates.

    Args:
        inputs: BC5CDR's ``train.tsv`` or ``devel.tsv``.
        ledger: records the mentions of the other type.

    Raises:
        DataError: if a file has another name or no line to cut at, or as :func:`conll.read` does.
        ConfigError: if there is no such half.
    """
    if half not in FOLDERS:
        raise ConfigError([f"unknown half {quoted(half)}: give {' or '.join(FOLDERS)}"])
    is_second = half == "Chemical"
    for path in inputs:
        boundary = _first_line_of_second_half(path)
        for source in conll.read([path], ledger):
            if ((source.place.line or 0) >= boundary) == is_second:
                yield map_types(source, {half: half, "*": None}, ledger)


def targets(folder: Path, out: Path) -> Iterator[Target]:
    """Yield the files of the ensemble: input in ``folder``, output under ``out``, and options.

    Raises:
        DataError: if an input is missing, before anything is written.
    """
    for source in CUTS:
        if not os.path.isfile(folder / source):
            raise DataError(folder / source, None, "there is no such file")
    for half, name in FOLDERS.items():
        for source, split in zip(CUTS, ("train.txt", "dev.txt"), strict=True):
            yield folder / source, out / name / split, {"half": half}


FORMAT = Format(
    read=read,
    layout="BC5CDR's train.tsv and devel.tsv: a word a line with its IOB2 tag.",
    sample={
        "train.tsv": "Nausea\tB-Disease\n\nPretreatment\tO\n\nAspirin\tB-Chemical\n",
        "devel.tsv": "Fever\tB-Disease\n\nMetformin\tB-Chemical\n",
    },
    example=". --out data/converted/BC5_splits",
    encodings=("simple", "simple-char"),
    targets=targets,
)


def _first_line_of_second_half(path: Path) -> int:
    if path.name not in CUTS:
        raise DataError(path, None, f"expected BC5CDR's {' or '.join(CUTS)}, by these names")
    columns = CUTS[path.name].split()
    found = [number for number, line in numbered_lines(path) if line.split() == columns]
    if not found:
        expected = f"expected a line {CUTS[path.name]!r}, where the halves are cut"
        raise DataError(path, None, f"{expected}; found none")
    return found[-1]
