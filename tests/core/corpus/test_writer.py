from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtner_cli.config.encodings import EncodingName
from mtner_cli.core.actions.action_text import EncodingError
from mtner_cli.core.corpus.action_files import CorpusWriter, read_corpus
from mtner_cli.core.types import Sentence, Span
from mtner_cli.errors import DataError

YES = Sentence.of_words(["Yes", "."])


def write(path: Path, sentences: list[Sentence], mode: EncodingName = "simple") -> None:
    with CorpusWriter(path, mode) as writer:
        for sentence in sentences:
            writer.write(sentence)


def test_a_separator_names_each_document(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "corpus.txt"
    words = [("a", "0"), ("b", "0"), ("c", "12345"), ("d", None), ("e", '"7|'), ("f", "3")]
    write(path, [Sentence.of_words([word], document=name, start=0) for word, name in words])
    assert path.read_text() == (
        "-- doc-sep --\na ||| OUT\n-- sent-start -- 0\nb ||| OUT\n"
        "-- doc-sep -- 12345\nc ||| OUT\n"
        '-- doc-sep -- ""\nd ||| OUT\n'
        '-- doc-sep -- "\\"7\\u007c"\ne ||| OUT\n'
        "-- doc-sep --\nf ||| OUT\n"
    )


def test_an_offset_is_written_where_a_reader_would_not_expect_it(tmp_path: Path) -> None:
    starts = [0, 4, 9, 14]
    write(
        tmp_path / "corpus.txt",
        [Sentence.of_text("abc", (), "d", start) for start in starts],
        "simple-char",
    )
    assert (tmp_path / "corpus.txt").read_text() == (
        "-- doc-sep -- d\nabc ||| \nabc ||| \n-- sent-start -- 9\nabc ||| \n"
        "-- sent-start -- 14\nabc ||| \n"
    )


def test_two_documents_with_one_name_are_not_written(tmp_path: Path) -> None:
    names = ["a", "b", "a"]
    with pytest.raises(ValueError, match="two documents have the name 'a'"):
        write(tmp_path / "c.txt", [Sentence.of_words(["x"], document=name) for name in names])
    assert list(tmp_path.iterdir()) == []


def test_without_documents_there_is_no_separator(tmp_path: Path) -> None:
    write(tmp_path / "corpus.txt", [YES, YES])
    assert (tmp_path / "corpus.txt").read_text() == "Yes . ||| OUT OUT\n" * 2


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_write_leaves_what_was_there(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "corpus.txt"
    path.write_text("old")

    def fail() -> None:
        with CorpusWriter(path, "simple") as writer:
            writer.write(YES)
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["corpus.txt"]


def test_a_sentence_that_cannot_be_encoded_leaves_no_file(tmp_path: Path) -> None:
    crossing = Sentence.of_words(["a", "b", "c"], [Span(0, 2, "X"), Span(1, 3, "X")])
    with pytest.raises(EncodingError, match="type 'X' cross"):
        write(tmp_path / "corpus.txt", [YES, crossing])
    assert list(tmp_path.iterdir()) == []


def test_a_written_file_has_the_usual_permissions(tmp_path: Path) -> None:
    write(tmp_path / "corpus.txt", [YES])
    (tmp_path / "plain.txt").write_text("")
    modes = {os.stat(path).st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_a_link_keeps_pointing_to_the_file_it_names(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    link = tmp_path / "corpus.txt"
    link.symlink_to(tmp_path / "store" / "real.txt")
    write(link, [YES])
    assert link.is_symlink()
    assert (tmp_path / "store" / "real.txt").read_text() == "Yes . ||| OUT OUT\n"


def test_a_folder_is_no_output(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder"):
        write(tmp_path, [YES])


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1).filter(
    lambda text: not text.endswith("\r")
)


NAMES = st.one_of(st.none(), st.text(st.characters(codec="utf-8"), min_size=1), st.just("1"))


@given(
    texts=st.lists(st.tuples(TEXTS, st.integers(0, 3)), min_size=1, max_size=6),
    names=st.lists(NAMES, min_size=1, max_size=6, unique=True),
    lengths=st.lists(st.integers(1, 3), min_size=6, max_size=6),
)
def test_any_text_and_document_survive_the_file(
    tmp_path_factory: pytest.TempPathFactory,
    texts: list[tuple[str, int]],
    names: list[str | None],
    lengths: list[int],
) -> None:
    path = tmp_path_factory.mktemp("corpus") / "corpus.txt"
    documents = [name for name, length in zip(names, lengths, strict=False) for _ in range(length)]
    sentences, offset = [], 0
    for number, ((text, gap), name) in enumerate(zip(texts, documents, strict=False)):
        offset = offset + gap if number and documents[number - 1] == name else gap
        start = 0 if name is None else offset
        sentences.append(Sentence.of_text(text, [Span(0, len(text), "X")], name, start))
        offset += len(text)
    write(path, sentences, "simple-char")
    assert list(read_corpus(path, "simple-char")) == sentences
