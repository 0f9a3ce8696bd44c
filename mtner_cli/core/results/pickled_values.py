"""Unpickle with a table of safe replacements; every name outside the table is refused."""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import IO, Any

from mtner_cli.errors import quoted


class RefusedNameError(pickle.UnpicklingError):
    """A pickle asked for a name that the table does not admit."""


class RestrictedUnpickler(pickle.Unpickler):
    """An unpickler that looks names up in a table instead of importing them.

    The table's classes must define ``__setstate__``: a pickle could otherwise set attributes of
    the class itself.
    """

    def __init__(self, stream: IO[bytes], admitted: Mapping[tuple[str, str], object]) -> None:
        super().__init__(stream)
        self._admitted = admitted

    def find_class(self, module: str, name: str) -> Any:
        """Return the replacement for ``module.name``.

        Raises:
            RefusedNameError: if the name is not admitted; nothing is imported or called.
        """
        if (module, name) not in self._admitted:
            raise RefusedNameError(f"{module}.{name}")
        found = self._admitted[module, name]
        if isinstance(found, type) or not callable(found):
            return found
        return _Callable(found)


class _Callable:
    """A function that a pickle may call, but not change."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function

    def __call__(self, *arguments: object) -> object:
        return self._function(*arguments)

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("a pickle must not change the functions that it calls")


_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
_STORAGE_TYPES: dict[tuple[str, str], object] = {
    ("torch", "DoubleStorage"): "<f8",
    ("torch", "FloatStorage"): "<f4",
    ("torch", "HalfStorage"): "<f2",
    ("torch", "LongStorage"): "<i8",
    ("torch", "IntStorage"): "<i4",
    ("torch", "ShortStorage"): "<i2",
    ("torch", "CharStorage"): "<i1",
    ("torch", "ByteStorage"): "<u1",
    ("torch", "BoolStorage"): "|b1",
}


class _StorageUnpickler(RestrictedUnpickler):
    """An unpickler that admits only the names of storage types."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream, _STORAGE_TYPES)

    def persistent_load(self, reference: tuple[Any, ...]) -> str:
        kind, numpy_type, *_key_and_place = reference
        if kind != "storage" or numpy_type not in _STORAGE_TYPES.values():
            raise pickle.UnpicklingError("expected a reference to a tensor's storage")
        return str(numpy_type)


def load_storage(raw: bytes) -> Any:
    """Return a tensor's numbers as a flat numpy array, for ``torch.storage._load_from_bytes``."""
    import numpy

    stream = io.BytesIO(raw)
    magic, version, system, numpy_type, _keys = (_StorageUnpickler(stream).load() for _ in range(5))
    if magic != _MAGIC or version != _VERSION or system["little_endian"] is not True:
        raise ValueError("a tensor is stored in an unknown format")
    count = int.from_bytes(stream.read(8), "little")
    numbers = numpy.frombuffer(stream.read(), numpy_type)
    if count != len(numbers):
        raise ValueError("the size of a tensor differs from the stated size")
    return numbers


def rebuild_tensor(
    storage: Any, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_gradients: object
) -> Any:
    """Return a tensor as a new numpy array, for ``torch._utils._rebuild_tensor_v2``."""
    import numpy

    if not isinstance(storage, numpy.ndarray):
        raise TypeError("a tensor is not built on a storage")
    if not all(type(number) is int and number >= 0 for number in (offset, *size, *stride)):
        raise ValueError("the shape of a tensor is not made of numbers")
    if 0 in size:
        return numpy.zeros(size, storage.dtype)
    last = offset + sum((count - 1) * step for count, step in zip(size, stride, strict=True))
    if last >= len(storage) or prod(size) > len(storage):
        raise ValueError("a tensor reaches beyond its storage")
    steps = [step * storage.itemsize for step in stride]
    return numpy.array(numpy.lib.stride_tricks.as_strided(storage[offset:], size, steps))


_DTYPE_CODES = re.compile(r"b1|[iu][1248]|f[248]|O8?")
_ARROW_OFFSETS = {"string": "i4", "utf8": "i4", "large_string": "i8", "large_utf8": "i8"}

_MOST_COLUMNS = 1000


class Dtype:
    """A replacement for ``numpy.dtype``: a code such as ``i8``, then its byte order."""

    def __init__(self, code: str, *_copy_and_align: object) -> None:
        if not isinstance(code, str) or not _DTYPE_CODES.fullmatch(code):
            raise ValueError(f"values of numpy type {quoted(code)} are not valid in a result file")
        self.code = code.removesuffix("8") if code.startswith("O") else code
        self.byte_order = "="

    def __setstate__(self, state: Sequence[object]) -> None:
        if state[1] not in ("<", ">", "=", "|"):
            raise ValueError(f"{quoted(state[1])} is no byte order")
        self.byte_order = str(state[1])

    def read(self, raw: bytes, shape: tuple[int, ...], order: str) -> list[Any]:
        """Return ``raw`` as nested lists; ``order`` is C (rows first) or F (columns first)."""
        import numpy

        if self.code == "O":
            raise ValueError("an array of objects came as bytes")
        if 0 in _checked_shape(shape):
            return _without_values(shape)
        numbers = numpy.frombuffer(raw, self.byte_order.replace("|", "=") + self.code)
        return numbers.reshape(shape, order=order).tolist()  # type: ignore[call-overload]


class Array:
    """A ``numpy.ndarray`` as nested lists.

    Attributes:
        values: nested lists, as deep as the array has dimensions.
    """

    def __init__(self, values: list[Any] | None = None) -> None:
        self.values = values or []

    def __setstate__(self, state: tuple[int, tuple[int, ...], Dtype, bool, Any]) -> None:
        _version, shape, dtype, fortran_order, raw = state
        if dtype.code == "O":
            self.values = _nested(_checked_list(raw), shape)
        else:
            self.values = dtype.read(raw, shape, "F" if fortran_order else "C")


def new_array(_array_class: object, _shape: object, _typecode: object) -> Array:
    """Return an empty array that its state fills, for ``numpy._core.multiarray._reconstruct``."""
    return Array()


def array_from_buffer(raw: bytes, dtype: Dtype, shape: tuple[int, ...], order: str) -> Array:
    """Return an array, for ``numpy._core.numeric._frombuffer``, which pickle protocol 5 uses."""
    return Array(dtype.read(raw, shape, order))


def plain_scalar(dtype: Dtype, raw: bytes) -> object:
    """Return a plain Python value, for ``numpy._core.multiarray.scalar``."""
    return dtype.read(raw, (1,), "C")[0]


class Slice:
    """A replacement for ``slice``: the columns that a block of a data frame fills.

    Attributes:
        positions: the columns' numbers.
    """

    def __init__(self, start: int, stop: int, step: int | None) -> None:
        step = 1 if step is None else step
        if not all(type(number) is int for number in (start, stop, step)):
            raise TypeError("a block of a data frame fills columns that are no numbers")
        if not (0 <= start <= stop <= _MOST_COLUMNS and step > 0):
            raise ValueError("a block of a data frame fills columns that no result file has")
        self.positions = list(range(start, stop, step))

    def __setstate__(self, state: object) -> None:
        raise TypeError("a slice has no state")


def plain_bytes(raw: bytes = b"") -> bytes:
    """Return bytes, for ``bytearray`` and ``pyarrow.py_buffer``.

    Sizes are refused, since a size could exhaust the memory.
    """
    if not isinstance(raw, bytes | bytearray):
        raise TypeError("expected bytes")
    return bytes(raw)


class StorageType:
    """A type that only tells pandas how to store values; nothing of it is kept."""

    def __init__(self, *_arguments: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


def arrow_type(alias: str) -> str:
    """Return the alias of a string type, for ``pyarrow.type_for_alias``; refuse other types."""
    if alias not in _ARROW_OFFSETS:
        raise ValueError(f"values of Arrow type {alias!r} are not valid in a result file")
    return alias


def restore_arrow_strings(data: tuple[Any, ...]) -> list[str | None]:
    """Return strings from a validity bitmap, offsets and UTF-8 bytes.

    Replaces ``pyarrow.lib._restore_array``.
    """
    import numpy

    alias, length, _nulls, first, (validity, offset_bytes, text), _children, _dictionary = data
    text = text or b""
    bounds = numpy.frombuffer(offset_bytes, "<" + _ARROW_OFFSETS[alias]).tolist()
    bounds = bounds[first : first + length + 1]
    if min(first, length) < 0 or len(bounds) != length + 1 or bounds != sorted(bounds):
        raise ValueError("the offsets of an Arrow array do not fit it")
    if bounds[0] < 0 or bounds[-1] > len(text):
        raise ValueError("the offsets of an Arrow array lie outside its text")

    def is_valid(index: int) -> bool:
        return validity is None or bool(validity[index // 8] >> (index % 8) & 1)

    return [
        text[bounds[i] : bounds[i + 1]].decode("utf-8") if is_valid(first + i) else None
        for i in range(length)
    ]


def join_chunks(chunks: list[list[object]], *_arrow_type: object) -> list[object]:
    """Return the values of all chunks in one list, for ``pyarrow.chunked_array``."""
    return [value for chunk in chunks for value in _checked_list(chunk)]


class StringArray:
    """A string column of pandas, stored by pyarrow or numpy; None is a missing value."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def __setstate__(self, state: dict[str, Any] | tuple[object, Array]) -> None:
        if isinstance(state, dict):
            values = state["_pa_array"] if "_pa_array" in state else state["_data"]
        else:
            values = state[1].values
        self.values = [value if isinstance(value, str) else None for value in _checked_list(values)]


def new_string_array(_array_class: object, _checksum: object, _state: object) -> StringArray:
    """Return an empty array that its state fills, for ``__pyx_unpickle_NDArrayBacked``."""
    return StringArray()


def new_index(_index_class: object, parts: dict[str, Any]) -> list[Any] | None:
    """Return the labels, or None for a plain numbering, for ``_new_Index``."""
    return parts["data"].values if "data" in parts else None


@dataclass
class Block:
    """Some columns of a data frame that are stored together."""

    columns: list[list[Any]]
    positions: list[int]

    def __setstate__(self, state: object) -> None:
        raise TypeError("a block of a data frame has no state")


def unpickle_block(values: Array | StringArray, placement: Slice | Array, ndim: int) -> Block:
    """Return the columns of a block and their positions, for ``_unpickle_block``."""
    columns = [values.values] if isinstance(values, StringArray) else values.values
    positions = placement.values if isinstance(placement, Array) else placement.positions
    if ndim != 2 or len(columns) != len(positions):
        raise ValueError("the columns of a block of a data frame differ from the stated columns")
    return Block(columns, positions)


def join_blocks(blocks: Sequence[Block], axes: Sequence[list[str] | None]) -> dict[str, list[Any]]:
    """Return all columns of a data frame by name, in order, for ``BlockManager``."""
    names = axes[0]
    if names is None:
        raise ValueError("the columns of a data frame have no names")
    column_at = {
        position: column
        for block in blocks
        for position, column in zip(block.positions, block.columns, strict=True)
    }
    columns = {name: column_at[position] for position, name in enumerate(names)}
    if len({len(column) for column in columns.values()}) > 1:
        raise ValueError("the columns of a data frame have different lengths")
    return columns


class Table:
    """A ``pandas.DataFrame`` as lists by column name; its row numbering is not kept."""

    def __init__(self) -> None:
        self.columns: dict[str, list[Any]] = {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.columns = dict(state["_mgr"])


@dataclass
class LabeledSubstring:
    """A mention as the original system writes it in its ``data``.

    Attributes:
        start, end: word indices or character offsets, end exclusive.
        tag: the entity type, preceded by its corpus if tags are separate.
        text: the words of its span, or None if they are not given.
    """

    start: int = 0
    end: int = 0
    tag: str = ""
    text: str | None = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        unknown = state.keys() - {"start", "end", "tag", "text"}
        if unknown:
            raise ValueError(f"a mention has the unknown attribute {quoted(min(unknown))}")
        self.start, self.end = state["start"], state["end"]
        self.tag, self.text = state["tag"], state.get("text")


def _checked_list(values: object) -> list[Any]:
    if not isinstance(values, list):
        raise TypeError("expected a list of values")
    return values


def _checked_shape(shape: object) -> tuple[int, ...]:
    if not isinstance(shape, tuple) or len(shape) > 2:
        raise TypeError("the shape of an array is not one number or two")
    if not all(type(count) is int and count >= 0 for count in shape):
        raise TypeError("the shape of an array is not made of numbers")
    return shape


def _nested(flat: list[Any], shape: tuple[int, ...]) -> list[Any]:
    if prod(_checked_shape(shape)) != len(flat):
        raise ValueError("an array has another shape than its values")
    if 0 in shape:
        return _without_values(shape)
    if len(shape) == 1:
        return flat
    width = shape[1]
    return [flat[row * width : (row + 1) * width] for row in range(shape[0])]


def _without_values(shape: tuple[int, ...]) -> list[Any]:
    # An array of the shape (10**12, 0) needs no bytes, but would become 10**12 empty lists.
    if shape[0] > _MOST_COLUMNS:
        raise ValueError(f"an array of the shape {shape} is not valid in a result file")
    return [[] for _ in range(shape[0])] if len(shape) == 2 else []
