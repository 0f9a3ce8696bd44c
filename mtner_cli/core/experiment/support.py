"""Settings of the original system that this version cannot carry out: refused, never ignored."""

from __future__ import annotations

from mtner_cli.config.schema import ExperimentConfig
from mtner_cli.errors import ConfigError


def refuse_unsupported(config: ExperimentConfig) -> None:
    """Refuse a configuration that asks for what is not there yet.

    Raises:
        ConfigError: naming every such key.
    """
    wanted: dict[str, bool] = {}
    faults = [
        f"{key}: true is not supported by this version yet; set it to false to train without"
        for key, used in wanted.items()
        if used
    ]
    checkpoints = config.train.checkpoints
    if not checkpoints.save_average_only:
        faults.append(
            "train.checkpoints.save_average_only: false is not supported by this version yet; only "
            "the checkpoint that is best on average is kept"
        )
    if faults:
        raise ConfigError(faults)
