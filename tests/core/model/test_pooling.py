"""Segment maxima: those of runs, torch's own and torch-scatter's give the same numbers."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mtner_cli.core.model.pooling import (
    segment_max,
    segment_max_of_runs,
    segment_max_torch,
    segment_max_torch_scatter,
)


def _case(device: str) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    values = torch.randn(3, 9, 4, device=device)
    segments = torch.tensor([[0, 1, 1, 2, 2, 2, 4, 4, 5]] * 3, device=device)
    return values, segments


def _plainly(values: Tensor, segments: Tensor, size: int) -> Tensor:
    result = torch.zeros(values.shape[0], size, values.shape[2])
    for batch in range(values.shape[0]):
        for segment in range(size):
            rows = values[batch][segments[batch] == segment]
            if len(rows):
                result[batch, segment] = rows.max(0).values
    return result


def test_maxima_are_those_of_a_plain_loop() -> None:
    values, segments = _case("cpu")
    expected = _plainly(values, segments, 7)
    torch.testing.assert_close(segment_max(values, segments, 7), expected)
    assert expected[:, 3].eq(0).all(), "a segment without rows is zero"


# How many rows each segment of each sentence has.
ROWS = st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=1, max_size=3)


@given(ROWS)
def test_maxima_of_runs_are_those_of_any_order(rows: list[list[int]]) -> None:
    longest, size = max(map(sum, rows)), len(rows[0])
    segments = torch.full((len(rows), longest), size)
    for sentence, counts in zip(segments, rows, strict=True):
        sentence[: sum(counts)] = torch.arange(size).repeat_interleave(torch.tensor(counts))
    torch.manual_seed(0)
    values = torch.randn(len(rows), longest, 3, dtype=torch.float64)
    weights = torch.randn(len(rows), size, 3, dtype=torch.float64)
    maxima, gradients = [], []
    for reduce in (
        lambda leaf: segment_max_of_runs(leaf, segments, size),
        lambda leaf: segment_max_torch(leaf, segments, size + 1)[:, :-1],
    ):
        leaf = values.clone().requires_grad_()
        (result := reduce(leaf)).backward(weights)
        maxima.append(result.detach())
        gradients.append(leaf.grad)
    torch.testing.assert_close(*maxima)
    torch.testing.assert_close(*gradients)


def _same_numbers(device: str) -> None:
    pytest.importorskip("torch_scatter", reason="torch-scatter is not installed")
    values, segments = _case(device)
    results, gradients = [], []
    for reduction in (segment_max_torch, segment_max_torch_scatter):
        leaf = values.clone().requires_grad_()
        result = reduction(leaf, segments, 7)
        (result * torch.arange(4, device=device)).sum().backward()
        results.append(result.detach())
        gradients.append(leaf.grad)
    torch.testing.assert_close(*results)
    torch.testing.assert_close(*gradients)


def test_torch_scatter_gives_the_same_numbers() -> None:
    _same_numbers("cpu")


@pytest.mark.gpu
def test_torch_scatter_gives_the_same_numbers_on_a_gpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    _same_numbers("cuda")
