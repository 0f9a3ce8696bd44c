from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml

from mtner_cli.config.contradictions import WITHOUT_EFFECT, settings_without_effect
from tests.settings import config_from_mapping

BLIND = "{use_attention: false, use_next_word: false}"
SECOND = "  labs: {mode: simple, split_paths: {train: a, dev: b}}\n"


@pytest.mark.parametrize(
    ("addition", "key", "message"),
    [
        (
            "  labs: {mode: simple, split_paths: {dev: b, test: c}}\n",
            "datasets.labs.split_paths",
            "the corpus has no train split; give split_paths.train",
        ),
        (
            "data_transform: {merge_sents: {normalize: {use: true}, maximize: {use: true}}}\n",
            "data_transform.merge_sents",
            "normalize.use and maximize.use are both true; choose one",
        ),
        (
            "data_transform: {merge_sents: {force_merge: [clinic, clinics]}}\n",
            "data_transform.merge_sents.force_merge",
            "'clinics' is not one of the corpora (clinic); did you mean clinic?",
        ),
        (
            "train: {checkpoints: {metric_based: false}}\n",
            "train.early_stop",
            "is 30, but checkpoints.metric_based is false, so the best epoch would be lost; "
            "set early_stop to null, or metric_based to true",
        ),
        (
            "train: {early_stop: 0, checkpoints: {metric_based: false, most_recent: false}}\n",
            "train.checkpoints",
            "most_recent and metric_based are both false, so nothing would be saved; "
            "set one of them to true",
        ),
        (
            "train: {num_epochs: 100, num_passes: 2.5}\n",
            "train.num_passes",
            "is 2.5, but num_epochs is 100; give one of them, and set the other to null",
        ),
        (
            SECOND + "data_transform: {change_out_to_shift: false}\n",
            "data_transform.change_out_to_shift",
            "is false, which is only possible with one corpus; found 2",
        ),
        (
            f"ablation: {{pred_model: {{parser_state: {BLIND}}}}}\n",
            "ablation.pred_model.parser_state",
            "use_attention and use_next_word are both false, so the model would see nothing; "
            "set one of them to true",
        ),
        (
            "MLFlowLogger: {use: true}\n",
            "MLFlowLogger.tracking_uri",
            "is null, but MLFlowLogger.use is true; set it to the server's address, such as "
            "http://127.0.0.1:5000, or to a file, such as sqlite:///mlflow.db",
        ),
        (
            "perturbations: {use: true}\n",
            "perturbations.probs",
            "perturbations.use is true, but no probability is given; give one, or set use to false",
        ),
        (
            SECOND + "perturbations: {use: true, probs: {labz: {clinic: 0.1}}}\n",
            "perturbations.probs.labz",
            "'labz' is not one of the corpora (clinic, labs); did you mean labs?",
        ),
        (
            SECOND + "perturbations: {use: true, probs: {labs: {hospital: 0.1}}}\n",
            "perturbations.probs.labs.hospital",
            "'hospital' is not one of the corpora (clinic, labs)",
        ),
        (
            SECOND + "perturbations: {use: true, probs: {labs: {labs: 0.1}}}\n",
            "perturbations.probs.labs.labs",
            "a corpus cannot be its own perturbation",
        ),
        (
            SECOND
            + "  ward: {mode: simple, split_paths: {train: a}}\n"
            + "perturbations: {use: true, probs: {labs: {clinic: 0.7, ward: 0.6}}}\n",
            "perturbations.probs.labs",
            "the probabilities sum to 1.3, which is above 1",
        ),
    ],
)
def test_a_contradiction_is_the_only_fault(
    addition: str, key: str, message: str, faults: Callable[..., list[str]]
) -> None:
    (fault,) = faults(addition)
    place, found_key, found_message = fault.split(": ", 2)
    assert place.startswith("nerves.yaml:")
    assert found_key == key
    assert found_message.startswith(message)


WITHOUT_DEV = """\
seed: 1
task_name: x
datasets:
  a: {mode: simple, split_paths: {train: t}}
  b: {mode: simple, split_paths: {train: t}}
"""


def test_dev_may_be_left_out(faults: Callable[..., list[str]]) -> None:
    assert faults(base=WITHOUT_DEV) == []
    assert faults("", "train.checkpoints.metric_based=false", base=WITHOUT_DEV) == []
    given = ["datasets.b.split_paths.dev=d", "train.checkpoints.metric_based=false"]
    assert "train.early_stop: is 30" in faults("", *given, base=WITHOUT_DEV)[0]


def test_no_dev_split_is_one_warning() -> None:
    config = config_from_mapping(yaml.safe_load(WITHOUT_DEV), ["train.early_stop=3"])
    (note,) = settings_without_effect(config)
    assert "the model of the last one is kept and tested" in note
    assert "train.early_stop has no effect" in note


@pytest.mark.parametrize(
    "addition",
    [
        "data_transform: {change_out_to_shift: false}\n",
        "data_transform: {merge_sents: {force_merge: [clinic]}}\n",
        "data_transform: {merge_sents: {normalize: {use: true}, maximize: {swap: true}}}\n",
        "train: {early_stop: null, checkpoints: {metric_based: false}}\n",
        "train: {checkpoints: {most_recent: false}}\n",
        "train: {num_epochs: null, num_passes: 2.5}\n",
        "ablation: {pred_model: {parser_state: {use_attention: false}}}\n",
        "perturbations: {use: false, probs: {anyone: {anything: 0.3}}}\n",
        SECOND + "perturbations: {use: true, probs: {labs: {clinic: 1.0}}}\n",
    ],
)
def test_what_only_looks_like_a_contradiction_is_accepted(
    addition: str, faults: Callable[..., list[str]]
) -> None:
    assert faults(addition) == []


def test_every_setting_without_effect_is_noted_when_it_is_set() -> None:
    values = {
        "train.loss": "BCE",
        "train.num_sanity_val_steps": 2,
        "models.pred_model.control.multiplier_numb_actions_inference": 3.0,
    }
    assert values.keys() == WITHOUT_EFFECT.keys()
    corpus = {"mode": "simple", "split_paths": {"train": "a", "dev": "b"}}
    minimal = {"seed": 1, "task_name": "t", "datasets": {"a": corpus}}
    assert list(settings_without_effect(config_from_mapping(minimal))) == []
    for key, value in values.items():
        config = config_from_mapping(minimal, [f"{key}={value}"])
        (note,) = settings_without_effect(config)
        assert note.startswith(f"{key} has no effect here: ")
