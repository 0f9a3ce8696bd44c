"""Write the documents of an action file in a format that other tools read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import TextIO

from mtner_cli.core.convert.ledger import Ledger, write_ledger
from mtner_cli.core.convert.writing import WrittenDocument, WrittenMention, write_documents
from mtner_cli.core.corpus.action_files import action_encoding_of, read_corpus
from mtner_cli.core.files.atomic import atomic_text_file, refuse_overwriting
from mtner_cli.core.files.reading import reading, rewindable
from mtner_cli.core.types import Place, Sentence
from mtner_cli.errors import DataError, quoted

_LARGEST_GAP = 1_000_000
"""Most characters between two sentences; a larger gap is a wrong offset and fills the memory."""


def export(
    path: Path, name: str, out: Path, ledger_path: Path | None = None, **options: object
) -> Ledger:
    """Write the documents of an action file.

    Args:
        path: the action file, in either action encoding.
        name: a key of ``writing.WRITERS``.
        out: the file or, for brat, the new folder to write; it is complete or not there.
        ledger_path: the file for all entries of the ledger; it is written together with ``out``.
        options: the options of the writer.

    Returns:
        The counts of what was read, and what the format cannot hold.

    Raises:
        ConfigError: if one file to write is the one that is read, or both are one.
        DataError: if ``path`` is no action file, or ``out`` cannot be written.
    """
    refuse_overwriting([path], out)
    ledger = Ledger()
    with ExitStack() as stack:
        (readable,) = stack.enter_context(rewindable([path]))
        entries = None
        if ledger_path is not None:
            refuse_overwriting([path, out], ledger_path)
            entries = stack.enter_context(atomic_text_file(ledger_path))
        documents = _with_ledger(documents_of(readable, ledger), ledger, entries)
        write_documents(name, documents, out, ledger, **options)
    return ledger


def _with_ledger(
    documents: Iterable[WrittenDocument], ledger: Ledger, entries: TextIO | None
) -> Iterator[WrittenDocument]:
    """Yield the documents, and write the ledger after the last one, before ``out`` is in place."""
    yield from documents
    if entries is not None:
        write_ledger(ledger, entries)


def documents_of(path: Path, ledger: Ledger) -> Iterator[WrittenDocument]:
    """Stream the documents of an action file, put together from their sentences.

    Characters between sentences, which an action file does not hold, are spaces. A sentence without
    a document is a document; its number in the file, from 1, is its name.

    Args:
        ledger: counts the sentences.

    Raises:
        DataError: if the file is no action file, or two sentences of a document overlap.
    """
    with reading(path):
        path.open().close()
    action_encoding = action_encoding_of(path)
    if action_encoding is None:
        message = "expected an action file; make one of a corpus in another format with mtner "
        raise DataError(path, None, f"{message}convert FORMAT ('mtner convert --list' names them)")
    sentences = enumerate(read_corpus(path, action_encoding), 1)
    for _, group in groupby(sentences, key=lambda it: (it[1].document, it[1].document or it[0])):
        numbers, own = zip(*group, strict=True)
        for sentence in own:
            ledger.count(sentence)
        yield _document(own[0].document or str(numbers[0]), own, Place(path))


def _document(name: str, sentences: tuple[Sentence, ...], place: Place) -> WrittenDocument:
    pieces: list[str] = []
    edges: list[tuple[int, int]] = []
    words: list[tuple[int, int]] = []
    mentions: list[WrittenMention] = []
    length = 0
    for sentence in sentences:
        start, end = sentence.start, sentence.start + len(sentence.text)
        if not length <= start <= length + _LARGEST_GAP:
            what = f"the sentence {quoted(sentence.text, 60)} of document {quoted(name)}"
            where = f"at offset {length} or soon after, where the one before ends"
            message = f"expected {what} {where}; found {start}: convert the corpus again"
            raise DataError(place.path, None, message)
        pieces += [" " * (start - length), sentence.text]
        length = end
        edges.append((start, end))
        ranges = _word_ranges(sentence)
        words += ranges
        for mention in sentence.mentions:
            if sentence.words is None:
                first, last = mention.start + start, mention.end + start
            else:
                first, last = ranges[mention.start][0], ranges[mention.end - 1][1]
            mentions.append(WrittenMention(first, last, mention.tag))
    return WrittenDocument(
        place=place,
        id=name,
        text="".join(pieces),
        mentions=mentions,
        sentences=edges,
        words=words,
    )


def _word_ranges(sentence: Sentence) -> list[tuple[int, int]]:
    """Return the characters of given words in their document."""
    ranges = []
    start = sentence.start
    for word in sentence.words or ():
        ranges.append((start, start + len(word)))
        start += len(word) + 1
    return ranges
