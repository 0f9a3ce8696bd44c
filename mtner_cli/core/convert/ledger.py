"""Record what a conversion wrote, repaired and dropped."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple, TextIO

from mtner_cli.core.types import Place, Sentence
from mtner_cli.errors import MtnerError


class Entry(NamedTuple):
    """One repaired or dropped item: its place in the source, and a description."""

    place: Place
    what: str


@dataclass(kw_only=True)
class Ledger:
    """The counts of one conversion, to compare with the corpus's paper, and its entries.

    Attributes:
        documents: number of documents written; 0 if the source has no document boundaries.
        sentences: number of sentences written.
        words: number of words written; for raw text, of pieces between white space.
        mentions: number of mentions written, by entity type.
        dropped: every mention, sentence or other item that was not written, by reason.
        unwanted: mentions that were not written because the type map drops their type, by type.
        repairs: every change to what was written, by kind.
    """

    documents: int = 0
    sentences: int = 0
    words: int = 0
    mentions: Counter[str] = field(default_factory=Counter)
    dropped: defaultdict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    unwanted: defaultdict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    repairs: defaultdict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    _document: str | None = None

    def count(self, sentence: Sentence) -> None:
        """Count a sentence that was written."""
        self.sentences += 1
        self.words += len(sentence.text.split() if sentence.words is None else sentence.words)
        self.mentions.update(mention.tag for mention in sentence.mentions)
        if sentence.document not in (None, self._document):
            self.documents += 1
        self._document = sentence.document

    def drop(self, reason: str, place: Place, what: str) -> None:
        """Record an item that is not written."""
        self.dropped[reason].append(Entry(place, what))

    def repair(self, kind: str, place: Place, what: str) -> None:
        """Record an item that is written differently from how it was read."""
        self.repairs[kind].append(Entry(place, what))

    def add_entries(self, other: Ledger) -> None:
        """Add the entries of another ledger, but not its counts."""
        for own, others in zip(self._entries(), other._entries(), strict=True):
            for reason, entries in others.items():
                own[reason] += entries

    def take_entries(self, other: Ledger) -> None:
        """Move the entries of another ledger to this one."""
        self.add_entries(other)
        for entries in other._entries():
            entries.clear()

    def _entries(self) -> tuple[defaultdict[str, list[Entry]], ...]:
        return self.dropped, self.unwanted, self.repairs


def write_ledger(ledger: Ledger, file: TextIO, split: str = "") -> None:
    """Write every entry as a JSON line with the keys ``part``, ``reason``, ``place``, ``what``.

    The reason of an unwanted mention is its type. If a split is given, its name is under ``split``.

    Raises:
        MtnerError: if the file cannot be written.
    """
    try:
        parts = {
            "dropped": ledger.dropped,
            "unwanted type": ledger.unwanted,
            "repair": ledger.repairs,
        }
        for part, reasons in parts.items():
            for reason, entries in reasons.items():
                for place, what in entries:
                    record = {"part": part, "reason": reason, "place": str(place), "what": what}
                    record |= {"split": split} if split else {}
                    file.write(f"{json.dumps(record)}\n")
        file.flush()
    except OSError as error:
        message = f"the ledger cannot be written: {error.strerror}; make room, or leave it out"
        raise MtnerError(message) from None
