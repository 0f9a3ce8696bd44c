"""The filtered predictions as text, as JSON lines, or as a sheet for two annotators."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TextIO

from mtner_cli.core.corpus.atomic import atomic_text_file
from mtner_cli.core.evaluate.agreement import ANNOTATORS
from mtner_cli.core.evaluate.out_of_domain import FilteredCorpus, FilteredSentence
from mtner_cli.core.evaluate.result_file import ResultMention

FormatName = Literal["txt", "jsonl", "csv"]
SHEET_COLUMNS = (
    "corpus",
    "sent_idx",
    "sentence",
    "mention",
    "start",
    "end",
    "type",
    "gold_mentions",
    *ANNOTATORS,
)
_RULE = "-" * 80
_CORPUS_RULE = "=" * 80


def format_of(path: Path) -> FormatName:
    """The format that a file's name asks for; text where it asks for none."""
    formats: dict[str, FormatName] = {".jsonl": "jsonl", ".csv": "csv"}
    return formats.get(path.suffix.lower(), "txt")


def write_filtered(path: Path, corpora: Sequence[FilteredCorpus], file_format: FormatName) -> None:
    """Write the predictions in one of the formats.

    Raises:
        DataError: if the file cannot be written; then what stood there before still does.
    """
    # Spreadsheet programs take a file for UTF-8 only where it starts with a byte order mark.
    encoding = "utf-8-sig" if file_format == "csv" else "utf-8"
    with atomic_text_file(path, encoding) as file:
        _WRITERS[file_format](file, corpora)


def _write_text(file: TextIO, corpora: Sequence[FilteredCorpus]) -> None:
    for corpus in corpora:
        counts = ", ".join(f"{tag} ({count})" for tag, count in corpus.counts.items())
        file.write(f"{_CORPUS_RULE}\nCORPUS: {corpus.name}\nRELEVANT TYPES: {counts}\n")
        file.write(f"{_CORPUS_RULE}\n")
        for filtered in corpus.sentences:
            file.write("\n".join(_text_lines(filtered)))
            file.write(f"\n{_RULE}\n")


def _text_lines(filtered: FilteredSentence) -> Iterator[str]:
    sentence = filtered.sentence
    yield f"sent_idx={sentence.number}"
    yield str(list(sentence.words))
    yield "GOLD MENTIONS:"
    yield from map(_mention_text, sentence.gold)
    if not sentence.gold:
        yield "None."
    yield "PRED MENTIONS:"
    yield from map(_mention_text, filtered.relevant)


def _mention_text(mention: ResultMention) -> str:
    return f"'{mention.text}'({mention.start}, {mention.end})//{mention.tag}"


def _write_json_lines(file: TextIO, corpora: Sequence[FilteredCorpus]) -> None:
    for corpus in corpora:
        for filtered in corpus.sentences:
            sentence = filtered.sentence
            record = {
                "corpus": corpus.name,
                "sent_idx": sentence.number,
                "text": sentence.text,
                "words": sentence.words,
                "gold": [_mention_json(mention) for mention in sentence.gold],
                "predicted": [_mention_json(mention) for mention in filtered.relevant],
            }
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def _mention_json(mention: ResultMention) -> dict[str, Any]:
    values = mention._asdict()
    values["type"] = values.pop("tag")
    return values


def _write_sheet(file: TextIO, corpora: Sequence[FilteredCorpus]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(SHEET_COLUMNS)
    for corpus in corpora:
        for filtered in corpus.sentences:
            for mention in filtered.relevant:
                writer.writerow(_sheet_row(corpus.name, filtered, mention))


def _sheet_row(corpus: str, filtered: FilteredSentence, mention: ResultMention) -> list[Any]:
    sentence = filtered.sentence
    before, after = sentence.text[: mention.char_start], sentence.text[mention.char_end :]
    return [
        corpus,
        sentence.number,
        _not_a_formula(f"{before}«{mention.text}»{after}"),
        _not_a_formula(mention.text),
        mention.start,
        mention.end,
        mention.tag,
        "; ".join(map(_mention_text, sentence.gold)),
        *("" for _ in ANNOTATORS),
    ]


def _not_a_formula(text: str) -> str:
    # A spreadsheet program would compute "-1031T/C", or worse, run what a hostile file holds.
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


_WRITERS: dict[FormatName, Callable[[TextIO, Sequence[FilteredCorpus]], None]] = {
    "txt": _write_text,
    "jsonl": _write_json_lines,
    "csv": _write_sheet,
}
