"""Load the settings of an experiment or of corpora, and write those of a run as YAML.

Settings are composed from the defaults, a file and overrides; then their references are resolved,
and they are checked. All faults are found at once, each with its place.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from mtner_cli.config.contradictions import find_contradictions
from mtner_cli.config.defaults import default_settings
from mtner_cli.config.explain import example_text, explain, foreign_file, is_foreign, with_example
from mtner_cli.config.references import Resolved, escape_references, resolve_references
from mtner_cli.config.schema import DatasetConfig, ExperimentConfig, SplitPaths
from mtner_cli.config.values import SECRET, Text
from mtner_cli.config.yaml_source import (
    LONGEST_KEY,
    Fault,
    KeyPath,
    YamlSource,
    concerned_by,
    is_whole,
    key_of_text,
    keys_within,
    parse_value,
    read_yaml,
    write_yaml,
)
from mtner_cli.errors import ConfigError, did_you_mean, nearest, quoted
from mtner_cli.paths import exists, is_folder, shipped, why_absent

RESOLVED_NAME = "resolved_cfg.yaml"
"""The file in a run's folder that holds its complete settings."""
EXPERIMENTS = Path("configs/experiment")
"""Where the project keeps its experiment files."""
_KEY_AND_VALUE = re.compile(r"(?P<key>(?:\\.|[^\\=])+)=(?P<value>.*)", re.DOTALL)
_LONGEST_SHOWN = 100
_MOST_REPAIRED = 200

Check = Callable[[ExperimentConfig], Iterable[Fault]]
CorporaCheck = Callable[[Mapping[str, DatasetConfig]], Iterable[Fault]]
Corpora = Annotated[dict[Text, DatasetConfig], Field(min_length=1)]


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
    if exists(path / RESOLVED_NAME):
        command = shlex.join(["mtner", "train", "--resume", str(path)])
        raise ConfigError([f"{path}: is a run's folder; resume it: {command}"])
    return compose(
        read_yaml(path),
        ExperimentConfig,
        defaults=default_settings(),
        overrides=overrides,
        checks=[check for check in (find_contradictions, check_files) if check],
        now=now,
    )


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
    return compose(read_yaml(file), ExperimentConfig, defaults=default_settings())


def dump_resolved(config: ExperimentConfig) -> str:
    """Return the complete settings as YAML that :func:`load_resolved` reads back unchanged."""
    return write_yaml(escape_references(config.model_dump()))


def _no_such_experiment(path: Path) -> str:
    """Say that the file is missing; if a name is given as in the original, suggest its file."""
    named = Path(str(path).removeprefix("experiment="))
    for candidate in (EXPERIMENTS / named, path):
        file = candidate.with_name(f"{candidate.name}.yaml")
        if exists(shipped(file)):
            return f"{path}: there is no such file{did_you_mean(str(file))}"
    root = shipped(Path("configs"))
    known = [str("configs" / file.relative_to(root)) for file in sorted(root.rglob("*.yaml"))]
    same_name = next((file for file in known if Path(file).name == path.name), None)
    hint = did_you_mean(same_name or nearest(str(path), known, cutoff=0.8))
    written = "'mtner new' writes one for your corpora"
    listed = "; 'mtner experiments' lists those that come with mtner, "
    return f"{path}: there is no such file{hint or listed + written}"


def load_corpora(
    path: Path, *, check_files: CorporaCheck | None = None
) -> dict[str, DatasetConfig]:
    """Load corpora from a file for ``mtner predict-cross --corpora``, in file order.

    Args:
        path: the file: corpus names, and under each name the same keys as under ``datasets`` in
            an experiment; a model is evaluated on ``split_paths.test``. Of an experiment file,
            ``datasets`` is read.
        check_files: finds files that are missing or do not fit the settings, such as
            :func:`mtner_cli.core.corpus.checks.find_corpus_faults`; None checks no file.

    Raises:
        ConfigError: with every fault: place, key, what was expected and what was found.
    """
    checks = [check for check in (_without_test, check_files) if check]
    source = read_yaml(shipped(path))
    if not is_experiment(source.values):
        return compose(source, Corpora, checks=checks)
    within = [_of_experiment(check) for check in checks]
    config = compose(source, ExperimentConfig, defaults=default_settings(), checks=within)
    return _tests_of(config)


def is_experiment(values: Mapping[str, Any]) -> bool:
    """Tell whether the settings of a file are those of an experiment, complete or not."""
    datasets = values.get("datasets")  # or a corpus of that name in a file of corpora
    return "task_name" in values or (isinstance(datasets, dict) and "split_paths" not in datasets)


def _tests_of(config: ExperimentConfig) -> dict[str, DatasetConfig]:
    """Return the corpora of an experiment with their test splits only."""
    return {
        name: dataset.model_copy(update={"split_paths": SplitPaths(test=dataset.split_paths.test)})
        for name, dataset in config.datasets.items()
    }


def _of_experiment(check: CorporaCheck) -> Check:
    """Return the check of an experiment that checks the test splits of its corpora."""
    return lambda config: (
        Fault(("datasets", *fault.key), fault.message) for fault in check(_tests_of(config))
    )


def _without_test(corpora: Mapping[str, DatasetConfig]) -> Iterator[Fault]:
    for name, dataset in corpora.items():
        if dataset.split_paths.test is None:
            yield Fault(
                (name, "split_paths"), "no test split to evaluate on; give split_paths.test"
            )


def compose(
    source: YamlSource,
    schema: Any,
    *,
    defaults: Mapping[str, Any] | None = None,
    overrides: Sequence[str] = (),
    checks: Sequence[Callable[[Any], Iterable[Fault]]] = (),
    now: datetime | None = None,
) -> Any:
    """Merge defaults, source and overrides, then resolve references and check the settings.

    Args:
        source: the settings of the file; the places of the overrides are added to its places.
        schema: the type of the settings: a section, or a dict of sections or texts.
        defaults: the values of settings that are not given; texts may hold references.
        overrides: ``key.sub=value`` texts.
        checks: functions for rules that the schema cannot express; each yields its faults.
        now: the time for ``${now:...}``; the current time if None.

    Raises:
        ConfigError: with every fault.
    """
    if is_foreign(source.values, schema):
        raise ConfigError([foreign_file(source.name, example_text(schema))])
    values = merged(defaults or {}, source.values)
    for key, value, name in parse_overrides(overrides):
        values = overridden(values, key, value, name)
        source.places |= dict.fromkeys([key, *keys_within(value, key)], name)
    resolved = resolve_references(values, now or datetime.now())
    settings, refused = _validated(resolved.values, schema)
    faults, unsure = _causes(refused, resolved, source.unreadable)
    checked = _repaired(resolved.values, unsure, schema) if settings is None else settings
    if checked is not None:
        follows = concerned_by(unsure)
        faults += [fault for check in checks for fault in check(checked) if not follows(fault.key)]
    if source.faults or faults:
        raise ConfigError([source.describe(fault) for fault in (*source.faults, *faults)])
    return settings


def overridden(values: dict[str, Any], key: KeyPath, value: Any, name: str) -> dict[str, Any]:
    """Return the settings with one override; ``datasets.NAME=null`` leaves a corpus out.

    Raises:
        ConfigError: if the override has no effect, since it says nothing or names no corpus.
    """
    is_corpus = len(key) == 2 and key[0] == "datasets" and isinstance(values.get("datasets"), dict)
    if is_corpus and value is None:
        datasets = values["datasets"]
        if key[1] not in datasets:
            hint = did_you_mean(nearest(key[1], datasets))
            raise ConfigError([f"{name}: there is no corpus {quoted(key[1], 80)}{hint}"])
        kept = {corpus: section for corpus, section in datasets.items() if corpus != key[1]}
        return {**values, "datasets": kept}
    result = merged(values, nested(key, value))
    if isinstance(value, dict) and result == values:
        cure = "; write datasets.NAME=null to leave out a corpus" if key[0] == "datasets" else ""
        raise ConfigError([f"{name}: has no effect, since it adds nothing to the section{cure}"])
    return result


def _validated(values: dict[str, Any], schema: Any) -> tuple[Any, list[Fault]]:
    """Return the settings, or None and what the schema refuses."""
    try:
        return TypeAdapter(schema).validate_python(values), []
    except ValidationError as error:
        return None, explain(error, schema)


def _causes(
    refused: Sequence[Fault], resolved: Resolved, unreadable: set[KeyPath]
) -> tuple[list[Fault], set[KeyPath]]:
    """Return the faults that do not follow from others, and the keys without a valid value."""
    unsure = unreadable | resolved.unresolved
    follows = concerned_by(unsure)
    refused = [fault for fault in refused if not follows(fault.key)]
    keys = {fault.key for fault in refused}
    is_cause = concerned_by(unreadable | keys)
    faults = [
        fault
        for fault in (*resolved.faults, *refused)
        if not any(map(is_cause, resolved.targets[fault.key]))
    ]
    return faults, unsure | keys


def _repaired(values: dict[str, Any], unsure: set[KeyPath], schema: Any) -> Any:
    """Return settings with examples in place of faults, so that the rules can be checked.

    Return None if there are too many to do this fast, or if it does not make the settings valid.
    """
    if len(unsure) > _MOST_REPAIRED:
        return None
    for key in unsure:
        values = with_example(values, key, schema)
    return _validated(values, schema)[0]


def parse_overrides(texts: Sequence[str]) -> list[tuple[KeyPath, Any, str]]:
    r"""Return each override's key, value and name in messages, in the order given.

    The value is YAML. A dot or equals sign inside a name is written ``\.`` or ``\=``.

    Raises:
        ConfigError: naming every text that is not an override.
    """
    overrides: list[tuple[KeyPath, Any, str]] = []
    faults: list[str] = []
    for text in texts:
        name = f"override {_shown(text)}"
        match = _KEY_AND_VALUE.fullmatch(text)
        key = key_of_text(match["key"].strip()) if match else ()
        if not is_whole(text):
            faults.append(f"{name}: holds bytes that are not UTF-8; write it in UTF-8")
        elif match is None or "" in key:
            faults.append(f"{name}: expected key.sub=value, such as train.batch_size=8")
        elif max(map(len, key)) > LONGEST_KEY:
            faults.append(f"{name}: a key may have at most {LONGEST_KEY:,} characters")
        else:
            try:
                overrides.append((key, parse_value(match["value"], name), name))
            except ConfigError as error:
                faults.extend(error.faults)
    if faults:
        raise ConfigError(faults)
    return overrides


def _shown(text: str) -> str:
    """Return the name of an override in messages, without a value that may hold a password."""
    if "@" in text or SECRET.search(text):
        key = text.partition("=")[0]
        return quoted("..." if "@" in key else f"{key}=...", _LONGEST_SHOWN)
    return quoted(text, _LONGEST_SHOWN)


def merged(below: Any, above: Any) -> Any:
    """Merge sections key by key, where ``above`` wins; for other values return ``above``."""
    if not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return above
    return {
        **below,
        **{name: merged(below.get(name), value) for name, value in above.items()},
    }


def nested(key: KeyPath, value: Any) -> Any:
    """Return the sections that hold ``value`` at ``key``: ``{"a": {"b": value}}``."""
    for name in reversed(key):
        value = {name: value}
    return value
