"""Every format describes itself: its line in the registry, its sample, example and options."""

from __future__ import annotations

import inspect
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from mtner_cli.core.convert.registry import FORMATS, Format, format_named
from tests.cli.conftest import run


def test_every_file_with_a_format_is_in_the_registry(project: Path) -> None:
    folder = project / "mtner_cli" / "core" / "convert" / "formats"
    described = {path.stem for path in folder.glob("*.py") if "\nFORMAT = " in path.read_text()}
    assert described == {name.replace("-", "_") for name in FORMATS}


@pytest.mark.parametrize("name", FORMATS)
def test_the_example_converts_the_sample(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source_format = format_named(name)
    for file, content in source_format.sample.items():
        Path(file).write_text(content)
        assert file in source_format.example or source_format.read_together or source_format.targets
    shown = run("convert", name, *shlex.split(source_format.example))
    assert "Nothing was dropped." in shown or source_format.targets is not None
    made = [path for path in tmp_path.rglob("*") if path.is_file()]
    made = [path for path in made if path.name not in source_format.sample]
    assert made
    for path in made:
        assert "TRANSITION(" in path.read_text(), path


@pytest.mark.parametrize("name", FORMATS)
def test_every_option_says_what_it_is_for(name: str) -> None:
    for key, option in format_named(name).options.items():
        assert option.help.text.endswith("."), key
        assert (option.default is None) == bool(option.help.default), key
        valid = option.default not in (None, inspect.Parameter.empty)
        if option.help.check is not None and valid:
            option.help.check(option.default)


def test_the_options_are_the_parameters_of_the_reader() -> None:
    options = format_named("conll").options
    assert list(options) == ["scheme", "word_column", "tag_column", "charset"]
    assert (options["tag_column"].kind, options["tag_column"].default) == (int, -1)
    assert options["scheme"].kind == str | None
    assert options["charset"] == format_named("jsonl").options["charset"]
    assert format_named("bc5cdr-halves").options["half"].is_required


def test_only_the_format_that_is_asked_for_is_imported(project: Path) -> None:
    code = (
        "import sys; from mtner_cli.core.convert.registry import format_named;"
        "format_named('pubtator');"
        "print(*(name for name in sys.modules if '.formats.' in name))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True
    ).stdout
    assert shown.split() == ["mtner_cli.core.convert.formats.pubtator"]


def test_a_format_holds_what_the_command_line_shows() -> None:
    for name in FORMATS:
        source_format: Format = format_named(name)
        lines = [line for text in source_format.sample.values() for line in text.splitlines()]
        assert max(len(line.expandtabs()) for line in lines) <= 74, name  # fits in 80 columns
        assert source_format.layout.endswith("."), name
        assert not FORMATS[name].endswith("."), name
