"""List the experiment files of a folder, their corpora, and which of their data files exist."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mtner_cli.config.load import load_experiment
from mtner_cli.config.schema import DatasetConfig, ExperimentConfig
from mtner_cli.config.yaml_source import read_yaml
from mtner_cli.core.corpus.checks import commands_for
from mtner_cli.errors import ConfigError
from mtner_cli.paths import is_file, is_folder


@dataclass(frozen=True)
class ListedCorpus:
    """A corpus of an experiment.

    Attributes:
        name: its name in the experiment.
        types: the entity types that the model learns, if the experiment names them.
    """

    name: str
    types: tuple[str, ...]


@dataclass(frozen=True)
class DataFile:
    """A file that an experiment reads.

    Attributes:
        path: its path in the experiment.
        present: whether it exists.
        commands: the commands that make it, one after the other.
    """

    path: Path
    present: bool
    commands: tuple[str, ...]


@dataclass(frozen=True)
class Experiment:
    """An experiment file.

    Attributes:
        path: the file.
        corpora: its corpora, in the file's order.
        files: its data files, in the file's order.
        faults: why it cannot be used; empty if it can.
    """

    path: Path
    corpora: tuple[ListedCorpus, ...] = ()
    files: tuple[DataFile, ...] = ()
    faults: tuple[str, ...] = ()


def list_experiments(folder: Path) -> list[Experiment]:
    """List every experiment in a folder and its subfolders, sorted by path.

    YAML files with neither ``task_name`` nor ``datasets`` are skipped.

    Raises:
        ConfigError: if the folder does not exist or holds no experiment.
    """
    if not is_folder(folder):
        raise ConfigError(
            [f"{folder}: there is no such folder; name the one that holds the experiment files"]
        )
    found = [_listed(path) for path in sorted(folder.rglob("*.yaml")) if is_file(path)]
    experiments = [experiment for experiment in found if experiment is not None]
    if not experiments:
        raise ConfigError([f"{folder}: no experiment files (*.yaml with task_name and datasets)"])
    return experiments


def _listed(path: Path) -> Experiment | None:
    try:
        if not {"task_name", "datasets"} & read_yaml(path).values.keys():
            return None
        config = load_experiment(path)
    except ConfigError as error:
        return Experiment(path, faults=error.faults)
    return Experiment(path, _corpora(config), _files(config))


def _corpora(config: ExperimentConfig) -> tuple[ListedCorpus, ...]:
    return tuple(
        ListedCorpus(name, _types(dataset) if config.data_transform.change_tags else ())
        for name, dataset in config.datasets.items()
    )


def _types(dataset: DatasetConfig) -> tuple[str, ...]:
    kept = (new for new in (dataset.tag_dict or {}).values() if new is not None)
    return tuple(dict.fromkeys(kept))


def _files(config: ExperimentConfig) -> tuple[DataFile, ...]:
    return tuple(
        DataFile(path, is_file(path), tuple(commands_for(path)))
        for dataset in config.datasets.values()
        for path in dataset.split_paths.present().values()
    )
