from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtner_cli.core.actions.tag_schemes import (
    SCHEMES,
    SchemeDetector,
    TagError,
    scheme_named,
    tags_to_spans,
)
from mtner_cli.core.types import Span
from mtner_cli.errors import ConfigError

# One sentence in every scheme: two mentions that touch, one word alone, one at the end.
SPANS = [Span(0, 2, "X"), Span(2, 3, "X"), Span(4, 5, "Y"), Span(6, 9, "X-y")]
WRITTEN = {
    "iob2": "B-X I-X B-X O B-Y O B-X-y I-X-y I-X-y",
    "iob1": "I-X I-X B-X O I-Y O I-X-y I-X-y I-X-y",
    "iobes": "B-X E-X S-X O S-Y O B-X-y I-X-y E-X-y",
    "bilou": "B-X L-X U-X O U-Y O B-X-y I-X-y L-X-y",
}


LETTERS = {"iob2": "BIIB", "iob1": "IIII", "iobes": "BIES", "bilou": "BILU"}
"""Of the first, inner and last word, and of a single one, as the table of the module says."""


def written(spans: list[Span], length: int, name: str) -> list[str]:
    """The tags of flat mentions."""
    first, inside, last, single = LETTERS[name]
    tags = ["O"] * length
    ends = set()
    for start, end, tag in sorted(spans):
        letters = first + inside * (end - start - 2) + last if end - start > 1 else single
        if name == "iob1" and (start, tag) in ends:
            letters = "B" + letters[1:]
        tags[start:end] = [f"{letter}-{tag}" for letter in letters]
        ends.add((end, tag))
    return tags


@pytest.mark.parametrize("name", SCHEMES)
def test_one_sentence_in_every_scheme(name: str) -> None:
    tags = WRITTEN[name].split()
    assert tags_to_spans(tags, SCHEMES[name]) == SPANS
    assert written(SPANS, 9, name) == tags


@st.composite
def flat_mentions(draw: st.DrawFn) -> tuple[int, list[Span]]:
    tags = st.sampled_from(["X", "Y", "cell-line", "B", "O"])
    gaps_and_lengths = draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), tags)))
    spans, position = [], 0
    for gap, length, tag in gaps_and_lengths:
        spans.append(Span(position + gap, position + gap + length, tag))
        position += gap + length
    return position + draw(st.integers(0, 2)), spans


@given(flat_mentions(), st.sampled_from(sorted(SCHEMES)))
def test_flat_mentions_survive_every_scheme(case: tuple[int, list[Span]], name: str) -> None:
    length, spans = case
    tags = written(spans, length, name)
    assert tags_to_spans(tags, SCHEMES[name]) == spans


@given(st.lists(flat_mentions(), min_size=1), st.sampled_from(sorted(SCHEMES)))
def test_the_detected_scheme_reads_the_same_mentions(
    cases: list[tuple[int, list[Span]]], name: str
) -> None:
    detector = SchemeDetector()
    sentences = [written(spans, length, name) for length, spans in cases]
    for tags in sentences:
        detector.add(tags, 1)
    read = [tags_to_spans(tags, detector.scheme()) for tags in sentences]
    assert read == [spans for _, spans in cases]


@pytest.mark.parametrize("name", SCHEMES)
def test_each_scheme_is_told_from_the_others(name: str) -> None:
    detector = SchemeDetector()
    detector.add(["O", "O"], 1)
    detector.add(WRITTEN[name].split(), 4)
    assert detector.scheme().name == name


def test_a_file_that_fits_no_scheme_is_refused_where_the_best_one_fails() -> None:
    detector = SchemeDetector()
    detector.add(["B-X", "I-X", "O"], 1)
    detector.add(["O", "I-X"], 5)
    with pytest.raises(
        TagError, match=r"'I-X' must follow 'B-X' or 'I-X' in iob2; found it after 'O'"
    ) as e:
        detector.scheme()
    assert e.value.position == 6


def test_iob1_reads_files_that_mix_it_with_iob2() -> None:
    spans = tags_to_spans(["O", "B-X", "I-X", "O", "I-X", "I-Y"], SCHEMES["iob1"])
    assert spans == [Span(1, 3, "X"), Span(4, 5, "X"), Span(5, 6, "Y")]


@pytest.mark.parametrize(
    ("name", "tags", "position", "message"),
    [
        ("iob2", "O I-X", 1, "'I-X' must follow 'B-X' or 'I-X' in iob2; found it after 'O'"),
        ("iob2", "B-X I-Y", 1, "'I-Y' must follow 'B-Y' or 'I-Y'"),
        ("iob2", "B-X E-X", 1, "iob2 has no E- tags"),
        ("iob2", "O X", 1, "expected O or a tag such as B-Disease; found 'X'"),
        ("iob2", "B-", 0, "found 'B-'"),
        ("iobes", "B-X O", 1, "must be closed by 'E-X' in iobes; found 'O' after 'B-X'"),
        ("iobes", "B-X I-X", 2, "must be closed by 'E-X'"),
        ("iobes", "S-X E-X", 1, "'E-X' must follow 'B-X' or 'I-X'"),
        ("bilou", "B-X U-X", 1, "must be closed by 'L-X'"),
        ("bilou", "I-X", 0, "'I-X' must follow 'B-X' or 'I-X' in bilou"),
    ],
)
def test_a_tag_out_of_place_is_named(name: str, tags: str, position: int, message: str) -> None:
    with pytest.raises(TagError, match=message) as caught:
        tags_to_spans(tags.split(), SCHEMES[name])
    assert caught.value.position == position


def test_scheme_names() -> None:
    assert scheme_named("BIO").name == "iob2"
    assert scheme_named("BIOES").name == "iobes"
    with pytest.raises(ConfigError, match="unknown tag scheme 'bmes'"):
        scheme_named("bmes")
