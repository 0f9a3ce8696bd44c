"""Which files inputs mean, and in which format they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtner_cli.core.documents.sources import Source, check_inputs, list_sources
from mtner_cli.errors import ConfigError, DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.txt", "b.ann", "a/z.jsonl.gz", "a/B.PubTator.txt", ".git/c.txt", "a/.d.txt",
                 "p.parquet", "x.xml.zst", "readme.md"):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    (tmp_path / "loop").symlink_to(tmp_path)
    return tmp_path


def listed(folder: Path, *inputs: str, form: str | None = None) -> list[tuple[str, str]]:
    found = list_sources([i if i == "-" else f"{folder}/{i}".rstrip("/") for i in inputs], form)
    return [(path.removeprefix(f"{folder}/"), name) for path, name in found]


def test_a_folder_gives_files_of_known_formats_in_order(folder: Path) -> None:
    assert listed(folder, "") == [
        ("b.txt", ""),
        ("p.parquet", "parquet"),
        ("x.xml.zst", ""),
        ("a/B.PubTator.txt", "pubtator"),
        ("a/z.jsonl.gz", "jsonl"),
    ]


def test_a_format_chooses_the_files_of_a_folder(folder: Path) -> None:
    assert listed(folder, "", form="jsonl") == [("a/z.jsonl.gz", "jsonl")]
    assert listed(folder, "", form="brat") == [("b.txt", "brat"), ("a/B.PubTator.txt", "brat")]
    assert listed(folder, "readme.md", form="text") == [("readme.md", "text")]


def test_patterns_and_standard_input(folder: Path) -> None:
    (folder / "loop").unlink()
    assert listed(folder, "*.txt", "-", "**/*.gz") == [
        ("b.txt", ""), ("-", ""), ("a/z.jsonl.gz", "jsonl")]  # fmt: skip
    (folder / "a[1].txt").write_text("")
    assert listed(folder, "a[1].txt") == [("a[1].txt", "")]


@pytest.mark.parametrize(
    ("given", "form", "message"),
    [
        ("none.txt", None, "there is no such file"),
        ("b.txt/c.txt", None, "a folder in this path is a file"),
        ("*.none", None, "no file matches"),
        ("readme.md", None, "not known from its name; give --input-format text"),
        ("b.txt", "jsonlines", "did you mean jsonl"),
        (".git", "csv", "no file to read in this folder; expected names that end in .csv"),
    ],
)
def test_what_cannot_be_read_is_named(
    folder: Path, given: str, form: str | None, message: str
) -> None:
    with pytest.raises((ConfigError, DataError), match=message):
        check_inputs([str(folder / given)], form)


def test_sources_are_found_as_they_are_taken(folder: Path) -> None:
    assert next(list_sources([str(folder / "b.txt"), "none"])) == Source(f"{folder}/b.txt", "")
