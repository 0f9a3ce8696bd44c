from __future__ import annotations

from pathlib import Path

import pytest

from mtner_cli.core.corpus.action_files import read_corpus
from mtner_cli.core.types import Sentence, Span
from mtner_cli.errors import ConfigError, DataError, visible

OBAMA = "Barack Obama spoke ||| TRANSITION(PER) SHIFT SHIFT REDUCE(PER) OUT"


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "corpus.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_file_without_separators_knows_no_documents(tmp_path: Path) -> None:
    sentences = list(read_corpus(write(tmp_path, f"{OBAMA}\nYes ||| OUT\n"), "simple"))
    assert sentences == [
        Sentence.of_words(["Barack", "Obama", "spoke"], [Span(0, 2, "PER")]),
        Sentence.of_words(["Yes"]),
    ]


def test_separators_number_the_documents(tmp_path: Path) -> None:
    content = "A ||| OUT\n-- doc-sep --\nB ||| OUT\n\n  \nC ||| OUT\n-- doc-sep --\nD ||| OUT"
    documents = [s.document for s in read_corpus(write(tmp_path, content), "simple")]
    assert documents == [None, "0", "0", "1"]


def test_documents_have_the_names_and_sentences_the_offsets_of_the_file(tmp_path: Path) -> None:
    content = (
        "-- doc-sep -- 23 a\nab ||| OUT\nc ||| OUT\n-- sent-start -- 9\nd ||| OUT\n"
        '-- doc-sep -- "\\n"\n-- sent-start --  4 \ne ||| OUT\n-- doc-sep -- ""\nf ||| OUT\n'
        "-- doc-sep --\ng ||| OUT\n-- doc-sep -- 23 a\nh ||| OUT\n-- doc-sep -- \ni ||| OUT\n"
    )
    found = [(s.document, s.start) for s in read_corpus(write(tmp_path, content), "simple")]
    assert found == [
        *[("23 a", 0), ("23 a", 3), ("23 a", 9), ("\n", 4), (None, 0)],
        *[("2", 0), ("23 a (2)", 0), ("4", 0)],
    ]


def test_a_sentence_may_contain_the_separators_of_the_format(tmp_path: Path) -> None:
    content = "-- doc-sep -- ||| b ||| TRANSITION(X,2) REDUCE(X,9)\n-- doc-sep -- ||| \n"
    sentences = list(read_corpus(write(tmp_path, content), "simple-char"))
    assert [s.text for s in sentences] == ["-- doc-sep -- ||| b", "-- doc-sep --"]
    assert sentences[0].mentions == (Span(2, 9, "X"),)


def test_only_line_feeds_end_lines(tmp_path: Path) -> None:
    content = "\ufeffone\u2028two\x85three\x0cfour\rfive ||| \r\nsix ||| \r\n"
    sentences = list(read_corpus(write(tmp_path, content), "simple-char"))
    assert [s.text for s in sentences] == ["one\u2028two\x85three\x0cfour\rfive", "six"]


def test_other_text_encodings(tmp_path: Path) -> None:
    path = write(tmp_path, "Müller ||| OUT\n".encode("utf-16"))
    assert [s.text for s in read_corpus(path, "simple", "utf-16")] == ["Müller"]
    with pytest.raises(ConfigError, match="unknown charset 'utf-9'"):
        list(read_corpus(path, "simple", "utf-9"))


@pytest.mark.parametrize(
    ("content", "line", "expected"),
    [
        ("Yes ||| OUT\nno separator\n", 2, "expected 'sentence \\|\\|\\| actions'"),
        ("a b ||| OUT\n", 1, "one SHIFT or OUT for each of the 2 words; found 1"),
        ("a ||| SHFT\n", 1, "found 'SHFT'"),
        ("a ||| TRANSITION(X) SHIFT\n", 1, "type 'X' is never closed"),
        ("a ||| OUT\n\nb ||| OUT REDUCE(X)\n", 3, r"REDUCE\(X\)' closes no open"),
        (b"a ||| OUT\nb\xff ||| OUT\n", 2, "expected utf-8 text; found the byte 0xFF"),
        (b"a ||| OUT\nb \xe2\x82", 2, "incomplete character"),
        ("", None, "expected sentences in the 'simple' encoding; found none"),
        ("-- doc-sep --\n\n", None, "found none"),
        ('a ||| OUT\n-- doc-sep -- "x\n', 2, "the name of a document as JSON text; found '\"x'"),
        ("-- doc-sep -- a\n-- sent-start -- -1\n", 2, "expected an offset in characters"),
        ("-- doc-sep -- a\n-- sent-start -- 9999999999\n", 2, "found '9999999999'"),
        ("-- doc-sep --a\n", 1, "expected 'sentence"),
        ("-- sent-starts -- 3\n", 1, "expected 'sentence"),
    ],
)
def test_faults_name_the_line(
    tmp_path: Path, content: str | bytes, line: int | None, expected: str
) -> None:
    path = write(tmp_path, content)
    with pytest.raises(DataError, match=expected) as caught:
        list(read_corpus(path, "simple"))
    assert (caught.value.path, caught.value.line) == (path, line)


def test_an_undecodable_byte_far_into_a_file_is_located(tmp_path: Path) -> None:
    path = write(tmp_path, b"word ||| OUT\n" * 5000 + b"w\xffrd ||| OUT\n")
    with pytest.raises(DataError) as caught:
        list(read_corpus(path, "simple"))
    assert caught.value.line == 5001


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        list(read_corpus(tmp_path / "nothing.txt", "simple"))
    with pytest.raises(DataError, match="cannot be read"):
        list(read_corpus(tmp_path, "simple"))


def test_a_line_without_text_is_no_sentence(tmp_path: Path) -> None:
    path = write(tmp_path, "flu ||| \n ||| \n")
    with pytest.raises(DataError, match="expected text before") as caught:
        list(read_corpus(path, "simple-char"))
    assert caught.value.line == 2


@pytest.mark.parametrize("odd", ["\x1b[2J\u202e", "x" * 10_000])
@pytest.mark.parametrize(
    "line", ["a ||| TRANSITION({}) SHIFT", "a ||| OUT REDUCE({})", "a ||| {}", "a ||| OUT {}"]
)
def test_types_in_messages_are_quoted_and_cut(tmp_path: Path, line: str, odd: str) -> None:
    path = write(tmp_path, line.format(odd) + "\n")
    with pytest.raises(DataError) as caught:
        list(read_corpus(path, "simple"))
    message = str(caught.value)
    assert visible(message) == message
    assert len(message) < 600
