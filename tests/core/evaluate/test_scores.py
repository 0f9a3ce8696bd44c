from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtner_cli.core.evaluate import matching
from mtner_cli.core.evaluate.nesting import Found, NestingTally
from mtner_cli.core.evaluate.scores import Counts, evaluate
from mtner_cli.core.types import ScoredMention, Tag, TestedSentence

WORDS = ("naloxone", "reverses", "clonidine", "hypotension", "syndrome")
CHEMICAL, DISEASE = Tag("BC5", "Chemical"), Tag("BC5", "Disease")
NCBI_DISEASE = Tag("NCBI", "Disease")
ANNOTATED = {"BC5": [CHEMICAL, DISEASE], "NCBI": [NCBI_DISEASE]}


def sentence_of(corpus="BC5", gold=(), predicted=(), unmatched=()):
    offsets, position = [], 0
    for word in WORDS:
        offsets.append((position, position + len(word)))
        position += len(word) + 1
    return TestedSentence(
        corpus=corpus,
        index=0,
        document=None,
        start=0,
        text=" ".join(WORDS),
        words=WORDS,
        word_offsets=tuple(offsets),
        gold=tuple(gold),
        gold_unmatched=tuple(unmatched),
        predicted=tuple(ScoredMention(*mention, 0.9) for mention in predicted),
    )


def test_counts_add_and_undefined_scores_are_zero():
    assert Counts(1, 2, 3) + Counts(10, 20, 30) == Counts(11, 22, 33)
    assert (Counts().precision, Counts().recall, Counts().f1) == (0.0, 0.0, 0.0)
    counts = Counts(true_positives=6, false_negatives=2, false_positives=4)
    assert counts.precision == pytest.approx(0.6)
    assert counts.recall == pytest.approx(0.75)
    assert counts.f1 == pytest.approx(2 * 0.6 * 0.75 / (0.6 + 0.75))


def test_counts_of_one_sentence():
    sentence = sentence_of(
        gold=[(0, 1, CHEMICAL), (2, 3, CHEMICAL), (3, 4, DISEASE)],
        predicted=[(0, 1, CHEMICAL), (2, 4, CHEMICAL), (3, 4, DISEASE)],
    )
    corpus = evaluate([sentence], ANNOTATED).separate.corpora["BC5"]
    assert corpus.per_tag == {CHEMICAL: Counts(1, 1, 1), DISEASE: Counts(1, 0, 0)}
    assert corpus.micro == Counts(2, 1, 1)


def test_a_mention_predicted_twice_counts_once():
    sentence = sentence_of(gold=[(0, 1, CHEMICAL)], predicted=[(0, 1, CHEMICAL), (0, 1, CHEMICAL)])
    assert evaluate([sentence], ANNOTATED).separate.corpora["BC5"].micro == Counts(1, 0, 0)


def test_types_that_the_corpus_does_not_annotate_are_foreign_and_not_wrong():
    sentence = sentence_of("NCBI", predicted=[(0, 1, CHEMICAL), (2, 3, CHEMICAL), (3, 4, DISEASE)])
    evaluation = evaluate([sentence], ANNOTATED)
    assert evaluation.separate.corpora["NCBI"].micro == Counts()
    assert evaluation.separate.corpora["NCBI"].foreign == {CHEMICAL: 2, DISEASE: 1}
    joined = evaluation.joined.corpora["NCBI"]
    assert joined.foreign == {Tag(None, "Chemical"): 2}
    assert joined.per_tag == {Tag(None, "Disease"): Counts(false_positives=1)}


def test_joined_tags_merge_what_both_corpora_call_the_same():
    sentence = sentence_of(
        gold=[(3, 5, DISEASE)], predicted=[(3, 5, DISEASE), (3, 5, NCBI_DISEASE)]
    )
    evaluation = evaluate([sentence], ANNOTATED)
    assert evaluation.joined.corpora["BC5"].micro == Counts(1, 0, 0)
    assert evaluation.joined.corpora["BC5"].foreign == {}
    assert evaluation.separate.corpora["BC5"].foreign == {NCBI_DISEASE: 1}


def test_an_unmatched_gold_mention_is_a_miss_unless_left_out():
    sentence = sentence_of(
        gold=[(0, 1, CHEMICAL)], predicted=[(0, 1, CHEMICAL)], unmatched=[(0, 3, CHEMICAL)]
    )
    evaluation = evaluate([sentence], ANNOTATED)
    assert evaluation.joined.corpora["BC5"].micro == Counts(1, 1, 0)
    assert evaluation.joined_matched.corpora["BC5"].micro == Counts(1, 0, 0)
    assert evaluation.separate.corpora["BC5"].micro == Counts(1, 1, 0)
    assert evaluation.separate_matched.corpora["BC5"].micro == Counts(1, 0, 0)
    assert evaluation.headline_f1 == pytest.approx(2 / 3)


def test_the_mean_over_corpora_is_plain():
    perfect = sentence_of(gold=[(0, 1, CHEMICAL)], predicted=[(0, 1, CHEMICAL)])
    missed = [sentence_of("NCBI", gold=[(i, i + 1, NCBI_DISEASE)]) for i in range(3)]
    evaluation = evaluate([perfect, *missed], ANNOTATED)
    assert evaluation.headline_f1 == pytest.approx(0.5)
    assert evaluation.joined.mean_recall == pytest.approx(0.5)
    assert evaluation.joined.mean_precision == pytest.approx(0.5)


def test_a_corpus_without_sentences_does_not_enter_the_mean():
    sentence = sentence_of(gold=[(0, 1, CHEMICAL)], predicted=[(0, 1, CHEMICAL)])
    assert evaluate([sentence], ANNOTATED).headline_f1 == 1.0
    assert evaluate([], ANNOTATED).headline_f1 == 0.0


def test_gold_of_a_type_said_not_to_be_annotated_is_not_scored_but_named():
    sentence = sentence_of(gold=[(0, 1, CHEMICAL), (3, 4, DISEASE)], unmatched=[(0, 3, DISEASE)])
    corpus = evaluate([sentence], {"BC5": [CHEMICAL]}).separate.corpora["BC5"]
    assert corpus.micro == Counts(false_negatives=1)
    assert corpus.unscored_gold == {DISEASE: 2}


def test_a_corpus_that_nobody_announced_is_refused():
    with pytest.raises(ValueError, match="'JNLPBA'"):
        evaluate([sentence_of("JNLPBA")], ANNOTATED)


def test_names_may_hold_any_character():
    tag = Tag("CoNLL-2003$x", "B$x (y), z")
    sentence = sentence_of("CoNLL-2003$x", gold=[(0, 2, tag)], predicted=[(0, 2, tag)])
    evaluation = evaluate([sentence], {"CoNLL-2003$x": [tag]})
    assert evaluation.joined.corpora["CoNLL-2003$x"].per_tag == {
        Tag(None, "B$x (y), z"): Counts(1, 0, 0)
    }


def test_nesting_recall_counts_unmatched_mentions_as_missed():
    sentence = sentence_of(
        gold=[(0, 5, DISEASE), (2, 4, DISEASE), (2, 3, CHEMICAL)],
        predicted=[(0, 5, DISEASE), (2, 3, CHEMICAL)],
        unmatched=[(0, 4, CHEMICAL)],
    )
    nesting = evaluate([sentence], ANNOTATED).nesting["BC5"]
    assert nesting.by_depth == {0: Found(1, 1), 1: Found(0, 2), 2: Found(1, 1)}
    assert nesting.within_own_type == Found(0, 1)


TAGS = [Tag(corpus, name) for corpus in ("BC5", "NCBI", None) for name in ("Disease", "Gene")]


@st.composite
def sentences(draw):
    corpus = draw(st.sampled_from(["BC5", "NCBI"]))
    word_span = st.sampled_from([(s, e) for s, e in product(range(5), range(1, 6)) if s < e])
    mention = st.builds(lambda span, tag: (*span, tag), word_span, st.sampled_from(TAGS))
    mentions = st.lists(mention, max_size=6)
    gold = draw(mentions)
    predicted = draw(mentions) + draw(st.lists(st.sampled_from(gold or [(0, 1, TAGS[0])])))
    unmatched = st.builds(lambda tag, end: (1, end, tag), st.sampled_from(TAGS), st.integers(2, 4))
    return sentence_of(corpus, gold, predicted, draw(st.lists(unmatched, max_size=2)))


def naive_counts(some, corpus, tag, *, joined, with_unmatched):
    """Every gold mention against every prediction, by definition."""

    def named(mention_tag):
        return Tag(None, mention_tag.entity_type) if joined else mention_tag

    def distinct(mentions):
        result = []
        for start, end, mention_tag, *_ in mentions:
            if named(mention_tag) == tag and (start, end) not in result:
                result.append((start, end))
        return result

    total = Counts()
    for sentence in some:
        if sentence.corpus != corpus:
            continue
        gold, predicted = distinct(sentence.gold), distinct(sentence.predicted)
        right = sum(span == other for span in gold for other in predicted)
        lost = len(distinct(sentence.gold_unmatched)) if with_unmatched else 0
        total += Counts(right, len(gold) - right + lost, len(predicted) - right)
    return total


VARIANTS = {
    (False, True): "separate",
    (False, False): "separate_matched",
    (True, True): "joined",
    (True, False): "joined_matched",
}


@settings(deadline=None)
@given(st.lists(sentences(), max_size=6), st.booleans(), st.booleans())
def test_scores_agree_with_a_naive_count(some, joined, with_unmatched):
    annotated = {"BC5": [TAGS[0], TAGS[1]], "NCBI": [TAGS[2]]}
    scores = getattr(evaluate(some, annotated), VARIANTS[joined, with_unmatched])
    assert set(scores.corpora) == {sentence.corpus for sentence in some}
    for corpus, result in scores.corpora.items():
        naive = {
            tag: naive_counts(some, corpus, tag, joined=joined, with_unmatched=with_unmatched)
            for tag in {Tag(None, tag.entity_type) if joined else tag for tag in TAGS}
        }
        own = {Tag(None, tag.entity_type) if joined else tag for tag in annotated[corpus]}
        assert result.per_tag == {tag: naive[tag] for tag in own}
        assert result.foreign == {
            tag: counts.predicted
            for tag, counts in naive.items()
            if tag not in own and counts.predicted
        }
        assert result.unscored_gold == {
            tag: counts.gold for tag, counts in naive.items() if tag not in own and counts.gold
        }


def naive_nesting(some, corpus):
    """Every gold mention of a sentence against all others, by definition, in characters."""
    tally = NestingTally()
    for sentence in some:
        if sentence.corpus == corpus:
            gold, predicted = (
                {(start, end, tag.entity_type) for start, end, tag, *_ in mentions}
                for mentions in (sentence.gold, sentence.predicted)
            )
            moved, hits = (
                {(*sentence.characters(start, end), name) for start, end, name in mentions}
                for mentions in (gold, gold & predicted)
            )
            moved |= {(start, end, tag.entity_type) for start, end, tag in sentence.gold_unmatched}
            tally.add(moved, hits)
    return tally.result()


@settings(deadline=None)
@given(st.lists(sentences(), max_size=6), st.integers(1, 4))
def test_nesting_agrees_with_one_sentence_at_a_time(some, at_once):
    annotated = {"BC5": [TAGS[0], TAGS[1]], "NCBI": [TAGS[2]]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "SENTENCES_AT_ONCE", at_once)
        evaluation = evaluate(some, annotated)
    assert evaluation.nesting == {
        corpus: naive_nesting(some, corpus) for corpus in {sentence.corpus for sentence in some}
    }
    assert evaluation == evaluate(some, annotated)
