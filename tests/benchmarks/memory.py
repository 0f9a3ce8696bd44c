"""Peak memory of a process that does one thing: ``python -m tests.benchmarks.memory``.

``slots CORPUS`` and ``linear CORPUS`` train on the corpus's longest sentences; ``corpus N``
finds the mentions of N sentences read from a file. The last line printed is seconds, then MiB.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import torch

from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.corpus.action_files import read_corpus
from mtner_cli.core.decode.inference import predict_mentions
from mtner_cli.core.features.batch import Collator, batches_by_length
from mtner_cli.core.features.examples import examples_of
from mtner_cli.core.features.tokenize import SENTENCES_AT_ONCE
from mtner_cli.core.model.encoder import load_encoder, load_tokenizer
from mtner_cli.core.model.ner_model import NerModel, build_model
from mtner_cli.core.model.slot_tagger import TaggerSettings
from mtner_cli.core.tagger import TOKENS_PER_BATCH
from mtner_cli.core.types import Tag
from tests.benchmarks.corpus import TYPES, synthetic_sentences, write_corpus
from tests.benchmarks.linear_head import LinearHead
from tests.benchmarks.protocol import prepare_protocol
from tests.benchmarks.throughput import BATCH_SIZE, training_step
from tests.benchmarks.timing import DEVICE

TRAINED_BATCHES = 6


def train(name: str, corpus: Path) -> float:
    """Seconds to train on the longest of the first 2,000 sentences."""
    prepared = prepare_protocol(corpus, corpus / "unused")
    vocabulary = prepared.description.vocabulary
    encoder = load_encoder(prepared.config.models.embed_model.pretrained_name)
    if name == "linear":
        step = training_step(LinearHead(encoder, vocabulary.tags).to(DEVICE))
    else:
        step = training_step(build_model(encoder, vocabulary, prepared.config).to(DEVICE))
    collate = Collator(vocabulary, prepared.tokenizer.pad_id)
    longest = sorted(prepared.examples, key=lambda example: -len(example.input_ids))
    started = time.perf_counter()
    for first in range(0, TRAINED_BATCHES * BATCH_SIZE, BATCH_SIZE):
        step(collate(longest[first : first + BATCH_SIZE]).to(DEVICE))
    return time.perf_counter() - started


def read_corpus_of(count: int) -> float:
    """Seconds to find the mentions of ``count`` sentences, with an encoder that takes no time."""
    tokenizer = load_tokenizer("builtin:minilm")
    vocabulary = ActionVocabulary([Tag(None, name) for name in TYPES])
    model = quick_model(vocabulary)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "corpus.txt"
        write_corpus(synthetic_sentences(count, seed=1), path)
        started = time.perf_counter()
        sentences = read_corpus(path, "simple")
        while some := list(islice(sentences, SENTENCES_AT_ONCE)):
            examples = examples_of(tokenizer.tokenize("corpus", some, False), tokenizer, 405)
            batches = batches_by_length(examples, TOKENS_PER_BATCH)
            collate = Collator(vocabulary, tokenizer.pad_id)
            predict_mentions(model, batches, collate, DEVICE, lambda _: None)
        return time.perf_counter() - started


def quick_model(vocabulary: ActionVocabulary) -> NerModel:
    """A model whose encoder takes no time and which finds next to nothing."""
    model = NerModel(_small_encoder(), vocabulary, TaggerSettings()).to(DEVICE)
    quiet = [1e-4] * (vocabulary.size - vocabulary.first_tag_action)
    first = [0.03, 0.9, *([1e-4] * (vocabulary.first_tag_action - 2))]
    model.tagger.start_output_at(torch.tensor([*first, *quiet]))
    return model


def _small_encoder() -> torch.nn.Module:
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    return BertModel(BertConfig(**sizes, intermediate_size=64))


def peak_mib() -> float:
    """The most memory that was in use: of the GPU where there is one, else resident."""
    if DEVICE.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage would count what the parent had in use when it started this process.
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    if what == "corpus":
        seconds = read_corpus_of(int(arguments[0]))
    else:
        seconds = train(what, Path(arguments[0]))
    print(f"{seconds:.2f} {peak_mib():.0f}")  # noqa: T201
