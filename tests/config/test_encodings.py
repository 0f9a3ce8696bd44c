from __future__ import annotations

from encodings.aliases import aliases

import pytest

from mtner_cli.config.encodings import text_encoding
from mtner_cli.errors import ConfigError

NO_TEXT = ("base64", "rot13", "hex", "zip", "bz2", "uu", "quopri", "undefined")


@pytest.mark.parametrize("name", [*NO_TEXT, "utf-9", "", "\udcff", "é", "utf-8\0", "x" * 100_000])
def test_what_is_no_text_encoding_is_one_short_error(name: str) -> None:
    with pytest.raises(ConfigError, match=r"unknown charset .*such as utf-8") as caught:
        text_encoding(name)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("name", "canonical"),
    [("utf8", "utf-8-sig"), ("Latin-1", "iso8859-1"), ("utf-16", "utf-16"), ("cp1252", "cp1252")],
)
def test_names_are_as_python_has_them(name: str, canonical: str) -> None:
    assert text_encoding(name) == canonical


def test_every_encoding_that_is_let_through_decodes() -> None:
    accepted = 0
    for name in {*aliases, *aliases.values()}:
        try:
            text_encoding(name)
        except ConfigError:
            continue
        assert isinstance(b"".decode(name), str)
        accepted += 1
    assert accepted > 100
