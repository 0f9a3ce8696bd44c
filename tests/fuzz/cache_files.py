"""The cache of read and tokenized corpora: damage never shows in a result."""

from __future__ import annotations

import os
import tempfile
import zipfile
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from mtner_cli.config.encodings import EncodingName
from mtner_cli.core.corpus.splits import load_split
from mtner_cli.core.features.tokenize import SubwordTokenizer, tokenize_split
from mtner_cli.core.model.encoder import load_tokenizer
from tests.fuzz import seeds
from tests.fuzz.case import Case, WrongResult
from tests.fuzz.mutations import mutated_bytes, unlike_any

NAME = "cache"
SOURCE = "in/train.txt"
MODE: EncodingName = "simple-char"


@cache
def tokenizer() -> SubwordTokenizer:
    """The packaged encoder's, which needs no network."""
    return load_tokenizer("builtin:minilm")


@cache
def whole() -> dict[str, bytes]:
    """A corpus and its cache files, undamaged."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        old = os.environ.get("MTNER_CACHE")
        os.environ["MTNER_CACHE"] = str(folder / "cache")
        try:
            (folder / "in").mkdir()
            (folder / SOURCE).write_text(_corpus(), encoding="utf-8")
            _read(folder)
        finally:
            os.environ.pop("MTNER_CACHE")
            if old is not None:
                os.environ["MTNER_CACHE"] = old
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _corpus() -> str:
    return "".join(seeds.action_lines(texts) for texts in seeds.documents()[:2])


def _read(folder: Path) -> list[Any]:
    """All that a training takes from a split."""
    split = load_split("corpus", folder / SOURCE, MODE, tag_dict={"DNA": None, "Protein": "Gene"})
    tokenized = tokenize_split(split, tokenizer(), separate_tags=True)
    found: list[Any] = [split.sentences, dict(split.dropped)]
    for one in tokenized:
        arrays = (one.word_offsets, one.subwords, one.word_starts)
        found.append((one.words, one.gold, one.gold_unmatched, *(a.tolist() for a in arrays)))
    return found


@cache
def _expected() -> list[Any]:
    with tempfile.TemporaryDirectory() as made:
        (Path(made) / "in").mkdir()
        (Path(made) / SOURCE).write_text(_corpus(), encoding="utf-8")
        return _read(Path(made))


def cases(real: bool) -> st.SearchStrategy[Case]:
    """One of the cache files damaged, or both of them swapped."""
    _expected()
    return _cases()


@st.composite
def _cases(draw: st.DrawFn) -> Case:
    files = dict(whole())
    cached = [name for name in files if name != SOURCE]
    changed = draw(st.sampled_from(cached))
    match draw(st.integers(0, 9)):
        case 7:
            files[changed] = _other_members(draw, files[changed])
        case 8:
            files[changed] = files[cached[0] if changed == cached[1] else cached[1]]
        case 9:
            files[changed] = unlike_any(draw)
        case _:
            files[changed] = mutated_bytes(draw, files[changed])
    return Case(NAME, files)


def _other_members(draw: st.DrawFn, content: bytes) -> bytes:
    """A sound archive that lacks an array, or has one of another name or kind."""
    arrays: dict[str, Any] = {}
    with np.load(BytesIO(content)) as stored:
        arrays.update({name: stored[name] for name in stored.files})
    name = draw(st.sampled_from(sorted(arrays)))
    match draw(st.integers(0, 3)):
        case 0:
            del arrays[name]
        case 1:
            arrays[f"{name}r"] = arrays.pop(name)
        case 2:
            arrays[name] = np.array([{}], dtype=object)
        case _:
            file = BytesIO(content)
            with zipfile.ZipFile(file, "a") as archive:
                archive.writestr("no array.txt", b"x" * 100)
            return file.getvalue()
    file = BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def run(case: Case, folder: Path) -> set[str]:
    """Read with the damaged cache, then with what it has become."""
    for what in ("damaged cache gives another result", "cache made anew gives another result"):
        if _read(folder) != _expected():
            raise WrongResult(what)
    with_damage = [name for name in case.files if not (folder / name).is_file()]
    if with_damage:
        raise WrongResult("cache file not made anew", with_damage)
    return set()
