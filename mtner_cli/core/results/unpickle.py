"""Read result pickles without trusting them.

Unpickling calls every function that a file names. Here the names lead to safe replacements that
only check and rearrange bytes: no function of pandas, numpy, pyarrow, torch or any other package
can be reached. A file that asks for anything else is refused, and the message gives the name. So a
result file of any version of pandas or torch can be read, without importing either.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from typing import IO, Any, TypedDict

from mtner_cli.core.results import pickled_values as frames
from mtner_cli.core.results.pickled_values import (
    LabeledSubstring,
    RefusedNameError,
    RestrictedUnpickler,
    Table,
    load_storage,
    rebuild_tensor,
)
from mtner_cli.core.results.write import COLUMNS
from mtner_cli.core.types import Tag
from mtner_cli.errors import MOST_CHARACTERS, quoted, visible

# Everything that a result file may name: module, name, and its replacement. One name has several
# modules where the major versions of numpy and pandas differ.
_STAND_INS: list[tuple[tuple[str, ...], str, object]] = [
    (("builtins",), "slice", frames.Slice),
    (("builtins",), "bytearray", frames.plain_bytes),
    (("collections",), "OrderedDict", dict),
    (("numpy",), "dtype", frames.Dtype),
    (("numpy",), "ndarray", frames.Array),
    (("numpy._core.multiarray", "numpy.core.multiarray"), "_reconstruct", frames.new_array),
    (("numpy._core.multiarray", "numpy.core.multiarray"), "scalar", frames.plain_scalar),
    (("numpy._core.numeric", "numpy.core.numeric"), "_frombuffer", frames.array_from_buffer),
    (("pandas", "pandas.core.frame"), "DataFrame", frames.Table),
    (("pandas.core.internals.managers",), "BlockManager", frames.join_blocks),
    (("pandas._libs.internals",), "_unpickle_block", frames.unpickle_block),
    (("pandas.core.indexes.base",), "_new_Index", frames.new_index),
    (("pandas", "pandas.core.indexes.base"), "Index", frames.StorageType),
    (("pandas", "pandas.core.indexes.range"), "RangeIndex", frames.StorageType),
    (("pandas.core.indexes.numeric",), "Int64Index", frames.StorageType),
    (("pandas", "pandas._libs.missing"), "NA", None),
    (("pandas", "pandas.core.arrays.string_"), "StringDtype", frames.StorageType),
    (("pandas.arrays", "pandas.core.arrays.string_"), "StringArray", frames.StringArray),
    (
        ("pandas.arrays", "pandas.core.arrays.string_arrow"),
        "ArrowStringArray",
        frames.StringArray,
    ),
    (("pandas._libs.arrays",), "__pyx_unpickle_NDArrayBacked", frames.new_string_array),
    (("pyarrow.lib",), "_restore_array", frames.restore_arrow_strings),
    (("pyarrow.lib",), "chunked_array", frames.join_chunks),
    (("pyarrow.lib",), "type_for_alias", frames.arrow_type),
    (("pyarrow.lib",), "py_buffer", frames.plain_bytes),
    (("torch._utils",), "_rebuild_tensor_v2", rebuild_tensor),
    (("torch.storage",), "_load_from_bytes", load_storage),
    (("src.modules.utils.action_utils",), "LabeledSubstring", frames.LabeledSubstring),
]
ADMITTED = {
    (module, name): stand_in for modules, name, stand_in in _STAND_INS for module in modules
}


class ResultFileError(Exception):
    """An error that says what is wrong with a result file and what to do, without its name."""


def read_pickle(stream: IO[bytes]) -> object:
    """Return the content of a result pickle in plain Python.

    Data frames become :class:`~mtner_cli.core.results.pickled_values.Table`, tensors numpy arrays.
    A hostile file can exhaust memory, time or the depth of the stack, so this runs in a process
    with limits: :mod:`mtner_cli.core.results.read`.

    Raises:
        ResultFileError: if it is not a pickle, is damaged, or names anything that a result file
            does not need. No function that the file names is ever executed.
    """
    try:
        return RestrictedUnpickler(stream, ADMITTED).load()
    except OSError as error:
        raise ResultFileError(f"cannot be read: {error.strerror}") from error
    except RefusedNameError as error:
        raise ResultFileError(
            f"refused: the pickle asks for {_shortened(str(error))}, which no result file needs. "
            "Nothing of it was executed. Do not load it with other tools unless you trust who "
            "made it"
        ) from error
    except (pickle.UnpicklingError, *MALFORMED) as error:
        raise ResultFileError(f"is no result pickle, or a damaged one ({reason(error)})") from error


def reason(error: Exception) -> str:
    """Return the type and the message of an error; the message may show content of the file."""
    detail = error.args[0] if error.args else ""
    text = detail if isinstance(detail, str) else quoted(detail)
    return f"{type(error).__name__}: {_shortened(text)}"


def _shortened(text: str) -> str:
    return visible(" ".join(text[:MOST_CHARACTERS].split()))


MALFORMED = (ArithmeticError, AttributeError, EOFError, LookupError, TypeError, ValueError)
"""Errors that Python raises on values of the wrong kind, but not for lack of memory or stack."""


PlainMention = tuple[int, int, str]
"""First and last word (end exclusive) and entity type; characters for unmatched gold mentions."""
PlainPrediction = tuple[int, int, str, float | None]
"""First and last word (end exclusive), entity type, and the score, if the file has it."""


class PlainSentence(TypedDict):
    """A sentence of a result pickle, in values that JSON can hold; mentions in the text's order.

    Attributes:
        number: its number in the file.
        document: the name of its document, if the file has it.
        start: its offset there, if the file has it, else 0.
        word_offsets: the character range of each word.
        unmatched: gold mentions that do not match the words, in characters.
    """

    number: int
    corpus: str
    document: str | None
    start: int
    text: str
    words: list[str]
    word_offsets: list[tuple[int, int]]
    gold: list[PlainMention]
    unmatched: list[PlainMention]
    predicted: list[PlainPrediction]


_LARGEST = 2**63


def plain_sentences(content: Any) -> list[PlainSentence]:
    """Return all sentences of a result pickle in the order of their numbers.

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
    sentences = {number: _sentence(number, data) for number in _mapping(data["raw_sentences"])}
    _add_matching(sentences, _mapping(data.get("predicted_scores", {})), frame)
    for number, mentions in _mapping(data["gold_entities_not_matching_tokens"]).items():
        sentences[number]["unmatched"].extend(_unmatched(mention) for mention in _list(mentions))
    for number in sorted(sentences):
        sentence = sentences[number]
        for found in (sentence["gold"], sentence["unmatched"], sentence["predicted"]):
            found.sort(key=_text_order)
        yield sentence


def _sentence(number: Any, data: dict[str, Any]) -> PlainSentence:
    words = [_text(word) for word in _list(data["wordpieces"][number])]
    offsets = [
        (_whole(first), _whole(last))
        for first, last in map(_list, _list(data["start_end_char_idx_of_words"][number]))
    ]
    if len(offsets) != len(words):
        raise ValueError(f"sentence {number} has {len(words)} words at {len(offsets)} places")
    document = _mapping(data.get("doc_id", {})).get(number)
    return PlainSentence(
        number=_whole(number),
        corpus=_text(data["source_dataset"][number]),
        document=str(_whole(document)) if type(document) is int else _text_or_none(document),
        start=_whole(_mapping(data.get("start_in_doc", {})).get(number, 0)),
        text=_text(data["raw_sentences"][number]),
        words=words,
        word_offsets=offsets,
        gold=[],
        unmatched=[],
        predicted=[],
    )


def _add_matching(sentences: Mapping[int, PlainSentence], scores: Any, frame: Table) -> None:
    """Add the mentions of the data frame: a row has a span and its gold and predicted types."""
    columns = (_list(frame.columns[name]) for name in COLUMNS)
    score_of = {number: _scores(_list(given)) for number, given in scores.items()}
    for number, start, end, gold, predicted, matches, _ in zip(*columns, strict=True):
        if not _flag(matches):
            continue
        sentence = sentences[_whole(number)]
        place = _whole(start), _whole(end)
        if not 0 <= start < end <= len(sentence["words"]):
            raise ValueError(f"sentence {number} has no words {start} to {end}")
        for tag in _list([] if gold is None else gold):
            sentence["gold"].append((*place, _text(tag)))
        known = score_of.get(number, {})
        for tag in _list([] if predicted is None else predicted):
            sentence["predicted"].append((*place, _text(tag), known.get((*place, tag))))


def _scores(given: list[Any] | tuple[Any, ...]) -> dict[tuple[int, int, str], float]:
    """Return the score of each span and tag, written with its corpus and without it."""
    scores: dict[tuple[int, int, str], float] = {}
    for start, end, corpus, entity_type, score in map(_list, given):
        if not isinstance(score, float):
            raise TypeError("a score is no number")
        for tag in (str(Tag(_text_or_none(corpus), _text(entity_type))), entity_type):
            key = _whole(start), _whole(end), tag
            scores[key] = max(score, scores.get(key, score))
    return scores


def _unmatched(mention: Any) -> PlainMention:
    values = vars(mention) if isinstance(mention, LabeledSubstring) else _mapping(mention)
    return _whole(values["start"]), _whole(values["end"]), _text(values["tag"])


def _text_order(mention: PlainMention | PlainPrediction) -> tuple[int, int, str]:
    return mention[0], -mention[1], mention[2]


def _text_or_none(value: Any) -> str | None:
    return None if value is None else _text(value)


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
