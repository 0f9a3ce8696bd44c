"""What a conversion wrote, what it repaired and what it could not keep."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple, TextIO

from mtner_cli.core.types import Place, Sentence
from mtner_cli.errors import MtnerError


class Entry(NamedTuple):
    """One thing repaired or dropped: where it stands in the source, and what it is."""

    place: Place
    what: str


@dataclass
class Ledger:
    """The counts of one conversion, to hold against the corpus's paper.

    Attributes:
        documents: how many were written; 0 where the source has no document boundaries.
        sentences: how many were written.
        words: how many were written; for raw text, those that white space separates.
        mentions: how many of each entity type were written.
        dropped: every mention or sentence that was not written, by the reason.
        repairs: every change to what was written, by its kind.
    """

    documents: int = 0
    sentences: int = 0
    words: int = 0
    mentions: Counter[str] = field(default_factory=Counter)
    dropped: defaultdict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    repairs: defaultdict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    _document: str | None = None

    def count(self, sentence: Sentence) -> None:
        """Add a sentence that was written."""
        self.sentences += 1
        self.words += len(sentence.text.split() if sentence.words is None else sentence.words)
        self.mentions.update(mention.tag for mention in sentence.mentions)
        if sentence.document not in (None, self._document):
            self.documents += 1
        self._document = sentence.document

    def drop(self, reason: str, place: Place, what: str) -> None:
        """Name something that is not written."""
        self.dropped[reason].append(Entry(place, what))

    def repair(self, kind: str, place: Place, what: str) -> None:
        """Name something that is written otherwise than it was read."""
        self.repairs[kind].append(Entry(place, what))

    def add_entries(self, other: Ledger) -> None:
        """Take over what another ledger names, but not its counts."""
        for reason, entries in other.dropped.items():
            self.dropped[reason] += entries
        for kind, entries in other.repairs.items():
            self.repairs[kind] += entries


def write_ledger(ledger: Ledger, file: TextIO) -> None:
    """Write every entry as a JSON line with the keys ``part``, ``reason``, ``place``, ``what``.

    Raises:
        MtnerError: if the file cannot be written.
    """
    try:
        for part, reasons in (("dropped", ledger.dropped), ("repair", ledger.repairs)):
            for reason, entries in reasons.items():
                for place, what in entries:
                    record = {"part": part, "reason": reason, "place": str(place), "what": what}
                    file.write(f"{json.dumps(record)}\n")
        file.flush()
    except OSError as error:
        message = f"the ledger cannot be written: {error.strerror}; make room, or leave it out"
        raise MtnerError(message) from None
