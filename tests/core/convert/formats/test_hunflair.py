from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtner_cli.core.convert.conversion import convert
from mtner_cli.core.corpus.action_files import read_corpus
from mtner_cli.core.types import Sentence, Span
from mtner_cli.errors import ConfigError, DataError

CACHED = """Loss O +
of O +
p53 B-Gene -
( O -
TP B-Gene +
53 I-Gene -
) O -
. O +

+ O +
a b O -
mice B-Species +
"""


def test_spaces_are_restored_from_the_last_column(tmp_path: Path) -> None:
    (tmp_path / "x_train.conll").write_text(CACHED)
    ledger = convert("hunflair", [tmp_path / "x_train.conll"], tmp_path / "x.train")
    assert list(read_corpus(tmp_path / "x.train", "simple-char")) == [
        Sentence.of_text("Loss of p53(TP 53).", [Span(8, 11, "Gene"), Span(12, 17, "Gene")]),
        Sentence.of_text("+ a bmice", [Span(5, 9, "Species")]),
    ]
    assert ledger.mentions == {"Gene": 2, "Species": 1}
    assert not ledger.dropped
    assert not ledger.repairs


def test_every_tenth_sentence_is_development_data_where_there_is_none(tmp_path: Path) -> None:
    words = [f"w{number}" for number in range(1, 24)]
    (tmp_path / "a").write_text("".join(f"{word} O +\n\n" for word in words[:15]))
    (tmp_path / "b").write_text("".join(f"{word} O +\n\n" for word in words[15:]))
    texts = {}
    for part in ("leave_out", "only"):
        convert("hunflair", [tmp_path / "a", tmp_path / "b"], tmp_path / part, every_tenth=part)
        texts[part] = [sentence.text for sentence in read_corpus(tmp_path / part, "simple-char")]
    assert texts["only"] == ["w10", "w20"]
    assert texts["leave_out"] == [word for word in words if word not in texts["only"]]


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("a O +\nb O\n", 2, "expected 'token tag \\+' or 'token tag -'"),
        ("a O *\n", 1, "found 'a O \\*'"),
        ("a O +\n\nb O +\nc I-Gene -\n", 4, "'I-Gene' must follow 'B-Gene' or 'I-Gene'"),
        ("\n", None, "expected sentences; found none"),
    ],
)
def test_faults_name_the_line(tmp_path: Path, content: str, line: int | None, message: str) -> None:
    (tmp_path / "in").write_text(content)
    with pytest.raises(DataError, match=message) as caught:
        convert("hunflair", [tmp_path / "in"], tmp_path / "out")
    assert caught.value.line == line
    assert not (tmp_path / "out").exists()


@given(st.lists(st.lists(st.sampled_from(["O", "B-X", "B-Y"]), max_size=3), max_size=5))
@settings(max_examples=60)
def test_every_mention_and_token_is_written(sentences: list[list[str]]) -> None:
    rows = ["".join(f"ab {tag} +\n" for tag in tags) for tags in sentences]
    content = "\n".join([*rows, "end O +\n"])
    with TemporaryDirectory() as folder:
        path = Path(folder, "in")
        path.write_text(content)
        ledger = convert("hunflair", [path], Path(folder, "out"))
    assert ledger.mentions.total() == content.count("B-")
    assert ledger.words == content.count("+")
    assert not ledger.dropped


def test_it_cannot_be_written_as_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="hunflair can be written as simple-char, not as simple"):
        convert("hunflair", [tmp_path / "in"], tmp_path / "out", "simple")
