"""How the time of inference grows: with a sentence's length, with types, with the corpus."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import torch
from torch import Tensor

from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.decode.inference import encode_words, infer_actions
from mtner_cli.core.decode.mentions import decode_mentions
from mtner_cli.core.features.batch import Batch, Collator
from mtner_cli.core.features.examples import Example, examples_of
from mtner_cli.core.model.ner_model import NerModel
from mtner_cli.core.model.slot_tagger import TaggerSettings
from mtner_cli.core.types import Sentence, Tag
from tests.benchmarks.corpus import FREQUENT_WORDS
from tests.benchmarks.throughput import BATCH_SIZE, Rivals
from tests.benchmarks.timing import DEVICE, side_by_side

LENGTHS = (50, 100, 200, 400)
TYPES = (2, 20, 200)
CORPUS_SIZES = (1_000, 10_000, 100_000)
WORDS = 40
MAX_TOKENS = 512


def measure_growth_with_length(rivals: Rivals) -> dict[str, float]:
    """Microseconds a word: of the slot model's own part, and of the whole with the encoder."""
    figures = {}
    for length in LENGTHS:
        batch = rivals.tagger.collate(_examples_of_length(rivals, length)).to(DEVICE)
        for part, microseconds in _microseconds_per_word(rivals.tagger.model, batch).items():
            figures[f"infer_{part}_us_per_word_{length}_words"] = microseconds
    return figures


def measure_growth_with_types(rivals: Rivals) -> dict[str, float]:
    """The same for models that know more and more types, in sentences of ``WORDS`` words."""
    encoder = rivals.tagger.model.encoder
    examples = _examples_of_length(rivals, WORDS)
    figures = {}
    for types in TYPES:
        torch.manual_seed(0)
        vocabulary = ActionVocabulary([Tag(None, f"type {number}") for number in range(types)])
        model = NerModel(encoder, vocabulary, TaggerSettings()).to(DEVICE)
        frequencies = torch.full((vocabulary.size,), 1e-4)
        frequencies[vocabulary.SHIFT] = 0.95
        model.tagger.start_output_at(frequencies)
        batch = Collator(vocabulary, rivals.tagger.tokenizer.pad_id)(examples).to(DEVICE)
        for part, microseconds in _microseconds_per_word(model, batch).items():
            figures[f"infer_{part}_us_per_word_{types}_types"] = microseconds
    return figures


def _microseconds_per_word(model: NerModel, batch: Batch) -> dict[str, float]:
    model.eval()

    def encode() -> Tensor:
        return encode_words(model, batch, DEVICE)

    def recur(slots: Tensor) -> None:
        actions = infer_actions(model.tagger, slots, batch.slot_mask, batch.words, model.vocabulary)
        decode_mentions(actions, model.vocabulary)

    with torch.inference_mode():
        slots = encode()
        tasks = {"recurrence": lambda: recur(slots), "total": lambda: recur(encode())}
        times = side_by_side(tasks, rounds=3)
    words = int(batch.words.sum())
    return {part: times.median(part) / words * 1e6 for part in tasks}


def _examples_of_length(rivals: Rivals, length: int) -> list[Example]:
    """Sentences of frequent words, each one subword, so that 400 fit the encoder."""
    random = np.random.default_rng(2)
    sentences = [
        Sentence.of_words(random.choice(FREQUENT_WORDS, length).tolist(), ())
        for _ in range(BATCH_SIZE)
    ]
    tokenizer = rivals.tagger.tokenizer
    return examples_of(tokenizer.tokenize("BC5CDR", sentences, True), tokenizer, MAX_TOKENS)


def measure_growth_with_corpus() -> dict[str, float]:
    """Sentences a second, and the peak memory of a process that reads so many.

    From action file to mentions, with an encoder that takes next to no time.
    """
    figures = {}
    for size in CORPUS_SIZES:
        command = [sys.executable, "-m", "tests.benchmarks.memory", "corpus", str(size)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds, peak = answer.stdout.split()[-2:]
        figures[f"corpus_sentences_per_s_{size}"] = size / float(seconds)
        figures[f"corpus_memory_mib_{size}"] = float(peak)
    return figures
