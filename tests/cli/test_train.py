from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml

from mtner_cli.config.load import load_resolved
from mtner_cli.core.corpus.action_files import read_corpus
from mtner_cli.core.results.read import read_result_sentences
from mtner_cli.core.train.checkpoint import load_checkpoint
from mtner_cli.core.train.run_folder import RunFolder
from mtner_cli.errors import MtnerError, visible
from tests.cli.conftest import run, write_experiment
from tests.disk import ROOM

MTNER = [sys.executable, "-m", "mtner_cli"]


def weights(folder: Path, which: str) -> dict[str, torch.Tensor]:
    return load_checkpoint(RunFolder(folder).checkpoint(which)).model


def test_train_then_test(experiment_file: Path) -> None:
    folder = experiment_file.parent / "run"
    output = run("train", experiment_file, "--cpu")
    assert "epoch 2: " in output
    assert "Testing the best checkpoint" in output
    assert "mean of micro" in output
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "checkpoints",
        "encoder",
        "log.jsonl",
        "resolved_cfg.yaml",
        "sampling.jsonl",
        "scores.json",
        "test_report.txt",
        "test_results.jsonl",
        "test_results.pkl",
    }
    events = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events].count("step") == 4
    assert events[-1]["reason"] == "finished"
    assert len(list(read_result_sentences(folder / "test_results.pkl"))) == 3
    before = (folder / "test_results.jsonl").read_text()
    run("test", folder / "resolved_cfg.yaml", "--checkpoint", "best", "--cpu")
    assert (folder / "test_results.jsonl").read_text() == before


def test_dry_run_trains_nothing(experiment_file: Path) -> None:
    output = run("train", experiment_file, "--dry-run", "--cpu", "-o", "train.num_epochs=7")
    assert "nothing was trained" in output
    assert "fever-1" in output
    assert "7 at most" in output
    assert re.search("weights +in its folder, ", output)
    assert re.search("checkpoints take up to .*; .* free", output)
    assert "measured on 1 step and 5 sentences" in output
    assert not (experiment_file.parent / "run").exists()


def test_a_dry_run_reads_the_test_files(experiment_file: Path) -> None:
    path = experiment_file.parent / "genes$2.test.txt"
    path.write_text(path.read_text() + "no gene ||| FOO(1)\n")
    with pytest.raises(MtnerError, match=r"test\.txt:2: "):
        run("train", experiment_file, "--dry-run", "--cpu")


def test_merged_sentences_come_back_one_by_one(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_encoder: Path
) -> None:
    monkeypatch.chdir(project)
    corpora = tmp_path / "samples.yaml"
    samples = (project / "configs" / "corpora" / "samples.yaml").read_text()
    corpora.write_text(samples.replace("data/converted", str(tmp_path)))
    run("convert", "corpora", corpora)
    quickstart = tmp_path / "quickstart.yaml"
    settings = (project / "configs" / "quickstart.yaml").read_text()
    quickstart.write_text(settings.replace("data/converted", str(tmp_path)))
    overrides = {
        "output_dir": tmp_path / "run",
        "models.embed_model.pretrained_name": tiny_encoder,
        "data_transform.merge_sents.maximize.use": "true",
        "data_transform.merge_sents.maximize.swap": "true",
        "train.num_epochs": 1,
        "train.limit_train_batches": 1,
    }
    options = [part for key, value in overrides.items() for part in ("-o", f"{key}={value}")]
    output = run("train", quickstart, "--cpu", *options)
    (inputs,) = re.findall(r"inputs\s+(\d+) to train on", output)
    assert int(inputs) < 250, "of some six hundred sentences"
    tested = list(read_result_sentences(tmp_path / "run" / "test_results.pkl"))
    for corpus, mode in (("clinic", "simple"), ("molbio", "simple-char")):
        read = list(read_corpus(tmp_path / "samples" / corpus / "test.txt", mode))
        of_corpus = [sentence for sentence in tested if sentence.corpus == corpus]
        assert len(of_corpus) == len(read)
        for sentence, expected in zip(of_corpus, read, strict=True):
            gold = len(sentence.gold) + len(sentence.gold_unmatched)
            assert gold == len(expected.mentions)


def test_predict_cross_names_what_the_model_never_learned(
    experiment_file: Path, tmp_path: Path
) -> None:
    run("train", experiment_file, "--cpu")
    other = tmp_path / "other.txt"
    other.write_text("aspirin in mice ||| TRANSITION(Chemical,0) REDUCE(Chemical,7) "
                     "TRANSITION(Species,11) REDUCE(Species,15)\n")  # fmt: skip
    corpora = tmp_path / "corpora.yaml"
    corpora.write_text(f"Other:\n  mode: simple-char\n  split_paths: {{test: {other}}}\n")
    pickle = tmp_path / "cross.pkl"
    arguments = ("--model", tmp_path / "run", "--corpora", corpora, "--pickle", pickle, "--cpu")
    output = run("predict-cross", *arguments)
    assert "Other: the model was never taught Species" in output
    assert len(list(read_result_sentences(pickle))) == 1
    source = tmp_path / "one.pubtator"
    source.write_text(
        "7|t|aspirin\n7|a|in mice.\n7\t0\t7\taspirin\tChemical\n7\t8\t10\ton\tSpecies\n"
    )
    cross = ("--corpora", f"One={source}", "--corpora", experiment_file, "--cpu")
    output = run("predict-cross", "--model", tmp_path / "run", *cross)
    assert f"{source}:4" in output, "the mention with the wrong text is dropped, and shown"
    assert re.findall(r"^ (One|fever-1|genes\$2) ", output, re.M)[:3] == [
        "One",
        "fever-1",
        "genes$2",
    ]
    own = tmp_path / "run" / "test_results.pkl"
    before = own.read_bytes()
    command = ["predict-cross", *map(str, (*arguments[:-2], own, "--cpu"))]
    refused = subprocess.run([*MTNER, *command], capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert f"{own} would overwrite {own}" in refused.stderr
    assert own.read_bytes() == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_one_line_and_exit_code_1(experiment_file: Path) -> None:
    command = [*MTNER, "train", str(experiment_file), "--gpu", "0"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "CUDA is not available" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (experiment_file.parent / "run").exists()


def slow_training(experiment_file: Path) -> tuple[list[str], Path]:
    """A command that trains for many epochs, and its run folder."""
    folder = experiment_file.parent / "run of 12 epochs"
    settings = ["train.num_epochs=12", "train.early_stop=null", "seed=5", f"output_dir={folder}"]
    overrides = [part for setting in settings for part in ("-o", setting)]
    return [*MTNER, "train", str(experiment_file), "--cpu", *overrides], folder


def logged(folder: Path, kind: str) -> int:
    log = folder / "log.jsonl"
    return log.read_text().count(f'"event": "{kind}"') if log.exists() else 0


def wait_for(folder: Path, kind: str, times: int, process: subprocess.Popen[str]) -> None:
    while logged(folder, kind) < times:
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)


def start(command: list[str]) -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    """The run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    command, run_folder = slow_training(write_experiment(folder, tiny_encoder))
    process = start(command)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return run_folder


def own_temporaries(folder: Path) -> list[Path]:
    return list(folder.rglob(".mtner-*"))


@pytest.mark.parametrize(
    ("number", "kind", "times"),
    [
        (signal.SIGKILL, "epoch", 1),
        (signal.SIGKILL, "checkpoint", 2),
        (signal.SIGKILL, "development", 7),
        (signal.SIGTERM, "step", 3),
        (signal.SIGHUP, "step", 9),
        (signal.SIGINT, "step", 5),
    ],
)
def test_ended_and_resumed_ends_as_if_nothing_had_happened(
    experiment_file: Path, uninterrupted: Path, number: int, kind: str, times: int
) -> None:
    command, folder = slow_training(experiment_file)
    process = start(command)
    wait_for(folder, kind, times, process)
    process.send_signal(number)
    output, errors = process.communicate(timeout=120)
    if number != signal.SIGKILL:
        assert process.returncode == 130, errors
        assert "Traceback" not in errors
        assert own_temporaries(folder) == []
        (resume,) = re.findall(r"Resume with: mtner (.*)", output)
        command = [*MTNER, *shlex.split(resume)]
        assert command[len(MTNER) :] == ["train", "--resume", str(folder), "--cpu"]
    elif not (folder / "checkpoints" / "last.safetensors").exists():
        assert kind == "epoch", "the same command begins anew"
    else:
        (folder / "checkpoints" / ".mtner-abcd_123.tmp").write_text("half a checkpoint")
        command += ["--resume", str(folder)]
    process = start(command)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert own_temporaries(folder) == []
    for which in ("best", "last"):
        expected, found = weights(uninterrupted, which), weights(folder, which)
        assert all(torch.equal(expected[name], found[name]) for name in expected)
    for name in ("test_results.jsonl", "test_report.txt"):
        assert (folder / name).read_text() == (uninterrupted / name).read_text()


def test_a_full_disk_ends_a_training_that_can_be_resumed(
    experiment_file: Path, uninterrupted: Path
) -> None:
    command, folder = slow_training(experiment_file)
    limited = "import resource, sys, runpy; sys.argv[:] = sys.argv[1:]; " + (
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({ROOM}, {ROOM})); "
        "runpy.run_module('mtner_cli', run_name='__main__')"
    )
    process = start([sys.executable, "-c", limited, *command[2:]])
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1, errors
    assert re.fullmatch(r"error: /.+\w+\.safetensors: cannot be written: .*make room.*\n", errors)
    assert list((folder / "checkpoints").iterdir()) == []
    process = start([*command, "--resume", str(folder)])
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert f"{folder}: no checkpoint to resume; training starts at epoch 1." in output
    assert (folder / "log-1.jsonl").stat().st_size > 0
    expected, found = weights(uninterrupted, "last"), weights(folder, "last")
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_trainings_of_one_second_have_a_folder_each(
    experiment_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTNER_CACHE", str(tmp_path / "cache of all three"))
    logs = tmp_path / "logs"
    common = ["--cpu", "-o", "run_name=noon", "-o", f"output_dir={logs}/${{run_name}}"]
    seeds = {1, 2, 3}
    processes = [
        start([*MTNER, "train", str(experiment_file), *common, "-o", f"seed={seed}"])
        for seed in seeds
    ]
    for process in processes:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    assert {path.name for path in logs.iterdir()} == {"noon", "noon-2", "noon-3"}
    for folder in logs.iterdir():
        config = load_resolved(folder)
        seeds.remove(config.seed)
        assert config.run_name == folder.name
        assert logged(folder, "step") == 4
    assert seeds == set()


def test_two_trainings_in_one_folder_are_refused(experiment_file: Path) -> None:
    command, folder = slow_training(experiment_file)
    command += ["-o", "train.num_epochs=5000"]
    process = start(command)
    wait_for(folder, "step", 1, process)
    for arguments in ([], ["--resume", str(folder)]):
        second = start([*command, *arguments])
        _, errors = second.communicate(timeout=120)
        assert second.returncode == 1
        assert "already holds a run" in errors or "another process trains in" in errors
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_a_training_outlives_the_reader_of_its_output(experiment_file: Path) -> None:
    folder = experiment_file.parent / "run"
    command = shlex.join([*MTNER, "train", str(experiment_file), "--cpu"])
    script = f"{command} | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert (folder / "test_results.pkl").exists()


@pytest.mark.parametrize("odd", ["[/x]", "[bold red]q", "\x1b[2J\x1b]0;pwn\x07", "\u202e→"])
def test_names_are_shown_as_they_are(experiment_file: Path, tmp_path: Path, odd: str) -> None:
    settings = yaml.safe_load(experiment_file.read_text())
    settings["datasets"][odd] = settings["datasets"].pop("genes$2")
    for split, path in settings["datasets"][odd]["split_paths"].items():
        text = Path(path).read_text().replace("Protein", odd.replace(" ", ""))
        moved = tmp_path / "[" / f"x].{split}"
        moved.parent.mkdir(exist_ok=True)
        moved.write_text(text)
        settings["datasets"][odd]["split_paths"][split] = str(moved)
    folder = tmp_path / "y[" / "b]"
    settings["output_dir"] = str(folder)
    experiment_file.write_text("# @package _global_\n" + yaml.safe_dump(settings))
    printed = run("train", experiment_file, "--cpu")
    pickle = tmp_path / "[" / "x].pkl"
    corpora = tmp_path / "corpora.yaml"
    corpora.write_text(yaml.safe_dump({"[/y]": settings["datasets"][odd]}))
    cross = ("--model", folder, "--corpora", corpora, "--pickle", pickle, "--cpu")
    printed += run("predict-cross", *cross)
    assert visible(odd) in printed
    assert f"Testing the best checkpoint of {folder}" in printed
    assert "[/y]" in printed
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", printed)
    assert visible(odd) in (folder / "test_report.txt").read_text()


@pytest.mark.parametrize("name", ["tiny.yaml/run", "x\0y", "n" * 300, "/proc/nothing/run"])
def test_a_dry_run_tries_the_folder(experiment_file: Path, name: str) -> None:
    before = sorted(experiment_file.parent.iterdir())
    output_dir = yaml.safe_dump(str(experiment_file.parent / name), width=10_000).strip()
    override = f"output_dir={output_dir}"
    with pytest.raises(MtnerError, match="output_dir"):
        run("train", experiment_file, "--dry-run", "--cpu", "-o", override)
    assert sorted(experiment_file.parent.iterdir()) == before


def test_a_training_needs_a_file_or_a_run() -> None:
    with pytest.raises(MtnerError, match="give an experiment file, or a run with --resume RUN"):
        run("train", "--cpu")


def test_dev_may_be_left_out(experiment_file: Path) -> None:
    settings = yaml.safe_load(experiment_file.read_text())
    for dataset in settings["datasets"].values():
        del dataset["split_paths"]["dev"]
    experiment_file.write_text("# @package _global_\n" + yaml.safe_dump(settings))
    output = run("train", experiment_file, "--cpu")
    assert output.count("No corpus has a dev split") == 1
    assert re.findall(r"epoch (\d): loss \d", output) == ["1", "2"]
    assert "Testing the last checkpoint of" in output
    assert "mean of micro" in output


def test_a_finished_run_says_how_to_train_longer(experiment_file: Path) -> None:
    run("train", experiment_file, "--cpu")
    folder = experiment_file.parent / "run"
    output = run("train", "--resume", folder, "--cpu")
    assert f"{folder} is finished after epoch 2: no more is trained." in output
    assert "Testing the best checkpoint" in output
    (command,) = re.findall(r"To train longer, start a new run.*: mtner (.*)", output)
    longer = run(*shlex.split(command), "--cpu")
    assert "epoch 4: " in longer
    assert (experiment_file.parent / "run-longer" / "test_results.pkl").exists()


def test_a_test_in_another_place_says_how_to_continue(
    experiment_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = experiment_file.parent / "genes$2.test.txt"
    run("train", experiment_file, "--cpu")
    before = (tmp_path / "run" / "scores.json").read_text()
    test.rename(tmp_path / "moved.txt")
    with pytest.raises(MtnerError, match="in which the run was trained, or name test files"):
        run("test", tmp_path / "run", "--cpu")
    assert (tmp_path / "run" / "scores.json").read_text() == before
    test.write_text((tmp_path / "moved.txt").read_text() + "no gene ||| \n")
    output = run("test", tmp_path / "run", "--cpu")
    assert "genes$2: the test file has changed since the run was started." in output
