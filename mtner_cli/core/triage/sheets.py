"""Write filtered predictions as text, as JSON lines, or as an annotation sheet without formulas."""

from __future__ import annotations

import csv
import json
import math
import random
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

from mtner_cli.core.files.atomic import atomic_text_file
from mtner_cli.core.triage.out_of_domain import FilteredCorpus
from mtner_cli.core.types import Tag, TestedSentence
from mtner_cli.errors import visible

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
    "document",
    "sent_idx",
    "sentence",
    "mention",
    "start",
    "end",
    "doc_start",
    "doc_end",
    "type",
    "score",
)
GOLD_COLUMN = "gold_mentions"
ANNOTATOR = "annotator_"
"""The names of the columns for verdicts start with it and end with a number from 1."""


@dataclass(frozen=True)
class SheetSettings:
    """How an annotation sheet is made.

    Attributes:
        annotators: the number of columns for verdicts.
        seed: of the order of the rows; it is random, so that rows of one sentence or type do not
            influence each other.
        show_gold: whether a column shows the gold mentions of the sentence.
    """

    annotators: int = 2
    seed: int = 0
    show_gold: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all columns."""
        verdicts = (f"{ANNOTATOR}{number}" for number in range(1, self.annotators + 1))
        return (*SHEET_COLUMNS, *([GOLD_COLUMN] if self.show_gold else []), *verdicts)


_RULE = "-" * 80
_CORPUS_RULE = "=" * 80


def format_of(path: Path) -> FormatName:
    """Return the format that a file's ending asks for; text for any other ending."""
    formats: dict[str, FormatName] = {".jsonl": "jsonl", ".csv": "csv"}
    return formats.get(path.suffix.lower(), "txt")


def write_filtered(
    path: Path,
    corpora: Sequence[FilteredCorpus],
    file_format: FormatName,
    sheet: SheetSettings | None = None,
) -> None:
    """Write the predictions in one of the formats.

    Raises:
        DataError: if the file cannot be written; then an older file is unchanged.
    """
    # Spreadsheet programs read a file as UTF-8 only if it starts with a byte order mark.
    encoding = "utf-8-sig" if file_format == "csv" else "utf-8"
    with atomic_text_file(path, encoding) as file:
        if file_format == "csv":
            _write_sheet(file, corpora, sheet or SheetSettings())
        elif file_format == "jsonl":
            _write_json_lines(file, corpora)
        else:
            _write_text(file, corpora)


def _write_text(file: TextIO, corpora: Sequence[FilteredCorpus]) -> None:
    for corpus in corpora:
        counts = ", ".join(f"{tag} ({count})" for tag, count in corpus.counts.items())
        lines = (f"CORPUS: {corpus.name}", f"RELEVANT TYPES: {counts}")
        file.write("\n".join((_CORPUS_RULE, *map(_in_one_line, lines), _CORPUS_RULE, "")))
        for sentence in corpus.sentences:
            file.write("\n".join(_text_lines(sentence)))
            file.write(f"\n{_RULE}\n")


def _text_lines(sentence: TestedSentence) -> Iterator[str]:
    yield f"sent_idx={sentence.index}"
    if sentence.document is not None:
        yield _in_one_line(f"document={sentence.document} start={sentence.start}")
    yield str(list(sentence.words))
    yield "GOLD MENTIONS:"
    gold = list(gold_mentions(sentence))
    yield from map(_mention_text, gold)
    if not gold:
        yield "None."
    yield "PRED MENTIONS:"
    yield from map(_mention_text, predicted_mentions(sentence))


Record = dict[str, Any]


def gold_mentions(sentence: TestedSentence) -> list[Record]:
    """Return the gold mentions as :func:`predicted_mentions` does, in the order of the text.

    A mention that does not match the words has the words -1 to -1.
    """
    matching = [
        _record(sentence, start, end, *sentence.characters(start, end), tag)
        for start, end, tag in sentence.gold
    ]
    others = [_record(sentence, -1, -1, *mention) for mention in sentence.gold_unmatched]
    return sorted([*matching, *others], key=lambda m: (m["char_start"], -m["char_end"], m["type"]))


def predicted_mentions(sentence: TestedSentence) -> Iterator[Record]:
    """Yield the keys and values of each prediction.

    ``start`` and ``end`` count words, ``char_start`` and ``char_end`` characters of the sentence,
    ``doc_start`` and ``doc_end`` those of the document (None without a document).
    """
    for start, end, tag, score in sentence.predicted:
        record = _record(sentence, start, end, *sentence.characters(start, end), tag)
        yield {**record, "score": None if math.isnan(score) else round(score, 6)}


def _record(
    sentence: TestedSentence, start: int, end: int, first: int, last: int, tag: Tag
) -> Record:
    shift = None if sentence.document is None else sentence.start
    return {
        "start": start,
        "end": end,
        "char_start": first,
        "char_end": last,
        "doc_start": None if shift is None else first + shift,
        "doc_end": None if shift is None else last + shift,
        "text": sentence.text[first:last],
        "type": str(tag),
    }


def _mention_text(mention: Record) -> str:
    place = f"({mention['start']}, {mention['end']})"
    return _in_one_line(f"'{mention['text']}'{place}//{mention['type']}")


def _in_one_line(text: str) -> str:
    """Escape control characters and line ends, which could imitate other lines."""
    return visible(text).replace("\n", "\\n")


def _write_json_lines(file: TextIO, corpora: Sequence[FilteredCorpus]) -> None:
    for corpus in corpora:
        for sentence in corpus.sentences:
            record = {
                "corpus": corpus.name,
                "sent_idx": sentence.index,
                "document": sentence.document,
                "text": sentence.text,
                "words": sentence.words,
                "gold": gold_mentions(sentence),
                "predicted": list(predicted_mentions(sentence)),
            }
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def _write_sheet(file: TextIO, corpora: Sequence[FilteredCorpus], sheet: SheetSettings) -> None:
    # All cells are in quotes: a lone carriage return would otherwise end the row in many readers.
    writer = csv.DictWriter(file, sheet.columns, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    rows = [
        _sheet_row(corpus.name, sentence, mention, sheet.show_gold)
        for corpus in corpora
        for sentence in corpus.sentences
        for mention in predicted_mentions(sentence)
    ]
    random.Random(sheet.seed).shuffle(rows)
    for row in rows:
        writer.writerow(
            {name: guarded(cell) if isinstance(cell, str) else cell for name, cell in row.items()}
        )


def _sheet_row(corpus: str, sentence: TestedSentence, mention: Record, show_gold: bool) -> Record:
    before = shortened_before(sentence.text[: mention["char_start"]])
    after = shortened(sentence.text[mention["char_end"] :])
    text = shortened(mention["text"])
    gold = "; ".join(map(_mention_text, gold_mentions(sentence))) if show_gold else ""
    return {
        "corpus": corpus,
        "document": sentence.document,
        "sent_idx": sentence.index,
        "sentence": f"{before}«{text}»{after}",
        "mention": text,
        **{name: mention[name] for name in ("start", "end", "doc_start", "doc_end", "type")},
        "score": mention["score"],
        **({GOLD_COLUMN: shortened(gold)} if show_gold else {}),
    }
