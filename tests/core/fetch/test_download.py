"""Against a real server on this machine, which knows ranges and can be told to fail."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mtner_cli.core.fetch.download import FetchError, RemoteFile, fetch, load_catalogue
from mtner_cli.errors import ConfigError

CONTENT = b"".join(b"word%d\tO\n" % number for number in range(30_000))
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves ``CONTENT`` at every path but ``/none``.

    Attributes:
        breaks_after: send at most so many bytes of a reply that promises more; None sends all.
        knows_ranges: whether a Range header is heeded.
        length: the Content-Length to send; None sends the right one.
        asked: the Range header of each request.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.breaks_after: int | None = None
        self.knows_ranges = True
        self.length: str | None = None
        self.asked: list[str | None] = []

    def url(self, path: str = "file") -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        if self.path == "/none":
            self.send_error(404)
            return
        start = 0
        if asked and self.server.knows_ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])  # type: ignore[index]
            self.send_response(206 if start < len(CONTENT) else 416)
            span = f"{start}-{len(CONTENT) - 1}" if start < len(CONTENT) else "*"
            self.send_header("Content-Range", f"bytes {span}/{len(CONTENT)}")
        else:
            self.send_response(200)
        body = CONTENT[start:]
        self.send_header("Content-Length", self.server.length or str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.breaks_after])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_fetched_once(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    file = RemoteFile(server.url(), tmp_path / "new" / "train.tsv", SHA256)
    assert fetch(file, lambda here, total: seen.append((here, total)))
    assert file.path.read_bytes() == CONTENT
    assert names(file.path.parent) == ["train.tsv"]
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert seen == sorted(seen)
    assert not fetch(file, lambda here, total: None)
    assert server.asked == [None]


def test_a_connection_that_breaks_is_resumed(server: Server, tmp_path: Path) -> None:
    server.breaks_after = len(CONTENT) // 2
    file = RemoteFile(server.url(), tmp_path / "train.tsv", SHA256)
    assert fetch(file, lambda here, total: None)
    assert file.path.read_bytes() == CONTENT
    assert [asked and asked > "bytes=1" for asked in server.asked] == [None, True, True]


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(server: Server, tmp_path: Path) -> None:
    server.breaks_after = 70_000
    file = RemoteFile(server.url(), tmp_path / "train.tsv", SHA256)
    with pytest.raises(FetchError, match="the same command resumes there"):
        fetch(file, lambda here, total: None)
    assert names(tmp_path) == ["train.tsv.part"]
    arrived = (tmp_path / "train.tsv.part").read_bytes()
    assert len(arrived) > 100_000
    assert CONTENT.startswith(arrived)
    server.breaks_after = None
    assert fetch(file, lambda here, total: None)
    assert file.path.read_bytes() == CONTENT
    assert server.asked[-1] == f"bytes={len(arrived)}-"


def test_an_interrupt_keeps_what_has_arrived(server: Server, tmp_path: Path) -> None:
    def interrupt(here: int, total: int | None) -> None:
        if here:
            raise KeyboardInterrupt

    file = RemoteFile(server.url(), tmp_path / "train.tsv", SHA256)
    with pytest.raises(KeyboardInterrupt):
        fetch(file, interrupt)
    assert names(tmp_path) == ["train.tsv.part"]
    assert fetch(file, lambda here, total: None)
    assert file.path.read_bytes() == CONTENT
    assert server.asked[-1] not in (None, "bytes=0-")


@pytest.mark.parametrize("knows_ranges", [True, False])
@pytest.mark.parametrize("there", [CONTENT, CONTENT + b"more", CONTENT[:10]])
def test_whatever_part_is_there_ends_well(
    server: Server, tmp_path: Path, knows_ranges: bool, there: bytes
) -> None:
    server.knows_ranges = knows_ranges
    (tmp_path / "train.tsv.part").write_bytes(there)
    file = RemoteFile(server.url(), tmp_path / "train.tsv", SHA256)
    assert fetch(file, lambda here, total: None)
    assert file.path.read_bytes() == CONTENT
    assert names(tmp_path) == ["train.tsv"]


def test_a_file_that_is_not_the_one_expected_is_not_kept(server: Server, tmp_path: Path) -> None:
    file = RemoteFile(server.url(), tmp_path / "train.tsv", "0" * 64)
    with pytest.raises(FetchError, match=f"its SHA-256 is {SHA256}, not 0000"):
        fetch(file, lambda here, total: None)
    assert names(tmp_path) == []


def test_another_file_at_the_target_is_left_alone(server: Server, tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("mine")
    with pytest.raises(FetchError, match="move it away"):
        fetch(RemoteFile(server.url(), tmp_path / "train.tsv", SHA256), lambda here, total: None)
    assert (tmp_path / "train.tsv").read_text() == "mine"
    assert server.asked == []


def test_without_a_checksum_nothing_is_pieced_together(server: Server, tmp_path: Path) -> None:
    (tmp_path / "train.tsv.part").write_bytes(b"of another version")
    file = RemoteFile(server.url(), tmp_path / "train.tsv", None)
    assert fetch(file, lambda here, total: None)
    assert file.path.read_bytes() == CONTENT
    assert server.asked == [None]


def test_a_failed_download_leaves_no_empty_folder(server: Server, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    for folder in ("here/BC5CDR", "data/original/BC5CDR"):
        path = tmp_path / folder / "train.tsv"
        for url, checksum in ((server.url("none"), SHA256), (server.url(), "0" * 64)):
            with pytest.raises(FetchError):
                fetch(RemoteFile(url, path, checksum), lambda here, total: None)
            assert names(tmp_path) == ["here"]
            assert names(tmp_path / "here") == []


def test_what_cannot_be_fetched_says_why(server: Server, tmp_path: Path) -> None:
    def failing(url: str, message: str) -> None:
        with pytest.raises(FetchError, match=message):
            fetch(RemoteFile(url, tmp_path / "train.tsv", SHA256), lambda here, total: None)
        assert names(tmp_path) == []

    failing(server.url("none"), "the server answered 404 Not Found")
    failing("file:///etc/hostname", "No connection adapters")
    server.server_close()
    failing(server.url(), "cannot be fetched: .*refused")


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "loop/x", "folder"])
def test_names_that_cannot_be_used_are_one_error(server: Server, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(FetchError, match=r"cannot be written: .*; make room, or give another fold"):
        fetch(RemoteFile(server.url(), tmp_path / name, SHA256), lambda here, total: None)


def test_a_length_that_is_no_number_is_not_needed(server: Server, tmp_path: Path) -> None:
    server.length = "many"
    assert fetch(RemoteFile(server.url(), tmp_path / "f", SHA256), lambda here, total: None)


def test_a_target_that_cannot_be_written(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    file = RemoteFile(server.url(), tmp_path / "file" / "train.tsv", SHA256)
    with pytest.raises(FetchError, match="cannot be written"):
        fetch(file, lambda here, total: None)


def test_the_catalogue_names_every_file_of_the_six_corpora() -> None:
    catalogue = load_catalogue()
    assert list(catalogue.corpora) == [
        "BC2GM", "BC4CHEMD", "BC5CDR", "JNLPBA", "Linnaeus", "NCBIDisease",
    ]  # fmt: skip
    for files in catalogue.corpora.values():
        assert list(files) == ["train.tsv", "devel.tsv", "test.tsv"]
    remote = list(catalogue.remote_files(["BC5CDR", "BC5CDR"], Path("x"), "http://mirror/"))
    assert [file.url for file in remote] == [
        f"http://mirror/BC5CDR-IOB/{split}.tsv" for split in ("train", "devel", "test")
    ]
    assert remote[0].path == Path("x/BC5CDR/train.tsv")
    with pytest.raises(ConfigError, match=r"cannot fetch 'BC5'.*\n.*cannot fetch 'X'"):
        list(catalogue.remote_files(["BC5", "BC2GM", "X"], Path("x")))


def test_the_checksums_are_those_of_the_real_files(shared_data: Path) -> None:
    folders = {"BC5CDR": "BC5CDR", "NCBIDisease": "NCBI-disease", "JNLPBA": "JNLPBA"}
    checked = 0
    for file in load_catalogue().remote_files(folders, Path(".")):
        real = shared_data / folders[file.path.parent.name] / file.path.name
        if real.exists():
            assert hashlib.sha256(real.read_bytes()).hexdigest() == file.sha256
            checked += 1
    assert checked == 7
