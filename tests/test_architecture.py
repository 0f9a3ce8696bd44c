"""Data flows one way: what each part of the package may import, read from the code itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

# From the ground floor up: a room may import itself and the rooms before it. Rooms that are named
# together import nothing of each other.
FLOORS = [
    ("errors",),
    ("paths",),
    ("config",),
    ("core.types", "core.device", "core.files", "core.fetch"),
    ("core.actions",),
    ("core.corpus",),
    ("core.convert",),
    ("core.documents", "core.features"),
    ("core.model",),
    ("core.train",),
    ("core.decode",),
    ("core.evaluate",),
    ("core.results", "core.tagger"),
    ("core.triage", "core.experiment", "core.prediction"),
    ("report",),
    ("cli",),
]
ROOMS = [room for floor in FLOORS for room in floor]
TOP = {"__init__", "__main__"}
MOST_MODULES, MOST_LINES, FEWEST_LINES, MOST_POSITIONAL = 135, 400, 30, 6
HEAVY = {"torch", "transformers", "pandas", "mlflow", "accelerate", "numpy", "pydantic"}


def imports(path: Path, top_level_only: bool = False) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def modules(project: Path) -> list[Path]:
    return sorted((project / "mtner_cli").rglob("*.py"))


def modules_of(project: Path, part: str) -> list[Path]:
    path = project / "mtner_cli" / part.replace(".", "/")
    return (
        [path.with_suffix(".py")]
        if path.with_suffix(".py").exists()
        else sorted(path.rglob("*.py"))
    )


def name_of(path: Path, project: Path) -> str:
    """The dotted name below the package: ``core.files.atomic``."""
    parts = path.relative_to(project / "mtner_cli").with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def room_of(name: str) -> str | None:
    return next((room for room in ROOMS if name == room or name.startswith(f"{room}.")), None)


def test_every_module_has_a_room(project: Path) -> None:
    homeless = [
        name
        for name in (name_of(path, project) for path in modules(project))
        if room_of(name) is None and name not in (*TOP, "core")
    ]
    assert homeless == []
    empty = [room for room in ROOMS if not modules_of(project, room)]
    assert empty == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_rooms_below(project: Path, room: str) -> None:
    floor = next(number for number, rooms in enumerate(FLOORS) if room in rooms)
    below = {other for rooms in FLOORS[:floor] for other in rooms} | {room, None}
    for path in modules_of(project, room):
        for name in imports(path):
            if name.startswith("mtner_cli."):
                other = room_of(name.removeprefix("mtner_cli."))
                assert other in below, f"{path} imports {name}, which is not below it"


def test_no_module_is_too_long_or_too_small(project: Path) -> None:
    users: dict[str, set[str]] = {}
    for path in modules(project):
        for name in imports(path):
            users.setdefault(name, set()).add(name_of(path, project))
    assert sum(path.name != "__init__.py" for path in modules(project)) <= MOST_MODULES
    for path in modules(project):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= MOST_LINES, f"{path} has {lines} lines"
        used_by = users.get(f"mtner_cli.{name_of(path, project)}", set())
        if path.name not in ("__init__.py", "__main__.py") and len(used_by) == 1:
            assert lines >= FEWEST_LINES, f"{path} has {lines} lines, for {used_by} only"


def positional(node: ast.AST) -> int:
    """Count the positional parameters of a function or of the constructor of a data class."""
    if isinstance(node, ast.FunctionDef):
        names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
        return len([name for name in names if name not in ("self", "cls", "ctx")])
    if isinstance(node, ast.ClassDef):
        made = " ".join(map(ast.unparse, (*node.decorator_list, *node.bases)))
        if ("dataclass" in made or "NamedTuple" in made) and "kw_only=True" not in made:
            fields = [part for part in node.body if isinstance(part, ast.AnnAssign)]
            return len([part for part in fields if "ClassVar" not in ast.unparse(part)])
    return 0


def test_nothing_takes_more_than_six_positional_parameters(project: Path) -> None:
    for path in modules(project):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert positional(node) <= MOST_POSITIONAL, f"{path}:{getattr(node, 'lineno', 0)}"


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


@pytest.mark.parametrize("part", ["core.convert", "core.corpus", "core.actions", "core.documents"])
def test_text_stages_do_without_torch(project: Path, part: str) -> None:
    for path in modules_of(project, part):
        assert not {"torch", "transformers"} & {name.split(".")[0] for name in imports(path)}, path


LIGHT = [
    ("core.convert.conversion", "pydantic"),
    ("core.convert.corpora", "torch"),
    ("report.ledgers", "torch"),
]


@pytest.mark.parametrize(("module", "heavy"), LIGHT)
def test_what_a_conversion_imports_stays_light(project: Path, module: str, heavy: str) -> None:
    code = f"import sys, mtner_cli.{module}; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=project).returncode == 0


FORMAT_FILES = "mtner_cli.core.convert.formats."
# Typer itself imports pydantic as soon as a command of the app is parsed.
OTHERS = (*sorted(HEAVY - {"pydantic"}), "mtner_cli.config.compose")
COMMANDS = [
    ("--help", (*sorted(HEAVY), "mtner_cli.core.types", FORMAT_FILES)),
    ("convert --help", (*OTHERS, "mtner_cli.core.types", FORMAT_FILES)),
    ("convert --list", OTHERS),
    ("convert conll --help", (*OTHERS, f"{FORMAT_FILES}bioc", f"{FORMAT_FILES}jsonl")),
]


@pytest.mark.parametrize(("command", "avoided"), COMMANDS)
def test_help_imports_no_more_than_it_shows(
    project: Path, command: str, avoided: Iterable[str]
) -> None:
    code = (
        "import atexit, sys; from mtner_cli.cli.app import main;"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr));"
        f"sys.argv = ['mtner', *{command.split()}]; main()"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True
    )
    imported = shown.stderr.split()
    assert "mtner_cli.cli.app" in imported
    assert [name for name in imported if name.startswith(tuple(avoided))] == []


def test_commands_import_nothing_heavy_before_they_run(project: Path) -> None:
    for path in modules_of(project, "cli"):
        heavy = {name.split(".")[0] for name in imports(path, top_level_only=True)} & HEAVY
        assert not heavy, f"{path} imports {heavy} at the top"
