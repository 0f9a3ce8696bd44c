"""The ``simple`` encoding: a pre-tokenised sentence and one action sequence, on one line.

``Barack Obama was here ||| TRANSITION(PER) SHIFT SHIFT REDUCE(PER) OUT OUT``
"""

from __future__ import annotations

import re
from functools import lru_cache

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

_ACTION = re.compile(r"(TRANSITION|REDUCE)\((.*)\)")
_CONSUMING = frozenset(("SHIFT", "OUT"))


def encode(sentence: Sentence) -> str:
    """Return the sentence's line, without a line end.

    Raises:
        EncodingError: if the sentence has no words, a word is empty or holds a space or line end,
            or an action sequence cannot express its mentions (see :func:`check_mentions`).
    """
    words = sentence.words
    if not words:
        raise EncodingError("a 'simple' sentence needs words, but this one has none")
    for word in words:
        if not word or " " in word or "\n" in word or "\r" in word:
            raise EncodingError(f"the word {quoted(word)} is empty or holds a space or a line end")
    check_mentions(sentence.mentions, len(words))
    actions: list[str] = []
    position = depth = 0
    for boundary, closed, opened in boundary_actions(sentence.mentions):
        actions += ["SHIFT" if depth else "OUT"] * (boundary - position)
        actions += [f"REDUCE({escape_tag(tag)})" for tag in closed]
        actions += [f"TRANSITION({escape_tag(tag)})" for tag in opened]
        position, depth = boundary, depth + len(opened) - len(closed)
    actions += ["OUT"] * (len(words) - position)
    return f"{' '.join(words)}{SEPARATOR}{' '.join(actions)}"


def decode(line: str) -> Sentence:
    """Return the sentence of one line (without a line end).

    Raises:
        EncodingError: if the line is not in this encoding; the message says what was expected.
    """
    text, action_text = split_line(line)
    words = text.split(" ")
    if "" in words:
        raise EncodingError("expected words separated by single spaces; found an empty word")
    actions = action_text.split()
    at_boundaries = [place for place, action in enumerate(actions) if action not in _CONSUMING]
    stack = MentionStack()
    for before, place in enumerate(at_boundaries):
        opens, tag = _parse(actions[place])
        if opens:
            stack.open(tag, place - before)
        elif not stack.close(tag, place - before):
            raise EncodingError(
                f"{quoted(actions[place])} closes no open mention of at least one word"
            )
    position = len(actions) - len(at_boundaries)
    if position != len(words):
        raise EncodingError(
            f"expected one SHIFT or OUT for each of the {len(words)} words; found {position}"
        )
    if stack.still_open():
        raise EncodingError(f"the mention of type {quoted(stack.still_open()[0])} is never closed")
    return Sentence.of_words(words, tuple(stack.mentions))


@lru_cache(maxsize=4096)
def _parse(action: str) -> tuple[bool, str]:
    """Return whether an action opens a mention, and its entity type."""
    match = _ACTION.fullmatch(action)
    if match is None:
        raise EncodingError(
            f"expected SHIFT, OUT, TRANSITION(type) or REDUCE(type); found {quoted(action)}"
        )
    return match[1] == "TRANSITION", unescape_tag(match[2])
