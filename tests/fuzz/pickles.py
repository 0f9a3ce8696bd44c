"""Result pickles: read without running anything, and every prediction is written once."""

from __future__ import annotations

import csv
import json
import pickle
import pickletools
from collections import Counter
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import pandas
from hypothesis import strategies as st

from mtner_cli.core.results.read import read_result_sentences
from mtner_cli.core.triage.out_of_domain import filter_predictions
from mtner_cli.core.triage.sheets import write_filtered
from mtner_cli.core.types import TestedSentence
from tests.fuzz import seeds
from tests.fuzz.case import Case, WrongResult
from tests.fuzz.mutations import TEXTS, VALUES, mutated_bytes, unlike_any
from tests.fuzz.tree_mutations import mutated_tree

NAME = "pickles"
SOURCE = "in/test_results.pkl"
CORPUS = "molbio"
COLUMNS = (
    *("sent_id", "start_idx", "end_idx", "gold_tag", "pred_tag", "matches_tokenization"),
    "source_dataset",
)
RELEVANT = ("Protein", "Disease", "DNA")
OUTPUTS = ("out/filtered.txt", "out/filtered.jsonl", "out/filtered.csv")

Content = dict[str, Any]


@cache
def content_of(document: int) -> Content:
    """A result file's content as plain values; the data frame as a list of rows."""
    texts = seeds.documents()[document]
    data: dict[str, dict[int, Any]] = {
        name: {}
        for name in (
            *("raw_sentences", "wordpieces", "start_end_char_idx_of_words", "source_dataset"),
            "gold_entities_not_matching_tokens",
        )
    }
    rows = []
    for number, text in enumerate(texts):
        words = text.words()
        data["raw_sentences"][number] = text.text
        data["wordpieces"][number] = [text.text[start:end] for start, end in words]
        data["start_end_char_idx_of_words"][number] = words
        data["source_dataset"][number] = CORPUS
        data["gold_entities_not_matching_tokens"][number] = []
        for start, end, kind in text.mentions:
            inside = [place for place, (first, _) in enumerate(words) if start <= first < end]
            tags = [kind, "Disease"] if kind == "DNA" else [kind]
            rows.append([number, inside[0], inside[-1] + 1, None, tags, True, CORPUS])
    return {"data": data, "pred_df": rows}


def pickled(content: Content, protocol: int) -> bytes:
    """The bytes of a result file with these contents."""
    columns = list(zip(*content["pred_df"], strict=True)) or [()] * len(COLUMNS)
    frame = pandas.DataFrame(
        {name: list(column) for name, column in zip(COLUMNS, columns, strict=True)}
    )
    return pickle.dumps({"data": content["data"], "pred_df": frame}, protocol)


def cases(real: bool) -> st.SearchStrategy[Case]:
    """Result pickles with other contents, other instructions, or damaged bytes."""
    return st.one_of(_other_contents(), _other_instructions(), _damaged())


@st.composite
def _other_contents(draw: st.DrawFn) -> Case:
    content = content_of(draw(st.integers(0, len(seeds.documents()) - 1)))
    data, rows = content["data"], content["pred_df"]
    match draw(st.integers(0, 3)):
        case 0:
            data = mutated_tree(draw, data)
        case _:
            rows = mutated_tree(draw, rows)
    try:
        raw = pickled({"data": data, "pred_df": rows}, draw(st.integers(2, 5)))
    except Exception:  # pandas makes no frame of such rows
        return Case(NAME, {SOURCE: pickle.dumps({"data": data, "pred_df": rows})}, {})
    return Case(NAME, {SOURCE: raw}, {"predicted": _predicted(rows)})


def _predicted(rows: list[Any]) -> int:
    """How many predictions the rows hold that a reader must give or refuse."""
    return sum(len(row[4]) for row in rows if row[5] and isinstance(row[4], list | tuple | str))


@st.composite
def _damaged(draw: st.DrawFn) -> Case:
    raw = pickled(content_of(draw(st.integers(0, 1))), draw(st.integers(2, 5)))
    if draw(st.integers(0, 9)) == 9:
        return Case(NAME, {SOURCE: unlike_any(draw)}, {})
    return Case(NAME, {SOURCE: mutated_bytes(draw, raw)}, {})


@cache
def _instructions(document: int, protocol: int) -> tuple[bytes, ...]:
    """The pickle cut into its instructions."""
    raw = pickled(content_of(document), protocol)
    places = [place for _, _, place in pickletools.genops(raw)]
    return tuple(raw[start:end] for start, end in zip(places, [*places[1:], len(raw)], strict=True))


@st.composite
def _other_instructions(draw: st.DrawFn) -> Case:
    """Instructions deleted, repeated, swapped, taken from bombs, or with another value."""
    parts = list(_instructions(draw(st.integers(0, 1)), draw(st.sampled_from((3, 4)))))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(parts) - 1))
        match draw(st.integers(0, 5)):
            case 0 if len(parts) > 1:
                del parts[at]
            case 1:
                parts.insert(at, parts[at])
            case 2:
                other = draw(st.integers(0, len(parts) - 1))
                parts[at], parts[other] = parts[other], parts[at]
            case 3:
                parts[at] = draw(st.sampled_from(_BOMBS))
            case _:
                parts[at] = _value(draw(st.sampled_from((*VALUES, *TEXTS))))
    return Case(NAME, {SOURCE: b"".join(parts)}, {})


def _value(value: Any) -> bytes:
    """The instructions that put a value on the stack."""
    raw = pickle.dumps(value, 3)
    return raw[2:-1]


def _call(module: str, name: str, *arguments: bytes) -> bytes:
    return f"c{module}\n{name}\n".encode() + b"(" + b"".join(arguments) + b"tR"


def _twice(levels: int) -> bytes:
    """A tuple of two times itself, and so on: small to write, huge to walk through."""
    return b"N\x85" + b"".join(b"q%c0h%ch%c\x86" % ((level,) * 3) for level in range(levels))


_BIG = b"\x8a\x05\x00\xca\x9a\x3b\x00"
_RANGE = _call("builtins", "slice", b"K\x00", _BIG, b"K\x01")
_BOMBS = (
    _call("os", "system", _value("touch executed")),
    _call("builtins", "eval", _value("open('executed', 'w')")),
    _call("importlib", "import_module", _value("antigravity")),
    _call("socket", "create_connection", _value(("127.0.0.1", 9))),
    _twice(30) + b"N\x87",
    b"}" + _twice(40) + b"Ns",
    _call("numpy", "dtype", _twice(25)),
    _call("numpy._core.multiarray", "_reconstruct", b"cnumpy\nndarray\n", _RANGE, b"C\x01b"),
    _call("pyarrow.lib", "chunked_array", _RANGE, b"N"),
    _call("collections", "OrderedDict", _RANGE),
    _RANGE,
    b"Nr\x80\xd1\xf0\x08",
    b"Nr\xff\xff\xff\xff",
    b"\x95\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"B\xff\xff\xff\x7f",
    b"X\xff\xff\xff\xff",
    b"\x8b\xff\xff\xff\x7f",
    b"(" * 2000,
    b"]" * 3000 + b"a" * 2999,
    b"N" + b"\x85" * 30_000,
)


def run(case: Case, folder: Path) -> set[str]:
    """Read, filter, write in the three formats, and compare the numbers of predictions."""
    sentences = read_result_sentences(folder / SOURCE)
    read = sum(len(sentence.predicted) for sentence in sentences)
    expected = case.settings.get("predicted", read)
    if read != expected:
        raise WrongResult("predictions lost or invented", f"{expected} in the file, {read} read")
    corpora = filter_predictions(sentences, {CORPUS: RELEVANT})
    relevant = _relevant(sentences)
    if sum((Counter(corpus.counts) for corpus in corpora), Counter()) != relevant:
        raise WrongResult("filtered predictions differ", relevant)
    for name in OUTPUTS:
        write_filtered(folder / name, corpora, name.rpartition(".")[2])  # type: ignore[arg-type]
    _check_outputs(folder, relevant.total())
    return set(OUTPUTS)


def _relevant(sentences: list[TestedSentence]) -> Counter[str]:
    return Counter(
        str(mention.tag)
        for sentence in sentences
        for mention in sentence.predicted
        if sentence.corpus == CORPUS and str(mention.tag) in RELEVANT
    )


def _check_outputs(folder: Path, expected: int) -> None:
    """As many predictions in each file; in the sheet no row of another length or with a formula."""
    text, lines, sheet = ((folder / name).read_bytes().decode("utf-8-sig") for name in OUTPUTS)
    records = [json.loads(line) for line in lines.split("\n") if line]
    if sum(len(record["predicted"]) for record in records) != expected or not text:
        raise WrongResult("JSON lines lack predictions")
    rows = list(csv.reader(StringIO(sheet, newline="")))
    if len(rows) != expected + 1 or any(len(row) != len(rows[0]) for row in rows):
        raise WrongResult("the sheet does not hold a row for each prediction", len(rows) - 1)
    numbers = ("sent_idx", "start", "end", "doc_start", "doc_end", "score")
    for row in rows[1:]:
        for name, cell in zip(rows[0], row, strict=True):
            if name not in numbers and cell.lstrip()[:1] in tuple("=+-@＝＋－＠"):
                raise WrongResult("a cell that is a formula", repr(cell))
