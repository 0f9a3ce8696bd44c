"""A pickle must be read where it is a result file, and must never be able to run anything."""

from __future__ import annotations

import io
import pickle
from contextlib import suppress

import numpy
import pandas
import pytest
import torch

from mtner_cli.core.results.pickled_values import LabeledSubstring, Table
from mtner_cli.core.results.unpickle import ADMITTED, ResultFileError, read_pickle
from tests.core.results.pickle_programs import call, data, name, program, text


def read(raw: bytes):
    return read_pickle(io.BytesIO(raw))


def columns(frame):
    """The frame as plain lists, missing text as None."""
    return {
        name: [None if value is pandas.NA or value != value else value for value in column.tolist()]
        for name, column in frame.items()
    }


FRAME = pandas.DataFrame(
    {
        "sent_id": [0, 0, 3],
        "start_idx": [2, 5, -1],
        "gold_tag": [["BC5$Disease"], None, ["BC5$Chemical", "BC5$Disease"]],
        "matches_tokenization": [True, True, False],
        "source_dataset": ["BC5", "NCBI", "größe"],
        "end_idx": [3, 7, -1],
        "score": [0.25, 1.0, 0.5],
    }
)


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("storage", ["python", "pyarrow"])
def test_a_data_frame_of_this_pandas(protocol, storage):
    if storage == "pyarrow":
        pytest.importorskip("pyarrow")
    with pandas.option_context("mode.string_storage", storage):
        frame = FRAME.astype({"source_dataset": "string"})
    table = read(pickle.dumps(frame, protocol))
    assert isinstance(table, Table)
    assert table.columns == columns(FRAME)
    assert list(table.columns) == list(FRAME.columns)


@pytest.mark.parametrize(
    "frame",
    [
        FRAME[FRAME.sent_id == 0],
        FRAME[["end_idx", "score", "sent_id", "start_idx"]],
        FRAME[["start_idx", "end_idx"]].T.rename(columns=str),
        FRAME.iloc[:0],
        FRAME.drop(columns="gold_tag").astype({"start_idx": "int32", "score": "float32"}),
        pandas.concat([FRAME, FRAME], ignore_index=True),
        pandas.DataFrame({"tag": ["Gene", None, "", "Gène"]}),
    ],
    ids=["rows", "other order", "column-major", "empty", "small numbers", "joined", "missing text"],
)
@pytest.mark.parametrize("protocol", [4, 5])
def test_frames_of_every_inner_layout(frame, protocol):
    assert read(pickle.dumps(frame, protocol)).columns == columns(frame)


@pytest.mark.parametrize("text_type", ["string", "large_string"])
def test_arrow_text_that_starts_within_its_buffer_or_comes_in_chunks(text_type):
    pyarrow = pytest.importorskip("pyarrow")
    values = ["cut off", "naloxone", None, "", "größe", "cut off"]
    part = pyarrow.array(values, text_type).slice(1, 4)
    assert read(pickle.dumps(part)) == values[1:5]
    assert read(pickle.dumps(pyarrow.chunked_array([part, part]))) == values[1:5] * 2


def test_names_of_older_versions():
    raw = pickle.dumps(FRAME[["sent_id", "gold_tag"]], 3)
    for new, old in {
        b"cpandas\nDataFrame": b"cpandas.core.frame\nDataFrame",
        b"cpandas\nIndex": b"cpandas.core.indexes.base\nIndex",
        b"cpandas\nRangeIndex": b"cpandas.core.indexes.range\nRangeIndex",
        b"cnumpy._core.multiarray": b"cnumpy.core.multiarray",
    }.items():
        raw = raw.replace(new, old)
    assert read(raw).columns == columns(FRAME[["sent_id", "gold_tag"]])


@pytest.mark.parametrize(
    "array",
    [
        numpy.arange(6).reshape(2, 3),
        numpy.asfortranarray(numpy.arange(6).reshape(2, 3)),
        numpy.array([[None, "a"], [["b"], 1]], dtype=object),
        numpy.zeros((0, 4)),
        numpy.array([1, 2], dtype=">i4"),
        numpy.array(True),
    ],
)
def test_arrays(array):
    assert read(pickle.dumps({"a": array}))["a"].values == array.tolist()


def test_a_numpy_number():
    assert read(pickle.dumps([numpy.float64(0.5), numpy.int64(-3)])) == [0.5, -3]


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(6, dtype=torch.int32),
        torch.arange(6.0).reshape(2, 3).T,
        torch.arange(10)[3:7],
        torch.tensor([True, False]),
        torch.tensor(2.5, dtype=torch.float64),
        torch.zeros(0, 3),
    ],
)
def test_tensors_come_as_arrays(tensor):
    (array,) = read(pickle.dumps([tensor], 4))
    assert isinstance(array, numpy.ndarray)
    assert array.tolist() == tensor.tolist()
    assert array.dtype == tensor.numpy().dtype


def test_mentions():
    places = text("start") + b"K\2s" + text("end") + b"K\4s"
    tag = text("tag") + text("Gene") + b"s"
    mention = call(name("src.modules.utils.action_utils", "LabeledSubstring"))
    assert read(program(mention + b"}" + places + tag + b"b")) == LabeledSubstring(2, 4, "Gene")


def test_the_file_of_the_original_system(shared_data):
    content = read((shared_data / "original-pickle" / "test_results.pkl").read_bytes())
    assert set(content) == {"data", "pred_df", "joined_pred_df"}
    data, frame = content["data"], content["pred_df"].columns
    assert len(data["raw_sentences"]) == 60
    assert data["gold_entities"][0][0] == LabeledSubstring(
        3, 5, "BC5$Disease", "ventricular tachycardia"
    )
    assert {number: len(ids) for number, ids in data["token_ids"].items()} == data[
        "lengths_tokens_ids"
    ]
    assert data["actions_tensor"][0].sum(axis=1).tolist() == [1.0] * 31
    predicted = [
        number for number, tags in zip(frame["sent_id"], frame["pred_tag"], strict=True) if tags
    ]
    assert sum(predicted.count(number) > 1 for number in range(60)) == 36
    gold = [
        {(mention.start, mention.end, mention.tag) for mention in data["gold_entities"][number]}
        for number in range(60)
    ]
    names = ("sent_id", "start_idx", "end_idx", "gold_tag")
    rows = zip(*(frame[name] for name in names), strict=True)
    in_frame = [set() for _ in gold]
    for number, start, end, tags in rows:
        in_frame[number] |= {(start, end, tag) for tag in tags or ()}
    assert in_frame == gold


def touch(marker) -> bytes:
    return call(name("os", "system"), text(f"touch '{marker}'"))


MODULE_OS = call(name("importlib", "import_module"), text("os"))
HOSTILE = {
    "os.system": lambda marker, _: touch(marker),
    "builtins.eval": lambda marker, _: call(
        name("builtins", "eval"), text(f"open({str(marker)!r}, 'w').close()")
    ),
    "builtins.open": lambda marker, _: call(name("builtins", "open"), text(marker), text("w")),
    "builtins.getattr": lambda marker, _: call(
        call(name("builtins", "getattr"), MODULE_OS, text("system")), text(f"touch '{marker}'")
    ),
    "operator.methodcaller": lambda marker, _: call(
        call(name("operator", "methodcaller"), text("system"), text(f"touch '{marker}'")), MODULE_OS
    ),
    "functools.partial": lambda marker, _: call(
        call(name("functools", "partial"), name("os", "system"), text(f"touch '{marker}'"))
    ),
    "pickle.loads": lambda marker, _: call(name("pickle", "loads"), data(program(touch(marker)))),
    "numpy.load": lambda _, inner: call(name("numpy", "load"), text(inner), b"N", b"\x88"),
    "numpy.ndarray.tofile": lambda marker, _: (
        b"\x80\x04"
        + text("numpy")
        + text("ndarray.tofile")
        + b"\x93("
        + call(
            name("numpy.core.multiarray", "_reconstruct"),
            name("numpy", "ndarray"),
            b"K\0\x85",
            data(b"b"),
        )
        + text(marker)
        + b"tR"
    ),
    "pandas.read_pickle": lambda _, inner: call(name("pandas", "read_pickle"), text(inner)),
}


@pytest.mark.parametrize("wanted", HOSTILE)
def test_nothing_is_executed(tmp_path, wanted):
    marker, inner = tmp_path / "executed", tmp_path / "inner.pkl"
    inner.write_bytes(program(touch(marker)))
    raw = program(HOSTILE[wanted](marker, inner))
    with pytest.raises(ResultFileError) as failure:
        read(raw)
    assert not marker.exists()
    assert "refused: the pickle asks for " in str(failure.value)
    assert "Nothing of it was executed" in str(failure.value)
    pickle.loads(raw)
    assert marker.exists(), "the pickle was not dangerous: this test proves nothing"


@pytest.mark.parametrize(
    ("module", "attribute"),
    [
        ("os", "system"),
        ("posix", "system"),
        ("subprocess", "Popen"),
        ("builtins", "exec"),
        ("builtins", "__import__"),
        ("torch", "load"),
        ("torch.hub", "load"),
        ("torch.jit", "load"),
        ("torch.storage", "os.system"),
        ("pandas", "eval"),
        ("pandas", "DataFrame.to_pickle"),
        ("pandas.core.frame", "sys"),
        ("numpy", "fromfile"),
        ("numpy.testing._private.utils", "runstring"),
        ("pyarrow.lib", "memory_map"),
        ("pyarrow.lib", "PyExtensionType"),
        ("src.modules.utils.action_utils", "os"),
        ("mtner_cli.core.types", "dataclass"),
    ],
)
def test_a_refused_name_is_told(module, attribute):
    with pytest.raises(
        ResultFileError, match=rf"refused: the pickle asks for {module}\.{attribute},"
    ):
        read(b"\x80\x04" + text(module) + text(attribute) + b"\x93.")


def test_a_tensor_that_hides_a_call(tmp_path):
    marker = tmp_path / "executed"
    storage = program(touch(marker))
    raw = program(call(name("torch.storage", "_load_from_bytes"), data(storage)))
    with pytest.raises(ResultFileError, match=r"refused: the pickle asks for os\.system"):
        read(raw)
    assert not marker.exists()
    with suppress(RuntimeError):
        pickle.loads(raw)
    assert marker.exists(), "the pickle was not dangerous: this test proves nothing"


def test_every_admitted_name_leads_to_code_of_this_package():
    for stand_in in ADMITTED.values():
        assert stand_in in (dict, None) or stand_in.__module__.startswith("mtner_cli.core.results.")


@pytest.mark.parametrize("admitted", sorted(key for key in ADMITTED if ADMITTED[key]))
def test_a_pickle_cannot_change_what_it_calls(admitted):
    """BUILD with a pair of dicts sets attributes of any object that does not forbid it."""
    stand_in = ADMITTED[admitted]
    before = dict(vars(stand_in))
    setting = b"N}" + text("__doc__") + text("changed") + b"s\x86b"
    with pytest.raises(ResultFileError, match="damaged"):
        read(program(name(*admitted) + setting))
    assert dict(vars(stand_in)) == before


@pytest.mark.parametrize(
    "instructions",
    [
        b"",
        b"no pickle at all",
        b"P7\n.",
        call(name("builtins", "bytearray"), b"J\xff\xff\xff\x7f"),
        call(name("builtins", "slice"), text("a"), text("b"), b"N"),
        call(name("numpy", "dtype"), text("V8")),
        call(
            name("numpy._core.numeric", "_frombuffer"),
            data(b""),
            call(name("numpy", "dtype"), text("i8")),
            b"J\xff\xff\xff\x7fK\0\x86",
            text("C"),
        ),
        call(name("pyarrow.lib", "type_for_alias"), text("extension")),
        call(name("pandas.core.internals.managers", "BlockManager"), b")", b"]"),
        call(name("src.modules.utils.action_utils", "LabeledSubstring"))
        + b"}"
        + text("start")
        + text("x")
        + b"sb",
    ],
)
def test_damaged_files_are_one_error(instructions):
    with pytest.raises(ResultFileError, match=r"^is no result pickle, or a damaged one"):
        read(program(instructions) if instructions else b"")


def test_a_file_cut_short_anywhere_is_one_error():
    raw = pickle.dumps({"data": {}, "pred_df": FRAME}, 4)
    for length in range(0, len(raw), 7):
        with pytest.raises(ResultFileError):
            read(raw[:length])


@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [((7,), (1,), 0), ((2, 3), (4, 1), 0), ((1,), (1,), 6), ((9,), (0,), 0)],
)
def test_a_tensor_that_reaches_beyond_its_storage(size, stride, offset):
    tensor = torch.arange(6)
    (rebuild, (storage, *_)) = tensor.__reduce_ex__(4)[:2]

    class Forged:
        def __reduce__(self):
            return rebuild, (storage, offset, size, stride, False, {})

    with pytest.raises(ResultFileError, match="beyond its storage"):
        read(pickle.dumps(Forged(), 4))
