from __future__ import annotations

import pytest
import torch

from mtner_cli.core.device import choose_device
from mtner_cli.errors import DeviceError


def test_cpu_on_request() -> None:
    assert choose_device(None, cpu=True) == torch.device("cpu")


def test_both_exclude_each_other() -> None:
    with pytest.raises(DeviceError, match="exclude each other"):
        choose_device(0, cpu=True)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_cuda_a_gpu_is_refused_and_the_default_is_the_cpu() -> None:
    assert choose_device(None, cpu=False) == torch.device("cpu")
    with pytest.raises(DeviceError, match=r"--gpu 0: CUDA is not available.*use --cpu"):
        choose_device(0, cpu=False)


@pytest.mark.gpu
def test_the_gpu_asked_for() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    assert choose_device(0, cpu=False) == torch.device("cuda", 0)
    assert choose_device(None, cpu=False).type == "cuda"
    with pytest.raises(DeviceError, match="no such GPU"):
        choose_device(99, cpu=False)
