"""Write the sample corpora: python data/samples/generate.py --out data/samples

The same grammar gives the same files, byte for byte, on every machine.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from generator.documents import draw_documents
from generator.formats import conll_lines, json_lines
from generator.grammar import Grammar

FORMATS = {"clinic": (conll_lines, "tsv"), "molbio": (json_lines, "jsonl")}
SPLITS = ("train", "dev", "test")


def generate(folder: Path) -> None:
    """Write all splits of both corpora under ``folder``; no two sentences are the same."""
    used: set[str] = set()
    for corpus, (lines_of, suffix) in FORMATS.items():
        grammar = Grammar.load(corpus)
        target = folder / corpus
        target.mkdir(parents=True, exist_ok=True)
        for split in SPLITS:
            lines = lines_of(draw_documents(grammar, split, used))
            (target / f"{split}.{suffix}").write_text("".join(lines), "utf-8", newline="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the sample corpora.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="target folder")
    generate(parser.parse_args().out)
