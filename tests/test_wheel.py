"""The package works from an installed wheel in an empty folder, without the repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
EXPERIMENT = """
seed: 1
task_name: wheel
datasets: {}
models: {embed_model: {pretrained_name: "builtin:minilm"}}
"""
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def run(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run Python with the installed wheel, in an empty folder."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in ("mtner_cli", "pyproject.toml", "README.md", "LICENSE"):
        path = project / name
        copy = shutil.copytree if path.is_dir() else shutil.copy
        (folder / "source").mkdir(exist_ok=True)
        copy(path, source / name)  # of the link mtner_cli/configs what it leads to
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source)]
    subprocess.run([*PIP, *build], check=True)
    (wheel,) = folder.glob("*.whl")
    site, empty = folder / "site", folder / "empty"
    empty.mkdir()
    install = ["install", "--no-deps", "--no-index", "--target", str(site), str(wheel)]
    subprocess.run([*PIP, *install], check=True)
    environment = {**os.environ, "PYTHONPATH": str(site), "COLUMNS": "120"}

    def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, cwd=empty, env=environment, capture_output=True, text=True, check=False
        )

    where = run_python("-c", "import mtner_cli; print(mtner_cli.__file__)").stdout
    assert where.startswith(str(site))
    return run_python


def test_help_and_the_formats(run: Run) -> None:
    for arguments, text in (
        (["--help"], "predict-cross"),
        (["convert", "--list"], "pubtator"),
        (["config", "--defaults"], "batch_size: 16"),
    ):
        done = run("-m", "mtner_cli", *arguments)
        assert done.returncode == 0, done.stderr
        assert text in done.stdout


def test_the_experiments_and_their_commands(run: Run) -> None:
    listed = run("-m", "mtner_cli", "experiments")
    assert listed.returncode == 0, listed.stderr
    assert "multi-task/MT" in listed.stdout
    assert "mtner convert corpora configs/corpora/conll.yaml" in listed.stdout
    for command in (
        ["train", "configs/quickstart.yaml", "--dry-run"],
        ["convert", "corpora", "configs/corpora/conll.yaml"],
        ["predict-cross", "--model", "x", "--corpora", "configs/synthetic_evaluation.yaml"],
    ):
        done = run("-m", "mtner_cli", *command)
        assert done.returncode == 1
        assert "file not found: data/" in done.stderr or "no such file: data/" in done.stderr


def test_the_quickstart_of_the_readme(run: Run, project: Path) -> None:
    makefile = (project / "Makefile").read_text(encoding="utf-8")
    commands = [line.split()[1:] for line in re.findall(r"^\t\$\(BIN\)/(mtner .*)", makefile, re.M)]
    convert, train = commands
    done = run("-m", "mtner_cli", *convert)
    assert done.returncode == 0, done.stderr
    done = run("-m", "mtner_cli", *train, "--dry-run", "--cpu")
    assert done.returncode == 0, done.stderr
    assert "Everything is in order" in done.stdout
    short = ["-o", "train.num_epochs=1", "-o", "train.limit_train_batches=1"]
    done = run("-m", "mtner_cli", *train, "--cpu", *short)
    assert done.returncode == 0, done.stderr
    assert re.search(r"wrote logs/quickstart/.*/test_report.txt", done.stdout)


def test_an_experiment_of_ones_own(run: Run) -> None:
    files = [f"data/converted/samples/clinic/{split}.txt" for split in ("train", "dev", "test")]
    for command in (
        ["new", "my.yaml", "--corpus", *files],
        ["train", "my.yaml", "--dry-run", "--cpu"],
        ["experiments", "--copy", "multi-task/MT"],
    ):
        done = run("-m", "mtner_cli", *command)
        assert done.returncode == 0, done.stderr
    done = run("-m", "mtner_cli", "train", "MT.yaml")
    assert (
        "make it with: mtner fetch BC2GM && mtner convert corpora configs/corpora/crich"
        in done.stderr
    )


def test_a_training_and_the_tagger(run: Run, tmp_path: Path, project: Path) -> None:
    for split in ("train", "dev"):
        source = str(project / f"data/samples/clinic/{split}.tsv")
        done = run("-m", "mtner_cli", "convert", "conll", source, "--out", f"clinic/{split}.txt")
        assert done.returncode == 0, done.stderr
    changes = [
        "datasets={clinic: {mode: simple, split_paths: {train: clinic/train.txt, "
        "dev: clinic/dev.txt}}}",
        "output_dir=run",
        "train.num_epochs=1",
        "train.limit_train_batches=1",
    ]
    options = [part for change in changes for part in ("-o", change)]
    (tmp_path / "e.yaml").write_text(EXPERIMENT)
    done = run("-m", "mtner_cli", "train", str(tmp_path / "e.yaml"), "--cpu", *options)
    assert done.returncode == 0, done.stderr
    code = (
        "from mtner_cli import Tagger; tagger = Tagger.load('run', device='cpu'); "
        "text = 'Naloxone reverses hypotension.'; "
        "assert all(text[m.start : m.end] == m.text for m in tagger.find(text)); print('read')"
    )
    done = run("-c", code)
    assert done.stdout == "read\n", done.stderr
