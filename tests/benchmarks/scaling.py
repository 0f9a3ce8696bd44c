"""How the time of inference grows: with a sentence's length, with types, with the corpus."""

from __future__ import annotations

import subprocess
import sys

import torch
from torch import Tensor

from mtner_cli.core.actions.vocabulary import ActionVocabulary, Tag
from mtner_cli.core.decode.inference import infer_actions
from mtner_cli.core.decode.mentions import decode_mentions
from mtner_cli.core.features.batch import Batch
from mtner_cli.core.features.examples import Example, examples_of
from mtner_cli.core.model.tagger import SlotTagger, TaggerSettings
from tests.benchmarks.corpus import synthetic_sentences
from tests.benchmarks.throughput import BATCH_SIZE, Rivals
from tests.benchmarks.timing import DEVICE, seconds_of, side_by_side

LENGTHS = (50, 100, 200, 400)
TYPES = (2, 20, 200)
CORPUS_SIZES = (1_000, 10_000, 100_000)
WIDTH, WORDS = 384, 40


def measure_growth_with_length(rivals: Rivals) -> dict[str, float]:
    """Microseconds a word: of the slot model's own part, and of the whole with the encoder."""
    model, vocabulary = rivals.run.model.eval(), rivals.run.description.vocabulary
    figures = {}
    for length in LENGTHS:
        batch = rivals.run.collate(_examples_of_length(rivals, length)).to(DEVICE)
        with torch.inference_mode():
            slots = model.word_slots(batch)

            def recur(slots: Tensor = slots, batch: Batch = batch) -> None:
                actions = infer_actions(
                    model.tagger, slots, batch.slot_mask, batch.words, vocabulary
                )
                decode_mentions(actions, vocabulary)

            def everything(batch: Batch = batch) -> None:
                recur(model.word_slots(batch), batch)

            times = side_by_side({"recurrence": recur, "total": everything}, rounds=3)
        words = BATCH_SIZE * length
        for part in ("recurrence", "total"):
            figures[f"infer_{part}_us_per_word_{length}"] = times.median(part) / words * 1e6
    return figures


def _examples_of_length(rivals: Rivals, length: int) -> list[Example]:
    sentences = list(synthetic_sentences(BATCH_SIZE, seed=2, words=length))
    tokenizer = rivals.run.tokenizer
    # As many subwords as a word is read by at least, so that no sentence is split.
    return examples_of(tokenizer.tokenize("BC5CDR", sentences, True), tokenizer, 100 * length)


def measure_growth_with_types() -> dict[str, float]:
    """Microseconds a word of the slot model's own part."""
    figures = {}
    for types in TYPES:
        torch.manual_seed(0)
        vocabulary = ActionVocabulary([Tag(None, f"type {number}") for number in range(types)])
        tagger = SlotTagger(WIDTH, vocabulary.size, vocabulary.SHIFT, TaggerSettings())
        frequencies = torch.full((vocabulary.size,), 1e-4)
        frequencies[vocabulary.SHIFT] = 0.95
        tagger.start_output_at(frequencies)
        tagger = tagger.to(DEVICE).eval()
        slots = torch.randn(BATCH_SIZE, WORDS + 2, WIDTH, device=DEVICE)
        mask = torch.ones(slots.shape[:2], dtype=torch.bool, device=DEVICE)
        words = torch.full((BATCH_SIZE,), WORDS, device=DEVICE)

        model = (tagger, slots, mask, words, vocabulary)
        seconds = seconds_of(lambda model=model: decode_mentions(infer_actions(*model), model[-1]))
        figures[f"infer_recurrence_us_per_word_{types}_types"] = seconds / words.sum().item() * 1e6
    return figures


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
