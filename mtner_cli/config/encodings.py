"""The names of encodings, of actions and of text; conversions need no more of ``config``."""

from __future__ import annotations

import codecs
from typing import Literal

from mtner_cli.errors import ConfigError, quoted

EncodingName = Literal["simple", "simple-char"]
"""The action encodings: words are given, or raw text with character offsets."""


def text_encoding(name: str) -> str:
    """Give the encoding to open a file with: ``utf-8`` also reads files that start with a BOM.

    Raises:
        ConfigError: if no text encoding has this name; ``base64`` or ``zip`` is none.
    """
    try:
        "".encode(name)
        canonical = codecs.lookup(name).name
        codecs.getincrementaldecoder(name)
    except (LookupError, ValueError):
        fault = f"unknown text encoding {quoted(name)}: give a name such as utf-8 or latin-1"
        raise ConfigError([fault]) from None
    return "utf-8-sig" if canonical == "utf-8" else canonical
