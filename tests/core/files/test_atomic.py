"""What is written replaces what was there completely, or not at all, and nothing else."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mtner_cli.core.files.atomic import atomic_path, atomic_text_file, remove_temporaries
from mtner_cli.errors import DataError
from tests.disk import ROOM, small_files_only


def write(path: Path, text: str = "new", **options: bool) -> None:
    with atomic_text_file(path, **options) as file:
        file.write(text)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write(pipe, "new")
    reader.join(10)
    assert read == ["new"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert names(tmp_path) == ["pipe"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes device nodes")
def test_a_device_stays_a_device(tmp_path: Path) -> None:
    device = tmp_path / "null"
    try:
        os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        device.write_bytes(b"")
    except OSError as error:
        pytest.skip(f"no device nodes here: {error}")
    write(device)
    assert stat.S_ISCHR(device.stat().st_mode)
    assert names(tmp_path) == ["null"]


def test_standard_output_is_written_into(tmp_path: Path) -> None:
    code = "from tests.core.files.test_atomic import *; write(Path('/dev/stdout'), 'new')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "new"


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_a_file_that_the_shell_has_opened_is_added_to(tmp_path: Path, name: str) -> None:
    log = tmp_path / "log"
    log.write_text("old ")
    code = (
        f"import sys; from tests.core.files.test_atomic import *; write(Path({name!r}), 'new '); "
        "print('and more')"
    )
    with log.open("a") as output:
        subprocess.run([sys.executable, "-c", code], stdout=output, check=True)
    assert log.read_text() == "old new and more\n"
    assert names(tmp_path) == ["log"]


def test_a_failed_block_writes_nothing_into_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(TypeError), atomic_text_file(pipe) as file:
        file.writelines(["half", 2])  # type: ignore[list-item]
    assert names(tmp_path) == ["pipe"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_a_replaced_file_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "private.txt"
    path.write_text("old")
    path.chmod(mode)
    write(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_text() == "new"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_replaced_file_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "theirs.txt"
    path.write_text("old")
    os.chown(path, 12345, 54321)
    write(path)
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 54321)


def test_in_our_own_folder_no_link_is_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    link = tmp_path / "test_report.txt"
    link.symlink_to(victim)
    with pytest.raises(DataError, match="is a link"):
        write(link, own_folder=True)
    assert victim.read_text() == "precious"
    assert names(tmp_path) == ["test_report.txt", "victim"]
    write(link)
    assert link.is_symlink()
    assert victim.read_text() == "new", "the user's own output may be a link"


def test_our_own_folder_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has been removed"):
        write(tmp_path / "gone" / "file", own_folder=True)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "name", ["x" * 300, "nul\0", "half \ud83d", "file/below", "loop"], ids=repr
)
def test_a_place_that_cannot_be_written_is_one_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(DataError, match=r"cannot be written: .+; write to another"):
        write(tmp_path / name)
    assert names(tmp_path) == ["file", "loop"]


def test_a_name_of_the_greatest_length_can_be_written(tmp_path: Path) -> None:
    write(tmp_path / ("x" * 255))
    assert names(tmp_path) == ["x" * 255]


def test_a_full_disk_while_a_file_is_copied_is_one_error(tmp_path: Path) -> None:
    source = tmp_path / "large"
    source.write_bytes(b"x" * 2 * ROOM)
    with (
        small_files_only(),
        pytest.raises(DataError, match=r"copy: cannot be written: .*; make room"),
        atomic_path(tmp_path / "copy") as temporary,
    ):
        shutil.copyfile(source, temporary)
    assert names(tmp_path) == ["large"]


def test_a_full_disk_is_one_error_and_the_old_file_is_still_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with small_files_only(), pytest.raises(DataError, match="File too large"):
        write(path, "x" * 2 * ROOM)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_other_errors_of_the_block_stay_what_they_are(tmp_path: Path) -> None:
    for error in (
        KeyError("x"),
        OSError(5, "broken", "another file"),
        RuntimeError(),
        ValueError(),
    ):
        with pytest.raises(type(error)), atomic_path(tmp_path / "file"):
            raise error
    assert names(tmp_path) == []


def test_temporary_files_of_killed_processes_are_removed(tmp_path: Path) -> None:
    code = (
        "from tests.core.files.test_atomic import *\n"
        "import signal\n"
        "with atomic_path(Path(sys.argv[1])): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "file")], check=False)
    (left,) = names(tmp_path)
    for foreign in (".mtner-notes.tmp", ".mtner-abcdefgh.tmp.txt", "mtner-abcdefgh.tmp"):
        (tmp_path / foreign).touch()
    remove_temporaries(tmp_path)
    assert names(tmp_path) == sorted(
        [".mtner-notes.tmp", ".mtner-abcdefgh.tmp.txt", "mtner-abcdefgh.tmp"]
    )
    assert left.startswith(".mtner-")
