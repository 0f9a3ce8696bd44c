"""Data flows one way: what each part of the package may import, read from the code itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

# In the order of the data's way; a part may import the parts before it.
STAGES = [
    "core.corpus",
    "core.convert",
    "core.features",
    "core.model",
    "core.decode",
    "core.evaluate",
    "core.train",
    "core.experiment",
    "report",
    "cli",
]
HEAVY = {"torch", "transformers", "pandas", "mlflow", "accelerate", "numpy", "pydantic"}


def imports(path: Path, top_level_only: bool = False) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def modules_of(project: Path, part: str) -> list[Path]:
    return sorted((project / "mtner_cli" / part.replace(".", "/")).rglob("*.py"))


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_earlier_stages_only(project: Path, stage: str) -> None:
    later = STAGES[STAGES.index(stage) + 1 :]
    modules = modules_of(project, stage)
    assert modules
    for path in modules:
        for name in imports(path):
            part = name.removeprefix("mtner_cli.")
            wrong = [other for other in later if part == other or part.startswith(f"{other}.")]
            assert not wrong, f"{path} imports {name}, a later stage"


def test_core_neither_prints_nor_knows_the_terminal(project: Path) -> None:
    for path in modules_of(project, "core"):
        names = {name.split(".")[0] for name in imports(path)}
        assert not names & {"typer", "rich"}, path
        calls = [
            node.func.id
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        ]
        assert not {"print", "exit", "input"} & set(calls), path


@pytest.mark.parametrize("part", ["core.convert", "core.corpus", "core.actions"])
def test_text_stages_do_without_torch(project: Path, part: str) -> None:
    for path in modules_of(project, part):
        assert not {"torch", "transformers"} & {name.split(".")[0] for name in imports(path)}, path


def test_commands_import_nothing_heavy_before_they_run(project: Path) -> None:
    for path in modules_of(project, "cli"):
        heavy = {name.split(".")[0] for name in imports(path, top_level_only=True)} & HEAVY
        assert not heavy, f"{path} imports {heavy} at the top"
