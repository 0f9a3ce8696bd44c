"""What every converter reads a source into, before it is fit for an action file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mtner_cli.core.types import Span


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a source something stands; shown as ``file:line``."""

    path: Path
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.path}" if self.line is None else f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class SourceSentence:
    """A sentence as its source gives it: nothing is checked, mended or left out yet.

    Attributes:
        place: where it starts in its source.
        words: the given words, or None for raw text.
        text: the raw text where ``words`` is None, else unused.
        mentions: in word indices or, for raw text, character offsets; in any order.
        document: sentences in a row with one value are of one document; None where there are none.
    """

    place: Place
    words: tuple[str, ...] | None = None
    text: str = ""
    mentions: tuple[Span, ...] = ()
    document: str | None = None


def named_mention(mention: Span, content: str | Sequence[str]) -> str:
    """Say which mention of a text, or of words, is meant."""
    covered = content[max(mention.start, 0) : max(mention.end, 0)]
    text = covered if isinstance(covered, str) else " ".join(covered)
    return f"{mention.tag} [{mention.start}, {mention.end}) {text!r}"
