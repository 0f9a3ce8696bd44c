from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mtner_cli.config import schema
from mtner_cli.config.defaults import default_settings, descriptions
from mtner_cli.config.schema import ExperimentConfig, SplitPaths
from mtner_cli.config.values import Section
from mtner_cli.config.yaml_source import read_yaml
from mtner_cli.core.train.schedule import with_rates
from mtner_cli.errors import ConfigError
from tests.settings import config_from_mapping

MINIMAL: dict[str, Any] = {
    "seed": 7,
    "task_name": "nerves",
    "datasets": {"clinic": {"mode": "simple", "split_paths": {"train": "t", "dev": "d"}}},
}
SECTIONS = {
    value
    for _, value in inspect.getmembers(schema, inspect.isclass)
    if issubclass(value, Section) and value is not Section
}


def leaves(values: dict[str, Any], key: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*key, name))
        else:
            yield (*key, name)


def test_the_defaults_are_those_of_the_recipe() -> None:
    config = config_from_mapping(MINIMAL)
    attention = config.models.pred_model.attention_module
    assert config.models.embed_model.pretrained_name == "michiyasunaga/BioLinkBERT-large"
    assert (attention.action_space_dim, attention.half_context) == (2, 150)
    assert config.models.pred_model.init_output_bias == "log_odds"
    assert config.models.pred_model.dropout_mode == "locked"
    assert config.data_transform.max_tokens == 405
    assert (config.train.early_stop, config.train.num_epochs, config.train.batch_size) == (
        30,
        100,
        16,
    )
    optimizers = with_rates(config.train.optimizers, width=1024)
    assert optimizers.embed_model.lr == 2e-5
    assert optimizers.pred_model.lr == 3e-4
    assert not config.MLFlowLogger.use
    assert not config.perturbations.use


def test_the_file_of_defaults_is_the_schema(project: Path) -> None:
    written = read_yaml(project / "configs" / "defaults.yaml")
    assert written.faults == []
    assert written.values == default_settings()
    assert repr(written.values) == repr(default_settings())  # also 1.0 rather than 1, and the order


def test_the_file_of_defaults_is_an_experiment_but_for_the_mandatory_keys(project: Path) -> None:
    values = read_yaml(project / "configs" / "defaults.yaml").values
    config = config_from_mapping({**values, **MINIMAL})
    assert config.train == schema.TrainConfig(num_epochs=100)


def test_every_default_satisfies_the_schema() -> None:
    for key in leaves(default_settings()):
        section: Any = default_settings()
        for name in key[:-1]:
            section = section[name]
        value: Any = section[key[-1]]
        for name in reversed(key):
            value = {name: value}
        ExperimentConfig.model_validate({**MINIMAL, **value})


def test_every_setting_has_a_line_of_documentation() -> None:
    documented = descriptions()
    for section in SECTIONS:
        assert section.__doc__
        for name, field in section.model_fields.items():
            assert (section.__name__, name) in documented or field.annotation in SECTIONS, name


def test_a_configuration_cannot_be_changed() -> None:
    config = config_from_mapping(MINIMAL)
    with pytest.raises(ValidationError, match="frozen"):
        config.train.num_epochs = 3  # type: ignore[misc]


def test_all_sections_are_strict_and_closed() -> None:
    assert len(SECTIONS) > 25
    assert all(section.model_config["extra"] == "forbid" for section in SECTIONS)
    assert all(section.model_config["strict"] for section in SECTIONS)


def test_splits_are_given_in_order() -> None:
    paths = SplitPaths(test=Path("c"), train=Path("a"))
    assert list(paths.present().items()) == [("train", Path("a")), ("test", Path("c"))]


UPPER_BOUNDS: dict[str, float] = {
    "seed": 2**32 - 1,
    "data_transform.max_tokens": 100_000,
    "data_transform.limit_sentences.train": 10**9,
    "data_transform.limit_sentences.dev": 10**9,
    "data_transform.limit_sentences.test": 10**9,
    "models.pred_model.attention_module.action_space_dim": 256,
    "models.pred_model.attention_module.dropout_scores": 0.999,
    "models.pred_model.attention_module.dropout_pos_embeds": 0.999,
    "models.pred_model.attention_module.dropout_classes": 0.999,
    "models.pred_model.attention_module.half_context": 10_000,
    "models.pred_model.attention_module.tok_multiplier.value": 1000,
    "models.pred_model.parser_state.dropout": 0.999,
    "models.pred_model.self_training.project_coeff": 1000,
    "models.pred_model.control.multiplier_numb_actions_inference": 100,
    "models.pred_model.control.multiplier_numb_actions_training": 100,
    "train.early_stop": 10**9,
    "train.accumulate_grad_batches": 10**9,
    "train.grad_norm_clip": 1e9,
    "train.num_epochs": 10**6,
    "train.num_passes": 1e6,
    "train.batch_size": 100_000,
    "train.num_sanity_val_steps": 10**9,
    "train.limit_train_batches": 10**9,
    "train.limit_val_batches": 10**9,
    "train.limit_test_batches": 10**9,
    "train.clear_CUDA_cache_after_n_steps": 10**9,
    "train.checkpoints.every_minutes": 1e6,
    "train.optimizers.embed_model.lr": 1000,
    "train.optimizers.embed_model.weight_decay": 1000,
    "train.optimizers.embed_model.warm_up_in_epochs": 10**6,
    "train.optimizers.pred_model.lr": 1000,
    "train.optimizers.pred_model.weight_decay": 1000,
    "train.optimizers.pred_model.warm_up_in_epochs": 10**6,
    "perturbations.probs.a.b": 1,
}
"""The greatest value of every number; for a new setting, think of what a huge one does."""


def numbers_in(annotation: Any, key: tuple[str, ...] = ()) -> Iterator[str]:
    """The keys of all numbers of a section; ``a``, ``b``, ... stand for names that users choose."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        for name, field in annotation.model_fields.items():
            yield from numbers_in(field.annotation, (*key, name))
    elif annotation in (int, float):
        yield ".".join(key)
    elif typing.get_origin(annotation) is dict:
        level = sum(len(part) == 1 for part in key)
        yield from numbers_in(typing.get_args(annotation)[1], (*key, "ab"[level]))
    else:
        for argument in typing.get_args(annotation):
            yield from numbers_in(argument, key)


def test_every_number_has_an_upper_bound() -> None:
    assert {*numbers_in(ExperimentConfig)} == UPPER_BOUNDS.keys()


@pytest.mark.parametrize(("key", "bound"), UPPER_BOUNDS.items())
def test_a_number_above_its_bound_is_refused(
    key: str, bound: float, faults: Callable[..., list[str]]
) -> None:
    assert faults("", f"{key}={bound}") == []
    for number in (bound + 1, 10**30, f"1{'0' * 400}", "1e30", "-1e30", f"-1{'0' * 400}", ".inf"):
        (fault,) = faults("", f"{key}={number}")
        assert f": {key}: expected " in fault
        assert len(fault) < 600


@pytest.mark.parametrize("number", [10**5000, -(10**5000)], ids=["long", "negative"])
def test_a_number_too_long_to_be_written_is_refused(number: int) -> None:
    for key in ("seed", "task_name", "output_dir"):
        with pytest.raises(ConfigError, match="<whole number of 16,610 bits>"):
            config_from_mapping({**MINIMAL, key: number})


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("grad_norm_clip: 2", 2.0),
        ("grad_norm_clip: null", None),
        ("early_stop: null", None),
        ("early_stop: 0", 0),
        ("limit_train_batches: 1", 1),
        ("limit_train_batches: 1.0", 1.0),
        ("limit_train_batches: 0.25", 0.25),
        ("num_sanity_val_steps: 0", 0),
        ("clear_CUDA_cache_after_n_steps: 100", 100),
        ("loss: BCE", "BCE"),
    ],
)
def test_values_of_the_right_kind_are_taken(
    setting: str, value: Any, experiment: Callable[..., Path]
) -> None:
    written = read_yaml(experiment(f"train:\n  {setting}\n")).values
    found = getattr(config_from_mapping(written).train, setting.partition(":")[0])
    assert repr(found) == repr(value) or (found == value and isinstance(found, int | float))
    assert isinstance(found, int) is isinstance(value, int) or setting == "grad_norm_clip: 2"


@pytest.mark.parametrize(
    ("setting", "fault"),
    [
        ("train.num_epochs=three", "expected a whole number; found the text 'three'"),
        ("train.num_epochs=true", "expected a whole number; found true"),
        ("train.num_epochs=3.0", "expected a whole number; found the number 3.0"),
        ("train.num_epochs=0", "expected a number from 1; found the number 0"),
        ("train.batch_size=", "expected a whole number; found nothing (null)"),
        ("train.early_stop=-1", "expected a number from 0; found the number -1"),
        ("train.grad_norm_clip=0", "expected a number above 0.0; found the number 0"),
        ("train.grad_norm_clip=.inf", "expected a finite number; found the number inf"),
        ("train.optimizers.embed_model.lr=false", "expected a number; found false"),
        ("train.optimizers.embed_model.lr=fast", "expected a number; found the text 'fast'"),
        ("train.use_deterministic=1", "expected true or false; found the number 1"),
        ("train.use_deterministic='yes'", "expected true or false; found the text 'yes'"),
        (
            "train.loss=multilabel",
            "expected 'MultiLabel' or 'BCE'; found the text 'multilabel'; did you mean MultiLabel?",
        ),
        (
            "train.limit_val_batches=2.0",
            "expected a fraction of the batches above 0.0 and up to 1.0 (written with a point), "
            "or a number of batches from 1 to 1000000000; found the number 2.0",
        ),
        ("train.checkpoints=all", "expected a section of 'key: value' lines; found the text 'all'"),
        ("train.resume_from_checkpoint=3", "expected a path; found the number 3"),
        (
            "task_name=2024",
            "expected text; found the number 2024 (put it in quotes to make it text)",
        ),
        ("run_name=no", "expected text; found false (put it in quotes to make it text)"),
        ("run_name=''", "expected text that is not empty; found the text ''"),
        ("run_name=[a]", "expected text; found a list"),
        ("run_name={a: b}", "expected text; found a section"),
        ("output_dir=~nobody-of-this-name/x", "expected a path; this user has no home folder here"),
        ("seed=-1", "expected a number from 0; found the number -1"),
        ("seed=4294967296", "expected a number below 4294967296; found the number 4294967296"),
        (
            "data_transform.merge_sents.force_merge=clinic",
            "expected a list; found the text 'clinic'",
        ),
        (
            "models.pred_model.parser_state.dropout=1",
            "expected a number below 1.0; found the number 1",
        ),
        ("perturbations.probs={a: {b: 1.5}}", "expected a number up to 1.0; found the number 1.5"),
        (
            "datasets.clinic.encoding=utf-88",
            "expected the name of a charset, such as utf-8 or latin-1; found the text 'utf-88'",
        ),
        (
            "datasets.clinic.mode=simple_char",
            "expected 'simple' or 'simple-char'; found the text 'simple_char'; "
            "did you mean simple-char?",
        ),
        ("datasets.clinic.tag_dict={A: 3}", "expected text; found the number 3"),
        ("datasets.clinic.source=remote", "expected 'local'; found the text 'remote'"),
    ],
)
def test_values_of_the_wrong_kind_are_refused_in_words(
    setting: str, fault: str, faults: Callable[..., list[str]]
) -> None:
    (found,) = faults("", setting)
    key = setting.partition("=")[0]
    assert found.startswith(f"override {setting!r}: {key}")
    assert fault in found


@pytest.mark.parametrize(
    "uri",
    [
        "http://me:hunter2@host:5000",
        "https://me:hun/ter2@host",
        "https://me:hun//ter2?@host",
        "postgresql+psycopg2://me:hunter2@host/runs",
        "postgresql://host/runs?user=me&password=hunter2",
        "me:hunter2@host:5000",
        "http://:hunter2@host",
        "http://hunter2@host:5000",
        "https://me:hun#ter2@host",
        "https://host/runs?access_token=hunter2",
        "${MLFlowLogger.experiment_name}:hunter2@host",
    ],
)
def test_a_password_in_an_address_is_refused_and_not_shown(
    uri: str, faults: Callable[..., list[str]]
) -> None:
    setting = "MLFlowLogger.tracking_uri"
    section = f"MLFlowLogger: {{use: true, tracking_uri: '{uri}', run_name: '${{{setting}}}'}}\n"
    for found in (
        faults(section),
        faults("", f"{setting}={uri}"),
        faults("", f"MLFlowLogger={{tracking_uri: '{uri}'}}"),
        faults("", f"MLFlowLogger.tracking_url={uri}"),
        faults("", f"MLFlowLogger.{uri}"),
        faults("", f"MLFlowLogger={{tracking_uri: '{uri}', use: 3, use: 4"),
    ):
        assert found
        assert "ter2" not in "".join(found)
    (fault,) = faults("", f"{setting}={uri}")
    assert fault.startswith(
        f"override '{setting}=...': {setting}: holds a password or a user, which would "
    )
    assert "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD in the env" in fault


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:5000",
        "http://host:5000/api@v2",
        "http://host/?user=a@b",
        "postgresql://me@host/runs",
        "/disk/run:1@home",
        "sqlite:////disk/a:b@c/mlflow.db",
        "file:///disk/a:b@c",
        "logs/mlflow",
        "https://host/?page=1",
    ],
)
def test_an_address_without_a_password_is_taken(uri: str) -> None:
    config = config_from_mapping({**MINIMAL, "MLFlowLogger": {"tracking_uri": uri}})
    assert config.MLFlowLogger.tracking_uri == uri
