"""Reading a result pickle, ours or the original system's, into typed sentences and mentions."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from mtner_cli.core.results.cage import caged_sentences


class ResultMention(NamedTuple):
    """A gold or predicted mention in a result file.

    Attributes:
        char_start, char_end: its character range in the sentence's text, end exclusive.
        start, end: its words, end exclusive; (-1, -1) for a gold mention that does not match the
            tokenization.
        text: what it spans.
        tag: as it stands in the file, with its corpus in front where tags are separate.
    """

    char_start: int
    char_end: int
    start: int
    end: int
    text: str
    tag: str


@dataclass
class ResultSentence:
    """A sentence in a result file, its mentions in the order of the text."""

    number: int
    corpus: str
    text: str
    words: tuple[str, ...]
    gold: list[ResultMention] = field(default_factory=list)
    predicted: list[ResultMention] = field(default_factory=list)


def read_result_sentences(path: Path) -> list[ResultSentence]:
    """All sentences of a result pickle in their order, with the mentions of its ``pred_df``.

    Raises:
        DataError: if the file is no such pickle, or made to exhaust the machine; see
            :func:`~mtner_cli.core.results.cage.caged_sentences`.
    """
    return [
        ResultSentence(
            number,
            corpus,
            text,
            tuple(words),
            [ResultMention(*mention) for mention in gold],
            [ResultMention(*mention) for mention in predicted],
        )
        for number, corpus, text, words, gold, predicted in caged_sentences(path)
    ]
