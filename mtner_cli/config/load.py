"""Load the settings of an experiment or of corpora, and write those of a run as YAML."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from mtner_cli.config.compose import Recipe, compose
from mtner_cli.config.contradictions import find_contradictions
from mtner_cli.config.faults import Fault, KeyPath, exists, is_folder, why_absent
from mtner_cli.config.references import escape_references
from mtner_cli.config.schema import DatasetConfig, ExperimentConfig
from mtner_cli.config.values import Text
from mtner_cli.config.yaml_source import YamlSource, read_yaml, write_yaml
from mtner_cli.errors import ConfigError

RESOLVED_NAME = "resolved_cfg.yaml"
"""The file in a run's folder that holds its complete settings."""
EXPERIMENTS = Path("configs/experiment")
"""Where the project keeps its experiment files."""
_PACKAGED = Path(__file__).parents[1]
"""The package, which holds the project's folder ``configs``."""


def shipped(path: Path) -> Path:
    """Return the packaged file or folder for a path below ``configs`` that is not here.

    So the commands of the documentation work in any folder.
    """
    packaged = _PACKAGED / path
    is_below = path.parts[:1] == ("configs",) and ".." not in path.parts
    return packaged if is_below and not exists(path) and exists(packaged) else path


Check = Callable[[ExperimentConfig], Iterable[Fault]]


def load_experiment(
    path: Path,
    overrides: Sequence[str] = (),
    *,
    now: datetime | None = None,
    check_files: Check | None = None,
) -> ExperimentConfig:
    """Load an experiment: the defaults, replaced by the file's settings, then by overrides.

    Args:
        path: the experiment file.
        overrides: ``key.sub=value`` texts, the value in YAML.
        now: the time for ``${now:...}``, as in the run's name; the current time if None.
        check_files: finds files that are missing or do not fit the settings, such as
            :func:`mtner_cli.core.corpus.checks.find_file_faults`; None checks no file.

    Raises:
        ConfigError: with every fault: place, key, what was expected and what was found.
    """
    path = shipped(path)
    if not exists(path) and why_absent(path) is None:
        raise ConfigError([_no_such_experiment(path)])
    return _load(read_yaml(path), str(path), overrides, now=now, check_files=check_files)


def config_from_mapping(
    values: Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    now: datetime | None = None,
    check_files: Check | None = None,
) -> ExperimentConfig:
    """Build a configuration from a mapping, as :func:`load_experiment` does from a file.

    Raises:
        ConfigError: with every fault.
    """
    source = YamlSource(dict(values))
    return _load(source, "the configuration", overrides, now=now, check_files=check_files)


def load_resolved(path: Path) -> ExperimentConfig:
    """Load the settings of a run; its corpora may be missing by now.

    Args:
        path: the run's folder or its ``resolved_cfg.yaml``.

    Raises:
        ConfigError: if it is missing or holds no settings.
    """
    file = path / RESOLVED_NAME if is_folder(path) else path
    if not exists(file) and why_absent(file) is None:
        raise ConfigError(
            [f"{file}: there is no such file; expected a run's folder or its {RESOLVED_NAME}"]
        )
    return compose(_recipe(), read_yaml(file), str(file))


def dump_resolved(config: ExperimentConfig) -> str:
    """Return the complete settings as YAML that :func:`load_resolved` reads back unchanged."""
    return write_yaml(escape_references(config.model_dump()))


def default_settings() -> dict[str, Any]:
    """Return the default of every setting that has one, with references unresolved."""
    return ExperimentConfig.model_construct().model_dump(warnings=False)


def _load(
    source: YamlSource,
    name: str,
    overrides: Sequence[str],
    *,
    now: datetime | None,
    check_files: Check | None,
) -> ExperimentConfig:
    checks = (find_contradictions, check_files) if check_files else (find_contradictions,)
    return compose(_recipe(*checks), source, name, overrides, now)


def _recipe(*checks: Check) -> Recipe[ExperimentConfig]:
    return Recipe(ExperimentConfig, default_settings(), checks, _stand_in)


def _stand_in(values: dict[str, Any], key: KeyPath) -> None:
    """Put a valid value for a mandatory setting, so that the checks can run."""
    match key:
        case ("seed",):
            values["seed"] = 0
        case ("task_name",):
            values["task_name"] = "unnamed"
        case ("datasets", name) if name:
            values["datasets"][name] = {"mode": "simple", "split_paths": {}}
        case ("datasets", name, "mode"):
            values["datasets"][name]["mode"] = "simple"
        case ("datasets", name, "split_paths"):
            values["datasets"][name]["split_paths"] = {}


def _no_such_experiment(path: Path) -> str:
    """Say that the file is missing; if a name is given as in the original, suggest its file."""
    named = Path(str(path).removeprefix("experiment="))
    for candidate in (EXPERIMENTS / named, path):
        file = candidate.with_name(f"{candidate.name}.yaml")
        if exists(shipped(file)):
            return f"{path}: there is no such file; did you mean {file}?"
    return f"{path}: there is no such file; 'mtner experiments' lists those that come with mtner"


CorporaCheck = Callable[[Mapping[str, DatasetConfig]], Iterable[Fault]]
Corpora = Annotated[dict[Text, DatasetConfig], Field(min_length=1)]


def load_corpora(
    path: Path, *, check_files: CorporaCheck | None = None
) -> dict[str, DatasetConfig]:
    """Load corpora from a file for ``mtner predict-cross --corpora``, in file order.

    Args:
        path: the file: corpus names, and under each name the same keys as under ``datasets`` in
            an experiment; a model is evaluated on ``split_paths.test``.
        check_files: finds files that are missing or do not fit the settings, such as
            :func:`mtner_cli.core.corpus.checks.find_corpus_faults`; None checks no file.

    Raises:
        ConfigError: with every fault: place, key, what was expected and what was found.
    """
    checks = (_without_test, check_files) if check_files else (_without_test,)
    recipe: Recipe[dict[str, DatasetConfig]] = Recipe(Corpora, {}, checks, _corpora_stand_in)
    path = shipped(path)
    return compose(recipe, read_yaml(path), str(path))


def _without_test(corpora: Mapping[str, DatasetConfig]) -> Iterator[Fault]:
    for name, dataset in corpora.items():
        if dataset.split_paths.test is None:
            yield Fault(
                (name, "split_paths"), "no test split to evaluate on; give split_paths.test"
            )


def _corpora_stand_in(values: dict[str, Any], key: KeyPath) -> None:
    """Put a valid value for a mandatory setting, so that the checks can run."""
    match key:
        case (name,):
            values[name] = {"mode": "simple", "split_paths": {}}
        case (name, "mode"):
            values[name]["mode"] = "simple"
        case (name, "split_paths"):
            values[name]["split_paths"] = {}
