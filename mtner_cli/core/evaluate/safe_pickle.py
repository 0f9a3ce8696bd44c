"""Reading result pickles without trusting them.

Unpickling calls whatever a file names. Here the names lead to inert stand-ins that only check and
rearrange bytes: no function of pandas, numpy, pyarrow, torch or any other package can be reached,
and a file that asks for anything else is refused by name. So a result file can be read whatever
version of pandas or torch wrote it, and without importing either.
"""

from __future__ import annotations

import pickle
from typing import IO

from mtner_cli.core.evaluate import pickled_frames as frames
from mtner_cli.core.evaluate.pickled_tensors import load_storage, rebuild_tensor
from mtner_cli.core.evaluate.restricted_unpickler import RefusedNameError, RestrictedUnpickler
from mtner_cli.errors import MOST_CHARACTERS, quoted, visible

# Everything that a result file may name: module, name, and what stands in for it. The same thing
# has several modules where the major versions of numpy and pandas disagree.
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
    """Says what is wrong with a result file and what to do, without the name of the file."""


def read_pickle(stream: IO[bytes]) -> object:
    """What a result pickle holds, in plain Python: data frames come as
    :class:`~mtner_cli.core.evaluate.pickled_frames.Table`, tensors as numpy arrays.

    A hostile file can exhaust memory, time or the depth of the stack, so this runs in a process
    that is limited in them: :mod:`mtner_cli.core.evaluate.caged_reader`.

    Raises:
        ResultFileError: if it is no pickle, is damaged, or names anything that a result file does
            not need. In no case is anything of the file's choosing executed.
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
    """The type and the message of an error, which may show content of the file."""
    detail = error.args[0] if error.args else ""
    text = detail if isinstance(detail, str) else quoted(detail)
    return f"{type(error).__name__}: {_shortened(text)}"


def _shortened(text: str) -> str:
    return visible(" ".join(text[:MOST_CHARACTERS].split()))


MALFORMED = (ArithmeticError, AttributeError, EOFError, LookupError, TypeError, ValueError)
"""What Python raises on values of the wrong kind; lack of memory or stack is not among them."""
