"""Configurations from mappings, for tests that need no file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mtner_cli.config.contradictions import find_contradictions
from mtner_cli.config.defaults import default_settings
from mtner_cli.config.load import compose
from mtner_cli.config.schema import ExperimentConfig
from mtner_cli.config.yaml_source import YamlSource


def config_from_mapping(
    values: Mapping[str, Any], overrides: Sequence[str] = ()
) -> ExperimentConfig:
    """What ``load_experiment`` makes of a file with these values."""
    source = YamlSource("the configuration", dict(values))
    return compose(
        source,
        ExperimentConfig,
        defaults=default_settings(),
        overrides=overrides,
        checks=[find_contradictions],
    )
