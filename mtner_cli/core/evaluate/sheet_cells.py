"""The text cells of an annotation sheet, which no spreadsheet program may take for formulas."""

from __future__ import annotations

import unicodedata

ANNOTATORS = ("annotator_1", "annotator_2")
MOST = 10_000
"""Characters of one text in a cell: spreadsheet programs cut a cell, or split it, at 32,767."""

_CUT = "[...]"


def guarded(text: str) -> str:
    """The text with an apostrophe in front where it would otherwise be a formula.

    A spreadsheet program would compute ``-1031T/C``, or worse, run what a hostile file holds.
    """
    return f"'{text}" if _needs_guard(text) else text


def unguarded(cell: str) -> str:
    """The text that :func:`guarded` was given."""
    return cell[1:] if cell.startswith("'") and _needs_guard(cell[1:]) else cell


def shortened(text: str) -> str:
    """The beginning of a text that is too long for a cell."""
    return text if len(text) <= MOST else text[:MOST] + _CUT


def shortened_before(text: str) -> str:
    """The end of a text that is too long for a cell."""
    return text if len(text) <= MOST else _CUT + text[-MOST:]


def _needs_guard(text: str) -> bool:
    # Apostrophes are passed over, so that a guard can be told from an apostrophe of the text.
    text = text.lstrip("'")
    if text.startswith(("\t", "\r", "\n")):
        return True
    for character in text:
        # Programs pass over what is blank or invisible, and know full-width and small signs, too.
        if character != "'" and unicodedata.category(character)[0] not in "ZC":
            return unicodedata.normalize("NFKC", character)[:1] in ("=", "+", "-", "@")
    return False
