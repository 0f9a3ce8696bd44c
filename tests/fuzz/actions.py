"""Action files: each sentence is read as it stands there, and written so that it reads the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from hypothesis import strategies as st

from mtner_cli.core.corpus.action_files import CorpusWriter, read_corpus
from mtner_cli.core.corpus.splits import load_split
from mtner_cli.core.types import Sentence
from tests.fuzz import seeds
from tests.fuzz.case import Case, NotCounted, WrongResult
from tests.fuzz.counting import lines_of
from tests.fuzz.mutations import mutated_text_file

NAME = "actions"
SOURCE, OUT = "in/train.txt", "out/again.txt"
ENCODINGS = ("latin-1", "utf-16", "cp1252", "idna", "hex", "rot13", "no-such-encoding")

Mentions = set[tuple[int, int, str]]


def cases(real: bool) -> st.SearchStrategy[Case]:
    """Mutated action files of both encodings."""
    return _cases()


@st.composite
def _cases(draw: st.DrawFn) -> Case:
    texts = draw(st.sampled_from(seeds.documents()))
    files = {"simple": seeds.word_action_lines(texts), "simple-char": seeds.action_lines(texts)}
    mode = draw(st.sampled_from(sorted(files)))
    content = mutated_text_file(draw, files[mode], list(files.values()))
    settings = {"mode": mode, "encoding": "utf-8"}
    if draw(st.integers(0, 9)) == 9:
        settings["encoding"] = draw(st.sampled_from(ENCODINGS))
    if draw(st.integers(0, 19)) == 19:
        settings["mode"] = "simple" if mode == "simple-char" else "simple-char"
    return Case(NAME, {SOURCE: content}, settings)


def run(case: Case, folder: Path) -> set[str]:
    """Read, count, write, read again."""
    mode, encoding = case.settings["mode"], case.settings["encoding"]
    sentences = list(read_corpus(folder / SOURCE, mode, encoding))
    split = load_split("corpus", folder / SOURCE, mode, encoding)
    if list(split.sentences) != sentences:
        raise WrongResult("a split differs from its file")
    if any("\r" in sentence.text for sentence in sentences):
        raise NotCounted  # it can be read, and a converter never writes it
    with CorpusWriter(folder / OUT, mode) as writer:
        for sentence in sentences:
            writer.write(sentence)
    if _renumbered(read_corpus(folder / OUT, mode)) != _renumbered(sentences):
        raise WrongResult("written sentences read otherwise")
    made = {OUT, *(str(path.relative_to(folder)) for path in folder.rglob("cache/*/*.npz"))}
    try:
        counted = list(_counted(case.files[SOURCE], mode, encoding))
    except Exception as error:  # whatever comes of a file that this small reader cannot read
        raise NotCounted from error
    found = [(sentence.text, set(map(tuple, sentence.mentions))) for sentence in sentences]
    if found != counted:
        raise WrongResult("sentences differ from the file's")
    return made


def _renumbered(sentences: Iterable[Sentence]) -> list[Sentence]:
    """The same with documents numbered anew: those without sentences are not written."""
    numbers: dict[str, str] = {}
    return [
        replace(one, document=numbers.setdefault(one.document, str(len(numbers))))
        if one.document is not None
        else one
        for one in sentences
    ]


def _counted(content: bytes, mode: str, encoding: str) -> Iterator[tuple[str, Mentions]]:
    """Text and mentions of each line, read by the rules of the format."""
    for line in lines_of(content, encoding):
        if not line.strip() or line == "-- doc-sep --":
            continue
        text, _, actions = f"{line} ".rpartition(" ||| ")
        yield text, _mentions(actions.split(), mode)


def _mentions(actions: list[str], mode: str) -> Mentions:
    mentions: Mentions = set()
    opened: list[tuple[int, str]] = []
    position = 0
    for action in actions:
        if action in ("SHIFT", "OUT"):
            position += 1
            continue
        name, _, inner = action.removesuffix(")").partition("(")
        if mode == "simple-char":
            inner, _, offset = inner.rpartition(",")
            position = int(offset)
        kind = _type(inner)
        if name == "TRANSITION":
            opened.append((position, kind))
            continue
        latest = max(at for at, one in enumerate(opened) if one[1] == kind and one[0] < position)
        start, _ = opened.pop(latest)
        mentions.add((start, position, kind))
    return mentions


def _type(text: str) -> str:
    """A type whose special characters are written as escapes cannot be read here."""
    if not re.fullmatch(r"[\w$-]+", text):
        raise NotCounted
    return text
