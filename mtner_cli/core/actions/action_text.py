"""Helpers of both action encodings: lines, tags in actions, and the order of actions."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import TypeVar
from urllib.parse import unquote

from mtner_cli.core.types import Span
from mtner_cli.errors import quoted

AnySpan = TypeVar("AnySpan", bound=tuple[int, int, Hashable])
"""Start, end and tag, such as a :class:`Span`; a tag may also be a number or a :class:`Tag`."""
TagOrNumber = TypeVar("TagOrNumber", str, int)
"""What can also be sorted, so that the order of actions is always the same."""

SEPARATOR = " ||| "
DOCUMENT_SEPARATOR = "-- doc-sep --"
SENTENCE_START = "-- sent-start --"
"""The first words of lines that hold no sentence; :mod:`mtner_cli.core.corpus.action_files`."""


def split_line(line: str) -> tuple[str, str]:
    """Split a line at the *last* separator, so the sentence itself may hold one.

    A line that lost its trailing space in an editor is read as a sentence without actions.

    Raises:
        EncodingError: if there is no separator.
    """
    bare_separator = SEPARATOR.rstrip(" ")
    if line.endswith(bare_separator):
        return line.removesuffix(bare_separator), ""
    text, separator, action_text = line.rpartition(SEPARATOR)
    if not separator:
        raise EncodingError("expected 'sentence ||| actions'; found no ' ||| ' in the line")
    return text, action_text


_UNSAFE = re.compile(r"[\s\x00-\x20\x7f-\xa0(),%]")


def escape_tag(tag: str) -> str:
    """Escape a tag for the parentheses of an action."""
    return _UNSAFE.sub(
        lambda match: "".join(f"%{byte:02X}" for byte in match.group().encode("utf-8")), tag
    )


def unescape_tag(text: str) -> str:
    """Undo :func:`escape_tag`; percent signs that escape nothing stay as they are."""
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text


class EncodingError(ValueError):
    """Mentions or text that an action encoding cannot express, or a line that is not valid."""


def check_mentions(mentions: Sequence[tuple[int, int, Hashable]], length: int) -> None:
    """Raise an error for mentions that an action sequence cannot express.

    Args:
        mentions: with positions in a sentence of ``length`` positions.

    Raises:
        EncodingError: on a mention outside the sentence, an empty one, or two mentions of one tag
            that cross (start1 < start2 < end1 < end2), which no action sequence can tell from
            nested ones.
    """
    for start, end, tag in mentions:
        if not 0 <= start < end <= length:
            raise EncodingError(
                f"mention {quoted(str(tag))} [{start}, {end}) is empty or "
                f"outside the sentence, whose length is {length}"
            )
    crossing = first_crossing(mentions)
    if crossing is not None:
        (start, end, tag), (other_start, other_end, _) = crossing
        raise EncodingError(
            f"two mentions of type {quoted(str(tag))} cross: [{start}, {end}) and "
            f"[{other_start}, {other_end}); only nested or disjoint ones of one type can be encoded"
        )


def first_crossing(mentions: Iterable[AnySpan]) -> tuple[AnySpan, AnySpan] | None:
    """Return the first two mentions of one tag that cross, or None."""
    ordered = sorted(mentions, key=lambda span: (span[0], -span[1]))
    if all(one[1] <= other[0] for one, other in pairwise(ordered)):
        return None  # nothing overlaps, as in most sentences
    open_mentions: dict[Hashable, list[AnySpan]] = defaultdict(list)
    for mention in ordered:
        start, end, tag = mention
        enclosing = open_mentions[tag]
        while enclosing and enclosing[-1][1] <= start:
            enclosing.pop()
        if enclosing and enclosing[-1][1] < end:
            return enclosing[-1], mention
        enclosing.append(mention)
    return None


def boundary_actions(
    mentions: Iterable[tuple[int, int, TagOrNumber]],
) -> Iterator[tuple[int, list[TagOrNumber], list[TagOrNumber]]]:
    """Yield the actions at each position where a mention starts or ends.

    Yields:
        ``(position, closed, opened)`` in rising position: the tags of the mentions that end there,
        innermost first, and of those that start there, longest first.
    """
    events = []
    for start, end, tag in set(mentions):
        events.append((start, 1, -end, tag))
        events.append((end, 0, -start, tag))
    for position, group in groupby(sorted(events), key=lambda event: event[0]):
        closed: list[TagOrNumber] = []
        opened: list[TagOrNumber] = []
        for _, opens, _, tag in group:
            (opened if opens else closed).append(tag)
        yield position, closed, opened


class MentionStack:
    """The open mentions while actions are read; a close ends the latest mention of its tag."""

    def __init__(self) -> None:
        self._starts: dict[str, list[int]] = defaultdict(list)
        self.mentions: set[Span] = set()

    def open(self, tag: str, position: int) -> None:
        self._starts[tag].append(position)

    def close(self, tag: str, position: int) -> bool:
        """Close the latest non-empty open mention of ``tag``; return False if there is none."""
        starts = self._starts[tag]
        for index in range(len(starts) - 1, -1, -1):
            if starts[index] < position:
                self.mentions.add(Span(starts.pop(index), position, tag))
                return True
        return False

    def still_open(self) -> list[str]:
        """Return the tags of the mentions that are not closed."""
        return [tag for tag, starts in self._starts.items() for _ in starts]
