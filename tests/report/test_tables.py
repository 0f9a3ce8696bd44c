from __future__ import annotations

import io

import pytest

from mtner_cli.core.evaluate.scores import evaluate
from mtner_cli.core.types import ScoredMention, Tag, TestedSentence
from mtner_cli.report.console import PlainConsole
from mtner_cli.report.tables import evaluation_tables

WORDS = ("interleukin", "2", "promoter", "binds", "NF-kB")
PROTEIN, DNA, GENE = Tag("GENIA", "protein"), Tag("GENIA", "DNA"), Tag("BC2GM", "[red]gene")
ANNOTATED = {"GENIA": [PROTEIN, DNA], "BC2GM": [GENE]}


def sentence(corpus, gold=(), predicted=(), unmatched=()):
    return TestedSentence(
        corpus=corpus,
        index=0,
        document=None,
        start=0,
        text="interleukin 2 promoter binds NF-kB",
        words=WORDS,
        word_offsets=((0, 11), (12, 13), (14, 22), (23, 28), (29, 34)),
        gold=gold,
        gold_unmatched=unmatched,
        predicted=tuple(ScoredMention(*mention, 0.9) for mention in predicted),
    )


def lines(sentences, annotated=None, width=80, untaught=None):
    """What is printed, every line as its cells."""
    console = PlainConsole(file=io.StringIO(), width=width, color_system=None)
    for part in evaluation_tables(evaluate(sentences, annotated or ANNOTATED), untaught):
        console.print(part)
    printed = console.file.getvalue().splitlines()
    return [" ".join(line.split()) for line in printed if line.strip(" ─")]


def test_one_corpus_has_one_table_without_a_mean():
    assert lines(
        [
            sentence(
                "GENIA",
                gold=((0, 2, PROTEIN), (4, 5, PROTEIN), (2, 3, DNA)),
                predicted=((0, 2, PROTEIN), (2, 4, DNA)),
            )
        ]
    ) == [
        "Scores",
        "corpus type TP FN FP P R F1",
        "GENIA DNA 0 1 1 0.00 0.00 0.00",
        "protein 1 1 0 100.00 50.00 66.67",
        "micro 1 2 1 50.00 33.33 40.00",
        "The number to report: micro F1 40.00.",
    ]


def test_separate_and_joined_tags_foreign_predictions_and_the_mean():
    joint = Tag("GENIA", "[red]gene")
    printed = lines(
        [
            sentence("GENIA", gold=((0, 2, PROTEIN),), predicted=((0, 2, PROTEIN), (4, 5, GENE))),
            sentence("BC2GM", gold=((0, 2, GENE),), predicted=((0, 2, joint), (0, 3, DNA))),
        ]
    )
    joined = printed[: printed.index("Separate tags")]
    separate = printed[len(joined) : printed.index("Foreign predictions")]
    assert joined[:2] == ["Joined tags", "A type counts as one, whichever corpus taught it."]
    assert "BC2GM [red]gene 1 0 0 100.00 100.00 100.00" in joined
    assert joined[-2:] == [
        "all micro 2 0 0 100.00 100.00 100.00",
        "mean of micro 100.00 100.00 100.00",
    ]
    assert "BC2GM [red]gene 0 1 0 - 0.00 0.00" in separate
    assert separate[-2:] == [
        "all micro 1 1 0 100.00 50.00 66.67",
        "mean of micro 50.00 50.00 50.00",
    ]
    assert printed[-5:] == [
        "corpus type predicted",
        "GENIA BC2GM$[red]gene 1",
        "BC2GM GENIA$DNA 1",
        "GENIA$[red]gene 1",
        "The number to report: F1 100.00, the mean of micro with joined tags.",
    ]


def test_what_cannot_be_found_is_no_zero():
    printed = lines(
        [
            sentence("GENIA", predicted=((0, 2, PROTEIN),)),
            sentence("BC2GM", gold=((0, 1, GENE), (0, 2, GENE)), predicted=((0, 1, GENE),)),
        ]
    )
    assert "GENIA DNA 0 0 0 - - -" in printed
    assert "protein 0 0 1 0.00 - 0.00" in printed
    assert "mean of micro 100.00 50.00 66.67" in printed
    assert "a mention of its own type 0 0 -" in printed[printed.index("Nesting") :]
    assert printed[-2:] == [
        "The number to report: micro F1 66.67.",
        "GENIA: there are no gold mentions, so it has no score.",
    ]


def test_text_without_gold_mentions_has_no_score():
    printed = lines([sentence("GENIA", predicted=((0, 2, PROTEIN),)), sentence("BC2GM")])
    assert "mean of micro - - -" in printed
    assert "There are no gold mentions, so there are no scores." in printed


def test_types_that_were_never_taught_have_a_row_without_them():
    sentences = [
        sentence("GENIA", gold=((0, 2, PROTEIN), (2, 3, DNA)), predicted=((0, 2, PROTEIN),)),
        sentence("BC2GM", gold=((0, 1, GENE),), predicted=((0, 1, GENE),)),
    ]
    printed = lines(sentences, untaught={"GENIA": ["DNA"]}, width=200)
    assert "micro 1 1 0 100.00 50.00 66.67" in printed
    assert "micro of taught types 1 0 0 100.00 100.00 100.00" in printed
    assert "mean of micro 100.00 75.00 83.33" in printed
    assert "mean of taught types 100.00 100.00 100.00" in printed
    assert printed[-1] == (
        "GENIA: the model was never taught DNA, so all their mentions count as missed. "
        "To leave them out, give this corpus tag_dict: {DNA: null}."
    )


def test_unmatched_mentions_are_told_with_and_without():
    printed = lines(
        [
            sentence(
                "GENIA",
                gold=((4, 5, PROTEIN),),
                predicted=((4, 5, PROTEIN),),
                unmatched=((32, 34, PROTEIN),),
            )
        ]
    )
    assert printed[1] == "corpus type TP FN FP P R F1 R* F1*"
    assert "GENIA DNA 0 0 0 - - -" in printed
    assert "protein 1 1 0 100.00 50.00 66.67 100.00 100.00" in printed
    assert "GENIA: 1 of 2 gold mentions do not start and end at word boundaries" in printed[-3]


def test_nested_mentions_have_their_recall():
    printed = lines(
        [
            sentence(
                "GENIA",
                gold=((0, 3, DNA), (0, 2, PROTEIN), (0, 1, PROTEIN)),
                predicted=((0, 3, DNA), (0, 1, PROTEIN)),
            )
        ]
    )
    assert printed[printed.index("Nesting") :] == [
        "Nesting",
        "Recall of gold mentions that lie inside other gold mentions.",
        "corpus inside found of R",
        "GENIA no mention 1 1 100.00",
        "1 mention 0 1 0.00",
        "2 mentions 1 1 100.00",
        "a mention of its own type 1 1 100.00",
        "The number to report: micro F1 80.00.",
    ]


def test_gold_left_out_by_the_caller_is_named():
    printed = lines([sentence("GENIA", gold=((0, 2, PROTEIN),))], {"GENIA": [DNA]})
    assert printed[-1] == "GENIA: 1 gold mentions of type protein are not scored."


@pytest.mark.parametrize("width", [50, 80])
def test_numbers_are_never_cut(width):
    long_name = Tag("GENIA", "a_very_long_entity_type_" * 3)
    some = sentence("GENIA", gold=((0, 2, long_name),), predicted=((0, 2, long_name),))
    printed = lines([some] * 12345, {"GENIA": [long_name]}, width)
    assert any("12,345 0 0 100.00 100.00 100.00" in line for line in printed)
    assert not any("…" in line for line in printed)
