"""What --corpora takes: files of corpora, experiments, and single files in any format."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from mtner_cli.core.convert.detection import formats_of_files
from mtner_cli.core.corpus.action_files import read_corpus
from mtner_cli.core.experiment.given_corpora import given_corpora
from mtner_cli.errors import ConfigError, DataError, MtnerError

FORMATS = formats_of_files()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.txt").write_text("no fever ||| OUT TRANSITION(X) SHIFT REDUCE(X)\n")
    (tmp_path / "text.txt").write_text("no fever ||| TRANSITION(X,3) REDUCE(X,8)\n")
    (tmp_path / "in.tsv").write_text("fever\tB-X\n")
    corpus = "{mode: simple, split_paths: {train: none.txt, test: words.txt}}"
    (tmp_path / "e.yaml").write_text(f"seed: 1\ntask_name: x\ndatasets: {{ward: {corpus}}}\n")
    (tmp_path / "c.yaml").write_text(
        "clinic: {mode: simple-char, split_paths: {test: text.txt}, tag_dict: {X: Y}}\n"
    )
    return tmp_path


def test_files_of_all_kinds_together(folder: Path) -> None:
    with given_corpora(["c.yaml", "e.yaml", "a=words.txt", "b=text.txt", "c=in.tsv"]) as given:
        assert {name: dataset.mode for name, dataset in given.datasets.items()} == {
            "clinic": "simple-char",
            "ward": "simple",
            "a": "simple",
            "b": "simple-char",
            "c": "simple",
        }
        assert given.datasets["clinic"].tag_dict == {"X": "Y"}
        assert list(given.ledgers) == ["c"]
        assert given.ledgers["c"].mentions == {"X": 1}
        named = ["c.yaml", "e.yaml", "words.txt", "text.txt", "in.tsv"]
        assert [str(path) for path in given.files] == named
        converted = given.datasets["c"].split_paths.test
        assert set(map(Path, named)) | {converted} == set(given.read())
        assert converted is not None
        assert converted.exists()
    assert not converted.exists()
    assert sorted(path.name for path in folder.iterdir()) == [
        "c.yaml", "e.yaml", "in.tsv", "text.txt", "words.txt",
    ]  # fmt: skip


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("source_format", FORMATS)
def test_every_format_is_converted(folder: Path, source_format: str, named: bool) -> None:
    for file, content in FORMATS[source_format].sample.items():
        Path(file).write_text(content)
    value = f"x={next(iter(FORMATS[source_format].sample))}" + f":{source_format}" * named
    with given_corpora([value]) as given:
        (dataset,) = given.datasets.values()
        assert dataset.split_paths.test is not None
        sentences = list(read_corpus(dataset.split_paths.test, dataset.mode))
        assert sum(len(sentence.mentions) for sentence in sentences) > 0
        assert given.ledgers["x"].sentences == len(sentences)


@pytest.mark.parametrize("file", ["a:b.tsv", "a:conll", "a=b.tsv", "x=a=b.tsv"])
def test_names_with_the_characters_of_the_notation(folder: Path, file: str) -> None:
    Path(file).write_text("fever\tB-X\n")
    with given_corpora([f"corpus={file}"]) as given:
        assert given.files == [Path(file)]
    with given_corpora([f"corpus={file}:conll"]) as given:
        assert given.files == [Path(file)]


def test_a_file_that_can_be_read_only_once(folder: Path) -> None:
    for content in ("fever\tB-X\n", "no fever ||| OUT TRANSITION(X) SHIFT REDUCE(X)\n"):
        Path("pipe").unlink(missing_ok=True)
        os.mkfifo("pipe")
        writer = threading.Thread(target=Path("pipe").write_text, args=(content,))
        writer.start()
        with given_corpora(["x=pipe"]) as given:
            test = given.datasets["x"].split_paths.test
            assert test is not None
            (sentence,) = read_corpus(test, "simple")
            assert [mention.tag for mention in sentence.mentions] == ["X"]
        writer.join()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["in.tsv"], r"^in.tsv is a conll file, not YAML; name .*: --corpora NAME=in.tsv$"),
        (["words.txt"], "^words.txt is an action file, not YAML; name the corpus"),
        (["."], "^. is a brat folder, not YAML; name the corpus"),
        (["none.yaml"], "^none.yaml: there is no such file$"),
        (["x=none"], "^none: there is no such file$"),
        (["x=e.yaml"], "^the format of 'e.yaml' is not clear; give it, .*x=e.yaml:FORMAT, .*conll"),
        (["x=in.tsv:conl"], "^there is no format conl; did you mean conll?"),
        (["x=in.tsv:zzz"], "^there is no format zzz; known are conll, jsonl"),
        (["x=in.tsv:pubtator"], "^in.tsv:1: expected 'id|t|title'"),
        (["x=in.tsv", "x=words.txt"], "^two corpora have the name x; change one$"),
        (["c.yaml", "clinic=words.txt"], "^two corpora have the name clinic"),
        (["x=in.tsv:bc5cdr-halves"], "^there is no format bc5cdr-halves"),
    ],
)
def test_what_cannot_be_used(folder: Path, values: list[str], message: str) -> None:
    with pytest.raises(MtnerError, match=message) as caught, given_corpora(values):
        pass
    assert isinstance(caught.value, ConfigError | DataError)
