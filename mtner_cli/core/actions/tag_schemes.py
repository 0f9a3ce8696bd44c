"""Convert one tag per word to flat mentions, for the BIO family of tag schemes.

=======  ==========  =======  =======  ===========================================================
scheme   first word  inside   last     a mention of one word
=======  ==========  =======  =======  ===========================================================
iob2     B           I        I        B
iob1     I           I        I        I; B only where a mention of the same type ends just before
iobes    B           I        E        S
bilou    B           I        L        U
=======  ==========  =======  =======  ===========================================================

BIO is another name of iob2, and BIOES of iobes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from mtner_cli.core.actions.action_text import EncodingError
from mtner_cli.core.types import Span
from mtner_cli.errors import ConfigError, quoted

OUTSIDE = "O"


@dataclass(frozen=True)
class Scheme:
    """The letters of one scheme.

    Attributes:
        starts: letters that only start a mention.
        continues: letters that only continue a mention of the same type.
        either: letters that continue a mention of the same type, or else start one.
        ends: letters that close their mention; if empty, a mention ends before the first tag that
            does not continue it.
    """

    name: str
    starts: str
    continues: str
    either: str = ""
    ends: str = ""


SCHEMES = {
    scheme.name: scheme
    for scheme in (
        Scheme("iob2", starts="B", continues="I"),
        Scheme("iob1", starts="B", continues="", either="I"),
        Scheme("iobes", starts="BS", continues="IE", ends="ES"),
        Scheme("bilou", starts="BU", continues="IL", ends="LU"),
    )
}

_OTHER_NAMES = {"bio": "iob2", "bioes": "iobes"}
SCHEME_NAMES = (*SCHEMES, *_OTHER_NAMES)


def scheme_named(name: str) -> Scheme:
    """Return the scheme with a name; upper and lower case are the same.

    Raises:
        ConfigError: if there is none.
    """
    canonical = _OTHER_NAMES.get(name.lower(), name.lower())
    if canonical not in SCHEMES:
        known = ", ".join(SCHEME_NAMES)
        raise ConfigError([f"unknown tag scheme {quoted(name)}: give one of {known}"])
    return SCHEMES[canonical]


class TagError(EncodingError):
    """A tag that its scheme does not allow at its position.

    Attributes:
        position: the index of the tag; the number of tags if the fault is at the sentence's end.
    """

    def __init__(self, position: int, message: str) -> None:
        super().__init__(message)
        self.position = position


@dataclass(frozen=True)
class _Step:
    """The effect of a tag after another: a mention closes before it, opens at it, or neither."""

    closes: bool
    opens: bool
    fault: str


def tags_to_spans(tags: Sequence[str], scheme: Scheme) -> list[Span]:
    """Return the mentions of a tag sequence, in word indices and in order.

    Under ``iob1`` a ``B-`` tag may also start a mention where none precedes it, so files that mix
    iob1 and iob2 can be read with it.

    Raises:
        TagError: on a tag that is not ``O`` or ``LETTER-TYPE``, or not allowed at its position.
    """
    spans = []
    start = 0
    for position, (before, tag) in enumerate(pairwise(_framed(tags))):
        step = _step(scheme, before, tag)
        if step.fault:
            raise TagError(position, step.fault)
        if step.closes:
            spans.append(Span(start, position, split_tag(before)[1]))
        if step.opens:
            start = position
    return spans


class SchemeDetector:
    """A detector of a file's scheme: the one that fits every tag, found in one pass."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str]] = set()
        self._first_fault: dict[str, tuple[int, str]] = {}

    def add(self, tags: Sequence[str], line: int, lines_per_tag: int = 1) -> None:
        """Add the tags of one sentence; ``line`` is the line of the first tag."""
        for position, pair in enumerate(pairwise(_framed(tags))):
            if pair in self._seen:
                continue
            self._seen.add(pair)
            for scheme in SCHEMES.values():
                fault = _step(scheme, *pair).fault or _unlike_iob1(scheme, *pair)
                if fault:
                    where = line + position * lines_per_tag
                    self._first_fault.setdefault(scheme.name, (where, fault))

    def scheme(self) -> Scheme:
        """Return the scheme that fits (``iob2`` for a file without mentions).

        Raises:
            TagError: if none fits. Its ``position`` is the first line that the best candidate does
                not allow; that is the scheme whose first such line is the latest.
        """
        for scheme in SCHEMES.values():
            if scheme.name not in self._first_fault:
                return scheme
        name, (line, fault) = max(self._first_fault.items(), key=lambda item: item[1][0])
        raise TagError(
            line,
            f"{fault} (the tags fit {name} up to here, and no scheme of "
            f"{', '.join(SCHEMES)} as a whole)",
        )


def _framed(tags: Sequence[str]) -> Iterator[str]:
    """Yield the tags between the sentence's ends, which count as words outside any mention."""
    yield OUTSIDE
    yield from tags
    yield OUTSIDE


def split_tag(tag: str) -> tuple[str, str]:
    """Return a tag's letter and entity type; the letter is ``""`` if no scheme has the tag."""
    if tag == OUTSIDE:
        return OUTSIDE, ""
    letter, _, entity_type = tag.partition("-")
    known = len(letter) == 1 and letter in "BIESLU" and entity_type
    return (letter, entity_type) if known else ("", tag)


@lru_cache(maxsize=4096)
def _step(scheme: Scheme, before: str, tag: str) -> _Step:
    letter, entity_type = split_tag(tag)
    letter_before, type_before = split_tag(before)
    open_type = None if letter_before in OUTSIDE + scheme.ends else type_before
    goes_on = letter in scheme.continues + scheme.either and entity_type == open_type
    fault = ""
    if not letter:
        fault = f"expected O or a tag such as B-Disease; found {_quoted(tag)}"
    elif letter not in OUTSIDE + scheme.starts + scheme.continues + scheme.either:
        fault = f"{scheme.name} has no {letter}- tags; found {_quoted(tag)}"
    elif letter in scheme.continues and not goes_on:
        fault = (
            f"{_quoted(tag)} must follow {_open_tags(scheme, entity_type)} in {scheme.name}; "
            f"found it after {_quoted(before)}"
        )
    elif scheme.ends and open_type is not None and not goes_on:
        close = _quoted(f"{scheme.ends[0]}-{open_type}")
        fault = (
            f"a mention that is open must be closed by {close} in "
            f"{scheme.name}; found {_quoted(tag)} after {_quoted(before)}"
        )
    return _Step(
        closes=not goes_on and letter_before != OUTSIDE,
        opens=not goes_on and letter != OUTSIDE,
        fault=fault,
    )


def _open_tags(scheme: Scheme, entity_type: str) -> str:
    letters = (letter for letter in scheme.starts + scheme.continues if letter not in scheme.ends)
    return " or ".join(_quoted(f"{letter}-{entity_type}") for letter in letters)


def _unlike_iob1(scheme: Scheme, before: str, tag: str) -> str:
    """Return the fault of a pair of tags that iob1 can read but does not write, else ``""``."""
    letter, entity_type = split_tag(tag)
    if scheme.either and letter == "B" and split_tag(before)[1] != entity_type:
        must = f"{_quoted(tag)} must follow a mention of its type in {scheme.name}"
        return f"{must}; found it after {_quoted(before)}"
    return ""


def _quoted(tag: str) -> str:
    """Quote a tag for a message, short enough for a message with several tags."""
    return quoted(tag, 60)
