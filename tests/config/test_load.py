from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtner_cli.config.load import (
    dump_resolved,
    load_experiment,
    load_resolved,
)
from mtner_cli.config.references import escape_references
from mtner_cli.config.schema import ExperimentConfig
from mtner_cli.config.yaml_source import key_text, write_yaml
from mtner_cli.core.corpus.checks import find_file_faults
from mtner_cli.errors import ConfigError
from tests.settings import config_from_mapping

NOON = datetime(2025, 7, 31, 12, 0, 5)

# What a user of the original has: its header, keys and comments, references, Python's booleans.
FILE_OF_THE_ORIGINAL = """\
# @package _global_ # NOTE: stays as it is

# Mandatory overwrites
seed: 13
task_name: Harbours # NOTE: the experiment
datasets:
  PORTSen: # NOTE: the corpus
    source: local
    encoding: utf-8
    mode: simple
    split_paths:
      train: data/converted/Ports/train.txt
      dev: data/converted/Ports/dev.txt
      test: data/converted/Ports/test.txt
    tag_dict: # NOTE: renamed or removed
      SHIP: Vessel
      CARGO: null
      QUAY: Place

# Optional overwrites
run_name: ${task_name}_${now:%Y-%m-%d}
models:
  embed_model:
    pretrained_name: xlm-roberta-large
train:
  use_deterministic: True
  optimizers:
    embed_model:
      lr: 3e-5
MLFlowLogger:
  run_name: ${run_name}-again
"""

SPOILT = """\
train:
  batch_sise: 3
  num_epochs: three
  checkpoints: {metric_based: false}
  early_stop: 5
  num_epochs: 4
run_name: ${hydra:job.name}
"""

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
FILE_NAMES = st.text("abc é-_$.{}0", min_size=1, max_size=8).filter(lambda name: name.strip("."))


@st.composite
def configurations(draw: st.DrawFn) -> ExperimentConfig:
    """Complete configurations with names and values as odd as the schema allows."""
    corpora = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    values: dict[str, Any] = {
        "seed": draw(st.integers(0, 2**32 - 1)),
        "task_name": draw(NAMES),
        "output_dir": draw(FILE_NAMES),
        "datasets": {
            corpus: {
                "mode": draw(st.sampled_from(["simple", "simple-char"])),
                "split_paths": {"train": draw(FILE_NAMES), "dev": draw(FILE_NAMES)},
                "tag_dict": draw(st.none() | st.dictionaries(NAMES, st.none() | NAMES, max_size=3)),
            }
            for corpus in corpora
        },
        "data_transform": {"merge_sents": {"force_merge": draw(st.none() | st.just(corpora))}},
        "models": {"embed_model": {"pretrained_name": draw(NAMES)}},
        "train": {
            "limit_train_batches": draw(st.integers(1, 9) | st.floats(0.01, 1)),
            "early_stop": draw(st.none() | st.integers(0, 9)),
            "optimizers": {"embed_model": {"lr": draw(st.floats(0, 1))}},
        },
    }
    return config_from_mapping(escape_references(values))


@settings(max_examples=40)
@given(configurations())
def test_a_resolved_configuration_reads_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, config: ExperimentConfig
) -> None:
    path = tmp_path_factory.mktemp("run") / "resolved_cfg.yaml"
    path.write_bytes(dump_resolved(config).encode())
    read_back = load_resolved(path)
    assert read_back == config
    assert repr(read_back) == repr(config)
    assert load_resolved(path.parent) == config


LEAVES = st.sampled_from(
    [
        (("train", "num_epochs"), st.integers(1, 10**6)),
        (("train", "grad_norm_clip"), st.floats(1e-9, 1e9) | st.none()),
        (("train", "limit_test_batches"), st.integers(1, 9) | st.floats(0.001, 1)),
        (("train", "use_deterministic"), st.booleans()),
        (("models", "embed_model", "pretrained_name"), NAMES),
        (("experiment_name",), NAMES),
        (("datasets", "clinic", "tag_dict"), st.dictionaries(NAMES, st.none() | NAMES)),
    ]
)


@given(st.data())
def test_an_override_sets_its_key_and_nothing_else(data: st.DataObject) -> None:
    key, strategy = data.draw(LEAVES)
    value = data.draw(strategy)
    base = {
        "seed": 7,
        "task_name": "nerves",
        "run_name": "first",
        "MLFlowLogger": {"experiment_name": "nerves"},
        "datasets": {"clinic": {"mode": "simple", "split_paths": {"train": "t", "dev": "d"}}},
    }
    override = f"{key_text(key)}={write_yaml(escape_references(value))}"
    before = config_from_mapping(base).model_dump()
    after = config_from_mapping(base, [override]).model_dump()
    section_before, section_after = before, after
    for name in key[:-1]:
        section_before, section_after = section_before[name], section_after[name]
    assert section_after.pop(key[-1]) == value
    del section_before[key[-1]]
    assert after == before


def test_a_file_of_the_original_loads_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "Harbours.yaml"
    path.write_text(FILE_OF_THE_ORIGINAL)
    config = load_experiment(path, now=NOON)
    assert config.seed == 13
    assert config.datasets["PORTSen"].tag_dict == {"SHIP": "Vessel", "CARGO": None, "QUAY": "Place"}
    assert config.datasets["PORTSen"].split_paths.dev == Path("data/converted/Ports/dev.txt")
    assert config.models.embed_model.pretrained_name == "xlm-roberta-large"
    assert config.train.use_deterministic
    assert config.train.optimizers.embed_model.lr == 3e-5
    assert config.train.optimizers.embed_model.weight_decay == 0.001
    assert config.run_name == "Harbours_2025-07-31"
    assert config.output_dir == Path("logs/Harbours/Harbours_2025-07-31")
    assert config.MLFlowLogger.run_name == "Harbours_2025-07-31-again"
    assert config.MLFlowLogger.experiment_name == "SRUNER-Harbours"


def test_the_run_is_named_by_the_time(experiment: Callable[..., Path]) -> None:
    config = load_experiment(experiment(), now=NOON)
    assert config.run_name == "2025-07-31_12-00-05"
    assert config.output_dir == Path("logs/nerves/2025-07-31_12-00-05")


def test_overrides_win_over_the_file_and_later_ones_over_earlier(
    experiment: Callable[..., Path],
) -> None:
    path = experiment("train:\n  num_epochs: 5\n  batch_size: 2\n")
    overrides = ["train.num_epochs=6", "train={num_epochs: 8, loss: BCE}"]
    train = load_experiment(path, overrides).train
    assert (train.num_epochs, train.batch_size, train.loss) == (8, 2, "BCE")


def test_references_see_overrides(experiment: Callable[..., Path]) -> None:
    config = load_experiment(experiment(), ["task_name=veins", "run_name=one"])
    assert config.output_dir == Path("logs/veins/one")


def test_a_corpus_may_have_any_name(experiment: Callable[..., Path]) -> None:
    path = experiment("  BC5.v2=new: {mode: simple, split_paths: {train: a, dev: b}}\n")
    override = r"datasets.BC5\.v2\=new.mode=simple-char"
    config = load_experiment(path, [override])
    assert config.datasets["BC5.v2=new"].mode == "simple-char"


def test_all_faults_are_reported_at_once(faults: Callable[..., list[str]]) -> None:
    dropout = "models.pred_model.parser_state.dropout"
    found = faults(SPOILT, f"{dropout}=2", check_files=find_file_faults)
    assert [fault.split(": ")[:2] for fault in found] == [
        ["nerves.yaml:11", "train.num_epochs"],  # twice there
        ["nerves.yaml:15", "run_name"],
        [f"override '{dropout}=2'", dropout],
        ["nerves.yaml:11", "train.num_epochs"],  # no number
        ["nerves.yaml:10", "train.batch_sise"],
        ["nerves.yaml:13", "train.early_stop"],
        ["nerves.yaml:7", "datasets.clinic.split_paths.train"],
        ["nerves.yaml:8", "datasets.clinic.split_paths.dev"],
    ]


def test_many_faults_do_not_hide_a_contradiction(faults: Callable[..., list[str]]) -> None:
    unknown = "".join(f"setting{number}: 1\n" for number in range(50))
    found = faults(f"{unknown}MLFlowLogger: {{use: true}}\n")
    assert len(found) == 51
    assert "MLFlowLogger.tracking_uri: is null, but MLFlowLogger.use is true" in found[-1]


@pytest.mark.parametrize(
    ("addition", "fault"),
    [
        (
            "train:\n  batch_sise: 3\n",
            "10: train.batch_sise: unknown key; did you mean train.batch_size?",
        ),
        ("modells: {}\n", "9: modells: unknown key; did you mean models?"),
        ("batch_size: 3\n", "9: batch_size: unknown key; did you mean train.batch_size?"),
        (
            "train:\n  lr: 3\n",
            "10: train.lr: unknown key; did you mean train.optimizers.embed_model.lr or "
            "train.optimizers.pred_model.lr?",
        ),
        (
            "    tagdict: {}\n",
            "9: datasets.clinic.tagdict: unknown key; did you mean datasets.clinic.tag_dict?",
        ),
        (
            "      valid: x\n",
            "9: datasets.clinic.split_paths.valid: unknown key; valid here: train, dev, test",
        ),
        (
            "hydra: {run: {dir: x}}\n",
            "9: hydra: unknown key; set output_dir instead of hydra.run.dir",
        ),
        (
            "defaults: [a]\n",
            "9: defaults: unknown key; the defaults always apply; delete the list",
        ),
    ],
)
def test_an_unknown_key_comes_with_the_nearest_valid_one(
    addition: str, fault: str, faults: Callable[..., list[str]], experiment: Callable[..., Path]
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_experiment(experiment(addition))
    (found,) = caught.value.faults
    assert found.endswith(f"nerves.yaml:{fault}")


def test_every_missing_mandatory_key_is_named(faults: Callable[..., list[str]]) -> None:
    assert faults(base="experiment_name: x\n") == [
        f"nerves.yaml: {key}: missing; it has no default and must be given"
        for key in ("seed", "task_name", "datasets")
    ]
    assert faults(base="seed: 1\ntask_name: x\ndatasets:\n  a: {}\n") == [
        f"nerves.yaml:4: datasets.a.{key}: missing; it has no default and must be given"
        for key in ("mode", "split_paths")
    ]
    assert faults(base="seed: 1\ntask_name: x\ndatasets: {}\n") == [
        "nerves.yaml:3: datasets: expected at least 1 entry; found an empty section"
    ]


def test_a_nameless_corpus_is_refused(faults: Callable[..., list[str]]) -> None:
    (found,) = faults("  '': {mode: simple, split_paths: {train: a}}\n")
    assert "expected text that is not empty; found an empty name" in found


def test_faults_that_follow_from_others_are_not_repeated(faults: Callable[..., list[str]]) -> None:
    assert len(faults("run_name: [a]\n")) == 1  # not also in output_dir and MLFlowLogger.run_name
    assert len(faults("run_name: ${nothing}\n")) == 1
    assert len(faults("task_name: !!int x\n", base="seed: 1\n" + corpus("a"))) == 1
    assert len(faults(base="seed: 1\ntask_name: x\n" + corpus("a").replace("train", "trian"))) == 1
    assert len(faults(base="seed: 1\ntask_name: x\ndatasets:\n  a: 3\n")) == 1


def corpus(name: str) -> str:
    return f"datasets:\n  {name}:\n    mode: simple\n    split_paths: {{train: t, dev: d}}\n"


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    message = "there is no such file; 'mtner experiments' lists .*, 'mtner new' writes one for your"
    with pytest.raises(ConfigError, match=message):
        load_experiment(tmp_path / "none.yaml")
    for name in ("configs/quikstart.yaml", "quickstart.yaml"):
        with pytest.raises(ConfigError, match=r"file; did you mean configs/quickstart\.yaml\?$"):
            load_experiment(Path(name))


def test_the_name_of_an_experiment_leads_to_its_file(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    names = ("benchmarks/CoNLL", "experiment=benchmarks/CoNLL")
    for name in (*names, "configs/experiment/benchmarks/CoNLL"):
        with pytest.raises(
            ConfigError, match=r"did you mean configs/experiment/benchmarks/CoNLL\.yaml\?"
        ):
            load_experiment(Path(name))


def test_broken_yaml_is_named_with_its_line(experiment: Callable[..., Path]) -> None:
    with pytest.raises(ConfigError, match=r"nerves\.yaml:10: not valid YAML"):
        load_experiment(experiment("train: [1\nseed: 2\n"))


def test_a_resolved_configuration_needs_no_files(experiment: Callable[..., Path]) -> None:
    path = experiment()
    config = load_resolved(path)
    assert config.datasets["clinic"].split_paths.train == Path("clinic/train.txt")
    assert not (path.parent / "clinic").exists()


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected a run's folder or its resolved_cfg\.yaml"):
        load_resolved(tmp_path)
    with pytest.raises(ConfigError, match=r"none: there is no such file"):
        load_resolved(tmp_path / "none")


@pytest.mark.parametrize("load", [load_experiment, load_resolved])
@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "nerves.yaml/x"])
def test_a_file_that_cannot_be_looked_at_is_one_error(
    load: Callable[[Path], Any], name: str, experiment: Callable[..., Path]
) -> None:
    with pytest.raises(ConfigError, match="cannot be read: "):
        load(experiment().parent / name)


def test_a_run_in_place_of_an_experiment_is_told(tmp_path: Path) -> None:
    run = tmp_path / "my run"
    run.mkdir()
    (run / "resolved_cfg.yaml").touch()
    with pytest.raises(ConfigError) as caught:
        load_experiment(run)
    assert str(caught.value) == f"{run}: is a run's folder; resume it: mtner train --resume '{run}'"
