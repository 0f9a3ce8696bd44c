"""Keep the state of a prediction in a small database, so that it can be resumed exactly.

Everything that one shard changes is written in one transaction, after the shard's file is on the
disk. So a killed process leaves the state after the last complete shard.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from mtner_cli.core.documents.items import Failure
from mtner_cli.core.types import Place
from mtner_cli.errors import DataError

_TABLES = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE inputs (number INTEGER PRIMARY KEY, path TEXT UNIQUE, format TEXT, size INTEGER,
    modified INTEGER, hash TEXT);
CREATE TABLE shards (number INTEGER PRIMARY KEY, input INTEGER, items INTEGER, counts TEXT);
CREATE TABLE failures (path TEXT, line INTEGER, reason TEXT);
CREATE TABLE names (hash INTEGER PRIMARY KEY, copies INTEGER) WITHOUT ROWID;
"""
_FINISHED = "finished"


class Input(NamedTuple):
    """A file to read, as it was when the prediction began.

    Attributes:
        path, format: as in ``Source``.
        size: in bytes.
        modified: the time of its last change, in nanoseconds.
        hash: of its content; None if that would take long.
    """

    path: str
    format: str
    size: int
    modified: int
    hash: str | None

    def same_content(self, then: Input) -> bool:
        """Tell whether it is what it was; a copy with another time is."""
        if self[:3] != then[:3]:
            return False
        if self.hash is not None and then.hash is not None:
            return self.hash == then.hash
        return self.modified == then.modified


class Cursor(NamedTuple):
    """A place between two documents: after the first ``items`` documents of an input."""

    input: int
    items: int


class Manifest:
    """The state of a prediction.

    Args:
        path: its file; None keeps it only as long as the process runs.

    Raises:
        DataError: if the file is no manifest, or cannot be written.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        # The folder is locked already, and many network file systems have no such locks.
        name = "" if path is None else f"{path.absolute().as_uri()}?nolock=1"
        with self._errors():
            self._database = sqlite3.connect(name, uri=True, isolation_level=None)
            known = {name for (name,) in self._rows("SELECT name FROM sqlite_master")}
            self.is_new = "settings" not in known

    def close(self) -> None:
        """Close the file; what was not committed is dropped."""
        self._database.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            path = self._path or Path("the folder for temporary files")
            message = f"the state of this prediction cannot be read or written: {error}"
            raise DataError(path, None, message) from None

    def _rows(self, query: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        return iter(self._database.execute(query, values))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._errors():
            self._database.execute("BEGIN")
            try:
                yield
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def start(self, settings: Mapping[str, str], inputs: Iterable[Input]) -> None:
        """Begin a prediction; an input that is given twice is read once."""
        with self._transaction():
            for statement in filter(str.strip, _TABLES.split(";")):
                self._database.execute(statement)
            self._database.executemany("INSERT INTO settings VALUES (?, ?)", settings.items())
            self._database.executemany(
                "INSERT OR IGNORE INTO inputs (path, format, size, modified, hash) "
                "VALUES (?, ?, ?, ?, ?)",
                inputs,
            )
        self.is_new = False

    def difference(self, settings: Mapping[str, str], inputs: Iterable[Input]) -> str | None:
        """Return what differs from the prediction that was begun; None if nothing does."""
        with self._errors():
            then = dict(self._rows("SELECT name, value FROM settings"))
            for name, value in settings.items():
                if then.get(name) != value:
                    return f"{name} was {then.get(name)} and is {value}"
            seen = 0
            for now in inputs:
                row = next(
                    self._rows("SELECT * FROM inputs WHERE path = ?", now.path), None
                )  # fmt: skip
                if row is None:
                    return f"{now.path} is new among the inputs"
                number, *stored = row
                if number > seen + 1:
                    return f"the inputs had another order before {now.path}"
                if not now.same_content(Input(*stored)):
                    return f"{now.path} has changed"
                seen = max(seen, number)
            if seen < self.count_inputs():
                return f"{self.input(seen + 1).path} is no longer among the inputs"
        return None

    def count_inputs(self) -> int:
        """Return the number of inputs; they are counted from 1."""
        with self._errors():
            ((count,),) = self._rows("SELECT COUNT(*) FROM inputs")
            return int(count)

    def input(self, number: int) -> Input:
        """Return an input by its number."""
        with self._errors():
            ((_, *values),) = self._rows("SELECT * FROM inputs WHERE number = ?", number)
            return Input(*values)

    def size_until(self, number: int) -> int:
        """Return the bytes of all inputs before an input."""
        with self._errors():
            query = "SELECT COALESCE(SUM(size), 0) FROM inputs WHERE number < ?"
            ((size,),) = self._rows(query, number)
            return int(size)

    def progress(self) -> tuple[int, Cursor]:
        """Return the number of finished shards, and the place where the next one begins."""
        with self._errors():
            query = "SELECT number, input, items FROM shards ORDER BY number DESC LIMIT 1"
            for number, of_input, items in self._rows(query):
                return number + 1, Cursor(of_input, items)
            return 0, Cursor(1, 0)

    @contextmanager
    def shard(self) -> Iterator[None]:
        """Commit all that a shard changes if the block succeeds."""
        with self._transaction():
            yield

    def unique(self, wanted: str) -> str:
        """Return a name that no document has yet: the wanted one, or with ``(2)`` added."""
        with self._errors():
            name, number = wanted, _number_of(wanted)
            row = next(self._rows("SELECT copies FROM names WHERE hash = ?", number), None)
            if row is not None:
                copies = row[0]
                while row is not None:
                    copies += 1
                    name = f"{wanted} ({copies})"
                    row = next(
                        self._rows("SELECT 1 FROM names WHERE hash = ?", _number_of(name)), None
                    )
                update = "UPDATE names SET copies = ? WHERE hash = ?"
                self._database.execute(update, (copies, number))
            self._database.execute("INSERT INTO names VALUES (?, 1)", (_number_of(name),))
            return name

    def add_shard(
        self, number: int, end: Cursor, counts: Mapping[str, Any], failures: Iterable[Failure]
    ) -> None:
        """Add a finished shard."""
        with self._errors():
            row = (number, *end, json.dumps(counts))
            self._database.execute("INSERT INTO shards VALUES (?, ?, ?, ?)", row)
            self._database.executemany(
                "INSERT INTO failures VALUES (?, ?, ?)",
                [(str(place.path), place.line, reason) for place, reason in failures],
            )

    def counts(self) -> Iterator[dict[str, Any]]:
        """Yield the counts of each finished shard."""
        with self._errors():
            for (counts,) in self._rows("SELECT counts FROM shards ORDER BY number"):
                yield json.loads(counts)

    def failures(self, most: int = -1) -> Iterator[Failure]:
        """Yield what could not be read, in order."""
        with self._errors():
            for path, line, reason in self._rows("SELECT * FROM failures LIMIT ?", most):
                yield Failure(Place(Path(path), line), reason)

    @property
    def is_finished(self) -> bool:
        """Tell whether the output is complete and at its place."""
        with self._errors():
            return (
                next(self._rows("SELECT 1 FROM settings WHERE name = ?", _FINISHED), None)
                is not None
            )

    def finish(self) -> None:
        """Note that the output is complete and at its place."""
        with self._transaction():
            self._database.execute("INSERT OR IGNORE INTO settings VALUES (?, '')", (_FINISHED,))


def _number_of(name: str) -> int:
    """Return 64 bits of a hash; of ten million names, two share it once in 400,000 predictions."""
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
