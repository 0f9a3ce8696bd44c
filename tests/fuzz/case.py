"""One fuzz input, what came of it, and how both are kept on disk."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CASE_FILE = "case.json"
TRACEBACK_FILE = "traceback.txt"
COMMAND_FILE = "repeat.txt"


@dataclass(frozen=True)
class Case:
    """The files that a reader is given, and how it is called.

    Attributes:
        family: the name of the family of readers.
        files: content by relative path, such as ``in/dev.tsv``.
        settings: what JSON can hold; each family knows its own.
    """

    family: str
    files: Mapping[str, bytes]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:  # hypothesis shows it, and files are long
        return f"Case({self.family}: {', '.join(self.files)})"

    def write(self, folder: Path) -> None:
        """Lay the case out as a folder that :func:`read_case` reads again."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        record = {"family": self.family, "files": list(self.files), "settings": self.settings}
        (folder / CASE_FILE).write_text(json.dumps(record, indent=1), encoding="utf-8")


def read_case(folder: Path) -> Case:
    """The case that lies in a folder."""
    record = json.loads((folder / CASE_FILE).read_text(encoding="utf-8"))
    files = {name: (folder / name).read_bytes() for name in record["files"]}
    return Case(record["family"], files, record["settings"])


class WrongResult(Exception):  # noqa: N818 - it is no error of the program's
    """A reader succeeded, but its result is wrong.

    Args:
        what: the kind of fault in a few words, the same for every input that shows it.
        detail: what is wrong with this input.
    """

    def __init__(self, what: str, detail: object = "") -> None:
        super().__init__(f"{what}: {detail}")
        self.what = what


class NotCounted(Exception):  # noqa: N818 - as above
    """A reader succeeded on a file that the independent count cannot read."""


@dataclass(frozen=True)
class Finding:
    """A fault that a case shows.

    Attributes:
        kind: an exception's name, or what is wrong in a few words.
        place: where it came from, such as ``core/convert/bioc.py:_document``; may be empty.
        report: all that is known, for people.
    """

    kind: str
    place: str
    report: str

    @property
    def key(self) -> str:
        """What two findings of one fault share."""
        return f"{self.kind} in {self.place}" if self.place else self.kind

    def keep(self, case: Case, findings: Path) -> Path:
        """Write case and finding into a folder of their own; return it."""
        digest = hashlib.sha256(self.key.encode()).hexdigest()[:10]
        folder = findings / f"{case.family}-{digest}"
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        case.write(folder)
        (folder / TRACEBACK_FILE).write_text(f"{self.key}\n\n{self.report}\n", encoding="utf-8")
        (folder / COMMAND_FILE).write_text(f"make fuzz-case CASE={folder}\n", encoding="utf-8")
        return folder
