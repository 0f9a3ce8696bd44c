"""``limit_*_batches``: a share of the batches, or a number of them."""

from __future__ import annotations


def limited(batches: int, limit: float | int) -> int:
    """How many of ``batches`` to use; at least one if there are any. 1.0 is all, 1 is one."""
    wanted = limit if isinstance(limit, int) else round(batches * limit)
    return min(batches, max(1, wanted))
