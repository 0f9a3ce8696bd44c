from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from mtner_cli.cli.config import config
from mtner_cli.errors import ConfigError

app = typer.Typer()
app.command()(config)


def test_the_file_of_defaults_is_what_the_command_prints(project: Path) -> None:
    """After a change of the schema: mtner config --defaults > configs/defaults.yaml."""
    result = CliRunner().invoke(app, ["--defaults"])
    assert result.exit_code == 0
    assert result.stdout == (project / "configs" / "defaults.yaml").read_text(encoding="utf-8")


def test_the_schema_is_json() -> None:
    result = CliRunner().invoke(app, ["--schema"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["$schema"].startswith("https://json-schema.org/")


@pytest.mark.parametrize("options", [[], ["--defaults", "--schema"]])
def test_one_thing_is_printed_at_a_time(options: list[str]) -> None:
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 1
    assert isinstance(result.exception, ConfigError)
    assert "give --defaults or --schema" in str(result.exception)
    assert result.stdout == ""
