"""Every configuration in the repository loads and says what its experiment is meant to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtner_cli.config.load import load_corpora, load_experiment
from mtner_cli.config.schema import ExperimentConfig, TrainConfig
from mtner_cli.config.yaml_source import read_yaml
from mtner_cli.core.corpus.checks import commands_for
from mtner_cli.core.train.schedule import with_rates

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
EXPERIMENTS = sorted((CONFIGS / "experiment").rglob("*.yaml"))
QUICKSTART = CONFIGS / "quickstart.yaml"
PROTOCOLS = [
    QUICKSTART,
    CONFIGS / "bc5cdr-2k.yaml",
    CONFIGS / "bc5cdr-ncbi.yaml",
    CONFIGS / "genia-nested.yaml",
]
CORPORA = [
    CONFIGS / "cross_corpus_evaluation.yaml",
    CONFIGS / "synthetic_evaluation.yaml",
    CONFIGS / "ood" / "bc5_paths.yaml",
    CONFIGS / "ood" / "conll_paths.yaml",
]
SIX = ["BC2GM", "BC4CHEMD", "BC5CDR", "JNLPBA", "Linnaeus", "NCBIDisease"]


def load(name: str) -> ExperimentConfig:
    return load_experiment(CONFIGS / f"{name}.yaml")


def types(config: ExperimentConfig) -> dict[str, set[str]]:
    """What the model learns, by corpus."""
    return {
        name: {new for new in (dataset.tag_dict or {}).values() if new}
        for name, dataset in config.datasets.items()
    }


def name_of(path: Path) -> str:
    return path.relative_to(CONFIGS).with_suffix("").as_posix()


@pytest.mark.parametrize("path", EXPERIMENTS + PROTOCOLS, ids=name_of)
def test_an_experiment_loads(path: Path) -> None:
    config = load_experiment(path)
    assert config.task_name == path.stem
    assert config.seed == 42
    for dataset in config.datasets.values():
        for split, file in dataset.split_paths.present().items():
            assert commands_for(file)[-1].startswith("mtner convert corpora "), (split, file)


@pytest.mark.parametrize("path", EXPERIMENTS, ids=name_of)
def test_an_experiment_starts_as_those_of_the_original(path: Path) -> None:
    assert path.read_text().startswith("# @package _global_\n")


@pytest.mark.parametrize("path", CORPORA, ids=name_of)
def test_corpora_to_evaluate_on_load(path: Path) -> None:
    for dataset in load_corpora(path).values():
        assert list(dataset.split_paths.present()) == ["test"]
        assert dataset.split_paths.test is not None
        assert commands_for(dataset.split_paths.test)[-1].startswith("mtner convert corpora ")


@pytest.mark.parametrize("path", [*EXPERIMENTS, *PROTOCOLS, *CORPORA], ids=name_of)
def test_the_command_for_a_missing_file_makes_it(path: Path) -> None:
    """As ``mtner convert corpora FILE [NAME]`` says in its file."""
    datasets = load_corpora(path) if path in CORPORA else load_experiment(path).datasets
    for dataset in datasets.values():
        for file in dataset.split_paths.present().values():
            mtner, convert, corpora, listing, name = commands_for(file)[-1].split()
            assert (mtner, convert, corpora) == ("mtner", "convert", "corpora")
            splits = read_yaml(CONFIGS.parent / listing).values[name]["splits"].values()
            assert str(file) in [split["out"] for split in splits]


def test_every_file_is_covered_by_these_tests() -> None:
    specifications = set((CONFIGS / "ood").glob("tag_spec_*.yaml"))
    known = {*EXPERIMENTS, *PROTOCOLS, *CORPORA, *specifications, CONFIGS / "defaults.yaml"}
    # What the converters read (configs/corpora) is tested with them.
    assert {path for path in CONFIGS.rglob("*.yaml") if path.parent != CONFIGS / "corpora"} == known
    assert len(EXPERIMENTS) == 15


def test_the_benchmarks() -> None:
    conll, genia = load("experiment/benchmarks/CoNLL"), load("experiment/benchmarks/GENIA")
    assert conll.models.embed_model.pretrained_name == "xlm-roberta-large"
    assert types(conll) == {"CONLLen": {"LOC", "MISC", "ORG", "PER"}}
    assert types(genia) == {"GENIA": {"Protein", "DNA", "Cell_Type", "Cell_Line", "RNA"}}
    attention = genia.models.pred_model.attention_module
    assert (attention.action_space_dim, attention.half_context) == (10, 240)
    assert (attention.tok_multiplier.train, attention.tok_multiplier.value) == (True, 10)
    assert genia.train.optimizers.embed_model.lr == 3e-5
    assert genia.datasets["GENIA"].split_paths.dev == Path("data/converted/GENIA/dev.parser")


@pytest.mark.parametrize(
    ("name", "maximized"),
    [
        ("benchmarks/CoNLL", True),
        ("benchmarks/GENIA", True),
        ("multi-task/MT", False),
        ("multi-task/ST_BC2GM", False),
        ("cross-corpus", True),
        ("synthetic/sBoth", False),
        ("human_eval/CoNLLBioLink", True),
        ("human_eval/humanMT", True),
    ],
)
def test_which_experiments_merge_sentences(name: str, maximized: bool) -> None:
    maximize = load(f"experiment/{name}").data_transform.merge_sents.maximize
    assert (maximize.use, maximize.swap) == (maximized, maximized)


def test_the_multi_task_model_and_its_specialists() -> None:
    together = load("experiment/multi-task/MT")
    assert list(together.datasets) == SIX
    assert types(together)["BC2GM"] == {"Gene_or_protein"}
    assert types(together)["JNLPBA"] == {"DNA", "RNA", "Gene_or_protein", "Cell_Line", "Cell_Type"}
    for name in SIX:
        alone = load(f"experiment/multi-task/ST_{name}")
        assert alone.datasets == {name: together.datasets[name]}
        assert alone.train == together.train == TrainConfig(num_epochs=100)


def test_the_cross_corpus_ensemble() -> None:
    config = load("experiment/cross-corpus")
    assert len(config.datasets) == 9
    assert all(dataset.mode == "simple-char" for dataset in config.datasets.values())
    assert types(config)["flairBioRED"] == {"Gene", "Disease", "Chemical", "Species", "CellLine"}
    path = config.datasets["flairS800"].split_paths.train
    assert path == Path("data/converted/flair/huner_species_s800/huner_species_s800.train")
    unseen = load_corpora(CONFIGS / "cross_corpus_evaluation.yaml")
    assert list(unseen) == ["tmVar3", "BioID", "MedMentions"]
    assert not set(unseen) & set(config.datasets)


def test_the_synthetic_ensemble_has_no_test_split() -> None:
    both = load("experiment/synthetic/sBoth")
    assert types(both) == {"BC5_Dis": {"Disease"}, "BC5_Chem": {"Chemical"}}
    assert all(dataset.split_paths.test is None for dataset in both.datasets.values())
    assert (both.train.batch_size, both.train.accumulate_grad_batches) == (8, 2)
    for name, corpus in (("sDisease", "BC5_Dis"), ("sChemical", "BC5_Chem")):
        alone = load(f"experiment/synthetic/{name}")
        assert alone.datasets == {corpus: both.datasets[corpus]}
        assert alone.train == both.train


def test_specifications_name_corpora_and_types_of_their_models() -> None:
    config = load("experiment/human_eval/humanMT")
    separate = {f"{corpus}${tag}" for corpus, tags in types(config).items() for tag in tags}
    known = {
        "MT_model": separate,
        "biomed_model": types(config)["BC5CDR"],
        "general_model": types(config)["CONLLen"],
    }
    for name, tags in known.items():
        source = read_yaml(CONFIGS / "ood" / f"tag_spec_{name}.yaml")
        assert source.faults == []
        assert source.values.keys() <= config.datasets.keys()
        for specification in source.values.values():
            assert specification.keys() == {"relevant_types"}
            assert set(specification["relevant_types"]) <= tags


@pytest.mark.parametrize("path", PROTOCOLS, ids=name_of)
def test_the_small_protocols_run_on_the_packaged_encoder(path: Path) -> None:
    config = load_experiment(path)
    assert config.models.embed_model.pretrained_name == "builtin:minilm"
    optimizers = with_rates(config.train.optimizers, width=384)
    assert (optimizers.embed_model.lr, optimizers.pred_model.lr) == (1e-4, 1e-3)
    warm_up = (optimizers.embed_model.warm_up_in_epochs, optimizers.pred_model.warm_up_in_epochs)
    assert warm_up == (0.3, 0.3)
    assert config.train.batch_size == 16


def test_the_size_of_the_small_protocol() -> None:
    limit = load("bc5cdr-2k").data_transform.limit_sentences
    assert (limit.train, limit.dev, limit.test) == (2000, 600, 1000)
    assert load("bc5cdr-2k").train.num_epochs == 3
