from __future__ import annotations

import hashlib
import io
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

import mtner_cli
from mtner_cli.config.load import load_experiment, load_resolved
from mtner_cli.config.schema import ExperimentConfig
from mtner_cli.core.experiment.corpora import action_frequencies
from mtner_cli.core.experiment.resume import claimed_run, settings_of_run
from mtner_cli.core.experiment.testing import evaluate_run
from mtner_cli.core.experiment.training import (
    PreparedTraining,
    prepare_training,
    start_training,
)
from mtner_cli.core.tagger import Tagger
from mtner_cli.core.train.checkpoint import load_checkpoint
from mtner_cli.core.train.events import (
    CheckpointSaved,
    DevelopmentDone,
    EpochStarted,
    StepDone,
    Stopped,
    TrainingEvent,
    TrainingStarted,
)
from mtner_cli.core.train.run_folder import RunFolder
from mtner_cli.core.types import Tag
from mtner_cli.errors import CheckpointError, ConfigError, DataError, TrainingError
from mtner_cli.report.training_tables import experiment_tables
from tests.disk import small_files_only
from tests.settings import config_from_mapping

CPU = torch.device("cpu")


def train(config: ExperimentConfig, stop_after: int | None = None) -> list[TrainingEvent]:
    events: list[TrainingEvent] = []

    def stop_wanted() -> bool:
        return sum(isinstance(event, StepDone) for event in events) == stop_after

    with claimed_run(config, None) as (own, checkpoint):
        for event in start_training(prepare_training(own), CPU, checkpoint, stop_wanted):
            events.append(event)
    return events


def resume(config: ExperimentConfig, run: Path) -> list[TrainingEvent]:
    with claimed_run(config, run, length_may_differ=True) as (own, checkpoint):
        return list(start_training(prepare_training(own, checkpoint), CPU, checkpoint))


def shown(prepared: PreparedTraining) -> str:
    """What the start of a training shows."""
    console = Console(file=io.StringIO(), width=400)
    for table in experiment_tables(prepared, "cpu"):
        console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined]


def weights(run: Path, which: str = "last") -> dict[str, torch.Tensor]:
    return load_checkpoint(RunFolder(run).checkpoint(which), with_optimizer=True).model


def test_a_training_tells_what_it_does_and_leaves_a_run(config: ExperimentConfig) -> None:
    events = train(config)
    assert isinstance(events[0], TrainingStarted)
    assert [event.epoch for event in events if isinstance(event, EpochStarted)] == [1, 2]
    steps = [event for event in events if isinstance(event, StepDone)]
    assert [event.step for event in steps] == [1, 2, 3, 4]
    assert all(0 < event.loss < 5 for event in steps)
    assert [event.epoch for event in events if isinstance(event, DevelopmentDone)] == [1, 2]
    assert {event.path.name for event in events if isinstance(event, CheckpointSaved)} == {
        "best.safetensors",
        "last.safetensors",
    }
    assert events[-1] == Stopped("finished", 2, 4)
    assert load_resolved(config.output_dir) == config


def test_testing_a_run_loses_nothing_gold(config: ExperimentConfig) -> None:
    train(config)
    run = Tagger.load(config.output_dir, device="cpu")
    outcome = evaluate_run(run)
    assert outcome is not None
    assert [sentence.corpus for sentence in outcome.sentences] == ["fever-1", "fever-1", "genes$2"]
    separate = outcome.evaluation.separate.corpora
    micro = separate["fever-1"].micro
    assert micro.true_positives + micro.false_negatives == 2
    per_tag = separate["genes$2"].per_tag
    assert (
        per_tag[Tag("genes$2", "Protein")].false_negatives
        + per_tag[Tag("genes$2", "Protein")].true_positives
        == 1
    )
    assert per_tag[Tag("genes$2", "Disease")].false_negatives == 1, "ends inside a word"
    matched = outcome.evaluation.separate_matched.corpora["genes$2"].per_tag
    assert matched[Tag("genes$2", "Disease")].false_negatives == 0


def test_versions_and_data_are_recorded(settings: dict[str, Any]) -> None:
    settings["datasets"]["a\nb\u2028: #"] = settings["datasets"].pop("genes$2")
    config = config_from_mapping(settings)
    (started, *_) = train(config)
    assert isinstance(started, TrainingStarted)
    ours = {"mtner": mtner_cli.__version__, "torch": torch.__version__}
    assert started.versions.items() >= ours.items()
    hashes = {
        name: {
            split: hashlib.sha256(path.read_bytes()).hexdigest()
            for split, path in dataset.split_paths.present().items()
        }
        for name, dataset in config.datasets.items()
    }
    assert started.data == hashes
    assert load_checkpoint(RunFolder(config.output_dir).checkpoint()).description.data == hashes
    written = RunFolder(config.output_dir).resolved_config.read_text()
    assert written.startswith(f"# mtner {mtner_cli.__version__}, torch {torch.__version__}, ")
    for splits in hashes.values():
        assert all(f"# sha256 of {split} of " in written for split in splits)
        assert all(content in written for content in splits.values())
    assert load_resolved(config.output_dir) == config


def test_a_fault_in_a_test_file_shows_before_the_training(config: ExperimentConfig) -> None:
    path = config.datasets["genes$2"].split_paths.present()["test"]
    path.write_text(path.read_text() + "no gene ||| FOO(1)\n")
    with pytest.raises(DataError, match=r"test\.txt:2: "):
        prepare_training(config)


MERGED = {"merge_sents": {"force_merge": ["fever-1"], "maximize": {"use": True}}}


@pytest.mark.parametrize("transform", [{}, MERGED], ids=["single sentences", "merged"])
def test_a_run_learns_what_it_is_shown(settings: dict[str, Any], transform: dict[str, Any]) -> None:
    settings["data_transform"] = transform
    settings["datasets"].pop("genes$2")
    paths = settings["datasets"]["fever-1"]["split_paths"]
    paths["test"] = paths["dev"] = paths["train"]
    settings["train"] |= {"num_epochs": 150, "batch_size": 4, "early_stop": None}
    settings["ablation"] = {"pred_model": {"dropouts": False}}
    config = config_from_mapping(settings)
    train(config)
    outcome = evaluate_run(Tagger.load(config.output_dir, "best", "cpu"))
    assert outcome is not None
    assert outcome.evaluation.headline_f1 == 1.0


@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_going_on_ends_where_an_uninterrupted_run_does(
    settings: dict[str, Any], tmp_path: Path, stop_after: int
) -> None:
    train(config_from_mapping(settings, [f"output_dir={tmp_path / 'whole'}"]))
    config = config_from_mapping(settings)
    first = train(config, stop_after)
    events = resume(config, config.output_dir)
    assert first[-1] == Stopped("interrupted", {1: 1, 2: 1, 3: 2}[stop_after], stop_after)
    assert events[-1] == Stopped("finished", 2, 4)
    for which in ("last", "best"):
        whole, parts = weights(tmp_path / "whole", which), weights(config.output_dir, which)
        assert whole.keys() == parts.keys()
        assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_going_on_appends_the_same_sentences(settings: dict[str, Any], tmp_path: Path) -> None:
    probabilities = {"fever-1": {"genes$2": 0.6}, "genes$2": {"fever-1": 0.5}}
    settings["perturbations"] = {"use": True, "probs": probabilities}
    events = train(config_from_mapping(settings, [f"output_dir={tmp_path / 'whole'}"]))
    plans = [event.plan for event in events if isinstance(event, EpochStarted)]
    assert sum(sum(plan.appended.values()) for plan in plans) > 2
    config = config_from_mapping(settings)
    train(config, stop_after=3)
    resumed = resume(config, config.output_dir)
    assert [event.plan for event in resumed if isinstance(event, EpochStarted)] == plans[1:]
    whole, parts = weights(tmp_path / "whole"), weights(config.output_dir)
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_the_best_checkpoint_of_each_corpus_is_kept(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    settings["seed"] = 4
    settings["datasets"]["a/b"] = settings["datasets"].pop("genes$2")
    for dataset in settings["datasets"].values():
        dataset["split_paths"]["dev"] = dataset["split_paths"]["train"]
    settings["train"] |= {"num_epochs": 25, "checkpoints": {"save_average_only": False}}
    settings["train"]["optimizers"] = {"embed_model": {"lr": 0.003}, "pred_model": {"lr": 0.01}}
    settings["ablation"] = {"pred_model": {"dropouts": False}}
    events = train(config_from_mapping(settings, [f"output_dir={tmp_path / 'whole'}"]))
    rounds = [
        event.scores.f1_of_corpora() for event in events if isinstance(event, DevelopmentDone)
    ]
    config = config_from_mapping(settings)
    train(config, stop_after=31)
    resume(config, config.output_dir)
    best_epochs = {}
    for corpus, name in (("fever-1", "best-of-fever-1"), ("a/b", "best-of-a%2Fb")):
        path = RunFolder(config.output_dir).checkpoint(f"best:{corpus}")
        assert path == config.output_dir / "checkpoints" / f"{name}.safetensors"
        scores = [scored[corpus] for scored in rounds]
        progress = load_checkpoint(path).progress
        assert progress.best_of_corpora[corpus] == max(scores)
        best_epochs[corpus] = scores.index(max(scores))
        assert progress.epoch - 1 == best_epochs[corpus]
        whole, parts = (
            weights(run, f"best:{corpus}") for run in (tmp_path / "whole", config.output_dir)
        )
        assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert max(best_epochs.values()) > 0
    assert Tagger.load(config.output_dir, "best:a/b", "cpu").checkpoint.stem == "best-of-a%2Fb"
    with pytest.raises(CheckpointError, match=r"no checkpoint 'best:ab'.*best-of-a%2Fb"):
        Tagger.load(config.output_dir, "best:ab", "cpu")


def test_a_finished_run_has_nothing_to_go_on_with(config: ExperimentConfig) -> None:
    train(config)
    before = weights(config.output_dir)
    started, stopped = resume(config, config.output_dir)
    assert isinstance(started, TrainingStarted)
    assert started.step == 4
    assert stopped == Stopped("finished", 2, 4)
    after = weights(config.output_dir)
    assert all(torch.equal(before[name], after[name]) for name in before)


def optimizer_of(run: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(RunFolder(run).checkpoint("last"), with_optimizer=True).optimizer


def test_a_finished_run_keeps_no_optimiser_unless_asked(settings: dict[str, Any]) -> None:
    config = config_from_mapping(settings)
    train(config, stop_after=3)
    whole = RunFolder(config.output_dir).checkpoint("last").stat().st_size
    assert optimizer_of(config.output_dir)
    resume(config, config.output_dir)
    assert optimizer_of(config.output_dir) == {}
    assert RunFolder(config.output_dir).checkpoint("last").stat().st_size < 0.4 * whole
    settings["output_dir"] += "-2"
    settings["train"]["checkpoints"] = {"keep_optimizer": True}
    kept = config_from_mapping(settings)
    train(kept)
    assert optimizer_of(kept.output_dir)


@pytest.mark.parametrize("finished", [False, True])
def test_a_run_is_lengthened_by_the_rates_of_the_new_length(
    settings: dict[str, Any], tmp_path: Path, finished: bool
) -> None:
    settings["train"]["checkpoints"] = {"keep_optimizer": True}
    longer = config_from_mapping(settings, ["train.num_epochs=4", f"output_dir={tmp_path}/whole"])
    whole = train(longer)
    config = config_from_mapping(settings)
    train(config, stop_after=None if finished else 3)
    own = settings_of_run(config.output_dir, ["train.num_epochs=4"])
    with claimed_run(own, config.output_dir, length_may_differ=True) as (own, checkpoint):
        prepared = prepare_training(own, checkpoint)
        output = shown(prepared)
        events = list(start_training(prepared, CPU, checkpoint))
    assert f"Resumed in epoch {3 if finished else 2}, after step {4 if finished else 3}." in output
    assert "The training now has 4 epochs instead of 2." in output
    # Warm-up takes an epoch of two steps for the encoder, and half of one for the tagger.
    new = "encoder 0.00067, tagger 0.0017" if finished else "encoder 0.00083, tagger 0.0021"
    old = "encoder 0, tagger 0" if finished else "encoder 0.0005, tagger 0.001"
    assert f"for the next step {new} instead of {old}." in output
    assert events[-1] == Stopped("finished", 4, 8)

    def rates(events: list[TrainingEvent]) -> dict[int, dict[str, float]]:
        steps = [event for event in events if isinstance(event, StepDone)]
        return {event.step: event.learning_rates for event in steps}

    assert [*rates(events)] == list(range(5 if finished else 4, 9))
    assert rates(events) == {step: rates(whole)[step] for step in rates(events)}
    # The next command resumes the longer run.
    assert load_resolved(config.output_dir).train.num_epochs == 4
    again = resume(settings_of_run(config.output_dir, []), config.output_dir)
    assert again[1:] == [events[-1]]


def test_a_run_cannot_end_before_the_epoch_it_is_in(settings: dict[str, Any]) -> None:
    config = config_from_mapping(settings)
    train(config, stop_after=3)
    own = settings_of_run(config.output_dir, ["train.num_epochs=1"])
    with pytest.raises(ConfigError, match="after epoch 1, but epoch 2 has begun; give at least"):
        resume(own, config.output_dir)


def test_a_finished_run_without_optimiser_names_the_command_of_a_new_one(
    settings: dict[str, Any],
) -> None:
    settings["output_dir"] += " one"
    config = config_from_mapping(settings)
    train(config)
    own = settings_of_run(config.output_dir, ["train.num_epochs=5", "train.early_stop=null"])
    with pytest.raises(
        ConfigError, match="is finished; to train longer, start a new run"
    ) as raised:
        resume(own, config.output_dir)
    command = shlex.split(str(raised.value).rpartition("keep_optimizer): ")[2])
    assert command[:2] == ["mtner", "train"]
    new = load_experiment(Path(command[2]), command[4::2])
    train_settings = {"num_epochs": 5, "early_stop": None}
    assert new == config.model_copy(
        update={
            "output_dir": Path(f"{config.output_dir}-longer"),
            "train": config.train.model_copy(update=train_settings),
        }
    )


def test_a_run_that_stopped_early_says_how_to_continue(settings: dict[str, Any]) -> None:
    settings["train"] |= {"num_epochs": 50, "early_stop": 1}
    settings["train"]["checkpoints"] = {"keep_optimizer": True}
    settings["train"]["optimizers"] = {"embed_model": {"lr": 0.0}, "pred_model": {"lr": 0.0}}
    config = config_from_mapping(settings)
    assert train(config)[-1] == Stopped("early_stop", 2, 4)
    with claimed_run(config, config.output_dir) as (own, checkpoint):
        run = prepare_training(own, checkpoint).resumed
    assert run is not None
    assert run.is_finished
    assert run.longer.endswith(f"mtner train --resume {config.output_dir} -o train.early_stop=null")
    own = settings_of_run(config.output_dir, ["train.early_stop=3"])
    assert resume(own, config.output_dir)[-1] == Stopped("early_stop", 4, 8)


def test_a_run_is_not_overwritten(config: ExperimentConfig) -> None:
    train(config)
    with pytest.raises(ConfigError, match="already holds a run"), claimed_run(config, None):
        pass


def test_going_on_with_other_settings_is_refused(settings: dict[str, Any]) -> None:
    config = config_from_mapping(settings)
    train(config, stop_after=1)
    other = config_from_mapping(settings, ["seed=4", "train.batch_size=3", "train.num_epochs=9"])
    with pytest.raises(ConfigError) as raised, claimed_run(other, config.output_dir):
        pass
    cure, *faults = raised.value.faults
    assert cure.endswith(f"own settings: mtner train --resume {config.output_dir}")
    assert sorted(faults) == [
        "seed: is 4, but the run was started with 3",
        "train.batch_size: is 3, but the run was started with 2",
        "train.num_epochs: is 9, but the run was started with 2",
    ]


def test_inputs_that_the_encoder_cannot_read_are_refused(settings: dict[str, Any]) -> None:
    config = config_from_mapping(settings, ["data_transform.max_tokens=600"])
    with pytest.raises(ConfigError, match=r"max_tokens: 600 is more than the encoder .* 512"):
        prepare_training(config)


def test_early_stop(settings: dict[str, Any]) -> None:
    settings["train"] |= {"num_epochs": 50, "early_stop": 2}
    settings["train"]["optimizers"] = {"embed_model": {"lr": 0.0}, "pred_model": {"lr": 0.0}}
    events = train(config_from_mapping(settings))
    assert events[-1] == Stopped("early_stop", 3, 6)


def test_accumulation_and_limits_set_the_number_of_steps(settings: dict[str, Any]) -> None:
    settings["train"] |= {"accumulate_grad_batches": 2, "limit_train_batches": 1, "batch_size": 1}
    assert prepare_training(config_from_mapping(settings)).length.steps == 1
    settings["train"] |= {"limit_train_batches": 1.0}
    config = config_from_mapping(settings)
    # Four and three sentences: the mean, rounded, is four draws, two to a step.
    assert prepare_training(config).length.steps == 2
    events = train(config)
    assert [event.examples for event in events if isinstance(event, StepDone)] == [2, 2, 2, 2]


def test_passes_set_the_length_of_a_training(settings: dict[str, Any]) -> None:
    settings["train"] |= {"num_epochs": None, "num_passes": 1.2}
    config = config_from_mapping(settings)
    # Seven inputs, of which an epoch draws four: two epochs read each 1.1 times.
    first = train(config, stop_after=3)
    assert first[-1] == Stopped("interrupted", 2, 3)
    events = resume(config, config.output_dir)
    assert events[-1] == Stopped("finished", 2, 4)
    assert load_resolved(config.output_dir).train.num_passes == 1.2


def test_the_start_table_says_what_an_epoch_reads(settings: dict[str, Any]) -> None:
    def table(*overrides: str) -> str:
        return shown(prepare_training(config_from_mapping(settings, overrides)))

    output = table("train.num_epochs=7")
    drawn = "draws 4 of 7 sentences, about 2 of each corpus; 1.8 epochs read each once on average"
    assert re.search(f"an epoch +{drawn}", output)
    assert re.search(r"epochs +7 at most, 2 steps each, which read each sentence 4 times", output)
    merged = ["data_transform.merge_sents.maximize.use=true"]
    assert "draws 3 of 6 inputs" in table(*merged)
    del settings["datasets"]["fever-1"]
    assert re.search(r"an epoch +reads all 3 sentences", table())


def test_corpora_without_documents_are_merged_on_demand(settings: dict[str, Any]) -> None:
    settings["data_transform"] = {"merge_sents": {"maximize": {"use": True, "swap": True}}}
    prepared = prepare_training(config_from_mapping(settings))
    assert prepared.unmerged_corpora == ["fever-1"]
    assert [len(example.segments) for example in prepared.examples] == [1, 1, 1, 1, 2, 1]
    settings["data_transform"]["merge_sents"]["force_merge"] = ["fever-1"]
    prepared = prepare_training(config_from_mapping(settings))
    assert prepared.unmerged_corpora == []
    assert [len(example.segments) for example in prepared.examples] == [4, 2, 1]
    settings["data_transform"]["merge_sents"]["maximize"] = {"use": False}
    assert prepare_training(config_from_mapping(settings)).unmerged_corpora == []


def test_the_output_starts_at_the_base_rates_of_those_who_annotate(
    config: ExperimentConfig,
) -> None:
    prepared = prepare_training(config)
    vocabulary = prepared.description.vocabulary
    frequencies = action_frequencies(prepared.examples, vocabulary, prepared.description.annotated)
    steps = {"fever-1": 0, "genes$2": 0}
    for example in prepared.examples:
        steps[example.corpus] += len(example.timesteps or ())
    opened = frequencies[vocabulary.transition(Tag("fever-1", "Disease"))]
    assert opened == pytest.approx(4 / steps["fever-1"])
    assert frequencies[vocabulary.EOA] == pytest.approx(7 / sum(steps.values()))


def test_a_run_without_test_split_is_not_tested(settings: dict[str, Any]) -> None:
    for dataset in settings["datasets"].values():
        del dataset["split_paths"]["test"]
    config = config_from_mapping(settings)
    train(config)
    assert evaluate_run(Tagger.load(config.output_dir, device="cpu")) is None


def test_without_dev_the_model_of_the_last_epoch_is_kept(settings: dict[str, Any]) -> None:
    for dataset in settings["datasets"].values():
        del dataset["split_paths"]["dev"]
    settings["train"]["early_stop"] = 1
    config = config_from_mapping(settings)
    events = train(config)
    assert events[-1] == Stopped("finished", 2, 4)
    tagger = Tagger.load(config.output_dir, device="cpu")
    assert tagger.checkpoint == config.output_dir / "checkpoints" / "last.safetensors"
    assert [path.name for path in tagger.checkpoint.parent.iterdir()] == ["last.safetensors"]
    assert evaluate_run(tagger) is not None


def test_the_run_loads_where_its_encoder_is_gone(
    settings: dict[str, Any], tmp_path: Path, tiny_encoder: Path
) -> None:
    moved = tmp_path / "encoder-elsewhere"
    moved.symlink_to(tiny_encoder)
    settings["models"]["embed_model"]["pretrained_name"] = str(moved)
    config = config_from_mapping(settings)
    train(config)
    moved.unlink()
    assert evaluate_run(Tagger.load(config.output_dir, device="cpu")) is not None


def test_missing_runs_and_checkpoints_say_what_is_there(config: ExperimentConfig) -> None:
    with pytest.raises(CheckpointError, match="no run here"):
        Tagger.load(config.output_dir, device="cpu")
    train(config)
    with pytest.raises(CheckpointError, match=r"no checkpoint 'worst'.*best\.safetensors, last"):
        Tagger.load(config.output_dir, "worst", "cpu")


def test_a_checkpoint_is_saved_within_an_epoch_and_changes_nothing(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    train(config_from_mapping(settings, [f"output_dir={tmp_path / 'whole'}"]))
    settings["train"]["checkpoints"] = {"every_minutes": 1e-9}
    config = config_from_mapping(settings)
    saved: list[int] = []
    with claimed_run(config, None) as (own, checkpoint):
        for event in start_training(prepare_training(own), CPU, checkpoint):
            if isinstance(event, CheckpointSaved) and event.path.stem == "last":
                saved.append(event.step)
                if event.step == 3:
                    break  # as a kill in the middle of the second epoch
    assert saved == [1, 2, 3]
    resumed = resume(config, config.output_dir)
    assert [event.step for event in resumed if isinstance(event, StepDone)] == [4]
    whole, parts = weights(tmp_path / "whole"), weights(config.output_dir)
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_no_checkpoint_within_an_epoch_where_none_is_wanted(settings: dict[str, Any]) -> None:
    settings["train"]["checkpoints"] = {"every_minutes": None}
    events = train(config_from_mapping(settings))
    last = [event.step for event in events if isinstance(event, CheckpointSaved)]
    assert set(last) == {2, 4}


def test_a_diverged_training_ends_at_once(settings: dict[str, Any]) -> None:
    settings["train"] |= {"num_epochs": 40, "grad_norm_clip": 1e6}
    rates = {"lr": 1000.0, "weight_decay": 1.0}
    settings["train"]["optimizers"] = {"embed_model": rates, "pred_model": rates}
    config = config_from_mapping(settings)
    with pytest.raises(TrainingError, match=r"the loss is .* at step .*lower learning rates"):
        train(config)
    saved = sorted((config.output_dir / "checkpoints").iterdir())
    assert "last.safetensors" in [path.name for path in saved]
    for path in saved:
        assert load_checkpoint(path).progress.step > 0, "what was saved has finite weights"


def test_a_folder_that_is_removed_while_training_ends_it(config: ExperimentConfig) -> None:
    with claimed_run(config, None) as (own, checkpoint):
        events = start_training(prepare_training(own), CPU, checkpoint)
        assert any(isinstance(event, StepDone) for event in events)
        shutil.rmtree(config.output_dir)
        with pytest.raises(DataError, match="checkpoints has been removed"):
            list(events)
    assert not config.output_dir.exists()


def test_a_corpus_without_mentions_is_trained_on_and_named(settings: dict[str, Any]) -> None:
    path = Path(settings["datasets"]["fever-1"]["split_paths"]["train"])
    path.write_text("nothing was seen ||| OUT OUT OUT\n")
    output = shown(prepare_training(config_from_mapping(settings)))
    assert "fever-1: its training split holds no mention" in output
    assert "genes$2: its" not in output


@pytest.mark.parametrize("room", [100, 2000])
def test_a_full_disk_is_one_error_before_the_first_step(
    config: ExperimentConfig, room: int
) -> None:
    with claimed_run(config, None) as (own, _):
        prepared = prepare_training(own)
        with (
            small_files_only(room),
            pytest.raises(DataError, match=r"cannot be written.*make room"),
        ):
            list(start_training(prepared, CPU))
