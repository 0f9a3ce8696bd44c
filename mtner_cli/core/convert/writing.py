"""Write documents with mentions in a format that other tools read.

A writer is a generator of pieces of text, so documents of any number take little memory. It is in
the file of its format: to add one, write it there, and add its line to ``registry.WRITERS``.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Literal

from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.files.atomic import atomic_folder, atomic_text_file
from mtner_cli.core.types import Mention, Place


@dataclass(frozen=True, slots=True)
class WrittenMention:
    """A mention to write.

    Attributes:
        start: its first character in the document's text, from 0.
        end: one past its last character.
        type: the entity type.
        score: how sure the model is, 0 to 1; None if nobody asked a model.
        corpora: the corpora from which the model learned this type.
    """

    start: int
    end: int
    type: str
    score: float | None = None
    corpora: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenDocument:
    """A document to write.

    Attributes:
        place: where it comes from, for the ledger.
        id: its name.
        text: its text.
        mentions: its mentions, all within the text; in any order, also nested or crossing.
        sentences: the character ranges of its sentences in order, or nothing if they are not known.
        passages: the same of its title and paragraphs.
        words: the same of its words, if the corpus gives words.
    """

    place: Place
    id: str
    text: str
    mentions: Sequence[WrittenMention | Mention] = ()
    sentences: Sequence[tuple[int, int]] = ()
    passages: Sequence[tuple[int, int]] = ()
    words: Sequence[tuple[int, int]] = ()

    def wording(self, mention: WrittenMention | Mention) -> str:
        return self.text[mention.start : mention.end]

    def named(self, mention: WrittenMention | Mention) -> str:
        """Return a mention's type, characters, text and document, for the ledger."""
        where = f"[{mention.start}, {mention.end}) {self.wording(mention)!r}"
        return f"{mention.type} {where} in document {self.id}"

    def in_order(self) -> list[WrittenMention | Mention]:
        """Return the mentions by their start, longer ones first."""
        return sorted(self.mentions, key=lambda mention: (mention.start, -mention.end))


Documents = Iterable[WrittenDocument]


@dataclass(frozen=True, kw_only=True)
class Writer:
    """A format that can be written.

    Attributes:
        write: ``write(documents, ledger, **options)`` yields the pieces of one file in order.
        write_files: for a format of many files, the same for pairs of a file's name and content.
        suffix: the usual ending of the file's name; empty for a folder.
        options: the names of the options.

    The ledger records each change to a text, name or type, and each mention that is left out.
    """

    write: Callable[..., Iterator[str]] | None = None
    write_files: Callable[..., Iterator[tuple[str, str]]] | None = None
    suffix: str = ""
    options: tuple[str, ...] = ()


def writer_named(name: str) -> Writer:
    """Return a writer; only its own file is imported.

    Args:
        name: a key of ``registry.WRITERS``.
    """
    module = import_module(f"mtner_cli.core.convert.formats.{name.partition('-')[0]}")
    found: Writer = module.WRITERS[name]
    return found


def write_documents(
    name: str, documents: Documents, out: Path, ledger: Ledger, **options: object
) -> None:
    """Write documents to a file or, if the format has many files, to a new folder.

    Args:
        name: a key of ``registry.WRITERS``.
        documents: any iterable, read once.
        out: it is written completely or not at all.
        options: the options of the writer.

    Raises:
        DataError: if ``out`` cannot be written.
    """
    writer = writer_named(name)
    if writer.write is not None:
        with atomic_text_file(out) as file:
            for piece in writer.write(documents, ledger, **options):
                file.write(piece)
        return
    assert writer.write_files is not None
    with atomic_folder(out) as folder:
        for file_name, content in writer.write_files(documents, ledger, **options):
            (folder / file_name).write_text(content, encoding="utf-8", newline="")


def infons_of(mention: WrittenMention | Mention) -> dict[str, str]:
    """Return the type and, if a model found the mention, its score and corpora."""
    infons = {"type": mention.type}
    if mention.score is not None:
        infons |= {"score": f"{mention.score:.4f}", "corpora": ", ".join(mention.corpora)}
    return infons


def json_text(value: object) -> str:
    """Return a value as JSON on one line, with every character that a tool may trip over escaped.

    These are control characters, line ends of Unicode and halves of surrogate pairs.
    """
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isascii() else _ESCAPED.sub(lambda it: f"\\u{ord(it[0]):04x}", text)


_ESCAPED = re.compile("[\x80-\x9f\u2028\u2029\ud800-\udfff]")

JOINED_HALF = re.compile("[\ud800-\udbff](?=[\udc00-\udfff])")
"""A half that JSON can hold only if its other half does not follow: a reader would join the two."""
_HALF = re.compile("[\ud800-\udfff]")


Part = Literal["text", "name", "types"]


def with_replaced(
    document: WrittenDocument,
    pattern: re.Pattern[str],
    by: str,
    what: str,
    ledger: Ledger,
    *,
    parts: Collection[Part] = ("text", "name", "types"),
) -> WrittenDocument:
    """Replace characters that a format cannot hold, one by one, so that all offsets stay right.

    Args:
        pattern: matches each of the characters, one at a time.
        by: the character to write instead.
        what: what the characters are, such as ``"line end"``.
        ledger: records how many were replaced in the text, and each name and type.
        parts: the parts of the document in which they are replaced.
    """
    place = document.place
    changed = document
    if "text" in parts:
        text, count = pattern.subn(by, document.text)
        if count:
            kind = f"{what} in a text became {_shown(by)}"
            ledger.repair(kind, place, f"{count:,} in document {document.id}")
            changed = replace(changed, text=text)
    if "name" in parts and (name := pattern.sub(by, document.id)) != document.id:
        ledger.repair(
            f"{what} in a document's name became {_shown(by)}",
            place,
            f"{document.id!r} became {name!r}",
        )
        changed = replace(changed, id=name)
    if "types" in parts and any(pattern.search(mention.type) for mention in document.mentions):
        mentions = []
        for mention in document.mentions:
            if (name := pattern.sub(by, mention.type)) != mention.type:
                kind = f"{what} in a type became {_shown(by)}"
                ledger.repair(kind, place, f"{document.named(mention)} became {name!r}")
            mentions.append(replace(mention, type=name))
        changed = replace(changed, mentions=mentions)
    return changed


def with_whole_characters(
    document: WrittenDocument, ledger: Ledger, pattern: re.Pattern[str] = _HALF
) -> WrittenDocument:
    """Replace halves of surrogate pairs, which no text file can hold."""
    return with_replaced(document, pattern, "\ufffd", "half of a surrogate pair", ledger)


def _shown(character: str) -> str:
    return {" ": "a space", "\ufffd": "U+FFFD"}.get(character, character)


def groups_of_passages(
    document: WrittenDocument,
) -> Iterator[tuple[int, str, list[WrittenMention | Mention]]]:
    """Yield start, text and mentions of each passage; one passage if they are not known.

    Together they hold every character of the text, but for a space between two passages.
    """
    starts = [0, *(start for start, _ in document.passages[1:] if start > 0)]
    ends = [*starts[1:], len(document.text)]
    mentions = document.in_order()
    first = 0
    for start, end in zip(starts, ends, strict=True):
        last = bisect_left(mentions, end, lo=first, key=lambda mention: mention.start)
        text = document.text[start:end]
        yield start, text.removesuffix(" ") if end < ends[-1] else text, mentions[first:last]
        first = last
