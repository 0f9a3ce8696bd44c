from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mtner_cli.core.convert.conversion import convert
from mtner_cli.core.files.reading import rewindable
from mtner_cli.errors import DataError

TAGS = [["I-X", "I-X"], ["O", "O"], ["I-X", "O"]]
BIOC_PASSAGE = {
    "offset": 0,
    "text": "p53 in mice",
    "annotations": [
        {"text": "p53", "infons": {"type": "Gene"}, "locations": [{"offset": 0, "length": 3}]}
    ],
}
CONTENTS = {
    "conll": "".join(f"a\t{one}\nb\t{two}\n\n" for one, two in TAGS),
    "jsonl": "".join(f"{json.dumps({'tokens': ['a', 'b'], 'ner_tags': tags})}\n" for tags in TAGS),
    "bioc": json.dumps({"documents": [{"id": "1", "passages": [BIOC_PASSAGE]}]}),
    "bioc-xml": (
        "<collection><document><id>1</id><passage><offset>0</offset><text>p53 in mice</text>"
        "<annotation><infon key='type'>Gene</infon><location offset='0' length='3'/>"
        "<text>p53</text></annotation></passage></document></collection>"
    ),
    "genia": (
        "<set><article><articleinfo><bibliomisc>MEDLINE:1</bibliomisc></articleinfo>"
        "<sentence><cons sem='G#protein_molecule'><w>p53</w></cons></sentence></article></set>"
    ),
    "hunflair": "p53 B-Gene +\nbinds O +\n",
    "pubtator": "1|t|p53 in mice\n1\t0\t3\tp53\tGene\n",
}


@pytest.fixture(autouse=True)
def folder_for_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "copies"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@contextmanager
def pipe(path: Path, content: bytes) -> Iterator[Path]:
    """A named pipe that gives the content once."""
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(content,), daemon=True)
    writer.start()
    yield path
    writer.join(timeout=20)
    assert not writer.is_alive()


@pytest.mark.parametrize("name", CONTENTS)
def test_a_pipe_gives_what_a_file_gives(tmp_path: Path, folder_for_copies: Path, name: str) -> None:
    content = CONTENTS[name].encode()
    (tmp_path / "file").write_bytes(content)
    converter = name.removesuffix("-xml")
    of_file = convert(converter, [tmp_path / "file"], tmp_path / "of-file")
    with pipe(tmp_path / "pipe", content) as path:
        of_pipe = convert(converter, [path], tmp_path / "of-pipe")
    assert of_file.mentions.total() > 0
    assert of_pipe.mentions == of_file.mentions
    assert (of_pipe.sentences, of_pipe.documents) == (of_file.sentences, of_file.documents)
    assert not of_pipe.dropped
    assert (tmp_path / "of-pipe").read_bytes() == (tmp_path / "of-file").read_bytes()
    assert list(folder_for_copies.iterdir()) == []


def test_brat_reads_pipes_once(tmp_path: Path) -> None:
    with pipe(tmp_path / "a.txt", b"p53"), pipe(tmp_path / "a.ann", b"T1\tGene 0 3\tp53\n"):
        ledger = convert("brat", [tmp_path / "a.txt"], tmp_path / "out")
    assert ledger.mentions == {"Gene": 1}


def test_a_pipe_of_brat_that_is_no_text(tmp_path: Path) -> None:
    with (
        pipe(tmp_path / "a.txt", b"p53 \xff"),
        pytest.raises(DataError, match=r"a\.txt: expected utf-8 text; found other bytes"),
    ):
        convert("brat", [tmp_path / "a.txt"], tmp_path / "out")


def test_messages_name_the_pipe_and_no_copy_stays(tmp_path: Path, folder_for_copies: Path) -> None:
    with (
        pipe(tmp_path / "pipe", b"a\tO\nb\n") as path,
        pytest.raises(DataError, match="expected 2 columns") as caught,
    ):
        convert("conll", [path], tmp_path / "out")
    assert (caught.value.path, caught.value.line) == (path, 2)
    assert str(caught.value).startswith(f"{path}:2: ")
    assert list(folder_for_copies.iterdir()) == []


def test_the_ledger_names_the_pipe(tmp_path: Path) -> None:
    with pipe(tmp_path / "pipe", b"in\tO\nER- cells\tB-X\n") as path:
        ledger = convert("conll", [path], tmp_path / "out")
    ((entry,),) = ledger.repairs.values()
    assert str(entry.place) == f"{path}:1"


def test_no_copy_stays_after_an_interrupt(tmp_path: Path, folder_for_copies: Path) -> None:
    def interrupted(path: Path) -> None:
        with rewindable([path]) as (copied,):
            assert [file.read_bytes() for file in folder_for_copies.iterdir()] == [b"x"]
            assert copied.open().read() == copied.open().read() == "x"
            raise KeyboardInterrupt

    with pipe(tmp_path / "pipe", b"x") as path, pytest.raises(KeyboardInterrupt):
        interrupted(path)
    assert list(folder_for_copies.iterdir()) == []


def test_files_and_folders_are_not_copied(tmp_path: Path) -> None:
    paths = [tmp_path, tmp_path / "none", tmp_path / ("x" * 300)]
    with rewindable(paths) as inputs:
        assert inputs == paths
        assert [type(path) for path in inputs] == [type(path) for path in paths]


def test_a_copy_that_cannot_be_written_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    os.mkfifo(tmp_path / "pipe")
    with (
        pytest.raises(DataError, match=r"pipe: cannot be copied .*; give a plain file instead"),
        rewindable([tmp_path / "pipe"]),
    ):
        pass
