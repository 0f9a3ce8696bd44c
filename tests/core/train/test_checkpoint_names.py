"""File names of checkpoints, whatever corpora are called."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mtner_cli.core.train.checkpoint import BEST, LAST, best_of_corpus, file_of_checkpoint

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(names)
@example("..")
@example("a/b")
@example("語" * 90)
def test_a_file_name_is_one_part_of_a_path(corpus: str) -> None:
    name = best_of_corpus(corpus)
    assert Path(name).name == name
    assert name.isprintable()
    assert name.isascii()
    assert len(name) < 200
    assert file_of_checkpoint(f"best:{corpus}") == name


@given(st.sets(names, min_size=2, max_size=5))
@example({"a/b", "a%2Fb", "a b", "a%20b"})
@example({"x" * 150, "x" * 151, "x" * 152})
def test_no_two_corpora_share_a_file(corpora: set[str]) -> None:
    files = {best_of_corpus(corpus) for corpus in corpora}
    assert len(files) == len(corpora)
    assert not files & {BEST, LAST}


def test_common_names_stay_readable() -> None:
    assert best_of_corpus("CoNLL-2003") == "best-of-CoNLL-2003.safetensors"
    assert best_of_corpus("a/b") == "best-of-a%2Fb.safetensors"


@pytest.mark.parametrize(
    ("name", "file"),
    [("best", BEST), ("last", LAST), ("best-of-X.safetensors", "best-of-X.safetensors")],
)
def test_checkpoints_have_short_names(name: str, file: str) -> None:
    assert file_of_checkpoint(name) == file
