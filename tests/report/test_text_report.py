from __future__ import annotations

import re
from dataclasses import replace

from mtner_cli.core.evaluate.scores import evaluate
from mtner_cli.core.types import ScoredMention, Tag, TestedSentence
from mtner_cli.report.text_report import sentence_report, write_text_report

CHEMICAL, DISEASE, GENE = Tag("BC5", "Chemical"), Tag("BC5", "Disease"), Tag("BC2GM", "Gene")
SENTENCE = TestedSentence(
    corpus="BC5",
    index=7,
    document="227508",
    start=0,
    text="Naloxone-induced hypertension by renin.",
    words=("Naloxone-induced", "hypertension", "by", "renin", "."),
    word_offsets=((0, 16), (17, 29), (30, 32), (33, 38), (38, 39)),
    gold=((1, 2, DISEASE), (3, 4, CHEMICAL)),
    gold_unmatched=((0, 8, CHEMICAL),),
    predicted=(
        ScoredMention(3, 4, GENE, 0.8),
        ScoredMention(1, 2, DISEASE, 0.97531),
        ScoredMention(0, 2, DISEASE, 0.5),
    ),
)
ANNOTATED = {"BC5": [CHEMICAL, DISEASE]}


def test_every_mention_has_its_line_in_the_order_of_the_text():
    assert sentence_report(SENTENCE, [CHEMICAL, DISEASE]) == (
        "BC5, sentence 7, document 227508\n"
        "  Naloxone-induced hypertension by renin.\n"
        "    wrong      'Naloxone-induced hypertension'(0, 2)//BC5$Disease  0.500\n"
        "    unmatched  'Naloxone' characters 0 to 8//BC5$Chemical\n"
        "    found      'hypertension'(1, 2)//BC5$Disease  0.975\n"
        "    foreign    'renin'(3, 4)//BC2GM$Gene  0.800\n"
        "    missed     'renin'(3, 4)//BC5$Chemical\n"
    )


def test_the_report_has_the_tables_and_all_sentences_with_mentions(tmp_path):
    bare = replace(SENTENCE, index=8, gold=(), gold_unmatched=(), predicted=())
    last = replace(bare, index=9, document=None, gold_unmatched=((0, 8, CHEMICAL),))
    sentences = [SENTENCE, bare, last]
    write_text_report(tmp_path / "report.txt", sentences, evaluate(sentences, ANNOTATED))
    report = (tmp_path / "report.txt").read_text("utf-8")
    tables, legend, listing = report.partition("Each mention:")
    assert "micro" in tables
    assert "foreign" in legend + listing
    assert sentence_report(SENTENCE, [CHEMICAL, DISEASE]) in listing
    assert "sentence 8" not in listing
    assert report.endswith(
        "BC5, sentence 9\n"
        "  Naloxone-induced hypertension by renin.\n"
        "    unmatched  'Naloxone' characters 0 to 8//BC5$Chemical\n"
    )


def test_no_control_character_of_a_corpus_is_written(tmp_path):
    odd = Tag("BC5", "\x1b[2JX")
    sentence = replace(SENTENCE, text="Naloxone\x9b\u202e" + SENTENCE.text[10:], document="\x07")
    sentence = replace(sentence, gold=((0, 1, odd),))
    evaluation = evaluate([sentence], {"BC5": {odd}, "BC2GM": set()})
    write_text_report(tmp_path / "report.txt", [sentence], evaluation)
    report = (tmp_path / "report.txt").read_text("utf-8")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", report)
    assert "\\x1b[2JX" in report
    assert "Naloxone\\x9b\\u202e" in report
