"""From an action file to examples with their gold timesteps: figures ``preprocess_*``."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mtner_cli.core.corpus.splits import load_split
from mtner_cli.core.experiment.corpora import (
    annotated_tags,
    build_vocabulary,
    garbage_collection_paused,
    tokenize_splits,
)
from mtner_cli.core.features.examples import Example, examples_of, with_timesteps
from mtner_cli.core.features.tokenize import SubwordTokenizer
from mtner_cli.core.files.cache import VARIABLE
from mtner_cli.core.model.encoder import load_tokenizer
from tests.benchmarks.timing import side_by_side

CORPUS = "BC5CDR"
MAX_TOKENS = 512


def measure_preprocessing(path: Path, rounds: int = 5) -> dict[str, float]:
    """Sentences a second with an empty cache and with a full one, and the former over the speed
    of the tokenizer's own ``encode_batch``, which is given the same words.

    Args:
        path: an action file of the ``simple`` encoding.
    """
    tokenizer = load_tokenizer("builtin:minilm")
    words = [sentence.words for sentence in load_split(CORPUS, path, "simple").sentences]
    backend = tokenizer.tokenizer.backend_tokenizer

    def encode_batch() -> None:
        backend.encode_batch(words, is_pretokenized=True, add_special_tokens=False)

    with _cache() as folder:

        def with_empty_cache() -> None:
            shutil.rmtree(folder, ignore_errors=True)
            features(path, tokenizer)

        tasks = {
            "tokenizer": encode_batch,
            "empty cache": with_empty_cache,
            "full cache": lambda: features(path, tokenizer),
        }
        times = side_by_side(tasks, rounds)
    return {
        "preprocess_over_tokenizer": times.ratio("tokenizer", "empty cache"),
        "preprocess_sentences_per_s": len(words) / times.median("empty cache"),
        "preprocess_cached_sentences_per_s": len(words) / times.median("full cache"),
    }


@garbage_collection_paused()
def features(path: Path, tokenizer: SubwordTokenizer) -> list[Example]:
    """All that a training does before its first batch."""
    splits = [load_split(CORPUS, path, "simple")]
    sentences = tokenize_splits(splits, tokenizer, separate=False)
    vocabulary = build_vocabulary(annotated_tags(splits, separate=False), change_out_to_shift=True)
    return [
        with_timesteps(example, vocabulary)
        for example in examples_of(sentences, tokenizer, MAX_TOKENS)
    ]


@contextmanager
def _cache() -> Iterator[Path]:
    """A cache of our own, in a folder that is removed afterwards."""
    before = os.environ.get(VARIABLE)
    with tempfile.TemporaryDirectory() as folder:
        os.environ[VARIABLE] = str(Path(folder) / "cache")
        try:
            yield Path(os.environ[VARIABLE])
        finally:
            os.environ.pop(VARIABLE)
            if before is not None:
                os.environ[VARIABLE] = before
