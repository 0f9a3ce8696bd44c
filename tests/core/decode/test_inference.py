"""Sentences may be encoded in smaller groups than they are read in."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.decode import inference
from mtner_cli.core.decode.inference import encode_words
from mtner_cli.core.features.batch import Batch, Collator
from mtner_cli.core.features.examples import examples_of
from mtner_cli.core.model.encoder import load_encoder, load_tokenizer
from mtner_cli.core.model.ner_model import NerModel
from mtner_cli.core.model.slot_tagger import TaggerSettings
from mtner_cli.core.types import Sentence, Tag

CPU = torch.device("cpu")
SENTENCES = (
    "lithium induced tremor in rats",
    "no seizures were seen after a dose of pilocarpine",
    "flu",
    "renal toxicity of cisplatin",
)


def batch_of(encoder: Path) -> Batch:
    tokenizer = load_tokenizer(str(encoder))
    sentences = [Sentence.of_words(text.split(), ()) for text in SENTENCES]
    examples = examples_of(tokenizer.tokenize("C", sentences, False), tokenizer, 100)
    return Collator(ActionVocabulary([Tag(None, "Disease")]), tokenizer.pad_id)(list(examples))


@pytest.mark.parametrize(("tokens", "sizes"), [(1, [1, 1, 1, 1]), (90, [2, 2]), (10_000, [4])])
def test_parts_hold_all_sentences_without_needless_padding(
    tiny_encoder: Path, tokens: int, sizes: list[int]
) -> None:
    batch = batch_of(tiny_encoder)
    assert batch.input_ids.shape[1] <= 45, "two sentences must fit 90 subwords"
    parts = list(batch.parts(tokens))
    assert [len(part.words) for part in parts] == sizes
    assert [example for part in parts for example in part.examples] == list(batch.examples)
    for part in parts:
        longest = max(len(example.input_ids) for example in part.examples)
        assert part.input_ids.shape == part.attention_mask.shape == part.slot_of_subword.shape
        assert part.input_ids.shape[1] == longest
        assert part.slots == batch.slots
    assert torch.equal(torch.cat([part.words for part in parts]), batch.words)


@pytest.mark.parametrize("tokens", [1, 90])
def test_words_are_the_same_encoded_in_parts(
    tiny_encoder: Path, tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = batch_of(tiny_encoder)
    vocabulary = ActionVocabulary([Tag(None, "Disease")])
    model = NerModel(load_encoder(str(tiny_encoder)), vocabulary, TaggerSettings()).eval()
    monkeypatch.setattr(inference, "ENCODED_AT_ONCE", tokens)
    with torch.inference_mode():
        whole, in_parts = model.word_slots(batch), encode_words(model, batch, CPU)
    assert whole.abs().sum() > 0
    torch.testing.assert_close(in_parts, whole)
