"""Names of action encodings and of charsets; conversions need no more of ``config``."""

from __future__ import annotations

import codecs
from typing import Literal

from mtner_cli.errors import ConfigError, quoted

EncodingName = Literal["simple", "simple-char"]
"""The action encodings: given words, or raw text with character offsets."""


def text_encoding(name: str) -> str:
    """Return the charset to open a file with; for ``utf-8`` it also accepts a BOM at the start.

    Raises:
        ConfigError: if no charset has this name (``base64`` and ``zip`` are not charsets).
    """
    try:
        "".encode(name)
        canonical = codecs.lookup(name).name
        codecs.getincrementaldecoder(name)
    except (LookupError, ValueError):
        fault = f"unknown charset {quoted(name)}: give a name such as utf-8 or latin-1"
        raise ConfigError([fault]) from None
    return "utf-8-sig" if canonical == "utf-8" else canonical
