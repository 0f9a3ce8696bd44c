"""Entity types inside action text: the few characters that would break a line are escaped.

White space, control characters, parentheses, commas and the percent sign become ``%XX`` (their
UTF-8 bytes in hexadecimal, as in a URL). Every other tag is written as it is, so files from
elsewhere read unchanged.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

_UNSAFE = re.compile(r"[\s\x00-\x20\x7f-\xa0(),%]")


def escape_tag(tag: str) -> str:
    """The tag as it stands between the parentheses of an action."""
    return _UNSAFE.sub(
        lambda match: "".join(f"%{byte:02X}" for byte in match.group().encode("utf-8")), tag
    )


def unescape_tag(text: str) -> str:
    """The reverse of :func:`escape_tag`; percent signs that escape nothing stay as they are."""
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text
