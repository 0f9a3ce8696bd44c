"""An unpickler whose every name leads to something of our own, or nowhere."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from typing import IO, Any


class RefusedNameError(pickle.UnpicklingError):
    """A pickle asked for something that its table does not admit."""


class RestrictedUnpickler(pickle.Unpickler):
    """Looks names up in a table instead of importing them.

    The table's classes must define ``__setstate__``: a pickle could otherwise set attributes of
    the class itself.
    """

    def __init__(self, stream: IO[bytes], admitted: Mapping[tuple[str, str], object]) -> None:
        super().__init__(stream)
        self._admitted = admitted

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for ``module.name``.

        Raises:
            RefusedNameError: if it is not admitted; nothing has been imported or called.
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
