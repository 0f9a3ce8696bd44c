"""The errors that a user can fix. Core raises them; only ``cli.app`` prints them.

Every message says what was wrong, where (file, line, key) and what to do about it.
"""

from __future__ import annotations

import difflib
import reprlib
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

MOST_CHARACTERS = 200
"""Most characters of a file's content that a message shows."""
MOST_FAULTS = 20
"""Most faults that one message lists."""

_LONGEST_NAME = 80
"""Most characters of a name that is shown without quotes."""
_MOST_NAMES, _LONGEST_COMPARED = 1000, 100
"""Most names that one is compared with, and most characters of each; each comparison takes time."""
_LONGEST_NUMBER = 10_000
"""Most bits of a number that is written out; Python refuses to write more than 4,300 digits."""


class _ShortRepr(reprlib.Repr):
    def repr_int(self, number: int, level: int) -> str:
        if number.bit_length() > _LONGEST_NUMBER:
            return f"<whole number of {number.bit_length():,} bits>"
        return super().repr_int(number, level)


_SHORT = _ShortRepr()
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxdict = 3, 4, 4
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60


def quoted(value: object, most: int = MOST_CHARACTERS) -> str:
    """Return a file's value for a message: quoted, no control characters, cut to ``most``.

    Every message that shows a file's content uses this, so that no file can fill the terminal or
    control it.
    """
    if not isinstance(value, str):
        text = _SHORT.repr(value)
        return text if len(text) <= most else f"{text[:most]}..."
    if len(value) <= most:
        return repr(value)
    return f"{value[:most]!r}... ({len(value):,} characters)"


def shown(name: str) -> str:
    """Return a name for a message: cut and in quotes if it is long or not printable."""
    is_plain = len(name) <= _LONGEST_NAME and name.isprintable()
    return name if is_plain else quoted(name, _LONGEST_NAME)


def names_text(names: Iterable[str]) -> str:
    """List names as a message shows them: the first few, each cut."""
    listed = list(names)
    more = [f"... ({len(listed):,} in all)"] if len(listed) > MOST_FAULTS else []
    return ", ".join([*map(shown, listed[:MOST_FAULTS]), *more])


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known name that is most similar to ``name``, or None if none is similar."""
    if len(name) > _LONGEST_COMPARED:
        return None
    short = [other for other in islice(known, _MOST_NAMES) if len(other) <= _LONGEST_COMPARED]
    return next(iter(difflib.get_close_matches(name, short, n=1, cutoff=cutoff)), None)


def did_you_mean(*names: str | None) -> str:
    """Return the hint that a message ends with; empty if there is no name."""
    given = [name for name in names if name]
    return f"; did you mean {' or '.join(given)}?" if given else ""


def visible(text: str) -> str:
    r"""Write control characters as escapes, such as ``\x1b``; line ends and tabs stay.

    C1 controls, bidirectional controls, other invisible formatting and halves of surrogate pairs,
    which no output can hold, are escaped, too. Soft hyphens and zero-width joiners and non-joiners
    stay: they are part of words and emoji, and control nothing.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_visible_character, text))


def _visible_character(character: str) -> str:
    if character in _HARMLESS or unicodedata.category(character) not in _CONTROL_CATEGORIES:
        return character
    return character.encode("unicode_escape").decode("ascii")


_HARMLESS = "\n\t\u00ad\u200c\u200d"
_CONTROL_CATEGORIES = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))


def reason_of(error: BaseException) -> str:
    """Return the system's text for an error of a file or the network, else the error's text."""
    words = error.strerror if isinstance(error, OSError) else None
    return words or str(error)


class MtnerError(Exception):
    """Base class of every error that the user can fix; shown without a traceback."""


class ConfigError(MtnerError):
    """One or more faults in a configuration, reported together.

    Attributes:
        faults: one sentence per fault, with its key and file.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(map(visible, faults))
        shown = list(self.faults[:MOST_FAULTS])
        if len(self.faults) > MOST_FAULTS:
            shown.append(f"... and {len(self.faults) - MOST_FAULTS:,} more faults")
        super().__init__("\n".join(shown))


class DataError(MtnerError):
    """A file that cannot be read or written, or does not follow its format.

    Attributes:
        path: the file.
        line: 1-based line number, or None if the fault is not in one line.
        reason: what is wrong, without the place.
    """

    def __init__(self, path: str | Path, line: int | None, message: str) -> None:
        self.path = Path(path)
        self.line = line
        self.reason = message
        where = f"{path}:{line}" if line is not None else f"{path}"
        super().__init__(f"{where}: {message}")


class CheckpointError(MtnerError):
    """A run folder or checkpoint that is missing, incomplete or of another model."""


class TrainingError(MtnerError):
    """A training that cannot continue, for example because its loss is not finite."""


class DeviceError(MtnerError):
    """A requested device that is not available."""


class EncoderError(MtnerError):
    """A pretrained encoder that cannot be found or cannot be used."""
