"""Damage to files, drawn by hypothesis: of bytes, of lines and fields.

Every strategy takes what is drawn in small steps from a seed, so that a failure shrinks to the
seed and the few steps that matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

Draw = st.DrawFn

MOST_STEPS = 4
LARGEST = 60_000
"""Bytes of a mutated file, and of what a single step may add."""

TEXTS = (
    *(
        "",
        " ",
        "\t",
        "\n",
        "\r",
        "\r\n",
        "\x00",
        "\x1b[2J",
        "\x07",
        "\x85",
        "\x9b2J",
        "\x0c",
        "\x1c",
    ),
    *(
        "\u202e",
        "\u2066",
        "\u200b",
        "\u200d",
        "\u061c",
        "\u2028",
        "\ufeff",
        "\u00a0",
        "\u0663",
        "e\u0301",
        "😀",
        "\ufffe",
    ),
    *(
        "O",
        "B-",
        "I-Disease",
        "B-Disease",
        "E-X",
        "S-X",
        "-DOCSTART-",
        "-DOCSTART-\tB-Disease",
        "+",
    ),
    *(" ||| ", "-- doc-sep --", "SHIFT", "REDUCE(Disease)", "TRANSITION(X,0)", "||", "|t|", "|a|"),
    *("[/x]", "[bold red]", "=1+1", "${seed}", "&a", "*a", "<<", "null", "NaN", "yes", "../../x"),
    *(
        '"',
        "'",
        "\\",
        "\\ud83d",
        "{",
        "}",
        "[",
        "]",
        "<",
        ">",
        "&",
        "&#0;",
        "&e;",
        "]]>",
        "<!--",
        ",",
    ),
    *("T1\tGene 0 1\tp", ";", ":", "#", "a" * 3000, "\x1b" * 500, "x " * 300, "é" * 300),
)
NUMBERS = (
    *(
        "0",
        "-1",
        "1",
        "2",
        "007",
        "1.5",
        "1e3",
        "1e999",
        "-0",
        "NaN",
        "Infinity",
        "0x10",
        "1_0",
        "٣",
    ),
    *(
        "255",
        "65536",
        "2147483648",
        "-2147483649",
        "9223372036854775808",
        "1" + "0" * 30,
        "9" * 400,
    ),
)
BYTES = (
    *(
        b"\x00",
        b"\xff",
        b"\xfe\xff",
        b"\xef\xbb\xbf",
        b"\xc3",
        b"\xed\xa0\xbd",
        b"\x80",
        b"\xf4\x90",
    ),
    *(b"\n", b"\r", b"\t", b"\x1b", b"\x7f", b"\x1f\x8b\x08", b"PK\x03\x04", b"\x00" * 64),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 3, 10**6, 2**31, 2**63, 10**30, 0.5, -0.0, 1e308),
    *("", "x", "Disease", "\ud83d", "\x1b[2J", "\u202e", "[/x]", "0", "B-Disease", "a" * 3000),
    *([], {}, [[]], [0, 1], [0, 1, "X"], {"text": "x"}, [None], {"": {}}),
)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
DELIMITERS = ("\t", " ", ",", "|", ";", ":", "=")


def number_below(draw: Draw, end: int) -> int:
    """An index of something that has ``end`` parts."""
    return draw(st.integers(0, max(end - 1, 0)))


def several(draw: Draw, value: Any, steps: Sequence[Callable[[Draw, Any], Any]]) -> Any:
    """A value after one to a few steps."""
    for _ in range(draw(st.integers(1, MOST_STEPS))):
        value = steps[number_below(draw, len(steps))](draw, value)
    return value


# -------------------------------------------------------------------------------- text and lines


def _delete_line(draw: Draw, lines: list[str]) -> list[str]:
    at = number_below(draw, len(lines))
    return lines[:at] + lines[at + draw(st.integers(1, 3)) :]


def _repeat_line(draw: Draw, lines: list[str]) -> list[str]:
    at = number_below(draw, len(lines))
    return lines[:at] + lines[at : at + 1] * draw(st.sampled_from((2, 3, 50))) + lines[at + 1 :]


def _swap_lines(draw: Draw, lines: list[str]) -> list[str]:
    if not lines:
        return lines
    one, other = number_below(draw, len(lines)), number_below(draw, len(lines))
    lines = list(lines)
    lines[one], lines[other] = lines[other], lines[one]
    return lines


def _change_field(draw: Draw, lines: list[str]) -> list[str]:
    """Delete, repeat, swap or replace one field of a line."""
    if not lines:
        return lines
    at = number_below(draw, len(lines))
    delimiter = next((sign for sign in DELIMITERS if sign in lines[at]), " ")
    fields = lines[at].split(delimiter)
    field = number_below(draw, len(fields))
    match draw(st.integers(0, 3)):
        case 0:
            del fields[field]
        case 1:
            fields.insert(field, fields[field])
        case 2:
            other = number_below(draw, len(fields))
            fields[field], fields[other] = fields[other], fields[field]
        case _:
            fields[field] = draw(st.sampled_from(TEXTS))
    return [*lines[:at], delimiter.join(fields), *lines[at + 1 :]]


def _insert_text(draw: Draw, lines: list[str]) -> list[str]:
    at = number_below(draw, len(lines))
    line = lines[at] if lines else ""
    place = draw(st.integers(0, len(line)))
    return [
        *lines[:at],
        line[:place] + draw(st.sampled_from(TEXTS)) + line[place:],
        *lines[at + 1 :],
    ]


def _insert_line(draw: Draw, lines: list[str]) -> list[str]:
    at = draw(st.integers(0, len(lines)))
    return [*lines[:at], draw(st.sampled_from(TEXTS)), *lines[at:]]


def _change_number(draw: Draw, lines: list[str]) -> list[str]:
    """Put another number in the place of one."""
    with_numbers = [number for number, line in enumerate(lines) if NUMBER.search(line)]
    if not with_numbers:
        return lines
    at = with_numbers[number_below(draw, len(with_numbers))]
    found = list(NUMBER.finditer(lines[at]))
    old = found[number_below(draw, len(found))]
    near = draw(st.sampled_from((None, -1, 1, 5, 40)))
    if near is None or not old[0].lstrip("-").isdecimal():
        new = draw(st.sampled_from(NUMBERS))
    else:
        new = str(int(old[0]) + near)
    return [*lines[:at], lines[at][: old.start()] + new + lines[at][old.end() :], *lines[at + 1 :]]


LINE_STEPS = (
    _change_number,
    _change_field,
    _insert_text,
    _insert_line,
    _delete_line,
    _repeat_line,
    _swap_lines,
)


def mutated_lines(draw: Draw, text: str, others: Sequence[str] = ()) -> str:
    """A text whose lines and fields are damaged; ``others`` are texts to take lines from."""

    def splice(draw: Draw, lines: list[str]) -> list[str]:
        foreign = draw(st.sampled_from(others)).split("\n")
        at, start = number_below(draw, len(lines)), number_below(draw, len(foreign))
        return lines[:at] + foreign[start : start + draw(st.integers(1, 4))] + lines[at:]

    steps = (*LINE_STEPS, splice) if others else LINE_STEPS
    return "\n".join(several(draw, text.split("\n"), steps))


# ----------------------------------------------------------------------------------------- bytes


def _flip(draw: Draw, content: bytes) -> bytes:
    at = number_below(draw, len(content))
    changed = bytes(byte ^ draw(st.integers(1, 255)) for byte in content[at : at + 1])
    return content[:at] + changed + content[at + 1 :]


def _insert_bytes(draw: Draw, content: bytes) -> bytes:
    at = draw(st.integers(0, len(content)))
    return content[:at] + draw(st.sampled_from(BYTES)) + content[at:]


def _delete_bytes(draw: Draw, content: bytes) -> bytes:
    at = number_below(draw, len(content))
    return content[:at] + content[at + draw(st.sampled_from((1, 2, 3, 16, 500))) :]


def _move_bytes(draw: Draw, content: bytes) -> bytes:
    at, start = number_below(draw, len(content)), number_below(draw, len(content))
    return content[:at] + content[start : start + draw(st.sampled_from((1, 8, 100)))] + content[at:]


def _truncate(draw: Draw, content: bytes) -> bytes:
    return content[: number_below(draw, len(content))]


BYTE_STEPS = (_flip, _insert_bytes, _delete_bytes, _move_bytes, _truncate)


def mutated_bytes(draw: Draw, content: bytes) -> bytes:
    """Bytes with some flipped, put in, taken out, moved or cut off."""
    return bytes(several(draw, content, BYTE_STEPS))[:LARGEST]


def encoded(draw: Draw, text: str) -> bytes:
    """A text as UTF-8 most of the time, else in another form that programs write."""
    raw = text.encode("utf-8", "surrogatepass")
    match draw(st.integers(0, 24)):
        case 20:
            return b"\xef\xbb\xbf" + raw
        case 21:
            return raw.replace(b"\n", b"\r\n")
        case 22:
            return raw.replace(b"\n", b"\r")
        case 23:
            return text.encode(draw(st.sampled_from(("utf-16", "utf-32-le"))), "surrogatepass")
        case 24:
            return text.encode("latin-1", "replace")
    return raw


def unlike_any(draw: Draw) -> bytes:
    """A file that is of no format at all."""
    whole = (b"", b"\n", b"\xef\xbb\xbf", b"\x00", b" ", b"\n" * 500, b"\x1f\x8b\x08\x00" * 9)
    return draw(st.sampled_from((*whole, b"null", b"[" * 20_000, b"<a>" * 20_000, b"{" * 20_000)))


def mutated_text_file(draw: Draw, text: str, others: Sequence[str] = ()) -> bytes:
    """A text file damaged in its lines, in its bytes, or replaced as a whole."""
    match draw(st.integers(0, 9)):
        case 9:
            return unlike_any(draw)
        case 7 | 8:
            return mutated_bytes(draw, text.encode("utf-8", "surrogatepass"))
    return encoded(draw, mutated_lines(draw, text, others))[:LARGEST]
