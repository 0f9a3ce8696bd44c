"""Convert source files to an action file, or to one for each split."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from mtner_cli.config.encodings import EncodingName
from mtner_cli.core.convert.cleaning import TypeMap, map_types, prepare, without_surrogates
from mtner_cli.core.convert.ledger import Ledger, write_ledger
from mtner_cli.core.convert.registry import Format, format_named
from mtner_cli.core.convert.splitting import SPLIT_NAMES, Documents, Split, parts_of_documents
from mtner_cli.core.corpus.action_files import CorpusWriter, Position
from mtner_cli.core.files.atomic import atomic_text_file, refuse_overwriting
from mtner_cli.core.files.reading import rewindable
from mtner_cli.core.types import Sentence, SourceDocument, SourceSentence
from mtner_cli.errors import ConfigError, DataError
from mtner_cli.paths import exists, is_folder


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
    source = _Source(name, inputs, types, options)
    source.check([out], action_encoding, ledger_path, also_read)
    ledger = Ledger()
    with source.opened(ledger_path) as ledger_file:
        files = [_ActionFile(path=out, ledger=ledger)]
        write_sentences(source, files, action_encoding, ledger, ledger_file)
    return ledger


def convert_split(
    name: str,
    inputs: Sequence[Path],
    folder: Path,
    split: Split,
    action_encoding: EncodingName | None = None,
    types: TypeMap | None = None,
    *,
    ledger_path: Path | None = None,
    also_read: Iterable[Path] = (),
    **options: Any,
) -> tuple[dict[str, Ledger], int]:
    """Convert files into ``train.txt``, ``dev.txt`` and ``test.txt``, split by document.

    The inputs are read twice: documents are counted first, so that the shares are exact. Nothing
    is written unless everything can be. What the source drops before a sentence is in the ledger
    of that sentence's split.

    Args:
        name: the format; the arguments that are not named here are those of :func:`convert`.
        folder: the folder of the action files.
        split: the shares and the seed.

    Returns:
        The ledger of each split, and the number of sentences that belong to no document, each of
        which was drawn for itself.

    Raises:
        ConfigError: as for :func:`convert`; also if a split would be empty, or the folder has the
            file of a split that would not be replaced.
        DataError: as for :func:`convert`; also if ``folder`` is a file.
    """
    source = _Source(name, inputs, types, options)
    files = [
        _ActionFile(path=folder / f"{part}.txt", ledger=Ledger(), split=part)
        for part in split.names
    ]
    if exists(folder) and not is_folder(folder):
        raise DataError(folder, None, "is a file; give the name of a folder for the split files")
    for other in SPLIT_NAMES[len(files) :]:
        if exists(folder / f"{other}.txt"):
            message = f"{folder / f'{other}.txt'} is of another split, whose documents may be in "
            raise ConfigError([f"{message}this one, too: delete it, or write to another folder"])
    source.check([file.path for file in files], action_encoding, ledger_path, also_read)
    with source.opened(ledger_path) as ledger_file:
        part_of, alone = _draw(source, split, action_encoding)
        write_sentences(source, files, action_encoding, Ledger(), ledger_file, part_of)
    return {file.split: file.ledger for file in files}, alone


def files_of(
    source_format: Format, inputs: Iterable[Path], options: Mapping[str, Any]
) -> Iterator[Path]:
    """Yield all files and folders that a conversion reads."""
    for path in inputs:
        yield path
        if path.suffix in source_format.read_together:
            yield from (path.with_suffix(ending) for ending in source_format.read_together)
    yield from (value for value in options.values() if isinstance(value, Path))


@dataclass
class _Source:
    """The files to convert, their format and its options, and the names of their types."""

    name: str
    inputs: Sequence[Path]
    types: TypeMap | None
    options: Mapping[str, Any]

    @property
    def format(self) -> Format:
        return format_named(self.name)

    def check(
        self,
        outs: Sequence[Path],
        action_encoding: EncodingName | None,
        ledger_path: Path | None,
        also_read: Iterable[Path],
    ) -> None:
        """Raise ConfigError if a file that is read would be overwritten, or on a wrong encoding."""
        encodings = self.format.encodings
        if action_encoding is not None and action_encoding not in encodings:
            allowed = " or ".join(encodings)
            message = f"{self.name} can be written as {allowed}, not as {action_encoding}"
            raise ConfigError([message])
        files_read = [*files_of(self.format, self.inputs, self.options), *also_read]
        for out in outs:
            refuse_overwriting(files_read, out)
        if ledger_path is not None:
            refuse_overwriting([*files_read, *outs], ledger_path)

    @contextmanager
    def opened(self, ledger_path: Path | None) -> Iterator[TextIO | None]:
        """Make the inputs readable more than once, and yield the file for the ledger."""
        with ExitStack() as stack:
            if not self.format.takes_folders:
                self.inputs = stack.enter_context(rewindable(self.inputs))
            if ledger_path is None:
                yield None
            else:
                # Opened before the action files, so it is moved into place after them.
                yield stack.enter_context(atomic_text_file(ledger_path))

    def sentences(
        self, action_encoding: EncodingName | None, ledger: Ledger
    ) -> tuple[EncodingName, Iterator[SourceSentence]]:
        """Return the sentences and the action encoding to write them in.

        Raises:
            DataError: if there is no sentence.
        """
        stream = self.format.read(self.inputs, ledger, **self.options)
        first = next(stream, None)
        if first is None:
            raise DataError(self.inputs[0], None, "expected sentences; found none")
        natural: EncodingName = "simple-char" if first.words is None else "simple"
        sources: Iterator[SourceSentence] = chain([first], stream)
        if (types := self.types) is not None:
            sources = (map_types(source, types, ledger) for source in sources)
        return action_encoding or natural, sources

    def nothing_written(self) -> DataError:
        message = "expected sentences; found none that can be written"
        return DataError(self.inputs[0], None, message)


PartOf = Callable[[SourceSentence], int]


def _draw(
    source: _Source, split: Split, action_encoding: EncodingName | None
) -> tuple[PartOf, int]:
    """Count the documents and draw a split for each.

    Returns:
        A function that gives the number of a sentence's split, for sentences in their order, and
        the number of sentences without a document.
    """
    counted, reached = Documents(), Documents()
    unused = Ledger()
    action_encoding, sources = source.sentences(action_encoding, unused)
    for sentence in sources:
        if prepare(sentence, action_encoding, unused) is not None:
            counted.number_of(sentence)
        Ledger().take_entries(unused)
    if not counted.count:
        raise source.nothing_written()
    parts = parts_of_documents(split, counted.count)

    def part_of(sentence: SourceSentence) -> int:
        number = reached.number_of(sentence)
        if number >= len(parts):
            message = "has changed while it was read; convert it again"
            raise DataError(sentence.place.path, None, message)
        return parts[number]

    return part_of, counted.without_document


def write_sentences(
    source: _Source,
    files: Sequence[_ActionFile],
    action_encoding: EncodingName | None,
    ledger: Ledger,
    ledger_file: TextIO | None = None,
    part_of: PartOf = lambda sentence: 0,
) -> None:
    """Stream sentences into action files and count them in their ledgers.

    Args:
        ledger: the ledger of what is read; its entries are moved to that of the file.
        ledger_file: the file for the entries of the ledgers, written before the action files are
            moved into place.
        part_of: gives the number of a sentence's file.

    Raises:
        DataError: if there is no sentence to write; then no file is written.
    """
    action_encoding, sources = source.sentences(action_encoding, ledger)
    with ExitStack() as stack:
        writers = [stack.enter_context(CorpusWriter(file.path, action_encoding)) for file in files]
        part = None
        for sentence in sources:
            prepared = prepare(sentence, action_encoding, ledger)
            if prepared is not None:
                part = part_of(sentence)
                writers[part].write(files[part].placed(prepared, sentence, ledger))
        if part is None:
            raise source.nothing_written()
        files[part].take_entries(ledger)
        if ledger_file is not None:
            for file in files:
                write_ledger(file.ledger, ledger_file, file.split)


@dataclass(kw_only=True)
class _ActionFile:
    """An action file, its ledger, and its documents: each gets a name that no other one has."""

    path: Path
    ledger: Ledger
    split: str = ""
    _position: Position = field(default_factory=Position)
    _document: SourceDocument | None = None

    def placed(self, sentence: Sentence, source: SourceSentence, ledger: Ledger) -> Sentence:
        """Count a sentence to write; return it with the name of its document and its offset there.

        Args:
            ledger: the ledger of what was read, whose entries are moved to this file's.
        """
        self.take_entries(ledger)
        if source.document != self._document:
            self._start(source.document)
        if source.start is not None:
            self._position.offset = source.start
        sentence = self._position.placed(sentence)
        self.ledger.count(sentence)
        return sentence

    def take_entries(self, ledger: Ledger) -> None:
        if ledger is not self.ledger:
            self.ledger.take_entries(ledger)

    def _start(self, document: SourceDocument | None) -> None:
        self._document = document
        if document is None:
            self._position.start("")
            return
        name = without_surrogates(document.name or "", document.place, self.ledger)
        self._position.start(name or None)
        if name not in ("", self._position.document):
            what = f"{name!r} became {self._position.document!r}"
            self.ledger.repair("name of an earlier document", document.place, what)
