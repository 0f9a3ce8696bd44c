"""Subwords in bulk against the tokenizer's own answer for one sentence at a time."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from mtner_cli.core.features import tokenize
from mtner_cli.core.features.tokenize import SubwordTokenizer
from mtner_cli.core.model.encoder import load_tokenizer
from mtner_cli.core.types import Sentence

ABSTRACT = "In unanesthetized rats naloxone reverses the hypotensive effect of clonidine"
SPECIAL = {"unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]"}


def trained(kind: str) -> Any:
    """A small tokenizer of a kind, as of RoBERTa (byte level) or of XLM-R (unigram)."""
    special = list(SPECIAL.values())
    pre: Any
    trainer: Any
    if kind == "byte level":
        backend = Tokenizer(models.BPE(dropout=0.5))
        pre = pre_tokenizers.ByteLevel(add_prefix_space=True)
        trainer = trainers.BpeTrainer(
            vocab_size=300,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        )
    else:
        backend = Tokenizer(models.Unigram())
        backend.normalizer = normalizers.NFKC()
        pre = pre_tokenizers.Metaspace(prepend_scheme="first")
        trainer = trainers.UnigramTrainer(
            vocab_size=60, special_tokens=special, unk_token=SPECIAL["unk_token"]
        )
    backend.pre_tokenizer = pre
    backend.train_from_iterator([ABSTRACT] * 5, trainer)
    backend.add_tokens([AddedToken("mg", lstrip=True, single_word=False)])
    return PreTrainedTokenizerFast(tokenizer_object=backend, **SPECIAL)


@pytest.fixture(scope="module", params=["word piece", "byte level", "unigram"])
def tokenizer(request: pytest.FixtureRequest, tiny_encoder: Path) -> SubwordTokenizer:
    if request.param == "word piece":
        return load_tokenizer(str(tiny_encoder))
    return SubwordTokenizer(trained(request.param))


def one_by_one(tokenizer: SubwordTokenizer, words: tuple[str, ...]) -> list[list[int]]:
    """The subwords of each word of a sentence."""
    backend = tokenizer.tokenizer.backend_tokenizer
    encoding = backend.encode(words, is_pretokenized=True, add_special_tokens=False)
    subwords: list[list[int]] = [[] for _ in words]
    for number, word in zip(encoding.ids, encoding.word_ids, strict=True):
        subwords[word].append(number)
    return [of_word or [tokenizer.unknown_id] for of_word in subwords]


NOT_IN_WORDS = " \n\r"
WORDS = st.one_of(
    st.sampled_from([*ABSTRACT.split(), "5mg", "[SEP]", "a[UNK]b", "\u200b", "\u0007", "ﬁ", "▁"]),
    st.text(st.characters(exclude_characters=NOT_IN_WORDS, codec="utf-8"), min_size=1, max_size=5),
)


@settings(max_examples=40)
@given(sentences=st.lists(st.lists(WORDS, max_size=6), max_size=7), at_once=st.integers(1, 4))
def test_each_word_has_the_subwords_it_has_in_its_sentence(
    tokenizer: SubwordTokenizer, sentences: list[list[str]], at_once: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenize, "SENTENCES_AT_ONCE", at_once)
        tokenized = list(
            tokenizer.tokenize("C", [Sentence.of_words(words) for words in sentences], False)
        )
    assert [sentence.index for sentence in tokenized] == list(range(len(sentences)))
    for sentence, words in zip(tokenized, sentences, strict=True):
        starts = sentence.word_starts.tolist()
        subwords = sentence.subwords.tolist()
        assert len(starts) == len(words) + 1
        assert starts[-1] == len(subwords)
        assert [subwords[start:end] for start, end in pairwise(starts)] == one_by_one(
            tokenizer, sentence.words
        )
        text = sentence.sentence.text
        assert [text[start:end] for start, end in sentence.word_offsets.tolist()] == words


@settings(max_examples=40)
@given(texts=st.lists(st.lists(WORDS, max_size=6).map(" ".join), max_size=7))
def test_raw_texts_are_split_as_alone(tokenizer: SubwordTokenizer, texts: list[str]) -> None:
    together = list(tokenizer.tokenize("C", [Sentence.of_text(text) for text in texts], False))
    assert [sentence.sentence.text for sentence in together] == texts
    for sentence in together:
        (alone,) = tokenizer.tokenize("C", [sentence.sentence], False)
        encoding = tokenizer.tokenizer.backend_tokenizer.encode(
            sentence.sentence.text, add_special_tokens=False
        )
        starts = [
            place
            for place, word in enumerate(encoding.word_ids)
            if place == 0 or word != encoding.word_ids[place - 1]
        ]
        starts.append(len(encoding.ids))
        assert sentence.subwords.tolist() == alone.subwords.tolist() == encoding.ids
        assert sentence.word_starts.tolist() == starts
        assert sentence.word_offsets.tolist() == [
            [encoding.offsets[start][0], encoding.offsets[end - 1][1]]
            for start, end in pairwise(starts)
        ]
        assert sentence.words == alone.words


def test_subwords_are_never_drawn_at_random() -> None:
    tokenizer = SubwordTokenizer(trained("byte level"))
    sentences = [Sentence.of_text("hypotensive naloxone") for _ in range(20)]
    drawn = {tuple(s.subwords.tolist()) for s in tokenizer.tokenize("C", sentences, False)}
    assert len(drawn) == 1
