"""Name the formats that can be converted or written. Each has its own file in ``formats``.

To add a format to read, write ``formats/NAME.py`` with a ``FORMAT``, and add its line to
``FORMATS``. To write one, see ``writing``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

from mtner_cli.config.encodings import EncodingName, text_encoding

if TYPE_CHECKING:
    from pathlib import Path

    from mtner_cli.core.types import SourceSentence

FORMATS = {
    "conll": "Columns with one tag a word: BIO, IOB1, IOB2, IOBES or BILOU",
    "jsonl": "JSON lines: token or character spans, or tags (spaCy, Doccano, Label Studio)",
    "genia": "The GENIA corpus 3.02 in XML, with nested mentions of five types",
    "hunflair": "The HUNER corpora as Flair caches them",
    "pubtator": "PubTator: titles and abstracts with mentions by offset",
    "bioc": "BioC in XML or JSON: passages with annotations by offset",
    "brat": "brat's stand-off annotation: .txt files with .ann files beside them",
    "bc5cdr-halves": "The synthetic ensemble: halves of BC5CDR that annotate one type each",
}
"""The description of each format. The file of ``bc5cdr-halves`` is ``formats/bc5cdr_halves.py``."""


WRITERS = {
    "jsonl": "JSON lines: a document a line, with id, text and mentions",
    "pubtator": "PubTator: title, abstract and a line for each mention",
    "bioc-xml": "BioC in XML: passages with annotations",
    "bioc-json": "BioC in JSON: passages with annotations",
    "brat": "A folder for brat: a .txt file and an .ann file for each document",
    "conll": "Columns: a word and its BIO tag a line; of nested mentions one is kept (--flat)",
    "csv": "A table with a row for each mention, for spreadsheets and statistics",
    "html": "A page to look at: nested mentions are brackets below the text; with filters",
}
"""What is written under each name. The part of the name before ``-`` is its file in ``formats``."""

_FILES = "mtner_cli.core.convert.formats."


@dataclass(frozen=True)
class Help:
    """The help of an option, in the annotation of a parameter of ``read``.

    Attributes:
        text: what the option is for.
        default: what happens without the option, if its default value is None.
        check: raises ConfigError if a value is not valid.
    """

    text: str
    default: str = ""
    check: Callable[[Any], object] | None = None


@dataclass(frozen=True)
class Option:
    """An option of a format: a keyword parameter of its ``read``.

    Attributes:
        kind: the type of its values.
        default: its value if it is not given; ``inspect.Parameter.empty`` if it must be given.
        help: what it is for.
    """

    kind: Any
    default: Any
    help: Help

    @property
    def is_required(self) -> bool:
        return self.default is inspect.Parameter.empty


Charset = Annotated[str, Help("The charset of the input, such as utf-8.", check=text_encoding)]
"""The option of all formats that are not always UTF-8."""

Target = tuple["Path", "Path", Mapping[str, Any]]
"""One file of several to convert: the input, the action file and the options."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """A source format.

    Attributes:
        read: ``read(inputs, ledger, **options)`` streams the sentences of several files in order.
            It records in the ledger only what it drops itself; ``cleaning`` checks the rest. The
            annotations of its keyword parameters describe the options.
        layout: what the files look like.
        sample: the content of small files of the format, by name.
        example: the arguments of ``mtner convert NAME`` that convert the sample.
        encodings: the action encodings to choose from; by default the first sentence decides.
        looks_like: tells from the first lines of a file whether it may be in this format; None if
            the content of a file does not show it.
        inputs: what to give as INPUT on the command line.
        takes_folders: whether an input may be a folder.
        read_together: endings of files that belong together: if one is given, all are read.
        targets: ``targets(folder, out)`` yields the files to make from a folder. With it, the
            command takes a folder and an output folder instead of files and options.
    """

    read: Callable[..., Iterator[SourceSentence]]
    layout: str
    sample: Mapping[str, str]
    example: str
    encodings: tuple[EncodingName, ...]
    looks_like: Callable[[str], bool] | None = None
    inputs: str = "Files, converted one after the other."
    takes_folders: bool = False
    read_together: tuple[str, ...] = ()
    targets: Callable[[Path, Path], Iterator[Target]] | None = None

    @cached_property
    def options(self) -> dict[str, Option]:
        """The options by name, in the order of the parameters of ``read``."""
        hints = get_type_hints(self.read, include_extras=True)
        return {
            name: Option(hints[name].__origin__, parameter.default, hints[name].__metadata__[0])
            for name, parameter in inspect.signature(self.read).parameters.items()
            if name not in ("inputs", "ledger")
        }


def format_named(name: str) -> Format:
    """Return a format; only its own file is imported.

    Args:
        name: a key of ``FORMATS``.
    """
    found: Format = import_module(_FILES + name.replace("-", "_")).FORMAT
    return found
