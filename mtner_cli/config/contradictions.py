"""Find settings that are valid alone but contradict each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import attrgetter

from mtner_cli.config.schema import DatasetConfig, ExperimentConfig
from mtner_cli.config.yaml_source import Fault
from mtner_cli.errors import did_you_mean, names_text, nearest, quoted


def find_contradictions(config: ExperimentConfig) -> Iterator[Fault]:
    """Yield a fault for each contradiction, under the key that a user most likely changes."""
    yield from _data(config)
    yield from _perturbations(config)
    yield from _model_and_training(config)


def _data(config: ExperimentConfig) -> Iterator[Fault]:
    for name, dataset in config.datasets.items():
        if dataset.split_paths.train is None:
            yield Fault(
                ("datasets", name, "split_paths"),
                "the corpus has no train split; give split_paths.train "
                "(a corpus without one belongs in a file for 'mtner predict-cross')",
            )
    merging = config.data_transform.merge_sents
    key = ("data_transform", "merge_sents")
    if merging.normalize.use and merging.maximize.use:
        yield Fault(key, "normalize.use and maximize.use are both true; choose one")
    for name in merging.force_merge or ():
        if name not in config.datasets:
            yield Fault((*key, "force_merge"), _unknown_corpus(name, config.datasets))
    if not config.data_transform.change_out_to_shift and len(config.datasets) > 1:
        yield Fault(
            ("data_transform", "change_out_to_shift"),
            f"is false, which is only possible with one corpus; found {len(config.datasets)} "
            "(OUT would deny the mentions that another corpus annotates)",
        )


def _perturbations(config: ExperimentConfig) -> Iterator[Fault]:
    if not config.perturbations.use:
        return
    key = ("perturbations", "probs")
    if not config.perturbations.probs:
        yield Fault(
            key,
            "perturbations.use is true, but no probability is given; give one, or set use to false",
        )
    for source, targets in config.perturbations.probs.items():
        if source not in config.datasets:
            yield Fault((*key, source), _unknown_corpus(source, config.datasets))
        for target in targets:
            if target not in config.datasets:
                yield Fault((*key, source, target), _unknown_corpus(target, config.datasets))
            elif target == source:
                yield Fault((*key, source, target), "a corpus cannot be its own perturbation")
        if sum(targets.values()) > 1 + 1e-9:
            total = f"{sum(targets.values()):g}"
            yield Fault((*key, source), f"the probabilities sum to {total}, which is above 1")


def _model_and_training(config: ExperimentConfig) -> Iterator[Fault]:
    switches = config.ablation.pred_model.parser_state
    if not switches.use_attention and not switches.use_next_word:
        yield Fault(
            ("ablation", "pred_model", "parser_state"),
            "use_attention and use_next_word are both false, so the model would see nothing; "
            "set one of them to true",
        )
    train = config.train
    if train.early_stop and not train.checkpoints.metric_based and has_dev_split(config):
        yield Fault(
            ("train", "early_stop"),
            f"is {train.early_stop}, but checkpoints.metric_based is false, so the best epoch "
            "would be lost; set early_stop to null, or metric_based to true",
        )
    if not train.checkpoints.metric_based and not train.checkpoints.most_recent:
        yield Fault(
            ("train", "checkpoints"),
            "most_recent and metric_based are both false, so nothing would be saved; "
            "set one of them to true",
        )
    if train.num_epochs is not None and train.num_passes is not None:
        yield Fault(
            ("train", "num_passes"),
            f"is {train.num_passes:g}, but num_epochs is {train.num_epochs}; give one of them, and "
            "set the other to null",
        )
    if config.MLFlowLogger.use and config.MLFlowLogger.tracking_uri is None:
        yield Fault(
            ("MLFlowLogger", "tracking_uri"),
            "is null, but MLFlowLogger.use is true; set it to the server's address, such as "
            "http://127.0.0.1:5000, or to a file, such as sqlite:///mlflow.db",
        )


def has_dev_split(config: ExperimentConfig) -> bool:
    """Tell whether epochs can be compared by their development scores."""
    return any(dataset.split_paths.dev for dataset in config.datasets.values())


def _unknown_corpus(name: str, datasets: Mapping[str, DatasetConfig]) -> str:
    hint = did_you_mean(nearest(name, datasets))
    return f"{quoted(name, 80)} is not one of the corpora ({names_text(datasets)}){hint}"


WITHOUT_EFFECT: Mapping[str, str] = {
    "train.loss": "both names mean the one loss",
    "train.num_sanity_val_steps": "the data are always checked first",
    "models.pred_model.control.multiplier_numb_actions_inference": "no sentence is cut short",
}
"""Settings of the original that are accepted and change nothing, and why."""


def settings_without_effect(config: ExperimentConfig) -> Iterator[str]:
    """Yield a note for each such setting that differs from its default, and if no dev is given."""
    defaults = ExperimentConfig.model_construct()
    for key, reason in WITHOUT_EFFECT.items():
        get = attrgetter(key)
        if get(config) != get(defaults):
            yield f"{key} has no effect here: {reason}."
    if not has_dev_split(config):
        yield (
            "No corpus has a dev split (datasets.*.split_paths.dev), so no epoch can be chosen by "
            "its score: the model of the last one is kept and tested, and train.early_stop has no "
            "effect."
        )
