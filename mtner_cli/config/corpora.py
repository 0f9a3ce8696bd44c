"""Corpora to evaluate a model on: a YAML file of names and dataset blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from mtner_cli.config.compose import Recipe, compose
from mtner_cli.config.faults import Fault, KeyPath
from mtner_cli.config.schema import DatasetConfig
from mtner_cli.config.values import Text
from mtner_cli.config.yaml_source import read_yaml

Check = Callable[[Mapping[str, DatasetConfig]], Iterable[Fault]]
Corpora = Annotated[dict[Text, DatasetConfig], Field(min_length=1)]


def load_corpora(path: Path, *, check_files: Check | None = None) -> dict[str, DatasetConfig]:
    """The corpora of a file such as ``mtner predict-cross --corpora`` takes, in its order.

    Args:
        path: the file: corpus names, and under each what stands under ``datasets`` in an
            experiment; ``split_paths.test`` is what a model is evaluated on.
        check_files: finds files that are missing or do not fit the settings, such as
            :func:`mtner_cli.core.corpus.checks.find_corpus_faults`; None looks at no file.

    Raises:
        ConfigError: with every fault: place, key, what was expected and what was found.
    """
    checks = (_without_test, check_files) if check_files else (_without_test,)
    recipe: Recipe[dict[str, DatasetConfig]] = Recipe(Corpora, {}, checks, _stand_in)
    return compose(recipe, read_yaml(path), str(path))


def _without_test(corpora: Mapping[str, DatasetConfig]) -> Iterator[Fault]:
    for name, dataset in corpora.items():
        if dataset.split_paths.test is None:
            yield Fault(
                (name, "split_paths"), "no test split to evaluate on; give split_paths.test"
            )


def _stand_in(values: dict[str, Any], key: KeyPath) -> None:
    """Something valid for a mandatory setting, so that checking can go on."""
    match key:
        case (name,):
            values[name] = {"mode": "simple", "split_paths": {}}
        case (name, "mode"):
            values[name]["mode"] = "simple"
        case (name, "split_paths"):
            values[name]["split_paths"] = {}
