"""Marked-up text: ``[DNA [Protein IL-2] gene promoter]`` is a DNA that holds a Protein."""

from __future__ import annotations

import re
from dataclasses import dataclass

_BRACKET = re.compile(r"\[(\w+) |\]")
_ARTICLE = re.compile(r"\b([Aa])\(n\) ((?:\[\w+ )*)(\w+)")
_SPACES = re.compile(r" {2,}")
_PLAIN_WORD = re.compile(r"[a-z]{2}|a ")
_OPENING = re.compile(r"(?:\[\w+ )*")


@dataclass(frozen=True, order=True)
class Mention:
    """A mention in character offsets, the end exclusive."""

    start: int
    end: int
    label: str


def read_markup(marked: str) -> tuple[str, list[Mention]]:
    """The plain text and its mentions, in order of start, longer ones first."""
    plain: list[str] = []
    length = position = 0
    open_mentions: list[tuple[int, str]] = []
    mentions = set()
    for bracket in _BRACKET.finditer(marked):
        plain.append(marked[position : bracket.start()])
        length += bracket.start() - position
        position = bracket.end()
        if bracket[1]:
            open_mentions.append((length, bracket[1]))
        else:
            start, label = open_mentions.pop()
            mentions.add(Mention(start, length, label))
    plain.append(marked[position:])
    return "".join(plain), sorted(mentions, key=lambda one: (one.start, -one.end, one.label))


def outermost(mentions: list[Mention]) -> list[Mention]:
    """The mentions that no other one holds, which is all that one column of tags can show."""
    kept: list[Mention] = []
    for mention in mentions:
        if not kept or mention.start >= kept[-1].end:
            kept.append(mention)
    return kept


def polish(marked: str) -> str:
    """Settle ``a(n)`` by the word that follows, close gaps, begin with a capital letter."""
    marked = _SPACES.sub(" ", marked).strip()
    marked = _ARTICLE.sub(lambda m: m[1] + _n_before(m[3]) + " " + m[2] + m[3], marked)
    opening = _OPENING.match(marked)
    start = opening.end() if opening else 0
    # A name such as p53, c-Myc or β-catenin keeps its small letter at the start of a sentence.
    if _PLAIN_WORD.match(marked, start):
        return marked[:start] + marked[start].upper() + marked[start + 1 :]
    return marked


def _n_before(word: str) -> str:
    if word[0].isdigit():
        return "n" if word[0] == "8" or word in ("11", "18") else ""
    first, second = word[0].upper(), word[1:2].upper()
    spelled_out = not word[1:].islower() and second not in tuple("AEIOU")
    return "n" if first in ("AEFHILMNORSX" if spelled_out else "AEIO") else ""
