"""``mtner predict`` as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from mtner_cli.errors import ConfigError, DataError, MtnerError
from tests.cli.conftest import mtner, run


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "one.txt").write_text("Fever rose. He took aspirin.")
    packed = zstandard.ZstdCompressor().compress(b'{"id": 7, "body": "TNF"}\n')
    (folder / "two.jsonl.zst").write_bytes(packed)
    return folder


def test_a_folder_of_texts_is_written_to_a_file(
    project: Path, talkative_run: Path, texts: Path, tmp_path: Path
) -> None:
    options = ("--text-field", "body", "--types", "Disease", "--sentences", "--threads", "1")
    done = mtner(project, tmp_path, "predict", talkative_run, "texts", *options, "--out", "o.jsonl")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "2 documents, 3 sentences, " in done.stderr
    assert "characters, of which 0 were not read" in done.stderr
    assert "wrote " in done.stderr
    one, two = map(json.loads, (tmp_path / "o.jsonl").read_text().splitlines())
    assert (one["id"], one["sentences"]) == ("one", [[0, 11], [12, 28]])
    assert (two["id"], two["text"]) == ("7", "TNF")
    assert {mention["type"] for mention in one["mentions"]} == {"Disease"}
    assert one["mentions"][0]["corpora"] == ["fever-1", "genes$2"]


def test_failures_give_exit_code_1_and_are_named(
    project: Path, talkative_run: Path, texts: Path, tmp_path: Path
) -> None:
    (texts / "bad.txt").write_bytes(b"caf\xe9 x")
    done = mtner(project, tmp_path, "predict", talkative_run, "texts", "--cpu")
    assert done.returncode == 1
    assert "2 could not be read:" in done.stderr
    assert (
        "texts/bad.txt:1: expected utf-8 text; found the byte 0xE9 (invalid continuation byte)\n"
        in done.stderr
    )
    assert "expected a text under text (--text-field); its keys are: id, body" in done.stderr
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ["one"]


@pytest.mark.parametrize(
    ("content", "options", "expected"),
    [
        (b'{"id": "x", "text": "Fever \\ud83d\\ude00"}\n', (), [("x", "Fever \U0001f600")]),
        (b"9|t|Fever\n9|a|It rose.\n", (), [("9", "Fever It rose.")]),
        (b"text\nFever\n", ("--input-format", "csv"), [("-:2", "Fever")]),
        (b"\x00Fever\r\n", (), [("-", "\x00Fever\r\n")]),
    ],
)
def test_standard_input(
    project: Path,
    talkative_run: Path,
    content: bytes,
    options: tuple[str, ...],
    expected: list[tuple[str, str]],
) -> None:
    command = [sys.executable, "-m", "mtner_cli", "predict", str(talkative_run), "-", *options]
    environment = {**os.environ, "PYTHONPATH": str(project)}
    done = subprocess.run(command, input=content, capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(record["id"], record["text"]) for record in found] == expected


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["texts/none.txt"], DataError, "there is no such file"),
        (["texts", "--input-format", "txt"], ConfigError, "did you mean text"),
        (["texts", "--types", "Desease"], ConfigError, "did you mean Disease"),
        (["texts", "--out", "texts/out/"], ConfigError, "write to another place"),
        (["texts", "--gpu", "0", "--cpu"], MtnerError, "exclude each other"),
        (["texts", "--strict"], DataError, "--strict stops here"),
    ],
)
def test_wrong_commands_are_one_error(
    talkative_run: Path,
    texts: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    error: type[MtnerError],
    message: str,
) -> None:
    monkeypatch.chdir(texts.parent)
    before = sorted(texts.parent.rglob("*"))
    with pytest.raises(error, match=message):
        run("predict", talkative_run, *arguments)
    assert sorted(texts.parent.rglob("*")) == before
