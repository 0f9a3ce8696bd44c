"""A sheet holds what was put in, and no spreadsheet program finds a formula in it."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import replace

import pandas
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mtner_cli.core.triage.agreement import Judged, read_sheet
from mtner_cli.core.triage.out_of_domain import filter_predictions
from mtner_cli.core.triage.sheets import (
    MOST,
    SheetSettings,
    guarded,
    shortened,
    unguarded,
    write_filtered,
)
from mtner_cli.core.types import Tag, TestedSentence
from tests.core.results.sentences import mention, result_sentence

SHEET = SheetSettings(show_gold=True)
SIGNS = "=+-@＝＋－＠﹢﹣﹦﹫"
TEXT = st.text(
    st.characters(codec="utf-8") | st.sampled_from(SIGNS + "'\"«; \t\r\n\0\u200b\u202e"), max_size=9
)
NAME = TEXT.filter(str.strip)


@pytest.mark.parametrize(
    "text",
    [
        *(sign + "1" for sign in SIGNS),
        *(blank + "=1" for blank in (" ", "\t", "\n", "\r", "\r\n", "\xa0", "\u3000", "\ufeff")),
        *("\tcmd", "\rcmd", "\ncmd", "\0=1", "\u202e=1", "\u200b＝1", "'=1", "''=1", " ' =1"),
    ],
)
def test_formulas_are_guarded(text):
    assert guarded(text) == f"'{text}"
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("text", ["", "p53", "5-HT", "'Pari'(-1, -1)//Disease", "α=1", " IL-2"])
def test_other_texts_stay_as_they_are(text):
    assert guarded(text) == unguarded(text) == text


@given(TEXT)
def test_the_guard_is_undone(text):
    assert unguarded(guarded(text)) == text
    assert not guarded(text).lstrip().startswith(tuple(SIGNS))


@given(st.lists(st.tuples(NAME, TEXT, NAME), min_size=1, max_size=3))
@example([("=C", "a\rb", "＝T"), (" =C", "=1\r\n+2", "\t@T"), ("'=C", "\0", "\n=T")])
def test_every_reader_finds_every_row_and_text(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("sheet") / "sheet.csv"
    write_filtered(path, predictions(rows), "csv", SHEET)
    text = path.read_bytes().decode("utf-8-sig")
    records = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    text_columns = ("corpus", "sentence", "mention", "type", "document", "gold_mentions")
    expected = [(corpus, f"x «{text}» y", text, tag, f"={text}") for corpus, text, tag in rows]
    found = [tuple(unguarded(row[name]) for name in text_columns[:5]) for row in records]
    assert Counter(found) == Counter(expected)
    for row in records:
        assert None not in row.values()
        assert None not in row
        for name in text_columns:
            assert not row[name].lstrip().startswith(tuple(SIGNS))
    table = pandas.read_csv(path, encoding="utf-8-sig", dtype=str, keep_default_na=False)
    assert tuple(table.columns) == SHEET.columns
    assert len(table) == len(rows)


@given(st.lists(st.tuples(NAME, TEXT, NAME), min_size=1, max_size=3))
@example([("=C", "a\rb", "＝T"), (" =C", "=1\r\n+2", "\t@T"), ("'=C", "", "\n=T")])
def test_agreement_reads_corpus_and_type_as_they_were(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("sheet") / "sheet.csv"
    write_filtered(path, predictions(rows), "csv")
    text = path.read_bytes().decode().replace(',"",""\n', ',"yes","no"\n')
    path.write_bytes(text.encode())
    assert Counter(read_sheet(path)) == Counter(
        Judged(corpus, tag, (True, False)) for corpus, _, tag in rows
    )


def test_a_very_long_sentence_is_shown_around_its_mention(tmp_path):
    """Spreadsheet programs split cells of more than 32,767 characters, and csv refuses larger."""
    text = "a" * 200_000 + "p53" + "b" * 200_000
    mentions = [mention(0, 1, "Protein")] * 2
    sentence = replace(
        result_sentence("clinic", text, mentions),
        word_offsets=((200_000, 200_003),),
        gold=((0, 1, Tag(None, "Protein")),) * 4000,
    )
    path = tmp_path / "sheet.csv"
    write_filtered(path, filter_predictions([sentence], {"clinic": ("Protein",)}), "csv", SHEET)
    with path.open(encoding="utf-8-sig", newline="") as file:
        first, _ = csv.DictReader(file)
    assert first["sentence"] == f"[...]{'a' * MOST}«p53»{'b' * MOST}[...]"
    assert first["gold_mentions"] == shortened("; ".join(["'p53'(0, 1)//Protein"] * 4000))
    assert max(map(len, first.values())) < 32_767


def predictions(rows):
    sentences = [
        TestedSentence(
            corpus=corpus,
            index=number,
            document=f"={text}",
            start=0,
            text=f"x {text} y",
            words=("x", text, "y"),
            word_offsets=((0, 1), (2, 2 + len(text)), (3 + len(text), 4 + len(text))),
            gold=((1, 2, Tag(None, tag)),),
            gold_unmatched=(),
            predicted=(mention(1, 2, tag),),
        )
        for number, (corpus, text, tag) in enumerate(rows)
    ]
    specification = {corpus: tuple({tag: None for *_, tag in rows}) for corpus, *_ in rows}
    return filter_predictions(sentences, specification)
