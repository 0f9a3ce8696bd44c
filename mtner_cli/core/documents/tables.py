"""Read documents from tables with a text column: CSV, TSV and Parquet."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator
from typing import Any

from mtner_cli.core.documents.items import Failure, Fields, Item, record_document
from mtner_cli.core.files.packed import InputPath
from mtner_cli.core.files.reading import reading
from mtner_cli.core.types import Place
from mtner_cli.errors import DataError, names_text, reason_of, shown

_UNDECODABLE = re.compile("[\udc80-\udcff]")
_ROWS_AT_ONCE = 256


def read_csv(path: InputPath, fields: Fields) -> Iterator[Item]:
    """Stream the documents of a table with commas; its first row names the columns."""
    return _rows(path, fields, ",")


def read_tsv(path: InputPath, fields: Fields) -> Iterator[Item]:
    """Stream the documents of a table with tabs; its first row names the columns."""
    return _rows(path, fields, "\t")


def _rows(path: InputPath, fields: Fields, delimiter: str) -> Iterator[Item]:
    with (
        reading(path),
        path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file,
    ):
        rows = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            header = _next_row(rows) or []
        except csv.Error as error:
            raise DataError(path, 1, f"expected a row of columns: {error}") from None
        text, name = _columns(header, path, fields)
        while True:
            place = Place(path, rows.line_num + 1)
            try:
                row = _next_row(rows)
            except csv.Error as error:
                yield Failure(place, f"expected a row of columns: {error}")
                continue
            if row is None:
                return
            if row:
                yield _of_row(row, header, (text, name), place, fields)


def _next_row(rows: Iterator[list[str]]) -> list[str] | None:
    """Return the next row, whose cells may have any length; None at the end."""
    # The limit is one for all readers of the process, and the others rely on it.
    limit = csv.field_size_limit(sys.maxsize)
    try:
        return next(rows, None)
    finally:
        csv.field_size_limit(limit)


def _columns(header: list[str], path: InputPath, fields: Fields) -> tuple[int, int | None]:
    """Return the numbers of the columns of texts and names."""
    for field, option in ((fields.text, "--text-field"), (fields.id, "--id-field")):
        if field is not None and header.count(field) != 1:
            problem = "two columns" if field in header else "no column"
            named = f"{problem} {shown(field)} in the first row, whose columns are: "
            message = f"{named}{names_text(header) or 'none'}; give another {option}"
            raise DataError(path, 1, message)
    wanted = fields.wanted_id
    return header.index(fields.text), header.index(wanted) if wanted in header else None


def _of_row(
    row: list[str],
    header: list[str],
    columns: tuple[int, int | None],
    place: Place,
    fields: Fields,
) -> Item:
    if len(row) != len(header):
        return Failure(place, f"expected {len(header)} columns; found {len(row)}")
    text, name = columns
    read = [row[text]] if name is None else [row[text], row[name]]
    if any(map(_UNDECODABLE.search, read)):
        return Failure(place, "expected utf-8 text; found other bytes")
    return record_document(read[0], None if name is None else read[1], place, fields)


def read_parquet(path: InputPath, fields: Fields) -> Iterator[Item]:
    """Stream the documents of a Parquet file; rows count as lines, from 1."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        message = "reading Parquet needs pyarrow: install it (pip install pyarrow)"
        raise DataError(path, None, message) from None
    with reading(path), path.open("rb") as file:
        try:
            table = parquet.ParquetFile(file)
            names = table.schema_arrow.names
            text, name = _columns(names, path, fields)
            wanted = sorted({names[text], names[text if name is None else name]})
            number = 0
            for batch in table.iter_batches(_ROWS_AT_ONCE, columns=wanted):
                texts = batch.column(fields.text)
                ids = None if name is None else batch.column(names[name])
                for row in range(batch.num_rows):
                    number += 1
                    yield _of_values(texts[row], ids and ids[row], Place(path, number), fields)
        except (pyarrow.ArrowException, OSError) as error:
            reason = reason_of(error).partition("\n")[0]
            raise DataError(path, None, f"cannot be read as Parquet: {reason}") from None


def _of_values(text: Any, name: Any, place: Place, fields: Fields) -> Item:
    try:
        return record_document(text.as_py(), None if name is None else name.as_py(), place, fields)
    except UnicodeDecodeError:
        return Failure(place, "expected utf-8 text; found other bytes")
