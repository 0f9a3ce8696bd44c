"""Complete values on the command line: corpora, settings, checkpoints and experiments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer


def fetched_corpora() -> list[str]:
    """Return the corpora that ``mtner fetch`` knows."""
    from mtner_cli.core.fetch.download import load_catalogue

    return list(load_catalogue().corpora)


def shipped_experiments() -> list[str]:
    """Return the experiments that come with mtner, for ``mtner experiments --copy``."""
    from mtner_cli.paths import PACKAGED

    root = PACKAGED / "configs"
    return [
        path.relative_to(root).with_suffix("").as_posix()
        for path in sorted(root.rglob("*.yaml"))
        if "\ntask_name:" in path.read_text(encoding="utf-8")
    ]


def checkpoints_of_run(ctx: typer.Context) -> list[str]:
    """Return the checkpoints of the run that the command names."""
    run = Path(ctx.params.get("model") or _argument(ctx, "run") or ".")
    folder = run if run.is_dir() else run.parent
    names = [path.name for path in (folder / "checkpoints").glob("*.safetensors")]
    # Names such as best:CORPUS are left out, since bash takes a colon for the end of a word.
    return sorted(
        name.removesuffix(".safetensors") if name.startswith(("best.", "last.")) else name
        for name in names
    )


def settings(ctx: typer.Context) -> list[tuple[str, str]]:
    """Return each setting as ``KEY=`` and what it does, with those of the experiment's corpora."""
    from mtner_cli.config.schema import DatasetConfig, ExperimentConfig

    found = list(_settings_of(ExperimentConfig, ""))
    for name in _corpora_of(_argument(ctx, "experiment")):
        found += _settings_of(DatasetConfig, f"datasets.{name}.")
    return found


def _argument(ctx: typer.Context, name: str) -> Any:
    """Return a command's first argument; it is not assigned yet while an option lacks its value."""
    return ctx.params.get(name) or next(iter(ctx.args), None)


def _settings_of(section: Any, above: str) -> Iterator[tuple[str, str]]:
    from mtner_cli.config.defaults import descriptions
    from mtner_cli.config.explain import fields_of

    for name, field in fields_of(section).items():
        if fields_of(field.annotation):
            yield from _settings_of(field.annotation, f"{above}{name}.")
        else:
            text = descriptions().get((section.__name__, name), "").replace("``", "")
            yield f"{above}{name}=", text.split(".\n")[0].split(". ")[0]


def _corpora_of(experiment: Path | str | None) -> list[str]:
    from mtner_cli.config.yaml_source import key_text, read_yaml
    from mtner_cli.errors import ConfigError
    from mtner_cli.paths import shipped

    try:
        datasets = read_yaml(shipped(Path(experiment))).values.get("datasets") if experiment else {}
    except ConfigError:  # the command itself reports it
        datasets = {}
    return [key_text([name]) for name in datasets] if isinstance(datasets, dict) else []
