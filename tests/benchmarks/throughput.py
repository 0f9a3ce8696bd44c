"""Inference and training of the whole model over the encoder alone, on the same sentences."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from mtner_cli.core.decode.inference import encode_words, encoder_precision, infer_actions
from mtner_cli.core.decode.mentions import decode_mentions
from mtner_cli.core.features.batch import Batch, batches_by_length
from mtner_cli.core.features.examples import Example
from mtner_cli.core.tagger import TOKENS_PER_BATCH, Tagger
from tests.benchmarks.linear_head import LinearHead
from tests.benchmarks.timing import DEVICE, Timings, side_by_side

BATCH_SIZE = 16
INFERENCE_SENTENCES = 384
# Every so many batches of the sorted sentences, so that all lengths are there.
TRAINING_BATCHES = 4


@dataclass(frozen=True)
class Rivals:
    """A trained slot model, and a trained linear head with an encoder of its own."""

    tagger: Tagger
    linear: LinearHead


def measure_inference(rivals: Rivals, examples: Sequence[Example]) -> dict[str, float]:
    """Figures ``infer_*``: as ``mtner test`` does it, and with 16 sentences at a time throughout.

    The encoder alone and the linear head always have 16 sentences at a time, sorted by length.
    """
    some = examples[:INFERENCE_SENTENCES]
    ordered = sorted(some, key=lambda example: -len(example.input_ids))
    sixteens = [ordered[i : i + BATCH_SIZE] for i in range(0, len(ordered), BATCH_SIZE)]
    times = _inference_times(
        rivals,
        sixteens=[rivals.tagger.collate(group).to(DEVICE) for group in sixteens],
        as_tested=[
            rivals.tagger.collate(group).to(DEVICE)
            for group in batches_by_length(some, TOKENS_PER_BATCH)
        ],
    )
    figures = {}
    for suffix, task in (("", "slots"), ("_16_at_a_time", "slots of sixteens")):
        figures[f"infer_total_over_encoder{suffix}"] = times.ratio(task, "encoder")
        figures[f"infer_over_linear_head{suffix}"] = 1 / times.ratio(task, "linear")
        figures[f"infer_sentences_per_s{suffix}"] = len(some) / times.median(task)
    return figures


def _inference_times(
    rivals: Rivals, sixteens: Sequence[Batch], as_tested: Sequence[Batch]
) -> Timings:
    model, vocabulary = rivals.tagger.model.eval(), rivals.tagger.description.vocabulary
    linear = rivals.linear.eval()

    def encoder() -> None:
        with encoder_precision(DEVICE):
            for batch in sixteens:
                model.encoder(input_ids=batch.input_ids, attention_mask=batch.attention_mask)

    def encode_whole(batch: Batch) -> Tensor:
        with encoder_precision(DEVICE):
            return model.word_slots(batch)

    def slots(batches: Sequence[Batch], encode: Callable[[Batch], Tensor]) -> None:
        for batch in batches:
            words = encode(batch)
            actions = infer_actions(model.tagger, words, batch.slot_mask, batch.words, vocabulary)
            decode_mentions(actions, vocabulary)

    def head() -> None:
        with encoder_precision(DEVICE):
            for batch in sixteens:
                linear.predict(batch)

    with torch.inference_mode():
        return side_by_side(
            {
                "encoder": encoder,
                "slots": partial(
                    slots, as_tested, lambda batch: encode_words(model, batch, DEVICE)
                ),
                "slots of sixteens": partial(slots, sixteens, encode_whole),
                "linear": head,
            }
        )


def measure_training(rivals: Rivals, examples: Sequence[Example]) -> dict[str, float]:
    """Figure ``train_total_over_encoder``: forward, backward and optimiser step, batch 16."""
    ordered = sorted(examples, key=lambda example: -len(example.input_ids))
    apart = len(ordered) // TRAINING_BATCHES
    batches = [
        rivals.tagger.collate(ordered[first : first + BATCH_SIZE]).to(DEVICE)
        for first in range(0, apart * TRAINING_BATCHES, apart)
    ]
    steps = {
        "encoder": training_step(rivals.tagger.model, encoder_alone=True),
        "slots": training_step(rivals.tagger.model),
        "linear": training_step(rivals.linear),
    }

    def train(name: str) -> None:
        for batch in batches:
            steps[name](batch)

    times = side_by_side({name: partial(train, name) for name in steps}, rounds=3)
    sentences = BATCH_SIZE * len(batches)
    return {
        "train_total_over_encoder": times.ratio("slots", "encoder"),
        "train_total_over_linear_head": times.ratio("slots", "linear"),
        "train_sentences_per_s": sentences / times.median("slots"),
    }


def training_step(model: nn.Module, encoder_alone: bool = False) -> Callable[[Batch], None]:
    """A function that trains a model, or just its encoder, on one batch."""
    trained = model.encoder if encoder_alone else model
    model.train()
    optimizer = torch.optim.AdamW(trained.parameters(), lr=1e-6)

    def step(batch: Batch) -> None:
        with encoder_precision(DEVICE):
            loss = _encoder_loss(model, batch) if encoder_alone else model(batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def _encoder_loss(model: nn.Module, batch: Batch) -> Tensor:
    hidden = model.encoder(input_ids=batch.input_ids, attention_mask=batch.attention_mask)
    return hidden.last_hidden_state.square().mean()


def measure_memory(corpus: Path) -> dict[str, float]:
    """Figure ``train_memory_over_encoder``: peak memory, each in a process of its own."""
    peaks = {}
    for name in ("slots", "linear"):
        command = [sys.executable, "-m", "tests.benchmarks.memory", name, str(corpus)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks[name] = float(answer.stdout.split()[-1])
    return {
        "train_memory_over_encoder": peaks["slots"] / peaks["linear"],
        "train_memory_mib": peaks["slots"],
    }
