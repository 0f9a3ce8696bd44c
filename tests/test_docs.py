"""The commands of README and docs exist, and the README's own way through a corpus runs."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from mtner_cli.cli.app import app
from mtner_cli.config.load import load_experiment
from mtner_cli.core.convert.registry import FORMATS, WRITERS, format_named

FENCE = re.compile(r"^[ ]*```(\w*)\n(.*?)^[ ]*```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`(mtner [^`]+)`")
PAGES = ["README.md", "CONTRIBUTING.md", "data/README.md", *(f"docs/{p.name}" for p in
         sorted((Path(__file__).parents[1] / "docs").glob("*.md")))]  # fmt: skip
PLACEHOLDER = re.compile(r"…|\.\.\.|\{|\b[A-Z]{3,}\b|\$")


def blocks(text: str, language: str) -> list[str]:
    found = (match for match in FENCE.finditer(text) if match[1] == language)
    return [re.sub(r"^ {3}", "", match[2], flags=re.MULTILINE) for match in found]


def commands_in(text: str) -> Iterator[str]:
    for match in FENCE.finditer(text):
        joined = re.sub(r"\\\n\s*", "", match[2])
        for line in joined.splitlines():
            if line.strip().startswith("mtner "):
                yield line.strip().split("   #")[0].split("  #")[0]
    yield from (found[1] for found in INLINE.finditer(FENCE.sub("", text)))


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_exists(project: Path, page: str) -> None:
    for command in commands_in((project / page).read_text(encoding="utf-8")):
        _, *words = shlex.split(command.replace("…", "..."))
        group: Any = typer.main.get_command(app)
        while hasattr(group, "commands") and words and not words[0].startswith("-"):
            name = words.pop(0)
            if PLACEHOLDER.search(name):
                break
            assert name in group.commands, f"{page}: {command}"
            _, group, _ = group.resolve_command(typer.Context(group), [name])
        known = {option for parameter in group.params for option in parameter.opts}
        known |= {"--help", "-h"}
        for word in words:
            if word.startswith("-") and not re.fullmatch(r"-?\d+", word):
                assert word.partition("=")[0] in known, f"{page}: {command}"
            elif word.startswith("configs/") and not PLACEHOLDER.search(word):
                assert (project / word).exists(), f"{page}: {command}"


def test_the_table_of_formats_is_that_of_the_registry(project: Path) -> None:
    rows = [
        f"| `mtner convert {name}` | {description} | "
        f"{' or '.join(f'`{encoding}`' for encoding in format_named(name).encodings)} |"
        for name, description in FORMATS.items()
    ]
    text = (project / "docs" / "formats.md").read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("| `mtner convert ")] == rows


def test_the_table_of_writers_is_that_of_the_registry(project: Path) -> None:
    text = (project / "docs" / "formats.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z][a-z-]+)` \| ([^|]+) \| [^|]+ \|$", text, re.M)
    assert dict(rows) == WRITERS


def test_the_table_of_corpora_names_every_file_of_corpora(project: Path) -> None:
    text = (project / "docs" / "formats.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.count("|") == 6]
    for path in (project / "configs" / "corpora").glob("*.yaml"):
        if path.stem != "samples":  # explained in data/README.md
            (row,) = (row for row in rows if f"| `{path.name}` |" in row)
            folders = {
                Path(out).parts[2] for out in re.findall(r"data/converted/\S+", path.read_text())
            }
            assert all(folder in row.rpartition("| `converted/")[2] for folder in folders), path


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(project: Path, page: str) -> None:
    path = project / page
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if not re.match(r"https?:|#", target):
            assert (path.parent / target.partition("#")[0]).exists(), f"{page}: {target}"


def run(command: list[str], folder: Path, project: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(project)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


def test_the_way_of_the_readme_runs(project: Path, tmp_path: Path) -> None:
    readme = (project / "README.md").read_text(encoding="utf-8")
    for source, name in (("train", "train"), ("dev", "devel"), ("test", "test")):
        shutil.copy(project / f"data/samples/clinic/{source}.tsv", tmp_path / f"{name}.tsv")
    mtner = [sys.executable, "-m", "mtner_cli"]
    shell = "\n".join(blocks(readme, ""))
    commands = [shlex.split(line, comments=True) for line in re.findall("^mtner .*", shell, re.M)]
    for _, *arguments in commands:
        if arguments[:1] == ["train"] and "--dry-run" not in arguments:
            arguments += ["-o", "output_dir=logs/quickstart/RUN", "--cpu"]
            arguments += ["-o", "train.num_epochs=1", "-o", "train.limit_train_batches=2"]
        run([*mtner, *arguments], tmp_path, project)
    steps = [c[1] for c in commands if c[1] != "--help"]
    assert steps[2:] == ["convert", "new", "train", "train"]
    (shown,) = blocks(readme, "yaml")
    (tmp_path / "shown.yaml").write_text(shown)
    shown_config, written = (load_experiment(tmp_path / f) for f in ("shown.yaml", "my-first.yaml"))
    assert shown_config.datasets == written.datasets
    assert shown_config.models == written.models
    (python,) = blocks(readme, "python")
    assert len(python.strip().splitlines()) <= 6
    run([sys.executable, "-c", python], tmp_path, project)
