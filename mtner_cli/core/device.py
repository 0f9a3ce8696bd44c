"""Choose the device that a command runs on."""

from __future__ import annotations

import torch

from mtner_cli.errors import DeviceError, quoted


def choose_device(gpu: int | None, cpu: bool) -> torch.device:
    """Return the requested device, or by default the first GPU if there is one, else the CPU.

    Raises:
        DeviceError: if the requested GPU is not available, or both are requested.
    """
    if cpu and gpu is not None:
        raise DeviceError("--gpu and --cpu exclude each other: give one of them")
    if cpu:
        return torch.device("cpu")
    if gpu is None:
        return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    if not torch.cuda.is_available():
        reason = "this torch was built without CUDA" if not torch.version.cuda else "no GPU found"
        raise DeviceError(
            f"--gpu {gpu}: CUDA is not available here ({reason}); use --cpu, or install a CUDA "
            "build of torch (see README, 'GPU')"
        )
    if not 0 <= gpu < torch.cuda.device_count():
        raise DeviceError(
            f"--gpu {gpu}: there is no such GPU; this machine has {torch.cuda.device_count()}, "
            "numbered from 0"
        )
    return torch.device("cuda", gpu)


def device_named(name: str | torch.device) -> torch.device:
    """Return the device of a name: ``auto`` (the first GPU, else the CPU), ``cpu``, ``cuda:1``.

    Raises:
        DeviceError: if there is no such name, or the GPU is not available.
    """
    kind, _, number = str(name).partition(":")
    if kind == "auto" and not number:
        return choose_device(None, cpu=False)
    if kind == "cpu" and not number:
        return choose_device(None, cpu=True)
    if kind == "cuda" and (number or "0").isdecimal():
        return choose_device(int(number or 0), cpu=False)
    raise DeviceError(
        f"device {quoted(name)}: expected 'auto', 'cpu', 'cuda' or a number as in 'cuda:1'"
    )
