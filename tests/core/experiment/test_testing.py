"""A run is tested with the encoder, tokenizer and settings that it was trained with, or not."""

from __future__ import annotations

import json
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mtner_cli.config.load import config_from_mapping
from mtner_cli.core.experiment.resume import claimed_run
from mtner_cli.core.experiment.testing import load_run
from mtner_cli.core.experiment.training import prepare_training, start_training
from mtner_cli.core.train.checkpoint import load_checkpoint, save_checkpoint
from mtner_cli.errors import CheckpointError, EncoderError, MtnerError
from tests.core.experiment.conftest import write_corpora

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    settings = {
        "seed": 3,
        "task_name": "tiny",
        "output_dir": str(folder / "run"),
        "datasets": write_corpora(folder),
        "models": {"embed_model": {"pretrained_name": str(tiny_encoder)}},
        "train": {"num_epochs": 1},
    }
    with claimed_run(config_from_mapping(settings), None) as (config, _):
        list(start_training(prepare_training(config), CPU))
    return config.output_dir


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of a run, to be spoilt."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


def change(path: Path, edit: Callable[[dict], None]) -> None:  # type: ignore[type-arg]
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def test_a_copied_run_loads(run: Path) -> None:
    assert load_run(run, None, CPU).tokenizer.pad_id == 0


def test_a_run_without_its_tokenizer_is_refused(run: Path) -> None:
    (run / "encoder" / "tokenizer.json").unlink()
    with pytest.raises(EncoderError, match="tokenizer"):
        load_run(run, None, CPU)


def test_a_run_without_its_encoder_folder_is_refused(run: Path) -> None:
    shutil.rmtree(run / "encoder")
    with pytest.raises(CheckpointError, match="the run's encoder folder is missing"):
        load_run(run, None, CPU)


def test_another_tokenizer_of_the_same_size_is_refused(run: Path) -> None:
    def swap(tokenizer: dict) -> None:  # type: ignore[type-arg]
        vocabulary = tokenizer["model"]["vocab"]
        vocabulary["a"], vocabulary["e"] = vocabulary["e"], vocabulary["a"]

    change(run / "encoder" / "tokenizer.json", swap)
    with pytest.raises(CheckpointError, match=r"tokenizer splits text differently.*Copy the run's"):
        load_run(run, None, CPU)


def test_other_settings_of_the_encoder_are_refused(run: Path) -> None:
    change(run / "encoder" / "config.json", lambda config: config.update(hidden_act="relu"))
    with pytest.raises(CheckpointError, match="the encoder's hidden_act is 'relu' and was 'gelu'"):
        load_run(run, None, CPU)


class Stored(torch.nn.Module):
    """Weights to be saved again."""

    def __init__(self, weights: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self._weights = weights

    def state_dict(self, *_: object, **__: object) -> dict[str, torch.Tensor]:
        return self._weights


@contextmanager
def a_gigabyte_more() -> Iterator[None]:
    """Let this process take no more memory than that."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + (1 << 30)
    resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


OTHER_SIZES: list[dict[str, object]] = [
    {"hidden_size": 65_536, "intermediate_size": 1_000_000, "num_hidden_layers": 1000},
    {"vocab_size": 10_000_000, "hidden_size": 65_536},
    {"num_hidden_layers": 3},
]


@pytest.mark.parametrize("settings", [*OTHER_SIZES, {"model_type": "roberta"}], ids=str)
def test_another_encoder_is_refused(run: Path, settings: dict[str, object]) -> None:
    change(run / "encoder" / "config.json", lambda config: config.update(settings))
    with pytest.raises(CheckpointError, match="does not belong to this checkpoint"):
        load_run(run, None, CPU)


@pytest.mark.parametrize("settings", OTHER_SIZES, ids=str)
def test_an_encoder_of_another_size_is_refused_before_memory_is_taken(
    run: Path, settings: dict[str, object]
) -> None:
    change(run / "encoder" / "config.json", lambda config: config.update(settings))
    # A checkpoint of an earlier version knows no settings, so the shapes of its weights must tell.
    for path in (run / "checkpoints").iterdir():
        saved = load_checkpoint(path)
        older = replace(saved.description, encoder={})
        save_checkpoint(path, older, saved.progress, Stored(saved.model))
    with a_gigabyte_more(), pytest.raises(CheckpointError, match="its weights do not fit"):
        load_run(run, None, CPU)


def test_settings_of_another_model_are_refused(run: Path) -> None:
    path = run / "resolved_cfg.yaml"
    text = path.read_text()
    assert "action_space_dim: 2" in text
    path.write_text(text.replace("action_space_dim: 2", "action_space_dim: 3"))
    with pytest.raises(CheckpointError, match="its weights do not fit"):
        load_run(run, None, CPU)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
@pytest.mark.parametrize("content", ["", "{}", "[]", "null", "\udcff"])
def test_a_damaged_encoder_folder_is_one_error(run: Path, name: str, content: str) -> None:
    (run / "encoder" / name).write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(MtnerError):
        load_run(run, None, CPU)
