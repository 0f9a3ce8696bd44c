"""Write a table with a row for each mention, for spreadsheets and statistics."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.convert.writing import Documents, Writer, with_whole_characters

COLUMNS = ("document", "start", "end", "text", "type", "score", "corpora")


def write(documents: Documents, ledger: Ledger) -> Iterator[str]:
    """Yield a row for each mention; the texts of the documents are not in the table.

    Args:
        ledger: records documents without mentions, which have no row.
    """
    sink = io.StringIO()
    rows = csv.writer(sink, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    rows.writerow(COLUMNS)
    for document in documents:
        document = with_whole_characters(document, ledger)
        if not document.mentions:
            ledger.drop("document without mentions", document.place, document.id)
        for mention in document.in_order():
            score = None if mention.score is None else round(mention.score, 4)
            place = (document.id, mention.start, mention.end)
            rows.writerow(
                (*place, document.wording(mention), mention.type, score, ", ".join(mention.corpora))
            )
        yield sink.getvalue()
        sink.seek(0)
        sink.truncate()
    yield sink.getvalue()


WRITERS = {"csv": Writer(write=write, suffix=".csv")}
