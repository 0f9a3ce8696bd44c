"""The name that was probably meant, found in bounded time."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from itertools import islice

_LONGEST_NAME = 100
"""Characters; the comparison of two names takes up to the product of their lengths."""
_MOST_NAMES = 1000


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Give the known name that is most like ``name``, or None where none is like it."""
    if len(name) > _LONGEST_NAME:
        return None
    short = [other for other in islice(known, _MOST_NAMES) if len(other) <= _LONGEST_NAME]
    return next(iter(difflib.get_close_matches(name, short, n=1, cutoff=cutoff)), None)
