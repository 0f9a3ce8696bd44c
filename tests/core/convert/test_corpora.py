from __future__ import annotations

import os
from pathlib import Path

import pytest

from mtner_cli.core.convert.corpora import load_conversions
from mtner_cli.core.corpus.action_files import read_corpus
from mtner_cli.errors import ConfigError

TSV = "p53\tx\tB-GENE\nbinds\ty\tO\n"
JSONL = '{"text": "p53", "entities": [[0, 3, "Gene"]]}\n'
CORPORA = """
Genes:
  converter: conll
  action_encoding: simple-char
  options: {scheme: bio}
  types: {GENE: Gene}
  splits:
    train: {input: "in/*train.tsv", out: out/genes/train.txt}
    dev: {input: in/train.tsv, out: out/genes/dev.txt, options: {tag_column: 3}}
More-genes:
  converter: jsonl
  splits:
    test: {input: in/test.jsonl, out: out/more.txt}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "train.tsv").write_text(TSV)
    (tmp_path / "in" / "test.jsonl").write_text(JSONL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def faults(folder: Path, content: str) -> list[str]:
    (folder / "corpora.yaml").write_text(content)
    with pytest.raises(ConfigError) as caught:
        load_conversions(Path("corpora.yaml"))
    return [fault.removeprefix("corpora.yaml:") for fault in caught.value.faults]


def test_all_corpora_and_splits_are_converted(folder: Path) -> None:
    (folder / "corpora.yaml").write_text(CORPORA)
    conversions = load_conversions(Path("corpora.yaml"))
    assert [(c.corpus, c.split) for c in conversions] == [
        ("Genes", "train"), ("Genes", "dev"), ("More-genes", "test"),
    ]  # fmt: skip
    for conversion in conversions:
        assert conversion.run().mentions == {"Gene": 1}
        (sentence,) = read_corpus(folder / conversion.out, "simple-char")
        assert sentence.text.startswith("p53")


def test_one_corpus_of_a_file(folder: Path) -> None:
    (folder / "corpora.yaml").write_text(CORPORA)
    (folder / "in" / "train.tsv").unlink()
    (conversion,) = load_conversions(Path("corpora.yaml"), ["More-genes"])
    assert conversion.source == Path("in/test.jsonl")
    with pytest.raises(ConfigError, match="there is no corpus Gens, only Genes, More-genes"):
        load_conversions(Path("corpora.yaml"), ["Gens"])


def test_all_faults_are_reported_together(folder: Path) -> None:
    (folder / "in" / "2train.tsv").write_text(TSV)
    content = """
A:
  converter: conl
  splits: {train: {input: in/none.tsv, out: out/a.txt}}
B:
  converter: conll
  options: {scema: bio, tag_column: last}
  splits:
    train: {input: "in/*train.tsv", out: out/b.txt}
    dev: {input: in/train.tsv, out: out/b.txt}
    test: {input: in/test.jsonl, out: in/train.tsv}
C:
  converter: bc5cdr-halves
  splits: {train: {input: in/train.tsv, out: out/c.txt}}
D:
  converter: hunflair
  action_encoding: simple
  splits: {train: {input: in/train.tsv, out: out/d.txt}}
E:
  converter: genia
  splits: {train: {input: in/train.tsv, out: out/e.txt, options: {ids: none.txt}}}
"""
    expected = [
        "3: A.converter: unknown name 'conl'; did you mean conll?",
        "7: B.options.scema: unknown name 'scema'; did you mean scheme?",
        "7: B.options.tag_column: Input should be a valid integer",
        "14: C.splits.train.options.half: missing; bc5cdr-halves needs it",
        "17: D.action_encoding: hunflair can be written as simple-char only",
        "21: E.splits.train.options.ids: there is no such file: none.txt",
        "4: A.splits.train.input: there is no such file: in/none.tsv",
        "9: B.splits.train.input: expected one file for in/*train.tsv; "
        "found in/2train.tsv, in/train.tsv",
        "10: B.splits.dev.out: out/b.txt is written by B.splits.train as well",
        "11: B.splits.test.out: in/train.tsv would overwrite in/train.tsv: write to another file",
    ]
    found = faults(folder, content)
    for message in expected:
        assert any(message in fault for fault in found), (message, found)
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("~nobody-here/x", "expected a path; this user has no home folder here"),
        ('"a\\0b"', "expected a path; "),
        ('"a\\0b*"', "expected a path; "),
        ("x" * 300, "expected a path; "),
        ("loop", "cannot be {}: Too many levels of symbolic links"),
        ("in/train.tsv/x", "cannot be {}: a folder in this path is a file"),
    ],
)
def test_paths_that_cannot_be_used_are_faults_of_their_key(
    folder: Path, path: str, message: str
) -> None:
    (folder / "loop").symlink_to("loop")
    split = "splits: {{x: {{input: {}, out: {}}}}}"
    content = f"A: {{converter: conll, {split.format(path, 'out.txt')}}}"
    (fault,) = faults(folder, content)
    assert fault.startswith(f"1: A.splits.x.input: {message.format('read')}")
    content = f"A: {{converter: conll, {split.format('in/train.tsv', path)}}}"
    (fault,) = faults(folder, content)
    assert fault.startswith(f"1: A.splits.x.out: {message.format('written')}")


@pytest.mark.parametrize("out", ["corpora.yaml", "ids.txt", "hard", "./in/../ids.txt"])
def test_no_file_that_is_read_is_overwritten(folder: Path, out: str) -> None:
    (folder / "ids.txt").write_text("1")
    os.link("ids.txt", "hard")
    content = f"""
A: {{converter: conll, splits: {{x: {{input: in/train.tsv, out: {out}}}}}}}
B:
  converter: genia
  splits: {{x: {{input: in/test.jsonl, out: o, options: {{ids: ids.txt}}}}}}
"""
    (fault,) = faults(folder, content)
    assert fault.startswith("2: A.splits.x.out: ")
    assert "would overwrite" in fault


def test_one_file_by_two_names_is_not_written_twice(folder: Path) -> None:
    (folder / "link").symlink_to("out.txt")
    split = "splits: {x: {input: in/train.tsv, out: out.txt}, y: {input: in/train.tsv, out: link}}"
    (fault,) = faults(folder, f"A: {{converter: conll, {split}}}")
    assert fault.endswith("link is written by A.splits.x as well")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("charset: zip", "unknown charset 'zip'"),
        ("scheme: bioz", "unknown tag scheme 'bioz'"),
        ("tag_column: 0", "columns are counted from 1"),
        ("scheme: null", ""),
    ],
)
def test_options_are_checked_before_anything_is_converted(
    folder: Path, option: str, message: str
) -> None:
    split = "splits: {x: {input: in/train.tsv, out: out.txt}}"
    content = f"A: {{converter: conll, options: {{{option}}}, {split}}}"
    if not message:
        (folder / "corpora.yaml").write_text(content)
        assert len(load_conversions(Path("corpora.yaml"))) == 1
        return
    (fault,) = faults(folder, content)
    assert fault.startswith(f"1: A.options.{option.partition(':')[0]}: {message}")


def test_names_in_messages_are_visible(folder: Path) -> None:
    content = 'A: {converter: conll, origin: "\\e]0;x", splits: {x: {input: "\\u202ea", out: b}}}'
    (fault,) = faults(folder, content)
    assert fault.endswith(r"there is no such file: \u202ea (from \x1b]0;x)")


def test_a_pipe_is_no_missing_file(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (fault,) = faults(folder, "A: {converter: conll, splits: {x: {input: pipe, out: b}}}")
    assert fault.endswith("pipe is not a plain file; name one")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "at least 1"),
        ("A: {converter: conll}", "A.splits: missing"),
        ("A: {splits: {}}", "A.converter: missing"),
        ("A: {converter: conll, split: {}, splits: {x: {input: a, out: b}}}", "split"),
    ],
)
def test_what_is_no_file_of_corpora(folder: Path, content: str, message: str) -> None:
    assert any(message in fault for fault in faults(folder, content))


@pytest.mark.parametrize(
    "name", ["bc5cdr-halves", "conll", "crichton", "evaluation", "genia", "hunflair", "protocols"]
)
def test_the_shipped_files_lack_nothing_but_their_data(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load_conversions(project / "configs" / "corpora" / f"{name}.yaml")
    other = [
        fault
        for fault in caught.value.faults
        if "there is no such file" not in fault and "expected one file" not in fault
    ]
    assert other == []


def test_a_missing_public_file_comes_with_the_command_that_fetches_it(folder: Path) -> None:
    content = "A: {converter: conll, splits: {x: {input: raw/BC2GM/train.tsv, out: a}}}"
    (fault,) = faults(folder, content)
    assert fault.endswith(
        "there is no such file: raw/BC2GM/train.tsv (mtner fetch BC2GM --out raw)"
    )


def test_a_missing_file_comes_with_its_origin(folder: Path) -> None:
    content = "A: {converter: conll, origin: the authors, splits: {x: {input: raw.tsv, out: a}}}"
    (fault,) = faults(folder, content)
    assert fault.endswith("there is no such file: raw.tsv (from the authors)")


@pytest.mark.parametrize(
    "name", ["conll", "crichton", "evaluation", "genia", "hunflair", "protocols"]
)
def test_the_shipped_files_say_where_each_missing_file_comes_from(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load_conversions(project / "configs" / "corpora" / f"{name}.yaml")
    inputs = [fault for fault in caught.value.faults if ".input: " in fault]
    assert inputs
    assert all("(from " in fault or "(mtner fetch " in fault for fault in inputs)


def test_the_halves_by_their_file(
    project: Path, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data" / "original").mkdir(parents=True)
    (tmp_path / "data" / "original" / "BC5CDR").symlink_to(shared_data / "BC5CDR")
    monkeypatch.chdir(tmp_path)
    ledgers = {
        (conversion.corpus, conversion.split): conversion.run()
        for conversion in load_conversions(project / "configs" / "corpora" / "bc5cdr-halves.yaml")
    }
    train = [ledgers[name, "train"].sentences for name in ("BC5_Dis", "BC5_Chem")]
    assert sum(train) == 4560
    assert list(ledgers["BC5_Dis", "dev"].mentions) == ["Disease"]


def test_the_sample_corpora_convert_without_loss(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "samples").symlink_to(project / "data" / "samples")
    monkeypatch.chdir(tmp_path)
    conversions = load_conversions(project / "configs" / "corpora" / "samples.yaml")
    assert len(conversions) == 6
    for conversion in conversions:
        ledger = conversion.run()
        assert ledger.documents > 1
        assert ledger.mentions.total() > ledger.sentences
        assert not ledger.dropped
        assert not ledger.repairs


def test_nothing_of_a_file_of_another_kind_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "secrets.yaml"
    path.write_text("database:\n  password: hunter2\n")
    for only in ((), ("Genes",)):
        with pytest.raises(ConfigError, match=r"such as: NAME: \{converter: TEXT") as raised:
            load_conversions(path, only)
        assert "hunter2" not in str(raised.value)
        assert "database" not in str(raised.value)


def test_the_former_name_of_the_action_encoding_is_read(folder: Path) -> None:
    split = "splits: {x: {input: in/train.tsv, out: out.txt}}"
    Path("corpora.yaml").write_text(f"A: {{converter: conll, encoding: simple-char, {split}}}")
    (conversion,) = load_conversions(Path("corpora.yaml"))
    assert conversion.block.action_encoding == "simple-char"
