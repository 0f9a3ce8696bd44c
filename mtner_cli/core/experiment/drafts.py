"""Write experiment files: a new one for given corpora, or a copy of one that comes with mtner."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mtner_cli.config.references import escape_references
from mtner_cli.config.schema import DEFAULT_EPOCHS, EmbedModelConfig, TrainConfig
from mtner_cli.config.yaml_source import write_yaml
from mtner_cli.core.convert.detection import find_format
from mtner_cli.core.corpus.action_files import action_encoding_of
from mtner_cli.core.experiment.listing import list_experiments
from mtner_cli.core.files.atomic import atomic_text_file
from mtner_cli.errors import ConfigError, did_you_mean, names_text, nearest, shown
from mtner_cli.paths import exists, is_file, named_path, shipped, why_absent

_SPLITS = ("train", "dev", "test")
_LAPTOP_PASSES = 10
_TEXT = """\
# Check this experiment: mtner train {path} --dry-run
# Train it, then test it: mtner train {path}
# All other settings and their defaults: mtner config --defaults

seed: 42  # of all random choices; compare models over several seeds
{task_name}
# One model learns from all corpora and predicts the types of all of them. To rename a type or to
# leave one out, write below the mode of a corpus: tag_dict: {{Drug: Chemical, Gene: null}}
{datasets}
{rest}"""
_LAPTOP = """\
models:
  embed_model:
    pretrained_name: builtin:minilm  # small; it comes with mtner and needs no network

train:
  num_epochs: {epochs}  # at most{of_passes}
  batch_size: {defaults.batch_size}  # sentences; fewer need less memory
"""
_GPU = """\
models:
  embed_model:
    pretrained_name: {encoder}  # a Hugging Face name or a folder

train:
  num_epochs: {epochs}  # at most{of_passes}
  early_stop: {defaults.early_stop}  # epochs without a better score on dev; null: never
  batch_size: {defaults.batch_size}  # sentences; fewer need less memory
"""


def write_draft(path: Path, corpora: Iterable[Sequence[str]], for_gpu: bool) -> None:
    """Write a new experiment with comments, which trains on action files.

    Args:
        path: the file to write; its name is the name of the experiment.
        corpora: for each corpus the training, development and test file; the last two may be left
            out. ``NAME=FILE`` names the corpus; else its folder does.
        for_gpu: whether it is for a GPU, with a large encoder, or for a laptop.

    Raises:
        ConfigError: if ``path`` exists, if a file is not an action file, or if two corpora have the
            same name.
    """
    _refuse_existing(path)
    datasets: dict[str, Any] = {}
    faults: list[str] = []
    for files in corpora:
        name, train = named_path(files[0])
        name = name or train.parent.name or path.stem
        if name in datasets:
            cure = f"name one of them: --corpus NAME={train}"
            faults.append(f"two corpora have the name {shown(name)}; {cure}")
        datasets[name] = _dataset(name, [train, *map(Path, files[1:])], faults)
    if faults:
        raise ConfigError(faults)
    rest = (_GPU if for_gpu else _LAPTOP).format(
        encoder=EmbedModelConfig().pretrained_name,
        epochs=DEFAULT_EPOCHS if for_gpu else _LAPTOP_PASSES * len(datasets),
        of_passes=f"; {len(datasets)} of them read each sentence once" if len(datasets) > 1 else "",
        defaults=TrainConfig(),
    )
    with atomic_text_file(path) as file:
        file.write(
            _TEXT.format(
                path=shlex.quote(shown(str(path))),
                task_name=write_yaml(escape_references({"task_name": path.stem})),
                datasets=write_yaml(escape_references({"datasets": datasets})),
                rest=rest,
            )
        )


def _dataset(name: str, files: Sequence[Path], faults: list[str]) -> dict[str, Any]:
    """Return the settings of a corpus; add what is wrong with its files to ``faults``."""
    if len(files) > len(_SPLITS):
        more = names_text(map(str, files[len(_SPLITS) :]))
        faults.append(
            f"{shown(name)}: expected a training, development and test file; found {more}"
        )
    encodings = {file: action_encoding_of(file) for file in files}
    faults += [_no_action_file(file) for file, found in encodings.items() if found is None]
    found = sorted({encoding for encoding in encodings.values() if encoding})
    if len(found) > 1:
        cure = "convert all with the same --action-encoding"
        faults.append(f"{shown(name)}: its files are {' and '.join(found)}; {cure}")
    splits = dict(zip(_SPLITS, map(str, files), strict=False))
    return {"mode": encodings[files[0]], "split_paths": splits}


def _no_action_file(path: Path) -> str:
    if not is_file(path):
        reason = why_absent(path) or (
            "it is not a file" if exists(path) else "there is no such file"
        )
        return f"{path}: {reason}; give an action file"
    source_format = find_format(path)
    command = f"mtner convert {source_format or 'FORMAT'} {shlex.quote(str(path))} --out FILE"
    more = "" if source_format else " ('mtner convert --list' names the formats)"
    return f"{path} is not an action file; convert it first: {command}{more}"


def copy_experiment(name: str, folder: Path) -> Path:
    """Copy an experiment of a folder into the current folder; return the new file.

    Args:
        name: as :func:`list_experiments` shows it, its last part alone, or the path of its file.
        folder: the folder of experiments.

    Raises:
        ConfigError: if there is no such experiment, or the new file exists.
    """
    found = shipped(folder)
    files = {
        experiment.path.relative_to(found).with_suffix("").as_posix(): experiment.path
        for experiment in list_experiments(found)
    }
    asked = name.removesuffix(".yaml").removeprefix(f"{folder}/")
    matching = [asked] if asked in files else [one for one in files if one.endswith(f"/{asked}")]
    if not matching:
        near = nearest(asked, [*files, *(Path(one).name for one in files)])
        hint = did_you_mean(near) or "; 'mtner experiments' lists all"
        raise ConfigError([f"{folder} has no experiment {shown(name)}{hint}"])
    if len(matching) > 1:
        raise ConfigError([f"{shown(name)} may be {' or '.join(matching)}; give one of them"])
    source = files[matching[0]]
    target = Path(source.name)
    _refuse_existing(target, "move it first")
    with atomic_text_file(target) as file:
        file.write(source.read_text(encoding="utf-8"))
    return target


def _refuse_existing(path: Path, advice: str = "give another name") -> None:
    if exists(path):
        raise ConfigError([f"{path} exists already, and is not replaced; {advice}"])
