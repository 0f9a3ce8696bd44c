"""Tokenized splits from the cache are those that were made without it."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken

from mtner_cli.core.corpus.action_files import CorpusWriter
from mtner_cli.core.corpus.splits import CorpusSplit, load_split
from mtner_cli.core.features import tokenize
from mtner_cli.core.features.tokenize import SubwordTokenizer, TokenizedSentence, tokenize_split
from mtner_cli.core.model.encoder import load_tokenizer
from mtner_cli.core.types import Sentence, Tag
from tests.core.actions.strategies import SENTENCES


@pytest.fixture(scope="module")
def tokenizer(tiny_encoder: Path) -> SubwordTokenizer:
    return load_tokenizer(str(tiny_encoder))


@pytest.fixture
def encodings(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many times anything was really tokenized."""
    counts: Counter[str] = Counter()
    original = SubwordTokenizer.arrays

    def counting(self: SubwordTokenizer, sentences: Any) -> Any:
        counts["splits"] += 1
        return original(self, sentences)

    monkeypatch.setattr(SubwordTokenizer, "arrays", counting)
    return counts


def as_lists(sentence: TokenizedSentence) -> dict[str, Any]:
    values = {field.name: getattr(sentence, field.name) for field in fields(sentence)}
    return {
        name: (str(value.dtype), value.tolist()) if hasattr(value, "tolist") else value
        for name, value in values.items()
    }


@settings(max_examples=30)
@given(data=st.data(), at_once=st.integers(1, 4), separate=st.booleans())
@pytest.mark.parametrize("mode", SENTENCES)
def test_warm_is_as_cold(
    tokenizer: SubwordTokenizer,
    tmp_path_factory: pytest.TempPathFactory,
    mode: Any,
    data: st.DataObject,
    at_once: int,
    separate: bool,
) -> None:
    """With nested and unmatched mentions, documents, and text that the tokenizer deletes."""
    drawn = data.draw(st.lists(SENTENCES[mode](), min_size=1, max_size=6))
    documents = data.draw(st.lists(st.sampled_from(["0", "1"]), min_size=6, max_size=6))
    folder = tmp_path_factory.mktemp("split")
    with CorpusWriter(folder / "train.txt", mode) as writer:
        for sentence, document in zip(drawn, sorted(documents), strict=False):
            writer.write(Sentence(sentence.text, sentence.mentions, sentence.words, document))
    results = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenize, "SENTENCES_AT_ONCE", at_once)
        for cache in ("off", str(folder), str(folder)):
            patch.setenv("MTNER_CACHE", cache)
            split = load_split("C", folder / "train.txt", mode)
            results.append([as_lists(s) for s in tokenize_split(split, tokenizer, separate)])
        direct = list(tokenizer.tokenize("C", split.sentences, separate))
        results.append([as_lists(sentence) for sentence in direct])
    assert len(list(folder.glob("mtner-features/*.npz"))) == 2
    assert results[0] == results[1] == results[2] == results[3]


def split_of(path: Path, corpus: str = "C") -> CorpusSplit:
    return load_split(corpus, path, "simple-char")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MTNER_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "train.txt"
    path.write_text("anti-TNF ||| TRANSITION(Protein,5) REDUCE(Protein,8)\n", encoding="utf-8")
    return path


def test_a_split_is_tokenized_once(
    path: Path, tokenizer: SubwordTokenizer, encodings: Counter[str]
) -> None:
    for separate, tag in ((False, Tag(None, "Protein")), (True, Tag("C", "Protein"))):
        (sentence,) = tokenize_split(split_of(path), tokenizer, separate)
        assert sentence.gold == ((2, 3, tag),)
    (sentence,) = tokenize_split(split_of(path, "Other"), tokenizer, True)
    assert (sentence.corpus, sentence.gold) == ("Other", ((2, 3, Tag("Other", "Protein")),))
    assert encodings["splits"] == 1


def test_another_file_or_tokenizer_is_tokenized_anew(
    path: Path, tokenizer: SubwordTokenizer, encodings: Counter[str], tiny_encoder: Path
) -> None:
    (before,) = tokenize_split(split_of(path), tokenizer, False)
    other = load_tokenizer(str(tiny_encoder))
    assert other.fingerprint == tokenizer.fingerprint
    changed = load_tokenizer(str(tiny_encoder)).tokenizer
    changed.add_tokens([AddedToken("TNF")])
    (after,) = tokenize_split(split_of(path), SubwordTokenizer(changed), False)
    assert after.subwords.tolist() != before.subwords.tolist()
    path.write_text("TNF ||| \n", encoding="utf-8")
    (sentence,) = tokenize_split(split_of(path), tokenizer, False)
    assert sentence.words == ("TNF",)
    assert encodings["splits"] == 3


def test_a_split_of_unknown_origin_is_not_kept(
    path: Path, tokenizer: SubwordTokenizer, encodings: Counter[str]
) -> None:
    split = CorpusSplit("C", split_of(path).sentences, {})
    for _ in range(2):
        (sentence,) = tokenize_split(split, tokenizer, False)
        assert sentence.words == ("anti", "-", "TNF")
    assert encodings["splits"] == 2
