"""Choose the device that a command runs on, and the number of threads."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

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
            "build of torch (see docs/installing.md, 'GPU')"
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


def use_threads(count: int | None) -> int:
    """Set the number of threads that torch uses on the CPU, and return it.

    Args:
        count: the number; None uses those that torch chooses (``OMP_NUM_THREADS``, or else one for
            each core), but no more than this process may use at a time.
    """
    if count is None:
        count = torch.get_num_threads()
        if "OMP_NUM_THREADS" not in os.environ:
            count = min(count, usable_cores())
    torch.set_num_threads(count)
    return count


def usable_cores() -> int:
    """Return the number of cores that this process may use at a time, at least 1.

    It is limited by the affinity of the process (taskset), by the share of the control group
    (containers) and by the CPUs of a Slurm task.
    """
    limits = [len(os.sched_getaffinity(0))]
    with suppress(KeyError, ValueError):
        limits.append(int(os.environ["SLURM_CPUS_PER_TASK"]))
    limits += map(int, _shares_of_control_groups(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")))
    return max(1, min(limits))


def _shares_of_control_groups(membership: Path, root: Path) -> list[float]:
    """Return the limits in cores of the process's control groups and of those around them.

    Args:
        membership: the file that names the groups: ``0::/a/b`` in version 2 of control groups,
            ``4:cpu,cpuacct:/a/b`` in version 1.
        root: the folder of all groups.
    """
    shares = []
    with suppress(OSError, ValueError):
        for line in membership.read_text(encoding="utf-8").splitlines():
            number, controllers, group = line.split(":", 2)
            if number != "0" and "cpu" not in controllers.split(","):
                continue
            top = root / controllers
            folder = top / group.lstrip("/")
            for level in (folder, *folder.parents):
                if level.is_relative_to(top):
                    shares += _share(level)
    return shares


def _share(group: Path) -> list[float]:
    """Return the limit of one group, or nothing; ``max`` and -1 are no limit."""
    for names in (["cpu.max"], ["cpu.cfs_quota_us", "cpu.cfs_period_us"]):
        with suppress(OSError, ValueError):
            quota, period = " ".join((group / name).read_text("utf-8") for name in names).split()
            if int(quota) > 0:
                return [int(quota) / int(period)]
    return []
