from __future__ import annotations

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.cli.conftest import mtner


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_corpus_from_a_mirror(project: Path, tmp_path: Path, shared_data: Path) -> None:
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "NCBI-disease-IOB").symlink_to(shared_data / "NCBI-disease")
    handler = partial(QuietHandler, directory=tmp_path / "mirror")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        done = mtner(project, tmp_path, "fetch", "NCBIDisease", "--base-url", url)
        failed = mtner(project, tmp_path, "fetch", "BC2GM", "--base-url", url)
        server.shutdown()
        thread.join()
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "data" / "original" / "NCBIDisease"
    assert sorted(path.name for path in folder.iterdir()) == ["devel.tsv", "test.tsv", "train.tsv"]
    assert "data/original/NCBIDisease/train.tsv (verified)" in done.stdout.splitlines()
    assert failed.returncode == 1
    assert "the server answered 404" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_the_list_and_unknown_names(project: Path, tmp_path: Path) -> None:
    listed = mtner(project, tmp_path, "fetch", "--list")
    assert listed.returncode == 0, listed.stderr
    assert "NCBIDisease" in listed.stdout
    assert "Example: mtner fetch" in mtner(project, tmp_path, "fetch", "--help").stdout
    unknown = mtner(project, tmp_path, "fetch", "BC5")
    assert (unknown.returncode, unknown.stderr.split(":")[1]) == (1, " cannot fetch 'BC5'")
