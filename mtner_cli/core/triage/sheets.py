"""Write filtered predictions as text, as JSON lines, or as an annotation sheet without formulas."""

from __future__ import annotations

import csv
import json
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TextIO

from mtner_cli.core.files.atomic import atomic_text_file
from mtner_cli.core.results.read import ResultMention, ResultSentence
from mtner_cli.core.triage.out_of_domain import FilteredCorpus, FilteredSentence
from mtner_cli.errors import visible

ANNOTATORS = ("annotator_1", "annotator_2")
MOST = 10_000
"""Most characters of one text in a cell; spreadsheet programs cut or split cells at 32,767."""

_CUT = "[...]"


def guarded(text: str) -> str:
    """Put an apostrophe in front of a text that would otherwise be a formula.

    A spreadsheet program would compute ``-1031T/C`` or, worse, run formulas of a hostile file.
    """
    return f"'{text}" if _needs_guard(text) else text


def unguarded(cell: str) -> str:
    """Return the text that :func:`guarded` was given."""
    return cell[1:] if cell.startswith("'") and _needs_guard(cell[1:]) else cell


def shortened(text: str) -> str:
    """Return the beginning of a text that is too long for a cell."""
    return text if len(text) <= MOST else text[:MOST] + _CUT


def shortened_before(text: str) -> str:
    """Return the end of a text that is too long for a cell."""
    return text if len(text) <= MOST else _CUT + text[-MOST:]


def _needs_guard(text: str) -> bool:
    # Apostrophes are skipped, to distinguish a guard from an apostrophe of the text.
    text = text.lstrip("'")
    if text.startswith(("\t", "\r", "\n")):
        return True
    for character in text:
        # Programs skip blank and invisible characters, and accept full-width and small signs, too.
        if character != "'" and unicodedata.category(character)[0] not in "ZC":
            return unicodedata.normalize("NFKC", character)[:1] in ("=", "+", "-", "@")
    return False


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
    """Return the format that a file's ending asks for; text for any other ending."""
    formats: dict[str, FormatName] = {".jsonl": "jsonl", ".csv": "csv"}
    return formats.get(path.suffix.lower(), "txt")


def write_filtered(path: Path, corpora: Sequence[FilteredCorpus], file_format: FormatName) -> None:
    """Write the predictions in one of the formats.

    Raises:
        DataError: if the file cannot be written; then an older file is unchanged.
    """
    # Spreadsheet programs read a file as UTF-8 only if it starts with a byte order mark.
    encoding = "utf-8-sig" if file_format == "csv" else "utf-8"
    with atomic_text_file(path, encoding) as file:
        _WRITERS[file_format](file, corpora)


def _write_text(file: TextIO, corpora: Sequence[FilteredCorpus]) -> None:
    for corpus in corpora:
        counts = ", ".join(f"{tag} ({count})" for tag, count in corpus.counts.items())
        lines = (f"CORPUS: {corpus.name}", f"RELEVANT TYPES: {counts}")
        file.write("\n".join((_CORPUS_RULE, *map(_in_one_line, lines), _CORPUS_RULE, "")))
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
    return _in_one_line(f"'{mention.text}'({mention.start}, {mention.end})//{mention.tag}")


def _in_one_line(text: str) -> str:
    """Escape control characters and line ends, which could imitate other lines."""
    return visible(text).replace("\n", "\\n")


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
    # All cells are in quotes: a lone carriage return would otherwise end the row in many readers.
    writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(SHEET_COLUMNS)
    for corpus in corpora:
        for filtered in corpus.sentences:
            gold = shortened("; ".join(map(_mention_text, filtered.sentence.gold)))
            for mention in filtered.relevant:
                cells = _sheet_row(corpus.name, filtered.sentence, mention, gold)
                writer.writerow(guarded(cell) if isinstance(cell, str) else cell for cell in cells)


def _sheet_row(
    corpus: str, sentence: ResultSentence, mention: ResultMention, gold: str
) -> list[str | int]:
    before = shortened_before(sentence.text[: mention.char_start])
    after = shortened(sentence.text[mention.char_end :])
    text = shortened(mention.text)
    return [
        corpus,
        sentence.number,
        f"{before}«{text}»{after}",
        text,
        mention.start,
        mention.end,
        mention.tag,
        gold,
        *("" for _ in ANNOTATORS),
    ]


_WRITERS: dict[FormatName, Callable[[TextIO, Sequence[FilteredCorpus]], None]] = {
    "txt": _write_text,
    "jsonl": _write_json_lines,
    "csv": _write_sheet,
}
