"""Reading a result pickle, ours or the original system's, into typed sentences and mentions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from mtner_cli.core.evaluate.pickled_frames import LabeledSubstring, Table
from mtner_cli.core.evaluate.results import COLUMNS, UNMATCHED_SPAN
from mtner_cli.core.evaluate.safe_pickle import read_pickle
from mtner_cli.errors import DataError


class ResultMention(NamedTuple):
    """A gold or predicted mention in a result file.

    Attributes:
        char_start, char_end: its character range in the sentence's text, end exclusive.
        start, end: its words, end exclusive; (-1, -1) for a gold mention that does not match the
            tokenization.
        text: what it spans.
        tag: as it stands in the file, with its corpus in front where tags are separate.
    """

    char_start: int
    char_end: int
    start: int
    end: int
    text: str
    tag: str


@dataclass
class ResultSentence:
    """A sentence in a result file, its mentions in the order of the text."""

    number: int
    corpus: str
    text: str
    words: tuple[str, ...]
    gold: list[ResultMention] = field(default_factory=list)
    predicted: list[ResultMention] = field(default_factory=list)


def read_result_sentences(path: Path) -> list[ResultSentence]:
    """All sentences of a result pickle in their order, with the mentions of its ``pred_df``.

    Raises:
        DataError: if the file is no such pickle; see
            :func:`~mtner_cli.core.evaluate.safe_pickle.read_pickle`.
    """
    content = read_pickle(path)
    try:
        return _sentences(content)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise DataError(
            path,
            None,
            "is not a result file of 'mtner test', 'mtner predict-cross' or the original system: "
            f"expected a dict of 'data' and 'pred_df' ({type(error).__name__}: {error})",
        ) from error


def _sentences(content: Any) -> list[ResultSentence]:
    data, frame = content["data"], content["pred_df"]
    if not isinstance(frame, Table):
        raise TypeError("'pred_df' is no data frame")
    sentences = {
        number: ResultSentence(
            number, data["source_dataset"][number], text, tuple(data["wordpieces"][number])
        )
        for number, text in sorted(data["raw_sentences"].items())
    }
    word_offsets = data["start_end_char_idx_of_words"]
    for number, start, end, gold, predicted, matches, _ in zip(
        *(frame.columns[name] for name in COLUMNS), strict=True
    ):
        if matches:
            sentence = sentences[number]
            place = _place(sentence, start, end, word_offsets[number])
            sentence.gold += [ResultMention(*place, str(tag)) for tag in gold or ()]
            sentence.predicted += [ResultMention(*place, str(tag)) for tag in predicted or ()]
    for number, mentions in data["gold_entities_not_matching_tokens"].items():
        sentences[number].gold += [_unmatched(mention) for mention in mentions]
    for sentence in sentences.values():
        sentence.gold.sort(key=_text_order)
        sentence.predicted.sort(key=_text_order)
    return list(sentences.values())


def _place(
    sentence: ResultSentence, start: int, end: int, word_offsets: list[tuple[int, int]]
) -> tuple[int, int, int, int, str]:
    if not 0 <= start < end <= len(sentence.words):
        raise ValueError(f"sentence {sentence.number} has no words {start} to {end}")
    first, last = word_offsets[start][0], word_offsets[end - 1][1]
    return first, last, start, end, sentence.text[first:last]


def _unmatched(mention: LabeledSubstring | Mapping[str, Any]) -> ResultMention:
    if isinstance(mention, LabeledSubstring):
        mention = asdict(mention)
    return ResultMention(
        mention["start"], mention["end"], *UNMATCHED_SPAN, mention["text"], mention["tag"]
    )


def _text_order(mention: ResultMention) -> tuple[int, int, str]:
    return mention.char_start, -mention.char_end, mention.tag
