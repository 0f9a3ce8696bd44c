from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mtner_cli.core.device import _shares_of_control_groups, choose_device, usable_cores
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


def test_the_page_that_the_message_names_has_the_section(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError) as caught:
        choose_device(0, cpu=False)
    named = re.search(r"see (\S+), '(\w+)'", str(caught.value))
    assert named is not None
    assert f"\n## {named[2]}\n" in (project / named[1]).read_text(encoding="utf-8")


@pytest.mark.gpu
def test_the_gpu_asked_for() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    assert choose_device(0, cpu=False) == torch.device("cuda", 0)
    assert choose_device(None, cpu=False).type == "cuda"
    with pytest.raises(DeviceError, match="no such GPU"):
        choose_device(99, cpu=False)


def group(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content)


def test_limits_of_control_groups_of_version_2(tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text("0::/slice/job\n")
    group(tmp_path / "fs", cpu__max="max 100000\n")
    group(tmp_path / "fs" / "slice", cpu__max="350000 100000\n")
    group(tmp_path / "fs" / "slice" / "job", cpu__max="800000 100000\n")
    assert sorted(_shares_of_control_groups(tmp_path / "cgroup", tmp_path / "fs")) == [3.5, 8.0]


def test_limits_of_control_groups_of_version_1(tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text("5:memory:/job\n4:cpu,cpuacct:/job\n0::/\n")
    files = {"cpu.cfs_quota_us": "150000\n", "cpu.cfs_period_us": "100000\n"}
    group(tmp_path / "fs" / "cpu,cpuacct" / "job", **files)
    group(tmp_path / "fs" / "cpu,cpuacct", **(files | {"cpu.cfs_quota_us": "-1\n"}))
    assert _shares_of_control_groups(tmp_path / "cgroup", tmp_path / "fs") == [1.5]


def test_groups_that_cannot_be_read_set_no_limit(tmp_path: Path) -> None:
    assert _shares_of_control_groups(tmp_path / "none", tmp_path) == []
    (tmp_path / "cgroup").write_text("nonsense\n")
    assert _shares_of_control_groups(tmp_path / "cgroup", tmp_path) == []


def test_affinity_and_slurm_limit_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1")
    assert usable_cores() == 1
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "many")
    assert 1 <= usable_cores() <= 8


SHOW = """
import os
from mtner_cli.cli.app import limit_spinning
limit_spinning()
import torch
from mtner_cli.core.device import use_threads
print(os.environ.get("GOMP_SPINCOUNT"), use_threads({count}), torch.get_num_threads())
"""


@pytest.mark.parametrize(
    ("given", "count", "expected"),
    [
        ({}, 1, "1000 1 1"),
        ({"OMP_NUM_THREADS": "2", "SLURM_CPUS_PER_TASK": "1"}, None, "1000 2 2"),
        ({"SLURM_CPUS_PER_TASK": "1"}, None, "1000 1 1"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, 2, "None 2 2"),
        ({"GOMP_SPINCOUNT": "5"}, 2, "5 2 2"),
    ],
)
def test_threads_and_how_they_wait(given: dict[str, str], count: int | None, expected: str) -> None:
    own = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK")
    environment = {name: value for name, value in os.environ.items() if name not in own}
    done = subprocess.run(
        [sys.executable, "-c", SHOW.format(count=count)],
        env=environment | given,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == expected
