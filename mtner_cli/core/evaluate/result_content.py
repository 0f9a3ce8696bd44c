"""What a result pickle says of each sentence, every value checked.

This runs where the pickle is read. What it gives is plain (lists, texts and whole numbers), so that
it can go to another process as JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mtner_cli.core.evaluate.pickled_frames import LabeledSubstring, Table
from mtner_cli.core.evaluate.results import COLUMNS, UNMATCHED_SPAN
from mtner_cli.core.evaluate.safe_pickle import MALFORMED, ResultFileError, reason

PlainMention = tuple[int, int, int, int, str, str]
"""First and last character, first and last word (end exclusive), text, entity type."""
PlainSentence = tuple[int, str, str, list[str], list[PlainMention], list[PlainMention]]
"""Number, corpus, text, words, gold mentions, predicted mentions, these in the text's order."""

_LARGEST = 2**63


def plain_sentences(content: Any) -> list[PlainSentence]:
    """All sentences of a result pickle in the order of their numbers.

    Raises:
        ResultFileError: if the pickle holds anything else.
    """
    try:
        return list(_sentences(content["data"], content["pred_df"]))
    except MALFORMED as error:
        raise ResultFileError(
            "is not a result file of 'mtner test', 'mtner predict-cross' or the original system: "
            f"expected a dict of 'data' and 'pred_df' ({reason(error)})"
        ) from error


def _sentences(data: Any, frame: Any) -> Iterator[PlainSentence]:
    if not isinstance(data, dict) or not isinstance(frame, Table):
        raise TypeError("'data' is no dict, or 'pred_df' no data frame")
    texts, words, corpora = data["raw_sentences"], data["wordpieces"], data["source_dataset"]
    sentences: dict[int, PlainSentence] = {
        number: (
            _whole(number),
            _text(corpora[number]),
            _text(texts[number]),
            [_text(word) for word in _list(words[number])],
            [],
            [],
        )
        for number in _mapping(texts)
    }
    _add_matching(sentences, data["start_end_char_idx_of_words"], frame)
    for number, mentions in _mapping(data["gold_entities_not_matching_tokens"]).items():
        text, gold = sentences[number][2], sentences[number][4]
        gold += [_unmatched(mention, text) for mention in _list(mentions)]
    for number in sorted(sentences):
        for found in sentences[number][4:]:
            found.sort(key=_text_order)
        yield sentences[number]


def _add_matching(sentences: Mapping[int, PlainSentence], word_offsets: Any, frame: Table) -> None:
    """Add the mentions of the data frame: a row is a span and its types, gold and predicted."""
    columns = (_list(frame.columns[name]) for name in COLUMNS)
    for number, start, end, gold, predicted, matches, _ in zip(*columns, strict=True):
        if not _flag(matches):
            continue
        sentence = sentences[_whole(number)]
        place = _place(sentence, _whole(start), _whole(end), word_offsets[number])
        for tags, mentions in ((gold, sentence[4]), (predicted, sentence[5])):
            if tags is not None:
                mentions += [(*place, _text(tag)) for tag in _list(tags)]


def _place(
    sentence: PlainSentence, start: int, end: int, word_offsets: Any
) -> tuple[int, int, int, int, str]:
    number, _, text, words, *_ = sentence
    if not 0 <= start < end <= len(words):
        raise ValueError(f"sentence {number} has no words {start} to {end}")
    first, last = _whole(word_offsets[start][0]), _whole(word_offsets[end - 1][1])
    return first, last, start, end, text[first:last]


def _unmatched(mention: Any, text: str) -> PlainMention:
    values = vars(mention) if isinstance(mention, LabeledSubstring) else _mapping(mention)
    first, last = _whole(values["start"]), _whole(values["end"])
    given = values["text"]
    wording = text[first:last] if given is None else _text(given)
    return (first, last, *UNMATCHED_SPAN, wording, _text(values["tag"]))


def _text_order(mention: PlainMention) -> tuple[int, int, str]:
    return mention[0], -mention[1], mention[5]


def _whole(value: Any) -> int:
    if type(value) is not int or not -_LARGEST <= value < _LARGEST:
        raise TypeError("a sentence's number or a mention's place is no whole number")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("whether a mention matches the tokenization is neither true nor false")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text, word, corpus or entity type is no text")
    return value


def _list(value: Any) -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError("words, places, types or mentions do not come as a list")
    return value


def _mapping(value: Any) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise TypeError("the sentences' values do not come by number")
    return value
