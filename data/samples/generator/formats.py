"""The two file formats of the samples."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from generator.documents import Document, Sentence

_WORD = re.compile(r"\d+(?:[.,]\d+)+|[^\W_]+|\S")


def conll_lines(documents: Iterable[Document]) -> Iterator[str]:
    """Word and IOB2 tag in two columns, a blank line after each sentence, -DOCSTART- lines."""
    for document in documents:
        yield "-DOCSTART-\tO\n\n"
        for sentence in document.sentences:
            for word, tag in _tagged_words(sentence):
                yield f"{word}\t{tag}\n"
            yield "\n"


def json_lines(documents: Iterable[Document]) -> Iterator[str]:
    """One object a sentence: its document, its text, its mentions in character offsets."""
    for document in documents:
        for sentence in document.sentences:
            mentions = [[one.start, one.end, one.label] for one in sentence.mentions]
            line = {"doc_id": document.name, "text": sentence.text, "entities": mentions}
            yield json.dumps(line, ensure_ascii=False) + "\n"


def _tagged_words(sentence: Sentence) -> Iterator[tuple[str, str]]:
    for word in _WORD.finditer(sentence.text):
        tag = "O"
        for mention in sentence.mentions:
            if mention.start <= word.start() < mention.end:
                letter = "B" if word.start() == mention.start else "I"
                tag = f"{letter}-{mention.label}"
        yield word.group(), tag
