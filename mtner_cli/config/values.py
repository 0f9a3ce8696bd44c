"""The kinds of value a setting can have, each strict about what it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
)
from pydantic_core import PydanticCustomError


def _known_encoding(name: str) -> str:
    try:
        "".encode(name)
    except LookupError:
        raise PydanticCustomError(
            "encoding", "expected the name of a text encoding, such as utf-8 or latin-1"
        ) from None
    return name


def _path_of_text(value: Any) -> Any:
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value:
        raise PydanticCustomError("path", "expected a path")
    try:
        return Path(value).expanduser()
    except RuntimeError:
        raise PydanticCustomError(
            "path", "expected a path; this user has no home folder here"
        ) from None


def _batch_limit(value: Any) -> int | float:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    if isinstance(value, float) and 0 < value <= 1:
        return value
    raise PydanticCustomError(
        "batch_limit",
        "expected a fraction of the batches above 0.0 and up to 1.0 (written with a point), "
        "or a number of batches from 1",
    )


Text = Annotated[str, Field(min_length=1)]
FilePath = Annotated[Path, BeforeValidator(_path_of_text), PlainSerializer(str)]
Encoding = Annotated[str, AfterValidator(_known_encoding)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
CountFromZero = Annotated[int, Field(ge=0)]
BatchLimit = Annotated[int | float, PlainValidator(_batch_limit)]
"""1.0 is every batch, 0.1 a tenth of them, 1 a single batch."""


class Section(BaseModel):
    """What all sections share: frozen, strict, no unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=False
    )
