"""What both text encodings share: one line holds a sentence, a separator and its actions."""

from __future__ import annotations

from mtner_cli.core.actions.boundaries import EncodingError

SEPARATOR = " ||| "
DOCUMENT_SEPARATOR = "-- doc-sep --"


def split_line(line: str) -> tuple[str, str]:
    """Split at the *last* separator, so the sentence itself may hold one.

    A line whose trailing space an editor has stripped is understood as a sentence without actions.

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
