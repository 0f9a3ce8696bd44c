"""The text encodings by the name that configurations and commands use."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mtner_cli.core.actions import simple, simple_char
from mtner_cli.core.types import Sentence


class Codec(NamedTuple):
    """Both directions of one text encoding; each raises ``EncodingError`` on what it cannot do."""

    encode: Callable[[Sentence], str]
    decode: Callable[[str], Sentence]


CODECS: dict[str, Codec] = {
    "simple": Codec(simple.encode, simple.decode),
    "simple-char": Codec(simple_char.encode, simple_char.decode),
}
