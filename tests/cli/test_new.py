from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import mtner
from tests.core.experiment.conftest import write_corpora


def test_a_new_experiment_passes_its_dry_run(project: Path, tmp_path: Path) -> None:
    corpora = write_corpora(tmp_path)
    arguments: list[str] = []
    for name, corpus in corpora.items():
        train, *others = corpus["split_paths"].values()
        arguments += ["--corpus", f"{name}={train}", *others]
    done = mtner(project, tmp_path, "new", "my new.yaml", *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "wrote my new.yaml; check it with: mtner train 'my new.yaml' --dry-run\n"
    )
    done = mtner(project, tmp_path, "train", "my new.yaml", "--dry-run", "--cpu")
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in corpora)
    done = mtner(project, tmp_path, "new", "my new.yaml", *arguments)
    assert (done.returncode, "exists already" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--corpus", "a.txt", "my.yaml"], "Missing argument 'FILE'"),
        (["my.yaml"], "Missing option '--corpus'"),
        (["my.yaml", "--corpus"], "requires an argument"),
        (["my.yaml", "--corpus", "--gpu"], ""),
    ],
)
def test_arguments_that_do_not_fit(
    project: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = mtner(project, tmp_path, "new", *arguments)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert list(tmp_path.iterdir()) == []
