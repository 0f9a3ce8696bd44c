"""A run's folder: who holds it, what is written there, what is refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mtner_cli.core.train.run_folder import RunFolder, RunLock
from mtner_cli.errors import CheckpointError, DataError

LEFT_BY_A_KILL = ".mtner-abcd_012.tmp"


def started(path: Path) -> RunFolder:
    folder = RunFolder(path)
    folder.start("seed: 1\n", is_new=True)
    return folder


def test_a_folder_is_held_by_one(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "logs" / "run")
    lock = RunLock.take(folder)
    assert lock is not None
    assert RunLock.take(folder) is None
    folder.start("seed: 1\n", is_new=True)
    assert RunLock.take(folder) is None
    lock.release()
    again = RunLock.take(folder)
    assert again is not None
    again.release()


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    code = (
        "import sys; from pathlib import Path;"
        "from mtner_cli.core.train.run_folder import RunFolder, RunLock;"
        "lock = RunLock.take(RunFolder(Path(sys.argv[1]))); print(lock is not None, flush=True);"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(folder.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        assert RunLock.take(folder) is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    lock = RunLock.take(folder)
    assert lock is not None
    lock.release()


def test_a_folder_in_which_nothing_was_written_is_removed(tmp_path: Path) -> None:
    lock = RunLock.take(RunFolder(tmp_path / "logs" / "tiny" / "run"))
    assert lock is not None
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_there_is_left(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("precious")
    lock = RunLock.take(RunFolder(tmp_path / "mine"))
    assert lock is not None
    lock.release()
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("name", ["file/run", "x\0y", "n" * 300, "loop/run"])
def test_a_folder_that_cannot_be_made_is_one_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("precious")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(DataError, match="give another output_dir"):
        RunLock.take(RunFolder(tmp_path / name))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "loop"]
    assert (tmp_path / "file").read_text() == "precious"


def test_what_a_kill_left_half_written_is_removed(tmp_path: Path) -> None:
    folder = started(tmp_path)
    folder.encoder.mkdir()
    left = [where / LEFT_BY_A_KILL for where in (folder.path, folder.checkpoints, folder.encoder)]
    left.append(folder.checkpoints / ".tmpAb0c9Z")  # by safetensors
    mine = [folder.path / "mine.tmp", folder.path / ".tmpAb0c9Z", folder.checkpoints / ".tmp"]
    for path in (*left, *mine):
        path.write_text("half")
    folder.start("seed: 1\n", is_new=False)
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in mine)


def test_what_a_run_that_saved_nothing_left_is_kept(tmp_path: Path) -> None:
    folder = started(tmp_path)
    lock = RunLock.take(folder)
    assert lock is not None
    for path in (folder.log, folder.sampling, folder.mlflow_run_id):
        path.write_text("of before")
    folder.start("seed: 2\n", is_new=False)
    assert folder.log.read_text() == "of before"
    folder.start("seed: 3\n", is_new=True)
    assert folder.log.read_text() == folder.sampling.read_text() == ""
    folder.log.write_text("of the second")
    folder.start("seed: 4\n", is_new=True)
    assert RunLock.take(folder) is None
    assert not folder.mlflow_run_id.exists()
    files = {path.name: path.read_text() for path in tmp_path.iterdir() if path.is_file()}
    lock.release()
    assert files == {
        "log.jsonl": "",
        "log-1.jsonl": "of before",
        "log-2.jsonl": "of the second",
        "sampling.jsonl": "",
        "sampling-1.jsonl": "of before",
        "resolved_cfg.yaml": "seed: 4\n",
        "resolved_cfg-1.yaml": "seed: 2\n",
        "resolved_cfg-2.yaml": "seed: 3\n",
    }


@pytest.mark.parametrize(
    "name",
    [
        "resolved_cfg.yaml",
        "log.jsonl",
        "sampling.jsonl",
        "mlflow_run_id",
        "checkpoints",
        "encoder",
        "test_results.pkl",
        "test_results.jsonl",
        "test_report.txt",
    ],
)
def test_a_link_in_a_run_is_refused(tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    run = tmp_path / "run"
    run.mkdir()
    (run / name).symlink_to(victim)
    folder = RunFolder(run)
    with pytest.raises(DataError, match=f"{name}: is a link"):
        RunLock.take(folder)
    with pytest.raises(DataError, match=f"{name}: is a link"):
        folder.start("seed: 1\n", is_new=True)
    if name.startswith("test_"):
        with pytest.raises(DataError, match=f"{name}: is a link"):
            folder.check_writable()
    else:
        folder.check_writable()  # a test writes its results only
    assert victim.read_text() == "precious"


def test_what_was_trained_or_tested_is_never_taken_for_empty(tmp_path: Path) -> None:
    folder = started(tmp_path)
    assert folder.is_empty
    for path in (folder.checkpoints / "best.safetensors", *folder.results):
        path.write_text("x")
        assert not folder.is_empty
        path.unlink()
    os.symlink("nowhere", folder.results[0])
    assert not folder.is_empty


def test_a_name_that_is_too_long_is_no_run_and_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no run here"):
        RunFolder.find(Path("x" * 300))
    with pytest.raises(CheckpointError, match="there is no checkpoint 'xxx"):
        RunFolder(tmp_path).checkpoint("x" * 300)
