"""Compressed inputs are opened as if they were plain, and damage is never the end of a file."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from mtner_cli.core.files.packed import InputPath
from mtner_cli.core.files.reading import numbered_lines, whole_text
from mtner_cli.errors import DataError

PACK = {".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}
TEXT = "fever\r\nna\u00efve \U0001f600\n" * 5000


def packed(folder: Path, suffix: str, content: bytes, name: str = "a.txt") -> InputPath:
    path = folder / f"{name}{suffix}"
    path.write_bytes(content)
    return InputPath.of(path)


@pytest.mark.parametrize("suffix", PACK)
def test_the_content_is_that_of_the_plain_file(tmp_path: Path, suffix: str) -> None:
    path = packed(tmp_path, suffix, PACK[suffix](TEXT.encode()))
    assert path.plain_name == "a.txt"
    assert path.position == 0
    for _ in range(2):
        assert whole_text(path) == TEXT
    assert [line for _, line in numbered_lines(path)] == TEXT.splitlines()
    with path.open("rb") as file:
        assert file.read(4) == b"feve"
        assert file.seek(20_000) == 20_000
        assert file.read() == TEXT.encode()[20_000:]
        file.seek(0)
        assert file.readline() == b"fever\r\n"
        assert path.position > 0


@pytest.mark.parametrize("suffix", PACK)
def test_several_members_follow_each_other(tmp_path: Path, suffix: str) -> None:
    path = packed(tmp_path, suffix, PACK[suffix](b"one\n") + PACK[suffix](b"two\n"))
    assert whole_text(path) == "one\ntwo\n"


@pytest.mark.parametrize("suffix", PACK)
def test_the_first_bytes_tell_what_a_name_does_not(tmp_path: Path, suffix: str) -> None:
    assert whole_text(packed(tmp_path, "", PACK[suffix](b"one"))) == "one"


@pytest.mark.parametrize("suffix", PACK)
@given(st.data())
def test_a_cut_file_is_an_error(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, data: st.DataObject
) -> None:
    whole = PACK[suffix](b"one fever, two fevers" * 3)
    cut = data.draw(st.integers(0, len(whole) - 1))
    path = packed(tmp_path_factory.mktemp("cut"), suffix, whole[:cut])
    with pytest.raises(DataError, match="damaged"):
        whole_text(path)


@pytest.mark.parametrize("suffix", PACK)
def test_what_is_not_compressed_as_its_name_says_is_an_error(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(DataError, match="the compressed data are damaged"):
        whole_text(packed(tmp_path, suffix, b"plain text"))


def test_an_unknown_file_is_named_as_it_was_given(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^-: there is no such file"):
        whole_text(InputPath.of("-", tmp_path / "none"))
