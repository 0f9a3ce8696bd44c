"""List the converters by name, and convert a source to an action file."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from mtner_cli.config.encodings import EncodingName
from mtner_cli.core.convert.cleaning import TypeMap, map_types, prepare, without_surrogates
from mtner_cli.core.convert.formats import (
    bc5cdr_halves,
    bioc,
    brat,
    conll,
    genia,
    hunflair,
    jsonl,
    pubtator,
)
from mtner_cli.core.convert.ledger import Ledger, write_ledger
from mtner_cli.core.corpus.action_files import CorpusWriter, DocumentNames
from mtner_cli.core.files.atomic import atomic_text_file
from mtner_cli.core.files.reading import rewindable
from mtner_cli.core.types import Sentence, SourceDocument, SourceSentence
from mtner_cli.errors import ConfigError, DataError


@dataclass(frozen=True, kw_only=True)
class Converter:
    """One source format.

    Attributes:
        name: its name on the command line.
        description: its line in ``mtner convert --list``.
        source_format: what a file looks like.
        encodings: the action encodings to choose from; by default the first sentence decides.
        read: ``read(inputs, ledger, **options)`` streams the sentences of several files in order.
            It records in the ledger only what it drops itself; :func:`prepare` checks the rest.
        takes_folders: whether an input may be a folder.
        read_together: endings of files that belong together: if one is given, all are read.
    """

    name: str
    description: str
    source_format: str
    encodings: tuple[EncodingName, ...]
    read: Callable[..., Iterator[SourceSentence]]
    takes_folders: bool = False
    read_together: tuple[str, ...] = ()


CONVERTERS = {
    converter.name: converter
    for converter in (
        Converter(
            name="conll",
            description="columns with one tag a word: BIO/IOB1/IOB2/IOBES/BILOU",
            source_format=(
                "a word a line, columns separated by tabs or spaces, blank lines between "
                "sentences, -DOCSTART- lines between documents"
            ),
            encodings=("simple", "simple-char"),
            read=conll.read,
        ),
        Converter(
            name="jsonl",
            description=(
                "JSON lines with token or character spans: spaCy, Doccano, Label Studio, "
                "Hugging Face"
            ),
            source_format=(
                "one JSON object a line: 'tokens' with 'entity_mentions' or 'ner_tags', or "
                "'text' with 'entities', 'spans' or 'label'"
            ),
            encodings=("simple", "simple-char"),
            read=jsonl.read,
        ),
        Converter(
            name="genia",
            description="the GENIA corpus 3.02 in XML, by files of document ids",
            source_format=(
                "<article> with <bibliomisc>, <sentence> with nested <cons> and <w>, as in "
                "GENIAcorpus3.02.merged.fixed.xml"
            ),
            encodings=("simple", "simple-char"),
            read=genia.read,
        ),
        Converter(
            name="hunflair",
            description="the HUNER corpora as Flair caches them",
            source_format=(
                "'token tag +' or 'token tag -' a line (+: a space follows), IOB2, blank lines "
                "between sentences"
            ),
            encodings=("simple-char",),
            read=hunflair.read,
        ),
        Converter(
            name="pubtator",
            description="PubTator: titles and abstracts with mentions by offset",
            source_format=(
                "'id|t|title', 'id|a|abstract', then a mention a line: id, start, end, "
                "wording, type and often identifiers, between tabs"
            ),
            encodings=("simple-char",),
            read=pubtator.read,
        ),
        Converter(
            name="bioc",
            description="BioC in XML or JSON: documents of passages with annotations by offset",
            source_format=(
                "<document> with <passage>, <offset>, <text> and <annotation>, whose <infon "
                "key='type'> is the entity type; or the same as JSON, also a document a line"
            ),
            encodings=("simple-char",),
            read=bioc.read,
        ),
        Converter(
            name="brat",
            description="brat's stand-off annotation: .txt files with .ann files beside them",
            source_format=(
                "'T1<tab>Gene 8 11<tab>p53' a line in the .ann file, by offsets in the .txt file"
            ),
            encodings=("simple-char",),
            read=brat.read,
            takes_folders=True,
            read_together=brat.ENDINGS,
        ),
        Converter(
            name="bc5cdr-halves",
            description="the synthetic ensemble: halves of BC5CDR that annotate one type each",
            source_format="train.tsv and devel.tsv of BC5CDR, in IOB2 columns",
            encodings=("simple", "simple-char"),
            read=bc5cdr_halves.read,
        ),
    )
}


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
        name: a key of ``CONVERTERS``.
        inputs: the source files; a pipe or device is copied first.
        out: the action file; it is written completely or not at all.
        action_encoding: the action encoding; None takes ``simple`` where the source gives words and
            ``simple-char`` where it gives raw text.
        types: names to write for entity types, None to drop one, ``*`` for all others; None
            keeps all.
        ledger_path: the file for all entries of the ledger; it is written together with ``out``.
        also_read: other files that must not be overwritten, such as the type map.
        options: the options of the converter's ``read``.

    Raises:
        ConfigError: if one of the files to write is one of those to read, or the converter does
            not write ``action_encoding``.
        DataError: if an input does not have the format; the message names file and line.
    """
    converter = CONVERTERS[name]
    if action_encoding is not None and action_encoding not in converter.encodings:
        allowed = " or ".join(converter.encodings)
        raise ConfigError([f"{name} can be written as {allowed}, not as {action_encoding}"])
    files_read = [*files_of(converter, inputs, options), *also_read]
    refuse_overwriting(files_read, out)
    if ledger_path is not None:
        refuse_overwriting([*files_read, out], ledger_path)
    ledger = Ledger()
    with ExitStack() as stack:
        if not converter.takes_folders:
            inputs = stack.enter_context(rewindable(inputs))
        ledger_file = None
        if ledger_path is not None:
            # Opened before the action file, so it is moved into place after it, and only with it.
            ledger_file = stack.enter_context(atomic_text_file(ledger_path))
        sources = converter.read(inputs, ledger, **options)
        if types is not None:
            sources = (map_types(source, types, ledger) for source in sources)
        write_sentences(sources, inputs, out, action_encoding, ledger, ledger_file)
    return ledger


def files_of(
    converter: Converter, inputs: Iterable[Path], options: Mapping[str, Any]
) -> Iterator[Path]:
    """Yield all files and folders that a conversion reads."""
    for path in inputs:
        yield path
        if path.suffix in converter.read_together:
            yield from (path.with_suffix(ending) for ending in converter.read_together)
    yield from (value for value in options.values() if isinstance(value, Path))


def refuse_overwriting(inputs: Iterable[Path], out: Path) -> None:
    """Raise ConfigError if writing ``out`` would overwrite an input or a file in an input."""
    target = file_identity(out)
    for path in inputs:
        same_file = target is not None and target == file_identity(path)
        if same_file or (os.path.isdir(path) and _is_within(out, path)):
            raise ConfigError([f"{out} would overwrite {path}: write to another file"])


def _is_within(out: Path, folder: Path) -> bool:
    """Tell whether ``out`` is an existing file in the folder or in its subfolders."""
    return os.path.exists(out) and out.resolve().is_relative_to(folder.resolve())


def file_identity(path: Path) -> object:
    """Return a value that all names of one file share; None for a pipe or device.

    A pipe or device is never replaced, so it needs no comparison.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        return path.resolve()
    except (OSError, ValueError):
        return path  # reading or writing it reports the fault
    plain = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
    return (status.st_dev, status.st_ino) if plain else None


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
