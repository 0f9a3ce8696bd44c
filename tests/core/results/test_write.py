from __future__ import annotations

import json
import math
import pickle

import pandas
import pytest

from mtner_cli.core.results.read import read_result_sentences
from mtner_cli.core.results.unpickle import read_pickle
from mtner_cli.core.results.write import (
    COLUMNS,
    mention_frame,
    write_cross_corpus_pickle,
    write_results,
)
from mtner_cli.core.types import ScoredMention, Tag, TestedSentence
from mtner_cli.errors import DataError

CHEMICAL, DISEASE = Tag("BC5", "Chemical"), Tag("BC5", "Disease")
NCBI_DISEASE = Tag("NCBI", "Disease")

SENTENCES = (
    TestedSentence(
        corpus="BC5",
        index=4,
        document="227508",
        start=120,
        text="Naloxone-induced  hypertension (α-blocked).",
        words=("Naloxone-induced", "hypertension", "(", "α", "-", "blocked", ")", "."),
        word_offsets=(
            *((0, 16), (18, 30), (31, 32), (32, 33)),
            *((33, 34), (34, 41), (41, 42), (42, 43)),
        ),
        gold=((1, 2, DISEASE),),
        gold_unmatched=((0, 8, CHEMICAL),),
        predicted=(
            ScoredMention(1, 2, NCBI_DISEASE, 0.75),
            ScoredMention(1, 2, DISEASE, 0.9912345678),
            ScoredMention(0, 2, DISEASE, 0.5),
        ),
    ),
    TestedSentence(
        corpus="NCBI",
        index=0,
        document=None,
        start=0,
        text="No mutation here",
        words=("No", "mutation", "here"),
        word_offsets=((0, 2), (3, 11), (12, 16)),
        gold=(),
        gold_unmatched=(),
        predicted=(ScoredMention(2, 3, CHEMICAL, 0.6),),
    ),
)


ANNOTATED = {"BC5": [CHEMICAL, DISEASE], "NCBI": [NCBI_DISEASE]}


def written(folder, sentences):
    paths = folder / "test_results.pkl", folder / "test_results.jsonl"
    write_results(*paths, sentences, ANNOTATED)
    return paths


def rows(frame):
    return [tuple(row) for row in frame.itertuples(index=False)]


def test_frames_have_a_row_per_span_with_its_tags():
    assert rows(mention_frame(SENTENCES, joined=False)) == [
        (0, 0, 2, None, ["BC5$Disease"], True, "BC5"),
        (0, 1, 2, ["BC5$Disease"], ["NCBI$Disease", "BC5$Disease"], True, "BC5"),
        (0, -1, -1, ["BC5$Chemical"], None, False, "BC5"),
        (1, 2, 3, None, ["BC5$Chemical"], True, "NCBI"),
    ]
    assert rows(mention_frame(SENTENCES, joined=True)) == [
        (0, 0, 2, None, ["Disease"], True, "BC5"),
        (0, 1, 2, ["Disease"], ["Disease"], True, "BC5"),
        (0, -1, -1, ["Chemical"], None, False, "BC5"),
        (1, 2, 3, None, ["Chemical"], True, "NCBI"),
    ]


@pytest.mark.parametrize("sentences", [SENTENCES, ()])
def test_the_columns_are_those_of_the_original_system(sentences, shared_data):
    frame = mention_frame(sentences, joined=False)
    with (shared_data / "original-pickle" / "test_results.pkl").open("rb") as file:
        original = read_pickle(file)["pred_df"]
    assert tuple(frame.columns) == tuple(original.columns) == COLUMNS
    kinds = [str(kind) for kind in frame.dtypes]
    assert kinds[:6] == ["int64", "int64", "int64", "object", "object", "bool"]
    if sentences:
        assert frame.source_dataset.dtype == pandas.DataFrame({"text": ["BC5"]}).text.dtype


def test_the_pickle_is_plain_python_and_pandas(tmp_path):
    path, _ = written(tmp_path, SENTENCES)
    assert path == tmp_path / "test_results.pkl"
    content = pickle.loads(path.read_bytes())
    assert list(content) == ["data", "pred_df", "joined_pred_df"]
    assert rows(content["pred_df"]) == rows(mention_frame(SENTENCES, joined=False))
    assert rows(content["joined_pred_df"]) == rows(mention_frame(SENTENCES, joined=True))
    data = content["data"]
    assert data["wordpieces"] == {0: list(SENTENCES[0].words), 1: list(SENTENCES[1].words)}
    assert data["raw_sentences"][1] == "No mutation here"
    assert data["doc_id"] == {0: "227508", 1: None}
    assert data["index_in_corpus"] == {0: 4, 1: 0}
    assert data["gold_entities_not_matching_tokens"][0] == [
        {"start": 0, "end": 8, "tag": "BC5$Chemical", "text": "Naloxone"}
    ]
    assert data["gold_entities_matching_tokens"][0] == [
        {"start": 1, "end": 2, "tag": "BC5$Disease", "text": "hypertension"}
    ]
    assert b"mtner_cli" not in path.read_bytes()


def test_the_json_lines_hold_character_ranges_and_scores(tmp_path):
    _, lines = written(tmp_path, SENTENCES)
    first, second = map(json.loads, lines.read_text("utf-8").splitlines())
    assert first["text"] == SENTENCES[0].text
    assert first["annotated_types"] == ["Chemical", "Disease"]
    assert (first["document"], first["start_in_document"]) == ("227508", 120)
    assert first["words"] == list(SENTENCES[0].words)
    assert first["gold_unmatched"] == [
        {"char_start": 0, "char_end": 8, "text": "Naloxone", "type": "Chemical", "corpus": "BC5"}
    ]
    assert first["predicted"][1] == {
        "start": 1,
        "end": 2,
        "char_start": 18,
        "char_end": 30,
        "text": "hypertension",
        "type": "Disease",
        "corpus": "BC5",
        "score": 0.991235,
    }
    assert [second["index"], second["document"], second["gold"]] == [0, None, []]


def test_reading_gives_all_mentions_in_the_order_of_the_text(tmp_path):
    path, _ = written(tmp_path, SENTENCES)
    first, second = read_result_sentences(path)
    assert (first.corpus, first.index, first.words) == ("BC5", 0, SENTENCES[0].words)
    assert (first.document, first.start, second.document) == ("227508", 120, None)
    assert first.word_offsets == SENTENCES[0].word_offsets
    assert first.gold == ((1, 2, Tag(None, "BC5$Disease")),)
    assert first.gold_unmatched == ((0, 8, Tag(None, "BC5$Chemical")),)
    assert first.predicted == (
        ScoredMention(0, 2, Tag(None, "BC5$Disease"), 0.5),
        ScoredMention(1, 2, Tag(None, "BC5$Disease"), 0.9912345678),
        ScoredMention(1, 2, Tag(None, "NCBI$Disease"), 0.75),
    )
    assert first.wording(0, 2) == "Naloxone-induced  hypertension"
    assert second.predicted == (ScoredMention(2, 3, Tag(None, "BC5$Chemical"), 0.6),)


def test_cross_corpus_results_have_joined_tags_only(tmp_path):
    write_cross_corpus_pickle(tmp_path / "r.pkl", SENTENCES)
    with (tmp_path / "r.pkl").open("rb") as file:
        assert list(read_pickle(file)) == ["data", "pred_df"]
    first, _ = read_result_sentences(tmp_path / "r.pkl")
    assert first.predicted == (
        ScoredMention(0, 2, Tag(None, "Disease"), 0.5),
        ScoredMention(1, 2, Tag(None, "Disease"), 0.9912345678),
    )


def test_no_sentences_at_all(tmp_path):
    path, lines = written(tmp_path, [])
    assert read_result_sentences(path) == []
    assert lines.read_text() == ""


def test_the_file_of_the_original_system(shared_data):
    sentences = read_result_sentences(shared_data / "original-pickle" / "test_results.pkl")
    assert len(sentences) == 60
    assert sum(len(sentence.predicted) > 1 for sentence in sentences) == 36
    for sentence in sentences:
        assert " ".join(sentence.words) == sentence.text
        for start, end, tag, *score in [*sentence.gold, *sentence.predicted]:
            assert sentence.wording(start, end) == " ".join(sentence.words[start:end])
            assert str(tag) in ("BC5$Chemical", "BC5$Disease")
            assert all(map(math.isnan, score))


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"data": {}},
        {"data": {"raw_sentences": {}}, "pred_df": [1]},
        {"data": {"raw_sentences": {0: "a"}}, "pred_df": pandas.DataFrame({"sent_id": [0]})},
    ],
)
def test_another_pickle_is_one_clear_error(tmp_path, content):
    (tmp_path / "r.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(DataError, match="is not a result file"):
        read_result_sentences(tmp_path / "r.pkl")


def test_a_span_outside_its_sentence_is_an_error(tmp_path):
    path, _ = written(tmp_path, SENTENCES)
    content = pickle.loads(path.read_bytes())
    content["pred_df"].loc[0, "end_idx"] = 9
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(DataError, match="sentence 0 has no words 0 to 9"):
        read_result_sentences(path)


def test_a_link_in_a_run_is_not_followed_and_nothing_is_written(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "test_results.jsonl").symlink_to(victim)
    with pytest.raises(DataError, match="is a link"):
        written(tmp_path, SENTENCES)
    assert victim.read_text() == "precious"
    assert not (tmp_path / "test_results.pkl").exists()
