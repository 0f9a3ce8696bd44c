"""Write a page to look at: one file without scripts, in which nested mentions are brackets.

The page holds nothing but escaped text, and its policy forbids scripts and anything from outside.
Filters by type and score are native controls that style sheets read, so they need no script.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.convert.writing import (
    Documents,
    Writer,
    WrittenDocument,
    WrittenMention,
    with_replaced,
    with_whole_characters,
)
from mtner_cli.core.types import Mention

AnyMention = WrittenMention | Mention

_LEAST_SCORES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
_CONTROLS = {number: chr(0x2400 + number) for number in range(32) if chr(number) not in "\t\n\r"}
_CONTROLS[0x7F] = "\u2421"
_GOLDEN_ANGLE = 137.508
"""Degrees between the hues of two types that follow each other: they are far apart."""

_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Mentions</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>Mentions</h1>
<p>A bracket below the text is a mention. The list below each document holds its mentions, too.
<a href="#filter">To the filter by type and score</a></p>
</header>
<main>
"""


def write(documents: Documents, ledger: Ledger) -> Iterator[str]:
    """Yield the page: its head, a section for each document, and the filter.

    Args:
        ledger: records control characters, each of which is shown as its picture, such as ``␀``.
    """
    style = (Path(__file__).parent / "html.css").read_text(encoding="utf-8")
    yield _HEAD.format(style=style)
    filters = _Filters()
    for number, document in enumerate(documents, 1):
        document = with_whole_characters(document, ledger)
        document = _with_pictures(document, ledger)
        yield _section(document, f"d{number}", filters)
    yield f"</main>\n{filters.panel()}</body>\n</html>\n"


WRITERS = {"html": Writer(write=write, suffix=".html")}


def _with_pictures(document: WrittenDocument, ledger: Ledger) -> WrittenDocument:
    """Replace control characters, which no page can hold, by their pictures."""
    everything = [document.text, document.id, *(mention.type for mention in document.mentions)]
    used = {ord(character) for text in everything for character in text}
    for code in sorted(used & _CONTROLS.keys()):
        pattern = re.compile(re.escape(chr(code)))
        what = f"control character U+{code:04X}"
        document = with_replaced(document, pattern, _CONTROLS[code], what, ledger)
    return document


class _Filters:
    """The types and scores that the page holds."""

    def __init__(self) -> None:
        self._types: Counter[str] = Counter()
        self._numbers: dict[str, int] = {}
        self._documents = 0
        self._has_scores = False

    def start_document(self) -> None:
        self._documents += 1

    def classes_of(self, mention: AnyMention) -> str:
        """Return the classes of a mention: the number of its type and of its score's range."""
        number = self._numbers.setdefault(mention.type, len(self._numbers))
        if mention.score is None:
            return f"t{number}"
        self._has_scores = True
        return f"t{number} s{bisect_right(_LEAST_SCORES, mention.score)}"

    def count(self, mention: AnyMention) -> None:
        self._types[mention.type] += 1

    def panel(self) -> str:
        """Return the controls, and the style sheet that follows them."""
        rules = []
        boxes = []
        for name, number in self._numbers.items():
            hue = round(20 + number * _GOLDEN_ANGLE) % 360
            rules.append(f".t{number}{{--h:{hue}}}")
            off = f"body:has(#f{number}:not(:checked))"
            rules.append(f"{off} .m.t{number}{{--c:transparent}}{off} tr.t{number}{{display:none}}")
            boxes.append(
                f'<label><input type="checkbox" id="f{number}" checked><span class="swatch '
                f't{number}"></span><bdi>{escape(name)}</bdi> <small>{self._types[name]:,}</small>'
                "</label>"
            )
        scores = ""
        if self._has_scores:
            choices = ['<option value="0">any</option>']
            for number, least in enumerate(_LEAST_SCORES, 1):
                choices.append(f'<option value="{number}">{least:g}</option>')
                chosen = f'body:has(#score option[value="{number}"]:checked)'
                for lower in range(number):
                    rules.append(f"{chosen} .m.s{lower}{{--c:transparent}}")
                    rules.append(f"{chosen} tr.s{lower}{{display:none}}")
            scores = (
                '<fieldset><label>Lowest score <select id="score" autocomplete="off">'
                f"{''.join(choices)}</select></label></fieldset>\n"
            )
        found = f"{_count(self._types.total(), 'mention')} of {_count(len(boxes), 'type')} "
        found += f"in {_count(self._documents, 'document')}"
        types = f"<fieldset><legend>Types</legend>\n{''.join(boxes)}</fieldset>\n" if boxes else ""
        sheet = "\n".join(rules)
        return (
            f'<footer id="filter"><details open><summary>Filter ({found})</summary>\n'
            f"{types}{scores}</details></footer>\n<style>\n{sheet}\n</style>\n"
        )


def _section(document: WrittenDocument, anchor: str, filters: _Filters) -> str:
    mentions = document.in_order()
    filters.start_document()
    rows = _rows(mentions)
    text = "".join(_marked(document, mentions, rows, anchor, filters))
    parts = [
        f'<article><h2 dir="auto">{escape(document.id)}</h2>\n<div class="text">{text}</div>\n'
    ]
    if mentions:
        parts.append(
            f"<details><summary>{_count(len(mentions), 'mention')}</summary>"
            '<div class="wide"><table>\n<tr><th>text<th>type'
            "<th>characters<th>score<th>corpora</tr>\n"
        )
        for number, mention in enumerate(mentions):
            filters.count(mention)
            score = "" if mention.score is None else f"{mention.score:.3f}"
            parts.append(
                f'<tr class="{filters.classes_of(mention)}"><td><a href="#{anchor}m{number}"><bdi>'
                f"{escape(document.wording(mention))}</bdi></a><td>{escape(mention.type)}"
                f"<td>{mention.start}–{mention.end}<td>{score}"
                f"<td>{escape(', '.join(mention.corpora))}</tr>\n"
            )
        parts.append("</table></div></details>\n")
    parts.append("</article>\n")
    return "".join(parts)


def _rows(mentions: Sequence[AnyMention]) -> list[int]:
    """Return the row of each mention's bracket, from 1: below all shorter ones that it overlaps.

    Args:
        mentions: sorted by their start, longer ones first.
    """
    rows = [0] * len(mentions)
    first = 0
    while first < len(mentions):
        last, end = first, mentions[first].end
        while last < len(mentions) and mentions[last].start < end:
            end = max(end, mentions[last].end)
            last += 1
        # Only the mentions of such a group overlap each other.
        group = range(first, last)
        done: list[int] = []
        for number in sorted(group, key=lambda it: (mentions[it].end - mentions[it].start, -it)):
            start, end = mentions[number].start, mentions[number].end
            below = [
                rows[other]
                for other in done
                if mentions[other].start < end and start < mentions[other].end
            ]
            rows[number] = 1 + max(below, default=0)
            done.append(number)
        first = last
    return rows


def _marked(
    document: WrittenDocument,
    mentions: Sequence[AnyMention],
    rows: Sequence[int],
    anchor: str,
    filters: _Filters,
) -> Iterator[str]:
    """Yield the text with an element for each mention; one that crosses others has several."""
    inside: list[int] = []

    def opened(mention: int, anchor: str) -> str:
        cut = any(mentions[outer].end < mentions[mention].end for outer in inside)
        inside.append(mention)
        return _opened(mentions[mention], rows[mention], anchor, cut, filters)

    position = number = 0
    for edge in sorted({edge for it in mentions for edge in (it.start, it.end)}):
        yield _escaped(document.text[position:edge])
        position = edge
        if ended := [place for place, it in enumerate(inside) if mentions[it].end == edge]:
            crossing = [it for it in inside[ended[0] :] if mentions[it].end > edge]
            yield "</span></span>" * (len(inside) - ended[0])
            del inside[ended[0] :]
            for mention in crossing:
                yield opened(mention, "")
        while number < len(mentions) and mentions[number].start == edge:
            yield opened(number, f"{anchor}m{number}")
            number += 1
    yield _escaped(document.text[position:])


def _opened(mention: AnyMention, row: int, anchor: str, cut: bool, filters: _Filters) -> str:
    """Return the start of the element of a mention, or of a later piece of it.

    Args:
        row: the row of its bracket.
        anchor: its name on the page; empty for a later piece.
        cut: whether another piece follows.
    """
    title = mention.type
    if mention.score is not None:
        title += f", {mention.score:.3f} ({', '.join(mention.corpora)})"
    classes = f"m {filters.classes_of(mention)}{' z' if cut else ''}{'' if anchor else ' a'}"
    first = f' id="{anchor}" data-type="{escape(mention.type)}"' if anchor else ""
    style = f' style="--r:{row}"' if row > 1 else ""
    return f'<span class="l"{style}><span class="{classes}"{first} title="{escape(title)}">'


def _escaped(text: str) -> str:
    return escape(text, quote=False).replace("\r", "&#13;")


def _count(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number:,} {what}s"
