"""How many mentions of a PubTator corpus each sentence splitter cuts, and what it costs.

    pip install syntok segtok sentencex pysbd
    python tests/benchmarks/sentence_splitters.py tmvar_v3.txt

A mention is cut where it does not lie within one sentence of its title or abstract.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path

Splitter = Callable[[str], list[int]]
"""The offsets at which the sentences of a text start, without those of the text itself."""

_TEXT_LINE = re.compile(r"[^|\t]+\|[ta]\|(.*)")


def passages(path: Path) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """Every title and abstract with the offsets of the mentions that lie within it."""
    for document in path.read_text(encoding="utf-8").split("\n\n"):
        lines = document.splitlines()
        rows = [line.split("\t") for line in lines if "\t" in line]
        mentions = [(int(row[1]), int(row[2])) for row in rows if row[1].isdigit()]
        start = 0
        for text in (match[1] for line in lines if (match := _TEXT_LINE.fullmatch(line))):
            end = start + len(text)
            yield text, [(b - start, e - start) for b, e in mentions if start <= b and e <= end]
            start = end + 1


def syntok() -> Splitter:
    import syntok.segmenter

    def split(text: str) -> list[int]:
        sentences = (s for paragraph in syntok.segmenter.analyze(text) for s in paragraph)
        return [sentence[0].offset for sentence in sentences]

    return split


def segtok() -> Splitter:
    from segtok.segmenter import split_single

    return lambda text: _found_in(text, split_single(text))


def sentencex() -> Splitter:
    from sentencex import segment

    return lambda text: list(accumulate(map(len, segment("en", text)[:-1]), initial=0))


def pysbd() -> Splitter:
    import pysbd

    segmenter = pysbd.Segmenter(language="en", clean=False, char_span=True)
    return lambda text: [span.start for span in segmenter.segment(text)]


def _found_in(text: str, sentences: list[str]) -> list[int]:
    starts, end = [], 0
    for sentence in filter(None, sentences):
        starts.append(text.index(sentence, end))
        end = starts[-1] + len(sentence)
    return starts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pubtator", type=Path)
    corpus = list(passages(parser.parse_args().pubtator))
    print("| splitter | sentences | mentions cut | CPU seconds |\n| --- | --- | --- | --- |")
    for load in (syntok, segtok, sentencex, pysbd):
        split = load()
        split(corpus[0][0])
        began = time.process_time()
        borders = [split(text) for text, _ in corpus]
        seconds = time.process_time() - began
        sentences = sum(len({0, *starts}) for starts in borders)
        cut = sum(
            any(start < border < end for border in starts)
            for starts, (_, mentions) in zip(borders, corpus, strict=True)
            for start, end in mentions
        )
        print(f"| {load.__name__} | {sentences} | {cut} | {seconds:.2f} |")
    print(f"{len(corpus)} passages, {sum(len(mentions) for _, mentions in corpus)} mentions")


if __name__ == "__main__":
    main()
