from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mtner_cli.core.convert.registry import FORMATS, format_named
from mtner_cli.errors import ConfigError
from tests.cli.conftest import mtner, run

GOOD = "Renal\tB-Disease\nfailure\tI-Disease\n[/x]\tO\n\nER- cells\tB-[bold]\n"
BAD = "Renal\tB-Disease\nfailure\n"


def test_convert_ends_with_the_ledger(project: Path, tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text(GOOD)
    done = mtner(
        project, tmp_path, "convert", "conll", "train.tsv",
        "--out", "new/train.txt", "--ledger", "ledger.jsonl",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = {" ".join(line.split()) for line in done.stdout.splitlines()}
    assert {"sentences 2", "words 4", "mentions 2", "Disease 1", "[bold] 1"} <= rows
    assert {"white space in a word became _: 1", "train.tsv:5 'ER- cells'"} <= rows
    assert "Nothing was dropped." in rows
    assert (tmp_path / "new" / "train.txt").read_text() == (
        "Renal failure [/x] ||| TRANSITION(Disease) SHIFT SHIFT REDUCE(Disease) OUT\n"
        "ER-_cells ||| TRANSITION([bold]) SHIFT REDUCE([bold])\n"
    )
    (entry,) = map(json.loads, (tmp_path / "ledger.jsonl").read_text().splitlines())
    assert (entry["part"], entry["place"]) == ("repair", "train.tsv:5")


def test_malformed_input_is_one_message_and_no_output(project: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.tsv").write_text(BAD)
    done = mtner(project, tmp_path, "convert", "conll", "bad.tsv", "--out", "out.txt")
    assert done.returncode == 1
    assert done.stderr == ("error: bad.tsv:2: expected 2 columns, as before; found 1: 'failure'\n")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.tsv"]


@pytest.mark.parametrize("out", ["in.tsv", "link.tsv", "../{folder}/in.tsv"])
def test_an_input_is_never_overwritten(project: Path, tmp_path: Path, out: str) -> None:
    (tmp_path / "in.tsv").write_text(GOOD)
    os.link(tmp_path / "in.tsv", tmp_path / "link.tsv")
    name = out.format(folder=tmp_path.name)
    done = mtner(project, tmp_path, "convert", "conll", "in.tsv", "--out", name)
    assert done.returncode == 1
    assert "would overwrite" in done.stderr
    assert (tmp_path / "in.tsv").read_text() == GOOD


@pytest.mark.parametrize("outputs", [("ty.yaml",), ("out.txt", "--ledger", "ty.yaml")])
def test_a_type_map_is_never_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outputs: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.txt").write_text("1|t|p53\n1\t0\t3\tp53\tGene\n")
    Path("ty.yaml").write_text("Gene: Protein\n")
    with pytest.raises(ConfigError, match=r"ty\.yaml would overwrite ty\.yaml"):
        run("convert", "pubtator", "in.txt", "--types", "ty.yaml", "--out", *outputs)
    assert Path("ty.yaml").read_text() == "Gene: Protein\n"


def test_the_halves_never_overwrite_their_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = "a\tB-Disease\n\nPretreatment\tO\n\nMetformin\tB-Chemical\n"
    Path("train.tsv").write_text(rows)
    Path("devel.tsv").write_text(rows)
    Path("halves/BC5_Dis").mkdir(parents=True)
    os.link("devel.tsv", "halves/BC5_Dis/train.txt")
    with pytest.raises(ConfigError, match=r"train\.txt would overwrite devel\.tsv"):
        run("convert", "bc5cdr-halves", ".", "--out", "halves")


@pytest.mark.parametrize("charset", ["base64", "zip", "\udcff"])
def test_a_charset_that_is_none(project: Path, tmp_path: Path, charset: str) -> None:
    (tmp_path / "in.tsv").write_text(GOOD)
    done = mtner(
        project, tmp_path, "convert", "conll", "in.tsv", "--out", "o", "--charset", charset
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: unknown charset '")
    assert done.stderr.count("\n") == 1


def test_names_that_are_no_utf_8(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8:strict")
    records = [{"text": "p53 was", "entities": [[0, 3, "X\ud83d"], [4, 7, ""], [0, 99, "\x1b[2J"]]}]
    (tmp_path / "in\udcff").write_text("".join(map(json.dumps, records)))
    done = mtner(
        project, tmp_path, "convert", "jsonl", "in\udcff", "--out", "o\udcff", "--ledger", "l\udcff"
    )
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in\udcff", "l\udcff", "o\udcff"]
    entries = map(json.loads, (tmp_path / "l\udcff").read_text().splitlines())
    assert {entry["reason"] for entry in entries} == {
        "mention outside its sentence",
        "mention without a type",
        "half of a surrogate pair became U+FFFD",
    }


def test_a_missing_file(project: Path, tmp_path: Path) -> None:
    done = mtner(project, tmp_path, "convert", "jsonl", "no.jsonl", "--out", "out.txt")
    assert (done.returncode, done.stderr) == (1, "error: no.jsonl: there is no such file\n")


def test_the_list_and_the_help_come_from_the_registry() -> None:
    listed, commands = words(run("convert", "--list")), words(run("convert", "--help"))
    for name, description in FORMATS.items():
        source_format = format_named(name)
        for text in (listed, commands):
            assert f"{name} " in text
            assert description in text or description.split()[0] in text
        shown = run("convert", name, "--help")
        assert source_format.layout in words(shown)
        assert f"Example: mtner convert {name} {source_format.example}" in words(shown)
        for content in source_format.sample.values():
            for line in content.expandtabs().splitlines():
                assert line in shown
        for option in source_format.options if source_format.targets is None else ():
            assert f"--{option.replace('_', '-')} " in shown
        assert "--encoding" not in shown


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("option", ["--action-encoding", "--encoding"])
@pytest.mark.parametrize("name", ["conll", "jsonl", "genia"])
def test_the_action_encoding_by_both_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, option: str
) -> None:
    monkeypatch.chdir(tmp_path)
    sample = {"conll": GOOD, "jsonl": '{"tokens": ["a"], "ner_tags": ["B-X"]}'}
    Path("in").write_text(sample.get(name, format_named("genia").sample.get("corpus.xml", "")))
    run("convert", name, "in", "--out", "out", option, "simple-char")
    assert ",0) REDUCE(" in Path("out").read_text()


def test_a_format_without_words_has_no_action_encoding(project: Path, tmp_path: Path) -> None:
    done = mtner(project, tmp_path, "convert", "brat", ".", "--out", "o", "--encoding", "simple")
    assert done.returncode == 2
    assert "No such option" in done.stderr


def test_a_similar_name_is_suggested(project: Path, tmp_path: Path) -> None:
    done = mtner(project, tmp_path, "convert", "conl", "in.tsv", "--out", "o")
    assert done.returncode == 2
    assert "Did you mean 'conll'" in done.stderr


def test_an_unknown_scheme_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.tsv").write_text(GOOD)
    run("convert", "conll", "in.tsv", "--out", "o", "--scheme", "BIO", "--tag-column", "-1")
    with pytest.raises(ConfigError, match="unknown tag scheme 'bi': give one of iob2, iob1, iobes"):
        run("convert", "conll", "in.tsv", "--out", "o", "--scheme", "bi")


def test_every_format_takes_a_type_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.tsv").write_text(GOOD)
    Path("types.yaml").write_text("Disease: Illness\n")
    run("convert", "conll", "in.tsv", "--out", "o", "--types", "types.yaml")
    assert "TRANSITION(Illness)" in Path("o").read_text()


def test_corpora_and_halves(project: Path, tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("a\tB-Disease\n\nPretreatment\tO\nb\tB-Chemical\n")
    (tmp_path / "devel.tsv").write_text("a\tB-Disease\n\nMetformin\tB-Chemical\n")
    halves = mtner(project, tmp_path, "convert", "bc5cdr-halves", ".", "--out", "halves")
    assert halves.returncode == 0, halves.stderr
    (tmp_path / "corpora.yaml").write_text(
        "X: {converter: conll, splits: {train: {input: train.tsv, out: all.txt},"
        " dev: {input: none.tsv, out: dev.txt}}}"
    )
    refused = mtner(project, tmp_path, "convert", "corpora", "corpora.yaml")
    assert refused.returncode == 1
    assert "there is no such file: none.tsv" in refused.stderr
    written = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.txt"))
    assert written == [
        "halves/BC5_Chem/dev.txt", "halves/BC5_Chem/train.txt",
        "halves/BC5_Dis/dev.txt", "halves/BC5_Dis/train.txt",
    ]  # fmt: skip
    (tmp_path / "none.tsv").write_text("a\tB-Disease\n")
    done = mtner(project, tmp_path, "convert", "corpora", "corpora.yaml", "X")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "all.txt").exists()


def test_a_type_map_from_a_file(project: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("1|t|p53 in mice\n1\t0\t3\tp53\tGene\n1\t7\t11\tmice\tNO\n")
    (tmp_path / "types.yaml").write_text("NO: null\n'*': Protein\n")
    command = ("convert", "pubtator", "in.txt", "--out", "out.txt", "--types", "types.yaml")
    done = mtner(project, tmp_path, *command)
    assert done.returncode == 0, done.stderr
    expected = "p53 in mice ||| TRANSITION(Protein,0) REDUCE(Protein,3)\n"
    assert (tmp_path / "out.txt").read_text().endswith(expected)
    (tmp_path / "types.yaml").write_text("NO: [a, b]\nGene: 3\n")
    refused = mtner(project, tmp_path, *command)
    assert refused.returncode == 1
    assert "types.yaml:1: NO: expected text" in refused.stderr
    assert "types.yaml:2: Gene: expected text" in refused.stderr
