"""Inert stand-ins for the torch tensors in a pickle: numpy arrays from their bytes, without torch.

Inside such a pickle a storage is a byte string holding a small file of its own: five pickles (a
magic number, a version, the writer's system, a reference to the storage, its key) and the raw
numbers after their 8-byte count.
"""

from __future__ import annotations

import io
import pickle
from math import prod
from typing import Any

from mtner_cli.core.evaluate.restricted_unpickler import RestrictedUnpickler

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
    """Sees nothing but the names of storage types."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream, _STORAGE_TYPES)

    def persistent_load(self, reference: tuple[Any, ...]) -> str:
        kind, numpy_type, *_key_and_place = reference
        if kind != "storage" or numpy_type not in _STORAGE_TYPES.values():
            raise pickle.UnpicklingError("expected a reference to a tensor's storage")
        return str(numpy_type)


def load_storage(raw: bytes) -> Any:
    """``torch.storage._load_from_bytes``: the flat numpy array of a tensor's numbers."""
    import numpy

    stream = io.BytesIO(raw)
    magic, version, system, numpy_type, _keys = (_StorageUnpickler(stream).load() for _ in range(5))
    if magic != _MAGIC or version != _VERSION or system["little_endian"] is not True:
        raise ValueError("a tensor is stored in an unknown format")
    count = int.from_bytes(stream.read(8), "little")
    numbers = numpy.frombuffer(stream.read(), numpy_type)
    if count != len(numbers):
        raise ValueError("a tensor has another size than it says")
    return numbers


def rebuild_tensor(
    storage: Any, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_gradients: object
) -> Any:
    """``torch._utils._rebuild_tensor_v2``: a numpy array of its own memory."""
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
