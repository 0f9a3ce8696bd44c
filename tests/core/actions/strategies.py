"""Sentences that exercise every way mentions can lie to each other."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from mtner_cli.core.actions.action_text import first_crossing
from mtner_cli.core.types import Sentence, Span

# Any character a UTF-8 file can hold, with those that the line format itself uses made likely.
CHARACTERS = st.characters(codec="utf-8")
AWKWARD = ["|||", "--", "doc-sep", "OUT", "TRANSITION(X)", "REDUCE(X,3)", "%20", "%", "\u2028", "$"]


def _one_word(text: str) -> bool:
    return not any(end in text for end in " \n\r")


WORDS = st.one_of(
    st.sampled_from([text for text in AWKWARD if _one_word(text)]),
    st.text(CHARACTERS, min_size=1, max_size=6).filter(_one_word),
)
TEXTS = st.one_of(
    st.lists(st.sampled_from([*AWKWARD, " ||| ", "α", "😀", " "]), min_size=1).map("".join),
    st.text(CHARACTERS, min_size=1, max_size=12),
).filter(lambda text: "\n" not in text and not text.endswith("\r"))
TAGS = st.one_of(
    st.sampled_from(["X", "Y", "B$x (y), z", "a-b", "100%", "%41", "(", ")", ",3", " ", "\t|||"]),
    st.text(CHARACTERS, max_size=4),
)


@st.composite
def mentions_in(draw: st.DrawFn, length: int, any_crossing: bool = False) -> list[Span]:
    """Mentions of a few tags: nested, touching, equal, crossing and at the end; all encodable."""
    tags = draw(st.lists(TAGS, min_size=1, max_size=3, unique=True))
    spans: list[Span] = []
    for _ in range(draw(st.integers(0, 8))):
        start = draw(st.integers(0, length - 1))
        end = draw(st.one_of(st.just(length), st.integers(start + 1, length)))
        span = Span(start, end, draw(st.sampled_from(tags)))
        if any_crossing or first_crossing([*spans, span]) is None:
            spans.append(span)
    return spans


@st.composite
def word_sentences(draw: st.DrawFn, any_crossing: bool = False) -> Sentence:
    words = draw(st.lists(WORDS, min_size=1, max_size=8))
    return Sentence.of_words(words, draw(mentions_in(len(words), any_crossing)))


@st.composite
def text_sentences(draw: st.DrawFn, any_crossing: bool = False) -> Sentence:
    text = draw(TEXTS)
    return Sentence.of_text(text, draw(mentions_in(len(text), any_crossing)))


SENTENCES: dict[str, Callable[..., st.SearchStrategy[Sentence]]] = {
    "simple": word_sentences,
    "simple-char": text_sentences,
}
