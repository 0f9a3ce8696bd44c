"""Take the elementwise maximum over runs of rows: a word's vector from those of its subwords.

On a CPU most of the work is copying, since most words are one subword. On a GPU that way would wait
for the device, so torch-scatter does it if it is installed, and torch otherwise.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor


def segment_max(values: Tensor, segments: Tensor, size: int) -> Tensor:
    """Take the elementwise maximum over the rows of each segment (equation 1 of docs/model.md).

    Args:
        values: (B, N, d), floating point.
        segments: (B, N), int64, the segment of each row, in ascending order for each of the B;
            rows of segment ``size``, the padding, are left out.
        size: the number of segments.

    Returns:
        (B, size, d); a segment without rows is zero.
    """
    if not values.is_cuda:
        return segment_max_of_runs(values, segments, size)
    # Padding gets an additional segment, which is cut off.
    reduce = segment_max_torch_scatter if _torch_scatter_covers_cuda() else segment_max_torch
    return reduce(values, segments, size + 1)[:, :-1].contiguous()


def segment_max_of_runs(values: Tensor, segments: Tensor, size: int) -> Tensor:
    """Compute :func:`segment_max` by a copy of first rows, then a comparison with the others."""
    batch, rows, width = values.shape
    follows = torch.zeros_like(segments, dtype=torch.bool)
    follows[:, 1:] = segments[:, 1:] == segments[:, :-1]
    real = segments < size
    first = (real & ~follows).flatten().nonzero().squeeze(1)
    other = (real & follows).flatten().nonzero().squeeze(1)
    places = (segments + torch.arange(batch, device=segments.device).unsqueeze(1) * size).flatten()
    of_rows = values.reshape(batch * rows, width)
    result = values.new_zeros(batch * size, width)
    result = result.index_copy(0, places[first], of_rows.index_select(0, first))
    result = result.scatter_reduce(
        0,
        places[other].unsqueeze(1).expand(-1, width),
        of_rows.index_select(0, other),
        reduce="amax",
    )
    return result.view(batch, size, width)


def segment_max_torch(values: Tensor, segments: Tensor, size: int) -> Tensor:
    """Compute :func:`segment_max` with torch; segments in any order, all less than ``size``."""
    batch, _, width = values.shape
    index = segments.unsqueeze(-1).expand_as(values)
    zeros = values.new_zeros(batch, size, width)
    return zeros.scatter_reduce(1, index, values, reduce="amax", include_self=False)


def segment_max_torch_scatter(values: Tensor, segments: Tensor, size: int) -> Tensor:
    """Compute :func:`segment_max_torch` with torch-scatter, which must be installed."""
    from torch_scatter import scatter_max

    return scatter_max(values, segments, dim=1, dim_size=size)[0]


@cache
def _torch_scatter_covers_cuda() -> bool:
    """Tell whether torch-scatter is installed and was built for CUDA."""
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
