"""Write a readable report of a test: the tables, then every sentence that has mentions.

Control characters of the corpora are written as escapes, since the report is read in terminals.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TextIO

from mtner_cli.core.evaluate.scores import Evaluation
from mtner_cli.core.files.atomic import atomic_text_file
from mtner_cli.core.types import Tag, TestedSentence
from mtner_cli.errors import visible
from mtner_cli.report.console import PlainConsole
from mtner_cli.report.tables import evaluation_tables

LEGEND = """\
Each mention: 'text'(first word, end)//TYPE, words counted from 0, end exclusive.
  found      annotated and predicted, with the model's score
  missed     annotated, not predicted
  wrong      predicted, not annotated
  foreign    predicted, of a type that this corpus does not annotate
  unmatched  annotated, but it does not start and end at word boundaries: in characters
"""
_WIDTH = 140


def write_text_report(
    path: Path, sentences: Iterable[TestedSentence], evaluation: Evaluation
) -> None:
    """Write the report; ``evaluation`` must be that of the same sentences.

    Raises:
        DataError: if the file cannot be written; an earlier file is then unchanged.
    """
    annotated = evaluation.annotated_tags()
    with atomic_text_file(path, own_folder=True) as file:
        _write_tables(file, evaluation)
        file.write(f"\n{LEGEND}")
        for sentence in sentences:
            if sentence.gold or sentence.gold_unmatched or sentence.predicted:
                listed = sentence_report(sentence, annotated[sentence.corpus])
                file.write(visible(f"\n{listed}"))


def sentence_report(sentence: TestedSentence, annotated: Collection[Tag]) -> str:
    """Format a sentence: its corpus and index, its text, and its mentions in the order of the text.

    Args:
        sentence: a tested sentence.
        annotated: the tags that its corpus annotates.
    """
    document = "" if sentence.document is None else f", document {sentence.document}"
    lines = sorted(_mention_lines(sentence, annotated))
    return "\n".join(
        [
            f"{sentence.corpus}, sentence {sentence.index}{document}",
            f"  {sentence.text}",
            *(f"    {line}" for _, line in lines),
            "",
        ]
    )


def _mention_lines(
    sentence: TestedSentence, annotated: Collection[Tag]
) -> Iterator[tuple[tuple[int, int], str]]:
    """Yield each mention's line with the key that sorts lines: start, then longer ones first."""

    def line(
        kind: str, start: int, end: int, tag: Tag, rest: str = ""
    ) -> tuple[tuple[int, int], str]:
        first, last = sentence.characters(start, end)
        text = sentence.text[first:last]
        return (first, -last), f"{kind:<9}  {text!r}({start}, {end})//{tag}{rest}"

    gold = set(sentence.gold)
    predicted = {mention[:3]: mention.score for mention in sentence.predicted}
    for start, end, tag in gold - predicted.keys():
        yield line("missed", start, end, tag)
    for (start, end, tag), score in predicted.items():
        kind = "found" if (start, end, tag) in gold else "wrong"
        if tag not in annotated:
            kind = "foreign"
        yield line(kind, start, end, tag, f"  {score:.3f}")
    for start, end, tag in sentence.gold_unmatched:
        text = sentence.text[start:end]
        yield (start, -end), f"{'unmatched':<9}  {text!r} characters {start} to {end}//{tag}"


def _write_tables(file: TextIO, evaluation: Evaluation) -> None:
    console = PlainConsole(file=file, width=_WIDTH, color_system=None)
    for part in evaluation_tables(evaluation):
        console.print(part)
