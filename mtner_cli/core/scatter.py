"""Segment reductions: torch-scatter where it is the faster on the device, torch's own otherwise.

torch-scatter is an optional extra, used on CUDA only: on the CPU torch's own is the faster.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor


def segment_max(values: Tensor, segments: Tensor, size: int) -> Tensor:
    """Elementwise maximum over the rows of each segment.

    Args:
        values: (B, N, d), floating point.
        segments: (B, N), int64, the segment in ``range(size)`` of each row.
        size: the number of segments.

    Returns:
        (B, size, d); a segment without rows is zero.
    """
    if values.is_cuda and _torch_scatter_covers_cuda():
        return segment_max_torch_scatter(values, segments, size)
    return segment_max_torch(values, segments, size)


def segment_max_torch(values: Tensor, segments: Tensor, size: int) -> Tensor:
    """:func:`segment_max` with torch alone."""
    batch, _, width = values.shape
    index = segments.unsqueeze(-1).expand_as(values)
    zeros = values.new_zeros(batch, size, width)
    return zeros.scatter_reduce(1, index, values, reduce="amax", include_self=False)


def segment_max_torch_scatter(values: Tensor, segments: Tensor, size: int) -> Tensor:
    """:func:`segment_max` with the extra torch-scatter, which must be installed."""
    from torch_scatter import scatter_max

    return scatter_max(values, segments, dim=1, dim_size=size)[0]


@cache
def _torch_scatter_covers_cuda() -> bool:
    """Whether torch-scatter is installed and was built for CUDA."""
    try:
        import torch_scatter
    except (ImportError, OSError):  # OSError: built against another torch
        return False
    probe = torch.zeros(1, 1, 1, device="cuda")
    try:
        torch_scatter.scatter_max(probe, torch.zeros_like(probe, dtype=torch.long), dim=1)
    except RuntimeError:
        return False
    return True
