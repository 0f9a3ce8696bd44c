"""Read result pickles without trusting them.

Unpickling calls every function that a file names. Here the names lead to safe replacements that
only check and rearrange bytes: no function of pandas, numpy, pyarrow, torch or any other package
can be reached. A file that asks for anything else is refused, and the message gives the name. So a
result file of any version of pandas or torch can be read, without importing either.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from typing import IO, Any

from mtner_cli.core.results import pickled_values as frames
from mtner_cli.core.results.pickled_values import (
    LabeledSubstring,
    RefusedNameError,
    RestrictedUnpickler,
    Table,
    load_storage,
    rebuild_tensor,
)
from mtner_cli.core.results.write import COLUMNS, UNMATCHED_SPAN
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


PlainMention = tuple[int, int, int, int, str, str]
"""First and last character, first and last word (end exclusive), text, entity type."""
PlainSentence = tuple[int, str, str, list[str], list[PlainMention], list[PlainMention]]
"""Number, corpus, text, words, gold and predicted mentions; mentions are in the text's order."""

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
    """Add the mentions of the data frame: a row has a span and its gold and predicted types."""
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
