"""The format of a file is found, or said to be unclear; it is never taken for another one."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtner_cli.core.convert.detection import find_format, formats_of_files
from mtner_cli.errors import DataError
from tests.core.convert.strategies import raw_documents

FORMATS = formats_of_files()


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("change", ["", "BOM", "CRLF", "blank lines before"])
def test_the_sample_of_each_format_is_found(tmp_path: Path, name: str, change: str) -> None:
    for file, content in FORMATS[name].sample.items():
        content = f"\n\n{content}" if change.startswith("blank") else content
        content = content.replace("\n", "\r\n") if change == "CRLF" else content
        codec = "utf-8-sig" if change == "BOM" else "utf-8"
        (tmp_path / file).write_bytes(content.encode(codec))
    first = tmp_path / next(iter(FORMATS[name].sample))
    assert find_format(first) == name


def test_a_folder_and_both_files_of_a_document_are_brat(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("p53\tB-Gene\n")
    assert find_format(tmp_path / "a.txt") == "conll"
    (tmp_path / "a.ann").write_text("")
    assert [find_format(path) for path in (tmp_path, *tmp_path.iterdir())] == ["brat"] * 3


@pytest.mark.parametrize(
    "content",
    [
        "",
        "No tags here.\n",
        "a\tb\nc\td\n",
        '{"title": "x"}\n',
        "<html><body></body></html>",
        "corpus:\n  mode: simple\n",
        "[1, 2]",
        "No finding ||| OUT OUT\n",
        '{"text": "x", "passages": []}\n',  # like two formats
    ],
)
def test_other_content_is_in_no_format(tmp_path: Path, content: str) -> None:
    (tmp_path / "x").write_text(content)
    assert find_format(tmp_path / "x") is None


def test_only_the_start_of_a_large_file_is_read(tmp_path: Path) -> None:
    row = "p53\tB-Gene\n"
    (tmp_path / "x").write_text(row * 100_000 + "7" * 100_000 + "\n" + row * 100_000)
    assert find_format(tmp_path / "x") == "conll"


def test_another_charset_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes("Müller\tB-PER\n".encode("latin-1"))
    assert find_format(tmp_path / "x") == "conll"


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        find_format(tmp_path / "none")


WORDS = st.sampled_from(
    ["p53", "<document>", "<cons", "1|t|x", "{", '{"text":1}', "+", "-", "O", ","]
)
TAGS = st.sampled_from(["O", "B-Gene", "I-Gene", "B-{", "B-|t|"])


@given(st.lists(st.tuples(WORDS, TAGS), min_size=1), st.sampled_from(["\t", " "]))
def test_columns_are_never_taken_for_another_format(rows: list[tuple[str, str]], gap: str) -> None:
    content = "\n".join(gap.join(row) for row in rows)
    assert found_in(content) in ("conll", None)


@given(raw_documents(2, "{<|"))
def test_documents_are_never_taken_for_another_format(document: object) -> None:
    title, abstract = document.passages  # type: ignore[attr-defined]
    assert found_in(f"7|t|{title}\n7|a|{abstract}\n") in ("pubtator", None)
    record = {"text": f"{title} {abstract}", "entities": []}
    assert found_in(json.dumps(record) + "\n") in ("jsonl", None)


@given(st.binary(max_size=200))
def test_any_bytes_are_looked_at(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(content)
        assert find_format(path) in (*FORMATS, None)


@pytest.mark.parametrize("piece", ["<", "{", "[", '{"', "a|", "O\t", "x B-a "])
def test_a_large_hostile_file_is_no_crash(tmp_path: Path, piece: str) -> None:
    (tmp_path / "x").write_text(piece * (1_000_000 // len(piece)))
    assert find_format(tmp_path / "x") in ("conll", None)


def found_in(content: str) -> str | None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_text(content, encoding="utf-8", newline="")
        return find_format(path)


def test_the_formats_of_real_files(shared_data: Path, project: Path) -> None:
    samples = project / "data" / "samples"
    patterns = {
        "conll": [*shared_data.glob("*/*.tsv"), *samples.glob("*/*.tsv")],
        "jsonl": [*shared_data.glob("GENIA/*.jsonlines"), *samples.glob("*/*.jsonl")],
        "pubtator": [*shared_data.glob("*/*.PubTator"), *shared_data.glob("tmVar3/*.txt")],
    }
    for name, paths in patterns.items():
        assert paths
        for path in paths:
            assert find_format(path) == name, path
