"""The converters by name, and the one road from a source to an action file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from mtner_cli.core.actions.codecs import EncodingName
from mtner_cli.core.convert import (
    bc5cdr_halves,
    bioc,
    brat,
    conll,
    genia,
    hunflair,
    jsonl,
    pubtator,
)
from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.convert.prepare import prepare
from mtner_cli.core.convert.source import SourceSentence
from mtner_cli.core.convert.type_map import TypeMap, map_types
from mtner_cli.core.corpus.writer import CorpusWriter
from mtner_cli.errors import ConfigError, DataError


@dataclass(frozen=True)
class Converter:
    """One source format.

    Attributes:
        name: as the command line calls it.
        description: one line for ``mtner convert --list``.
        source_format: what a file of it looks like.
        encodings: what it can be written as; the usual one is chosen by the first sentence.
        read: ``read(inputs, ledger, **options)`` streams the sentences of several files in order.
            It names in the ledger only what it leaves out itself; :func:`prepare` checks the rest.
        takes_folders: whether an input may be a folder.
    """

    name: str
    description: str
    source_format: str
    encodings: tuple[EncodingName, ...]
    read: Callable[..., Iterator[SourceSentence]]
    takes_folders: bool = False


CONVERTERS = {
    converter.name: converter
    for converter in (
        Converter(
            "conll",
            "columns with one tag a word: BIO/IOB1/IOB2/IOBES/BILOU",
            "a word a line, columns separated by tabs or spaces, blank lines between sentences, "
            "-DOCSTART- lines between documents",
            ("simple", "simple-char"),
            conll.read,
        ),
        Converter(
            "jsonl",
            "JSON lines with token or character spans: spaCy, Doccano, Label Studio, Hugging Face",
            "one JSON object a line: 'tokens' with 'entity_mentions' or 'ner_tags', "
            "or 'text' with 'entities', 'spans' or 'label'",
            ("simple", "simple-char"),
            jsonl.read,
        ),
        Converter(
            "genia",
            "the GENIA corpus 3.02 in XML, by files of document ids",
            "<article> with <bibliomisc>, <sentence> with nested <cons> and <w>, as in "
            "GENIAcorpus3.02.merged.fixed.xml",
            ("simple", "simple-char"),
            genia.read,
        ),
        Converter(
            "hunflair",
            "the HUNER corpora as Flair caches them",
            "'token tag +' or 'token tag -' a line (+: a space follows), IOB2, blank lines between "
            "sentences",
            ("simple-char",),
            hunflair.read,
        ),
        Converter(
            "pubtator",
            "PubTator: titles and abstracts with mentions by offset",
            "'id|t|title', 'id|a|abstract', then a mention a line: id, start, end, wording, type "
            "and often identifiers, between tabs",
            ("simple-char",),
            pubtator.read,
        ),
        Converter(
            "bioc",
            "BioC in XML or JSON: documents of passages with annotations by offset",
            "<document> with <passage>, <offset>, <text> and <annotation>, whose "
            "<infon key='type'> is the entity type; or the same as JSON, also a document a line",
            ("simple-char",),
            bioc.read,
        ),
        Converter(
            "brat",
            "brat's stand-off annotation: .txt files with .ann files beside them",
            "'T1<tab>Gene 8 11<tab>p53' a line in the .ann file, by offsets in the .txt file",
            ("simple-char",),
            brat.read,
            takes_folders=True,
        ),
        Converter(
            "bc5cdr-halves",
            "the synthetic ensemble: halves of BC5CDR that annotate one type each",
            "train.tsv and devel.tsv of BC5CDR, in IOB2 columns",
            ("simple", "simple-char"),
            bc5cdr_halves.read,
        ),
    )
}


def convert(
    name: str,
    inputs: Sequence[Path],
    out: Path,
    mode: EncodingName | None = None,
    types: TypeMap | None = None,
    **options: Any,
) -> Ledger:
    """Convert files, one after the other, into one action file.

    Args:
        name: a key of ``CONVERTERS``.
        inputs: the source files.
        out: the action file; it appears complete or not at all.
        mode: the action encoding; None takes ``simple`` where the source gives words and
            ``simple-char`` where it gives raw text.
        types: names to write for entity types, None to drop one, ``*`` for all others; None
            keeps all.
        options: those of the converter's ``read``.

    Raises:
        ConfigError: if ``out`` is one of the inputs, or the converter does not write ``mode``.
        DataError: if an input is not of the format; the message names file and line.
    """
    converter = CONVERTERS[name]
    if mode is not None and mode not in converter.encodings:
        allowed = " or ".join(converter.encodings)
        raise ConfigError([f"{name} can be written as {allowed}, not as {mode}"])
    refuse_overwriting(inputs, out)
    ledger = Ledger()
    sources = converter.read(inputs, ledger, **options)
    if types is not None:
        sources = (map_types(source, types, ledger) for source in sources)
    write_sentences(sources, inputs, out, mode, ledger)
    return ledger


def refuse_overwriting(inputs: Iterable[Path], out: Path) -> None:
    """Raise ConfigError if writing ``out`` would overwrite an input or a file in one."""
    for path in inputs:
        same_file = out.exists() and path.exists() and out.samefile(path)
        within = out.exists() and path.is_dir() and out.resolve().is_relative_to(path.resolve())
        if same_file or within or out.resolve() == path.resolve():
            raise ConfigError([f"{out} would overwrite {path}: write to another file"])


def write_sentences(
    sources: Iterable[SourceSentence],
    inputs: Sequence[Path],
    out: Path,
    mode: EncodingName | None,
    ledger: Ledger,
) -> None:
    """Stream sentences into an action file and count them in ``ledger``.

    Raises:
        DataError: if there is no sentence to write; then there is no file either.
    """
    stream = iter(sources)
    first = next(stream, None)
    if first is not None:
        mode = mode or ("simple-char" if first.words is None else "simple")
        with CorpusWriter(out, mode) as writer:
            for source in chain([first], stream):
                sentence = prepare(source, mode, ledger)
                if sentence is not None:
                    writer.write(sentence)
                    ledger.count(sentence)
            if ledger.sentences:
                return
            raise DataError(inputs[0], None, "expected sentences; found none that can be written")
    raise DataError(inputs[0], None, "expected sentences; found none")
