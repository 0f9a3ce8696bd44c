"""Where a training starts: never in another run's folder, never with other data."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mtner_cli.config.load import dump_resolved, load_resolved
from mtner_cli.config.schema import ExperimentConfig
from mtner_cli.core.experiment.resume import claimed_run, resume_command, settings_of_run
from mtner_cli.core.experiment.training import prepare_training, start_training
from mtner_cli.core.train.checkpoint import TrainingProgress, load_checkpoint, save_checkpoint
from mtner_cli.core.train.run_folder import RunFolder
from mtner_cli.errors import CheckpointError, ConfigError
from tests.settings import config_from_mapping


@pytest.fixture
def named(settings: dict[str, Any], tmp_path: Path) -> ExperimentConfig:
    """An experiment whose folder ends in its run's name, as the default does."""
    return config_from_mapping(
        settings, ["run_name=noon", f"output_dir={tmp_path}/logs/${{run_name}}"]
    )


def stopped(config: ExperimentConfig) -> RunFolder:
    """A run with a checkpoint of its data, and no weights worth anything."""
    folder = RunFolder(config.output_dir)
    with claimed_run(config, None) as (own, _):
        folder.start(dump_resolved(own), is_new=True)
        layer = torch.nn.Linear(1, 1)
        save_checkpoint(
            folder.checkpoints / "last.safetensors",
            prepare_training(own).description,
            TrainingProgress(step=1),
            layer,
            {"step.weight": torch.ones(())},
        )
    return folder


def faults_of_resuming(config: ExperimentConfig, folder: RunFolder) -> list[str]:
    with (
        pytest.raises(ConfigError) as raised,
        claimed_run(config, folder.path) as (own, checkpoint),
    ):
        prepare_training(own, checkpoint)
    return list(raised.value.faults)


def test_a_name_that_is_taken_gets_a_number(named: ExperimentConfig, tmp_path: Path) -> None:
    with (
        claimed_run(named, None) as (first, _),
        claimed_run(named, None) as (second, _),
        claimed_run(named, None) as (third, _),
    ):
        names = [config.run_name for config in (first, second, third)]
        folders = [config.output_dir for config in (first, second, third)]
        assert [config.MLFlowLogger.run_name for config in (first, second)] == ["noon", "noon-2"]
    assert names == ["noon", "noon-2", "noon-3"]
    assert folders == [tmp_path / "logs" / name for name in names]


def test_a_run_that_has_ended_keeps_its_folder(named: ExperimentConfig) -> None:
    stopped(named)
    with claimed_run(named, None) as (config, checkpoint):
        assert config.run_name == "noon-2"
        assert checkpoint is None


def test_a_folder_of_a_fixed_name_is_held_by_one(config: ExperimentConfig) -> None:
    with (
        claimed_run(config, None),
        pytest.raises(ConfigError, match="already holds a run"),
        claimed_run(config, None),
    ):
        pass


def test_a_run_is_resumed_by_one(config: ExperimentConfig) -> None:
    folder = stopped(config)
    with (
        claimed_run(config, folder.path) as (_, checkpoint),
        pytest.raises(CheckpointError, match="another process trains in this folder"),
        claimed_run(config, folder.path),
    ):
        pass
    assert checkpoint is not None
    assert checkpoint.progress.step == 1


@pytest.mark.parametrize("resumed", [False, True])
def test_a_folder_without_a_checkpoint_begins_anew(config: ExperimentConfig, resumed: bool) -> None:
    folder = stopped(config)
    (folder.checkpoints / "last.safetensors").unlink()
    folder.log.write_text("of before\n")
    with claimed_run(config, folder.path if resumed else None) as (own, checkpoint):
        assert checkpoint is None
        assert own.output_dir == folder.path


@pytest.mark.parametrize("epochs", [1, 2])
def test_only_the_best_of_the_first_epoch_is_nothing_to_keep(
    config: ExperimentConfig, epochs: int
) -> None:
    folder = stopped(config)
    description = load_checkpoint(folder.checkpoint("last")).description
    (folder.checkpoints / "last.safetensors").unlink()
    progress = TrainingProgress(epoch=epochs, step=2 * epochs)
    best = folder.checkpoints / "best.safetensors"
    save_checkpoint(best, description, progress, torch.nn.Linear(1, 1))
    if epochs == 1:
        with claimed_run(config, folder.path) as (_, checkpoint):
            assert checkpoint is None
    else:
        with (
            pytest.raises(CheckpointError, match="no checkpoint 'last'"),
            claimed_run(config, folder.path),
        ):
            pass


def test_a_best_of_the_first_epoch_is_kept_where_it_is_all_that_is_saved(
    settings: dict[str, Any],
) -> None:
    config = config_from_mapping(settings, ["train.checkpoints.most_recent=false"])
    folder = stopped(config)
    (folder.checkpoints / "last.safetensors").rename(folder.checkpoints / "best.safetensors")
    with (
        pytest.raises(CheckpointError, match="no checkpoint 'last'"),
        claimed_run(config, folder.path),
    ):
        pass


@pytest.mark.parametrize(
    ("rank", "size", "holds"), [("1", None, True), ("1", "1", True), ("1", "2", False)]
)
def test_only_the_first_of_several_processes_holds_the_folder(
    config: ExperimentConfig,
    monkeypatch: pytest.MonkeyPatch,
    rank: str,
    size: str | None,
    holds: bool,
) -> None:
    monkeypatch.setenv("RANK", rank)
    if size is not None:
        monkeypatch.setenv("WORLD_SIZE", size)
    with claimed_run(config, None):
        assert (config.output_dir / "log.jsonl").exists() == holds


def test_a_run_is_resumed_with_its_own_settings(settings: dict[str, Any], tmp_path: Path) -> None:
    config = config_from_mapping(settings, ["seed=7", "train.batch_size=3"])
    folder = stopped(config)
    for path in (folder.path, folder.resolved_config, folder.checkpoints / "last.safetensors"):
        assert settings_of_run(path, []) == config
    moved = folder.path.rename(tmp_path / "moved run")
    own = settings_of_run(moved, ["train.checkpoints.every_minutes=5.0"])
    with claimed_run(own, moved) as (resumed, checkpoint):
        assert checkpoint is not None
        assert resumed.output_dir == moved
    assert shlex.split(resume_command(moved, "--cpu"))[2:] == ["--resume", str(moved), "--cpu"]
    with pytest.raises(CheckpointError, match="no run here"):
        settings_of_run(tmp_path, [])


def test_rates_that_were_chosen_are_those_of_the_run(settings: dict[str, Any]) -> None:
    settings["train"]["optimizers"] = {"embed_model": {"lr": 1e-3}}
    config = config_from_mapping(settings)
    prepared = prepare_training(config)
    assert prepared.chosen_for_width is not None
    for _ in start_training(prepared, torch.device("cpu")):
        pass
    written = load_resolved(config.output_dir).train.optimizers
    assert (written.embed_model.lr, written.pred_model.lr) == (1e-3, 1e-3)
    with claimed_run(config, config.output_dir) as (resumed, _):
        assert resumed.train.optimizers == written


def test_a_file_that_is_gone_is_named_before_a_run_is_resumed(config: ExperimentConfig) -> None:
    folder = stopped(config)
    config.datasets["genes$2"].split_paths.present()["test"].unlink()
    with pytest.raises(ConfigError, match=r"resolved_cfg.yaml:\d+: datasets.genes\$2.*not found"):
        settings_of_run(folder.path, [])


def test_a_run_that_was_started_from_another_does_without_it(
    config: ExperimentConfig, tmp_path: Path
) -> None:
    first = stopped(config)
    wanted = {"resume_from_checkpoint": first.path}
    other = config.model_copy(update={"train": config.train.model_copy(update=wanted)})
    with claimed_run(other, None) as (own, _):
        assert own == config


def test_renamed_types_are_refused(config: ExperimentConfig) -> None:
    folder = stopped(config)
    train = config.datasets["fever-1"].split_paths.train
    assert train is not None
    train.write_text(train.read_text().replace("Chemical", "Zzz").replace("Disease", "Aaa"))
    message = "\n".join(faults_of_resuming(config, folder))
    assert "datasets.fever-1.split_paths.train: the file has changed" in message
    assert "corpus fever-1: its entity types have changed (['Aaa', 'Zzz']" in message
    assert "genes$2" not in message


@pytest.mark.parametrize("split", ["train", "dev"])
def test_other_sentences_are_refused(config: ExperimentConfig, split: str) -> None:
    folder = stopped(config)
    path = config.datasets["genes$2"].split_paths.present()[split]
    path.write_text(path.read_text() + "no gene either ||| \n")
    (fault,) = faults_of_resuming(config, folder)
    assert fault.startswith(f"datasets.genes$2.split_paths.{split}: the file has changed, so ")


def test_another_test_file_changes_nothing_of_a_training(config: ExperimentConfig) -> None:
    folder = stopped(config)
    path = config.datasets["genes$2"].split_paths.present()["test"]
    path.write_text(path.read_text() + "no gene either ||| \n")
    with claimed_run(config, folder.path) as (own, checkpoint):
        assert prepare_training(own, checkpoint).resumed is not None


def test_another_encoder_is_refused(config: ExperimentConfig) -> None:
    folder = stopped(config)
    path = folder.checkpoints / "last.safetensors"
    last = load_checkpoint(path, with_optimizer=True)
    other = replace(
        last.description,
        tokenizer="0" * 64,
        encoder={**last.description.encoder, "hidden_act": "relu"},
    )
    layer = torch.nn.Linear(1, 1)
    save_checkpoint(path, other, last.progress, layer, last.optimizer)
    tokenizer, encoder = sorted(faults_of_resuming(config, folder), reverse=True)
    assert "the tokenizer splits text differently" in tokenizer
    assert "the encoder's hidden_act is 'gelu' and was 'relu'" in encoder


def test_a_checkpoint_of_an_earlier_version_is_resumed(config: ExperimentConfig) -> None:
    folder = stopped(config)
    path = folder.checkpoints / "last.safetensors"
    last = load_checkpoint(path, with_optimizer=True)
    older = replace(last.description, data={}, tokenizer=None, encoder={})
    save_checkpoint(path, older, last.progress, torch.nn.Linear(1, 1), last.optimizer)
    with claimed_run(config, folder.path) as (own, checkpoint):
        assert prepare_training(own, checkpoint).description.tokenizer is not None


def test_a_run_does_not_write_over_what_it_reads(settings: dict[str, Any], tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    precious = run / "sampling.jsonl"
    precious.write_text("fever ||| TRANSITION(Disease) SHIFT REDUCE(Disease)\n")
    settings["datasets"]["fever-1"]["split_paths"]["test"] = str(precious)
    settings["models"]["embed_model"]["pretrained_name"] = str(run / "encoder")
    config = config_from_mapping(settings)
    with pytest.raises(ConfigError) as raised, claimed_run(config, None):
        pass
    assert sorted(fault.split(":")[0] for fault in raised.value.faults) == [
        "datasets.fever-1.split_paths.test",
        "models.embed_model.pretrained_name",
    ]
    assert [path.name for path in run.iterdir()] == ["sampling.jsonl"]
