"""Everything that is written in YAML, and overrides on the command line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from mtner_cli.config.load import dump_resolved, load_corpora, load_experiment, load_resolved
from mtner_cli.core.convert.corpora import load_conversions, load_type_map
from mtner_cli.core.corpus.checks import find_file_faults
from mtner_cli.core.triage.out_of_domain import read_specification
from tests.fuzz import seeds
from tests.fuzz.case import Case, WrongResult
from tests.fuzz.mutations import NUMBERS, TEXTS, VALUES, mutated_text_file
from tests.fuzz.tree_mutations import mutated_tree

NAME = "configuration"
SOURCE, DATA, OUT = "in/settings.yaml", "in/train.txt", "out/resolved.yaml"
NOW = datetime(2026, 1, 2, 3, 4, 5)

EXPERIMENT = """\
seed: 7
task_name: fuzz
output_dir: logs/${task_name}/${now:%Y}
run_name: a-${seed}
datasets:
  one:
    mode: simple-char
    encoding: utf-8
    split_paths: {train: in/train.txt, dev: in/train.txt, test: in/train.txt}
    tag_dict: {Protein: Gene, DNA: null}
models:
  embed_model: {pretrained_name: builtin:minilm}
data_transform:
  max_tokens: 100
  limit_sentences: {train: 20, dev: 5}
  merge_sents: {maximize: {use: true}}
train:
  num_epochs: 2
  batch_size: 4
  optimizers:
    embed_model: {lr: 1.0e-4, warm_up_in_epochs: 0.3}
MLFlowLogger: {use: false, tracking_uri: "sqlite:///mlflow.db"}
"""
CORPORA = """\
one:
  mode: simple-char
  split_paths: {test: in/train.txt}
two: &two
  mode: simple-char
  split_paths: {test: in/train.txt}
  tag_dict: {Protein: Gene}
"""
CONVERSIONS = """\
one:
  converter: conll
  origin: a web page
  options: {scheme: iob2}
  types: {Disease: Illness, "*": null}
  splits:
    train: {input: in/train.txt, out: out/train.txt}
    dev: {input: in/tr*.txt, out: out/dev.txt, options: {word_column: 1}}
"""
SPECIFICATION = "one:\n  relevant_types: [Protein, DNA]\ntwo: [Disease]\n"
TYPE_MAP = "Protein: Gene\nDNA: null\n'*': Other\n"
SNIPPETS = (
    *("seed: !!bool z", "a: &a [*a]", "a: *b", "<<: {seed: 1}", "? [a]\n: b", "seed: 1\nseed: 2"),
    *("a: !!python/object/apply:os.system [touch executed]", "a: !!binary =", "a: !!set {b}"),
    *("--- a", "...", "%YAML 3.0", "a: |\n b", "\tseed: 1", "a: ${oc.env:HOME}", "b: ${now:%}"),
    *("a: ${a}", "b: ${datasets}", "c: ${${seed}}", "d: ${", "seed: ${seed}", "e: !!int 0x", "[a"),
    *("f: !!timestamp x", "g: !!float x", "h: !!null x", "i: !!omap [1]", "password: hunter2"),
)
OVERRIDE_KEYS = (
    *(
        "seed",
        "output_dir",
        "run_name",
        "task_name",
        "datasets",
        "datasets.one.mode",
        "a.b",
        "",
        "=",
    ),
    *("train.num_epochs", "train.batch_size", "data_transform.limit_sentences.train"),
    *("data_transform.max_tokens", "models.pred_model.action_space_dim", "train", "datasets.one"),
    *("train.optimizers.embed_model.lr", "MLFlowLogger.tracking_uri", "datasets.one.encoding"),
)


def _bomb(draw: st.DrawFn) -> str:
    """References, aliases or sections that are small to write and huge to follow."""
    levels = draw(st.sampled_from((3, 20, 60, 3000)))
    names = range(levels)
    match draw(st.integers(0, 5)):
        case 0:
            lines = [f"b{n}: ${{b{n + 1}}}${{b{n + 1}}}${{b{n + 1}}}${{b{n + 1}}}" for n in names]
            return "\n".join([*lines, f"b{levels}: x"])
        case 1:
            lines = [f"t{n}: {{a: '${{t{n + 1}}}', b: '${{t{n + 1}}}'}}" for n in names]
            return "\n".join([*lines, f"t{levels}: {{c: x}}"])
        case 2:
            lines = [f"c{n}: ${{c{n + 1}}}" for n in names]
            return "\n".join([*lines, f"c{levels}: x"])
        case 3:
            lines = [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]" for n in names[1:]]
            return "\n".join(["a0: &a0 [x]", *lines])
        case 4:
            return f"n: {'[' * levels}{']' * levels}"
    return "\n".join(f"key{n}: {'k' * 50}" for n in names)


def cases(real: bool) -> st.SearchStrategy[Case]:
    """Mutated files of every kind, and overrides over an experiment."""
    return _cases()


@cache
def _shipped() -> tuple[str, ...]:
    """The experiments that come with the project, but for the long ones."""
    paths = sorted((seeds.PROJECT / "configs").glob("*.yaml"))
    texts = [path.read_text(encoding="utf-8") for path in paths]
    return tuple(text for text in texts if len(text) < seeds.MOST_BYTES)


@st.composite
def _cases(draw: st.DrawFn) -> Case:
    kind = draw(st.sampled_from(sorted(_READERS)))
    texts = _TEXTS[kind]
    text = draw(st.sampled_from((*(texts,) * 8, *_shipped())))
    match draw(st.integers(0, 5)):
        case 0 | 1:
            value = mutated_tree(draw, yaml.safe_load(text))
            try:
                text = yaml.safe_dump(value, allow_unicode=True, sort_keys=False)
            except RecursionError:
                text = "a: b"
            content = text.encode("utf-8", "surrogatepass")
        case 2:
            lines = text.split("\n")
            at = draw(st.integers(0, len(lines)))
            snippet = (
                _bomb(draw) if draw(st.integers(0, 3)) == 3 else draw(st.sampled_from(SNIPPETS))
            )
            content = "\n".join([*lines[:at], snippet, *lines[at:]]).encode()
        case 3 if kind == "experiment":
            content = text.encode()
        case _:
            content = mutated_text_file(draw, text, (*SNIPPETS, EXPERIMENT))
    settings: dict[str, Any] = {"kind": kind}
    if kind == "experiment":
        settings["check"] = draw(st.integers(0, 3)) == 3
        settings["overrides"] = draw(st.lists(_overrides(), max_size=2))
    data = seeds.action_lines(seeds.documents()[0]).encode()
    return Case(NAME, {SOURCE: content, DATA: data}, settings)


@st.composite
def _overrides(draw: st.DrawFn) -> str:
    key = draw(st.sampled_from(OVERRIDE_KEYS))
    values = (*NUMBERS, *TEXTS, *SNIPPETS, *map(str, VALUES))
    return f"{key}={draw(st.sampled_from(values))}".replace("\0", "")


def _experiment(path: Path, settings: dict[str, Any], folder: Path) -> set[str]:
    """An experiment, which must come back from what a run keeps of it."""
    check = find_file_faults if settings["check"] else None
    config = load_experiment(path, settings["overrides"], now=NOW, check_files=check)
    (folder / OUT).write_text(dump_resolved(config), encoding="utf-8")
    if load_resolved(folder / OUT).model_dump_json() != config.model_dump_json():
        raise WrongResult("a run's settings read otherwise")
    return {OUT}


def _nothing(read: Callable[[Path], object]) -> Callable[[Path, dict[str, Any], Path], set[str]]:
    """A reader that writes nothing."""

    def run_it(path: Path, settings: dict[str, Any], folder: Path) -> set[str]:
        read(path)
        return set()

    return run_it


_READERS = {
    "experiment": _experiment,
    "corpora": _nothing(load_corpora),
    "conversions": _nothing(load_conversions),
    "specification": _nothing(read_specification),
    "type map": _nothing(load_type_map),
}
_TEXTS = {
    "experiment": EXPERIMENT,
    "corpora": CORPORA,
    "conversions": CONVERSIONS,
    "specification": SPECIFICATION,
    "type map": TYPE_MAP,
}


def run(case: Case, folder: Path) -> set[str]:
    """Read the file as what it is meant to be."""
    return _READERS[case.settings["kind"]](folder / SOURCE, dict(case.settings), folder)
