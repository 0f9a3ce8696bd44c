from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtner_cli.core.convert.conversion import convert, convert_split
from mtner_cli.core.convert.splitting import Split, parts_of_documents
from mtner_cli.core.corpus.action_files import read_corpus
from mtner_cli.core.types import Sentence
from mtner_cli.errors import ConfigError, DataError
from tests.cli.conftest import mtner, run


def pubtator(path: Path, names: Iterable[object]) -> Path:
    documents = [
        f"{name}|t|Title {place}.\n{name}|a|p53 is of {place}. It is short.\n"
        f"{name}\t{len(f'Title {place}. ')}\t{len(f'Title {place}. p53')}\tp53\tGene\n"
        f"{name}\t0\t3\twrong\tGene\n"
        for place, name in enumerate(names)
    ]
    path.write_text("\n".join(documents))
    return path


def texts(path: Path) -> dict[str, list[str]]:
    found = read_corpus(path, "simple-char")
    return {
        str(name): [sentence.text for sentence in sentences]
        for name, sentences in groupby(found, key=lambda sentence: sentence.document)
    }


@given(st.integers(3, 60), st.lists(st.integers(1, 100), min_size=2, max_size=3), st.integers())
def test_shares_are_exact_to_one_document(count: int, shares: list[int], seed: int) -> None:
    split = Split(tuple(shares), seed)
    sizes = split.sizes(count)
    assert sum(sizes) == count
    wanted = [count * share / sum(shares) for share in shares]
    assert all(abs(size - exact) < 1 for size, exact in zip(sizes, wanted, strict=True))
    if 0 in sizes:
        with pytest.raises(ConfigError, match="would be empty; give it a larger share"):
            parts_of_documents(split, count)
    else:
        assert Counter(parts_of_documents(split, count)) == dict(enumerate(sizes))


def test_the_draw_is_that_of_the_seed() -> None:
    drawn = [parts_of_documents(Split((8, 1, 1), seed), 1000) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert list(parts_of_documents(Split((2, 1), 1), 9)) == [0, 0, 0, 1, 0, 1, 0, 1, 0]


@given(st.lists(st.integers(0, 15), min_size=10, max_size=30).filter(lambda it: len(set(it)) > 9))
def test_every_document_is_in_one_split_and_nothing_is_lost(names: list[int]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        source = pubtator(folder / "in.txt", names)
        whole = convert("pubtator", [source], folder / "whole.txt", ledger_path=folder / "w.jsonl")
        ledgers, alone = convert_split(
            "pubtator", [source], folder / "out", Split((8, 1, 1), 7),
            ledger_path=folder / "s.jsonl",
        )  # fmt: skip
        assert alone == 0
        parts = {part: texts(folder / "out" / f"{part}.txt") for part in ledgers}
        entries = [json.loads(line) for line in (folder / "s.jsonl").read_text().splitlines()]
        given_entries = (folder / "w.jsonl").read_text().splitlines()
    named = {part: {key.partition(" ")[0] for key in found} for part, found in parts.items()}
    assert sorted(set(map(str, names))) == sorted(key for keys in named.values() for key in keys)
    sizes = Split((8, 1, 1), 7).sizes(len(set(names)))
    assert [len(keys) for keys in named.values()] == sizes
    assert sum(len(found) for found in parts.values()) == len(names)
    for part, ledger in ledgers.items():
        assert ledger.documents == len(parts[part])
        assert ledger.mentions == {"Gene": len(parts[part])}
        dropped = ledger.dropped["mention with other text at its offsets"]
        assert len(dropped) == len(parts[part])
        assert [entry["split"] for entry in entries].count(part) >= len(dropped)
    assert sum(ledger.sentences for ledger in ledgers.values()) == whole.sentences
    without_names = [
        {key: value for key, value in entry.items() if key != "split"}
        for entry in entries
        if entry["part"] == "dropped"
    ]
    lines = [entry for entry in map(json.loads, given_entries) if entry["part"] == "dropped"]
    assert sorted(map(str, without_names)) == sorted(map(str, lines))


def test_a_document_without_text_is_in_no_split(tmp_path: Path) -> None:
    source = pubtator(tmp_path / "in.txt", range(4))
    source.write_text("90|t|\n\n91|t| \n\n" + source.read_text() + "\n92|t|\n")
    ledgers, _ = convert_split("pubtator", [source], tmp_path, Split((1, 1), 1))
    assert [ledger.documents for ledger in ledgers.values()] == [2, 2]
    dropped = [len(ledger.dropped["document without text"]) for ledger in ledgers.values()]
    assert sum(dropped) == 3


def test_without_documents_each_sentence_is_drawn(project: Path, tmp_path: Path) -> None:
    (tmp_path / "in.tsv").write_text("".join(f"w{number}\tB-X\n\n" for number in range(20)))
    done = mtner(
        project, tmp_path, "convert", "conll", "in.tsv", "--out", "new/out", "--split", "80/10/10"
    )
    assert done.returncode == 0, done.stderr
    assert "20 sentences are of no document that the source names" in done.stdout
    found = {
        part: list(read_corpus(tmp_path / "new" / "out" / f"{part}.txt", "simple"))
        for part in ("train", "dev", "test")
    }
    assert [len(sentences) for sentences in found.values()] == [16, 2, 2]
    everything = [sentence.text for part in found.values() for sentence in part]
    assert sorted(everything) == sorted(f"w{number}" for number in range(20))
    assert isinstance(found["train"][0], Sentence)


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ("80", "expected the shares of train, dev and test"),
        ("80/0/20", "each above 0; found '80/0/20'"),
        ("8/1/1/1", "expected the shares"),
        ("ids.txt", "expected the shares"),
        ("98/1/1", "10 documents cannot be split 98/1/1: dev would be empty"),
    ],
)
def test_shares_that_make_no_splits(tmp_path: Path, shares: str, message: str) -> None:
    source = pubtator(tmp_path / "in.txt", range(10))
    with pytest.raises(ConfigError, match=message):
        run("convert", "pubtator", source, "--out", tmp_path / "out", "--split", shares)
    assert not (tmp_path / "out").exists()


def test_all_files_are_written_or_none(tmp_path: Path) -> None:
    source = pubtator(tmp_path / "in.txt", range(10))
    out = tmp_path / "out"
    with pytest.raises(DataError, match="is a file; give the name of a folder"):
        convert_split("pubtator", [source], source, Split((8, 2), 1))
    (out / "dev.txt").mkdir(parents=True)
    with pytest.raises(DataError, match="is a folder"):
        convert_split("pubtator", [source], out, Split((8, 2), 1))
    assert [path.name for path in out.iterdir()] == ["dev.txt"]
    (out / "dev.txt").rmdir()
    source.write_text(source.read_text() + "x")
    with pytest.raises(DataError, match=r"in\.txt:5"):
        convert_split("pubtator", [source], out, Split((8, 2), 1), ledger_path=tmp_path / "l")
    assert list(out.iterdir()) == []
    assert not (tmp_path / "l").exists()


def test_the_file_of_another_split_does_not_stay(tmp_path: Path) -> None:
    source = pubtator(tmp_path / "in.txt", range(10))
    convert_split("pubtator", [source], tmp_path / "out", Split((8, 1, 1), 1))
    before = (tmp_path / "out" / "train.txt").read_text()
    with pytest.raises(ConfigError, match=r"test\.txt is of another split"):
        convert_split("pubtator", [source], tmp_path / "out", Split((8, 2), 1))
    assert (tmp_path / "out" / "train.txt").read_text() == before


def test_an_input_is_not_overwritten_and_a_seed_needs_a_split(tmp_path: Path) -> None:
    source = pubtator(tmp_path / "train.txt", range(10))
    with pytest.raises(ConfigError, match="would overwrite"):
        run("convert", "pubtator", source, "--out", tmp_path, "--split", "8/2")
    with pytest.raises(ConfigError, match="--seed is for --split only"):
        run("convert", "pubtator", source, "--out", tmp_path / "o", "--seed", "2")
