"""Documents of raw text with mentions, for the formats that give them by offset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from hypothesis import strategies as st

from mtner_cli.core.convert.conversion import convert
from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.corpus.action_files import read_corpus
from mtner_cli.core.types import Span

PIECES = ["p53 ", "is. ", "Dr. ", "E. coli ", "?", "α", "😀", "\u00a0", "  ", "(x)", "||| ", "A"]


@dataclass(frozen=True)
class RawDocument:
    """Passages that stand one character apart, and mentions by offset over all of them."""

    passages: list[str]
    mentions: list[Span]

    @property
    def text(self) -> str:
        return " ".join(self.passages)

    def wording(self, mention: Span) -> str:
        return self.text[mention.start : mention.end]


@st.composite
def raw_documents(draw: st.DrawFn, passages: int, characters: str = "") -> RawDocument:
    """Documents of so many passages; mentions lie to each other, and to sentences, in any way."""
    parts = st.lists(st.sampled_from([*PIECES, *characters]), max_size=8).map("".join)
    made = [draw(parts) for _ in range(passages)]
    length = len(" ".join(made))
    spans = []
    for _ in range(draw(st.integers(0, 6)) if length else 0):
        start = draw(st.integers(0, length - 1))
        end = draw(st.integers(start + 1, min(length, start + 12)))
        spans.append(Span(start, end, draw(st.sampled_from(["Gene", "Cell line", "α|b"]))))
    return RawDocument(made, spans)


def check_conversion(
    name: str, inputs: Sequence[Path], out: Path, documents: Sequence[RawDocument]
) -> Ledger:
    """Convert and compare: each mention is written with its wording, or is in the ledger."""
    ledger = convert(name, inputs, out)
    sentences = list(read_corpus(out, "simple-char"))
    written = Counter(
        (mention.tag, sentence.text[mention.start : mention.end])
        for sentence in sentences
        for mention in sentence.mentions
    )
    given = Counter(
        (mention.tag, _one_line(document.wording(mention)))
        for document in documents
        for mention in document.mentions
    )
    dropped = sum(len(found) for reason, found in ledger.dropped.items() if "mention" in reason)
    assert written <= given
    assert written.total() + dropped == given.total()
    everything = "".join("".join(document.text.split()) for document in documents)
    assert "".join("".join(sentence.text.split()) for sentence in sentences) == everything
    texts = [one_line for document in documents if (one_line := _one_line(document.text)).strip()]
    groups = [list(group) for _, group in groupby(sentences, key=lambda found: found.document)]
    for text, group in zip(texts, groups, strict=True):
        for sentence in group:
            assert text[sentence.start : sentence.start + len(sentence.text)] == sentence.text
    return ledger


def _one_line(text: str) -> str:
    return text.replace("\n", " ").replace("\r", " ")
