"""Convert source files to an action file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from mtner_cli.config.encodings import EncodingName
from mtner_cli.core.convert.cleaning import TypeMap, map_types, prepare, without_surrogates
from mtner_cli.core.convert.ledger import Ledger, write_ledger
from mtner_cli.core.convert.registry import Format, format_named
from mtner_cli.core.corpus.action_files import CorpusWriter, DocumentNames
from mtner_cli.core.files.atomic import atomic_text_file, refuse_overwriting
from mtner_cli.core.files.reading import rewindable
from mtner_cli.core.types import Sentence, SourceDocument, SourceSentence
from mtner_cli.errors import ConfigError, DataError


def convert(
    name: str,
    inputs: Sequence[Path],
    out: Path,
    action_encoding: EncodingName | None = None,
    types: TypeMap | None = None,
    *,
    ledger_path: Path | None = None,
    also_read: Iterable[Path] = (),
    **options: Any,
) -> Ledger:
    """Convert files, one after the other, into one action file.

    Args:
        name: a key of ``registry.FORMATS``.
        inputs: the source files; a pipe or device is copied first.
        out: the action file; it is written completely or not at all.
        action_encoding: the action encoding; None takes ``simple`` where the source gives words and
            ``simple-char`` where it gives raw text.
        types: names to write for entity types, None to drop one, ``*`` for all others; None
            keeps all.
        ledger_path: the file for all entries of the ledger; it is written together with ``out``.
        also_read: other files that must not be overwritten, such as the type map.
        options: the options of the format.

    Raises:
        ConfigError: if one of the files to write is one of those to read, or the format cannot
            be written as ``action_encoding``.
        DataError: if an input does not have the format; the message names file and line.
    """
    source_format = format_named(name)
    if action_encoding is not None and action_encoding not in source_format.encodings:
        allowed = " or ".join(source_format.encodings)
        raise ConfigError([f"{name} can be written as {allowed}, not as {action_encoding}"])
    files_read = [*files_of(source_format, inputs, options), *also_read]
    refuse_overwriting(files_read, out)
    if ledger_path is not None:
        refuse_overwriting([*files_read, out], ledger_path)
    ledger = Ledger()
    with ExitStack() as stack:
        if not source_format.takes_folders:
            inputs = stack.enter_context(rewindable(inputs))
        ledger_file = None
        if ledger_path is not None:
            # Opened before the action file, so it is moved into place after it, and only with it.
            ledger_file = stack.enter_context(atomic_text_file(ledger_path))
        sources = source_format.read(inputs, ledger, **options)
        if types is not None:
            sources = (map_types(source, types, ledger) for source in sources)
        write_sentences(sources, inputs, out, action_encoding, ledger, ledger_file)
    return ledger


def files_of(
    source_format: Format, inputs: Iterable[Path], options: Mapping[str, Any]
) -> Iterator[Path]:
    """Yield all files and folders that a conversion reads."""
    for path in inputs:
        yield path
        if path.suffix in source_format.read_together:
            yield from (path.with_suffix(ending) for ending in source_format.read_together)
    yield from (value for value in options.values() if isinstance(value, Path))


def write_sentences(
    sources: Iterable[SourceSentence],
    inputs: Sequence[Path],
    out: Path,
    action_encoding: EncodingName | None,
    ledger: Ledger,
    ledger_file: TextIO | None = None,
) -> None:
    """Stream sentences into an action file and count them in ``ledger``.

    Args:
        ledger_file: the file for the entries of the ledger, written before the action file is
            moved into place.

    Raises:
        DataError: if there is no sentence to write; then no file is written.
    """
    stream = iter(sources)
    first = next(stream, None)
    if first is None:
        raise DataError(inputs[0], None, "expected sentences; found none")
    action_encoding = action_encoding or ("simple-char" if first.words is None else "simple")
    documents = _Documents(ledger)
    with CorpusWriter(out, action_encoding) as writer:
        for source in chain([first], stream):
            sentence = prepare(source, action_encoding, ledger)
            if sentence is not None:
                sentence = documents.placed(sentence, source)
                writer.write(sentence)
                ledger.count(sentence)
        if not ledger.sentences:
            raise DataError(inputs[0], None, "expected sentences; found none that can be written")
        if ledger_file is not None:
            write_ledger(ledger, ledger_file)


class _Documents:
    """The documents of one conversion: each gets a name that no other one has."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._names = DocumentNames()
        self._document: SourceDocument | None = None
        self._name: str | None = None
        self._offset = 0

    def placed(self, sentence: Sentence, source: SourceSentence) -> Sentence:
        """Return the sentence with the name of its document and its offset there."""
        if source.document != self._document:
            self._start(source.document)
        if self._name is None:
            return sentence
        start = self._offset if source.start is None else source.start
        self._offset = start + len(sentence.text) + 1
        return replace(sentence, document=self._name, start=start)

    def _start(self, document: SourceDocument | None) -> None:
        self._document, self._name, self._offset = document, None, 0
        if document is not None:
            name = without_surrogates(document.name or "", document.place, self._ledger)
            self._name = self._names.new(name)
            if name not in ("", self._name):
                what = f"{name!r} became {self._name!r}"
                self._ledger.repair("name of an earlier document", document.place, what)
