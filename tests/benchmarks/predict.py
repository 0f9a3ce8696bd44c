"""``mtner predict`` over the model's own pass, its memory with many documents, and its start.

Run as a program (``RUN INPUT OUT``), it predicts, with an encoder that takes no time, and prints
the peak memory in MiB.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from mtner_cli.core.decode.inference import predict_mentions
from mtner_cli.core.features.batch import batches_by_length
from mtner_cli.core.features.examples import examples_of
from mtner_cli.core.features.segments import windows_of
from mtner_cli.core.prediction.engine import Request, predict_to_files
from mtner_cli.core.prediction.output import Output
from mtner_cli.core.tagger import TOKENS_PER_BATCH, Tagger
from mtner_cli.core.types import Sentence
from tests.benchmarks.corpus import synthetic_sentences
from tests.benchmarks.memory import peak_mib, quick_model
from tests.benchmarks.timing import DEVICE, seconds_of, side_by_side

DOCUMENTS, SENTENCES_OF_DOCUMENT = 100, 8
FEW, MANY = 1_000, 100_000


def measure_predict(run: Path, folder: Path) -> dict[str, float]:
    """Figures ``predict_*``.

    Args:
        run: a trained run.
        folder: for what is read and written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return _over_test(Tagger.load(run, device=DEVICE), folder) | measure_predict_start(run)


def _over_test(tagger: Tagger, folder: Path) -> dict[str, float]:
    """``predict`` from JSON lines to JSON lines, over the model on features that are ready."""
    source, out = folder / "documents.jsonl", folder / "found.jsonl"
    write_documents(source, DOCUMENTS, SENTENCES_OF_DOCUMENT)
    texts = [json.loads(line)["text"] for line in source.read_text().splitlines()]
    sentences = [
        Sentence.of_text(text[start:end], document=str(number))
        for number, (text, document) in enumerate(
            zip(texts, tagger.annotate(_named(texts)), strict=True)
        )
        for start, end in document.sentences
    ]
    tokenized = list(tagger.tokenizer.tokenize("", sentences, tagger.separate_tags))
    transform = tagger.config.data_transform
    examples = examples_of(
        tokenized, tagger.tokenizer, transform.max_tokens, transform.merge_sents, windows_of
    )
    batches = list(batches_by_length(examples, TOKENS_PER_BATCH))

    def model() -> None:
        predict_mentions(tagger.model, batches, tagger.collate, DEVICE, lambda _: None)

    def predict() -> None:
        request = Request(inputs=(str(source),))
        predict_to_files(tagger, request, Output.at(str(out), ".jsonl"))

    times = side_by_side({"model": model, "predict": predict}, rounds=3)
    return {
        "predict_over_test": 1 / times.ratio("predict", "model"),
        "predict_sentences_per_s": len(sentences) / times.median("predict"),
    }


def _named(texts: list[str]) -> list[tuple[str, str]]:
    """Name texts by their number."""
    return [(str(number), text) for number, text in enumerate(texts)]


def write_documents(path: Path, documents: int, sentences: int) -> None:
    """Write drawn documents as JSON lines."""
    drawn = synthetic_sentences(documents * sentences, seed=7)
    with path.open("w") as file:
        for _ in range(documents):
            text = " ".join(f"{next(drawn).text.capitalize()}." for _ in range(sentences))
            file.write(json.dumps({"text": text}) + "\n")


def measure_predict_memory(run: Path, folder: Path) -> dict[str, float]:
    """Figure ``predict_memory_growth``: many short documents over few, each in a process."""
    folder.mkdir(parents=True, exist_ok=True)
    peaks = {}
    for count in (FEW, MANY):
        source = folder / f"{count}.jsonl"
        with source.open("w") as file:
            for number in range(count):
                file.write(json.dumps({"text": f"Fever {number % 977} rose in mice."}) + "\n")
        command = [sys.executable, "-m", "tests.benchmarks.predict", str(run), str(source)]
        out = folder / f"{count}.found.jsonl"
        answer = subprocess.run([*command, str(out)], check=True, capture_output=True, text=True)
        peaks[count] = float(answer.stdout.split()[-1])
    return {"predict_memory_growth": peaks[MANY] / peaks[FEW], "predict_memory_mib": peaks[MANY]}


def measure_predict_start(run: Path) -> dict[str, float]:
    """Figure ``predict_start_seconds``: from the command to the first mention, and over torch."""
    predict = [sys.executable, "-m", "mtner_cli", "predict", str(run), "-"]
    torch = [sys.executable, "-c", "import torch"]

    def first_mention() -> None:
        text = b"Naloxone reverses hypotension."
        subprocess.run(predict, input=text, check=True, capture_output=True)

    seconds = seconds_of(first_mention)
    return {
        "predict_start_seconds": seconds,
        "predict_start_over_torch": seconds
        / seconds_of(lambda: subprocess.run(torch, check=True, capture_output=True)),
    }


if __name__ == "__main__":
    started = time.perf_counter()
    run_folder, given, out_file = sys.argv[1:]
    loaded = Tagger.load(run_folder, device=DEVICE)
    quick = replace(loaded, model=quick_model(loaded.description.vocabulary).eval())
    predict_to_files(
        quick,
        Request(inputs=(given,)),
        Output.at(out_file, ".jsonl"),
    )
    print(f"{time.perf_counter() - started:.1f} {peak_mib():.0f}")  # noqa: T201
