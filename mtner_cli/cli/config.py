"""``mtner config``: print every setting with its default, or a JSON schema of them."""

from __future__ import annotations

from typing import Annotated

import typer

from mtner_cli.errors import ConfigError


def config(
    defaults: Annotated[
        bool, typer.Option("--defaults", help="Every setting with its default, as YAML.")
    ] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="A JSON schema, from which editors complete.")
    ] = False,
) -> None:
    """Print what an experiment file may hold: the settings, their defaults and their meaning.

    Editors complete settings from the schema in a file with the line:

    # yaml-language-server: $schema=mtner.schema.json

    Example: mtner config --schema > mtner.schema.json
    """
    from mtner_cli.config.defaults import defaults_yaml, json_schema

    if defaults == schema:
        raise ConfigError(["mtner config prints one thing: give --defaults or --schema"])
    typer.echo(defaults_yaml() if defaults else json_schema(), nl=False)
