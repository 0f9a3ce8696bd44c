"""The ``simple-char`` encoding: raw text, and actions with character offsets, on one line.

``Barack Obama was here ||| TRANSITION(PER,0) REDUCE(PER,12)``
"""

from __future__ import annotations

import re

from mtner_cli.core.actions.action_text import (
    SEPARATOR,
    EncodingError,
    MentionStack,
    boundary_actions,
    check_mentions,
    escape_tag,
    split_line,
    unescape_tag,
)
from mtner_cli.core.types import Sentence
from mtner_cli.errors import quoted

_ACTION = re.compile(r"(TRANSITION|REDUCE)\((.*),(\d+)\)")


def encode(sentence: Sentence) -> str:
    """Return the sentence's line, without a line end.

    Raises:
        EncodingError: if the text is empty or holds a line end, or an action sequence cannot
            express its mentions (see :func:`check_mentions`).
    """
    if not sentence.text or "\n" in sentence.text or sentence.text.endswith("\r"):
        raise EncodingError("a 'simple-char' sentence must be one non-empty line of text")
    check_mentions(sentence.mentions, len(sentence.text))
    actions: list[str] = []
    for position, closed, opened in boundary_actions(sentence.mentions):
        actions += [f"REDUCE({escape_tag(tag)},{position})" for tag in closed]
        actions += [f"TRANSITION({escape_tag(tag)},{position})" for tag in opened]
    return f"{sentence.text}{SEPARATOR}{' '.join(actions)}"


def decode(line: str) -> Sentence:
    """Return the sentence of one line (without a line end).

    Raises:
        EncodingError: if the line is not in this encoding; the message says what was expected.
    """
    text, action_text = split_line(line)
    if not text:
        raise EncodingError("expected text before ' ||| '; found none")
    stack = MentionStack()
    previous = 0
    for action in action_text.split():
        match = _ACTION.fullmatch(action)
        if match is None:
            raise EncodingError(
                f"expected TRANSITION(type,offset) or REDUCE(type,offset); found {quoted(action)}"
            )
        tag, position = unescape_tag(match[2]), int(match[3])
        if not previous <= position <= len(text):
            raise EncodingError(
                f"expected offsets in rising order within the text (length {len(text)}); "
                f"found {position} after {previous}"
            )
        previous = position
        if match[1] == "TRANSITION":
            stack.open(tag, position)
        elif not stack.close(tag, position):
            raise EncodingError(f"{quoted(action)} closes no open, non-empty mention")
    if stack.still_open():
        raise EncodingError(f"the mention of type {quoted(stack.still_open()[0])} is never closed")
    return Sentence.of_text(text, tuple(stack.mentions))
