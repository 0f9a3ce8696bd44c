from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtner_cli.core.actions.action_text import EncodingError, escape_tag, unescape_tag
from mtner_cli.core.corpus.action_files import CODECS
from mtner_cli.core.types import Sentence, Span
from tests.core.actions.strategies import SENTENCES, TAGS

OBAMA = ["Barack", "Obama", "was", "a", "president", "."]

GOLDEN = [
    (
        "simple",
        Sentence.of_words(OBAMA, [Span(0, 2, "PER")]),
        "Barack Obama was a president . ||| "
        "TRANSITION(PER) SHIFT SHIFT REDUCE(PER) OUT OUT OUT OUT",
    ),
    (
        "simple-char",
        Sentence.of_text(" ".join(OBAMA), [Span(0, 12, "PER")]),
        "Barack Obama was a president . ||| TRANSITION(PER,0) REDUCE(PER,12)",
    ),
    ("simple", Sentence.of_words(["Yes", "."]), "Yes . ||| OUT OUT"),
    ("simple-char", Sentence.of_text("Yes."), "Yes. ||| "),
    (
        "simple",  # nested, equal and touching mentions, the last one at the sentence's end
        Sentence.of_words(
            ["IL-2", "gene", "p53"],
            [Span(0, 1, "protein"), Span(0, 2, "DNA"), Span(2, 3, "DNA"), Span(2, 3, "Gene")],
        ),
        "IL-2 gene p53 ||| TRANSITION(DNA) TRANSITION(protein) SHIFT REDUCE(protein) SHIFT "
        "REDUCE(DNA) TRANSITION(DNA) TRANSITION(Gene) SHIFT REDUCE(DNA) REDUCE(Gene)",
    ),
    (
        "simple-char",  # crossing mentions of different types; a type that needs escapes
        Sentence.of_text("abcdef", [Span(0, 4, "X"), Span(2, 6, "B$x (y), z")]),
        "abcdef ||| TRANSITION(X,0) TRANSITION(B$x%20%28y%29%2C%20z,2) REDUCE(X,4) "
        "REDUCE(B$x%20%28y%29%2C%20z,6)",
    ),
]


@pytest.mark.parametrize(("mode", "sentence", "line"), GOLDEN)
def test_golden_lines(mode: str, sentence: Sentence, line: str) -> None:
    assert CODECS[mode].encode(sentence) == line
    assert CODECS[mode].decode(line) == sentence


@pytest.mark.parametrize("mode", CODECS)
@given(data=st.data())
def test_any_sentence_survives_its_line(mode: str, data: st.DataObject) -> None:
    sentence = data.draw(SENTENCES[mode]())
    line = CODECS[mode].encode(sentence)
    assert "\n" not in line
    assert CODECS[mode].decode(line) == sentence


def crosses(one: Span, other: Span) -> bool:
    """Stated from the definition, apart from the code under test."""
    return one.tag == other.tag and (
        one.start < other.start < one.end < other.end
        or other.start < one.start < other.end < one.end
    )


@pytest.mark.parametrize("mode", CODECS)
@given(data=st.data())
def test_exactly_the_mentions_of_one_type_that_cross_are_refused(
    mode: str, data: st.DataObject
) -> None:
    sentence = data.draw(SENTENCES[mode](any_crossing=True))
    if any(crosses(one, other) for one, other in combinations(sentence.mentions, 2)):
        with pytest.raises(EncodingError) as caught:
            CODECS[mode].encode(sentence)
        assert str(caught.value).startswith("two mentions of type")
    else:
        assert CODECS[mode].decode(CODECS[mode].encode(sentence)) == sentence


@pytest.mark.parametrize("mode", CODECS)
def test_a_line_whose_trailing_space_was_stripped_is_read(mode: str) -> None:
    if mode == "simple-char":
        assert CODECS[mode].decode("Yes. |||") == Sentence.of_text("Yes.")
    else:
        with pytest.raises(EncodingError, match="one SHIFT or OUT for each of the 1 words"):
            CODECS[mode].decode("Yes. |||")


@pytest.mark.parametrize(
    ("mode", "sentence", "message"),
    [
        ("simple", Sentence.of_words([]), "needs words"),
        ("simple", Sentence.of_text("raw"), "needs words"),
        ("simple", Sentence.of_words(["a b"]), "the word 'a b' is empty or holds a space"),
        ("simple", Sentence.of_words([""]), "the word '' is empty"),
        ("simple", Sentence.of_words(["a"], [Span(0, 2, "X")]), "outside the sentence"),
        ("simple-char", Sentence.of_text(""), "one non-empty line"),
        ("simple-char", Sentence.of_text("a\nb"), "one non-empty line"),
        ("simple-char", Sentence.of_text("a", [Span(0, 0, "X")]), "is empty or outside"),
    ],
)
def test_what_a_line_cannot_hold_is_refused(mode: str, sentence: Sentence, message: str) -> None:
    with pytest.raises(EncodingError, match=message):
        CODECS[mode].encode(sentence)


@pytest.mark.parametrize(
    ("mode", "line", "message"),
    [
        ("simple", "no separator", "expected 'sentence"),
        ("simple", "a  b ||| OUT OUT OUT", "found an empty word"),
        ("simple", "a ||| OUT OUT", "one SHIFT or OUT for each of the 1 words; found 2"),
        ("simple", "a ||| TRANSITION(X,0) OUT REDUCE(X)", "closes no open mention"),
        ("simple", "a ||| TRANSITION(X) REDUCE(X) OUT", "at least one word"),
        ("simple", "a ||| TRANSITION(X) SHIFT", "never closed"),
        ("simple-char", "abc ||| TRANSITION(X)", "expected TRANSITION.type,offset"),
        ("simple-char", "abc ||| TRANSITION(X,2) REDUCE(X,1)", "found 1 after 2"),
        ("simple-char", "abc ||| TRANSITION(X,2) REDUCE(X,4)", "length 3"),
        ("simple-char", "abc ||| TRANSITION(X,2)", "never closed"),
        ("simple-char", "abc ||| TRANSITION(X,2) REDUCE(X,2)", "closes no open"),
    ],
)
def test_a_line_of_no_encoding_is_refused(mode: str, line: str, message: str) -> None:
    with pytest.raises(EncodingError, match=message):
        CODECS[mode].decode(line)


@given(TAGS)
def test_a_tag_is_escaped_without_a_trace_of_what_breaks_a_line(tag: str) -> None:
    escaped = escape_tag(tag)
    assert len(escaped.split()) <= 1
    assert not set(escaped) & set(" (),\n")
    assert unescape_tag(escaped) == tag


@pytest.mark.parametrize("tag", ["100%", "%zz", "%", "%ff"])
def test_percent_signs_from_elsewhere_stay(tag: str) -> None:
    assert unescape_tag(tag) == tag
