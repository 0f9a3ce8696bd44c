"""Types of setting values, each with strict checks."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from mtner_cli.config.encodings import text_encoding
from mtner_cli.config.yaml_source import is_whole
from mtner_cli.errors import ConfigError

SECRET = re.compile("password|passwd|pwd|token(?!s)|secret", re.IGNORECASE)
"""Names whose values are not shown; ``max_tokens`` does not match."""
_MOST_BATCHES = 1_000_000_000
_LONGEST_NAME, _LONGEST_PATH = 255, 4096
"""The limits of the usual file systems of Linux, in bytes."""


def _known_encoding(name: str) -> str:
    try:
        text_encoding(name)
    except ConfigError:
        raise PydanticCustomError(
            "encoding", "expected the name of a charset, such as utf-8 or latin-1"
        ) from None
    return name


def _path_of_text(value: Any) -> Any:
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value:
        raise PydanticCustomError("path", "expected a path")
    fault = _path_fault(value)
    if not fault:
        with suppress(RuntimeError):
            return Path(value).expanduser()
        fault = "this user has no home folder here"
    raise PydanticCustomError("path", f"expected a path; {fault}")


def _path_fault(text: str) -> str | None:
    """Return why no file system can have this path, or None if one can."""
    if "\0" in text:
        return "no path can hold a NUL character"
    if not is_whole(text):
        return "this one holds half of a character"
    if max(map(len, text.encode().split(b"/"))) > _LONGEST_NAME:
        return f"no file or folder can have a name of more than {_LONGEST_NAME} bytes"
    if len(text.encode()) > _LONGEST_PATH:
        return f"no path can have more than {_LONGEST_PATH:,} bytes"
    return None


def _without_password(uri: str) -> str:
    if _holds_password(uri):
        raise PydanticCustomError(
            "password",
            "holds a password or a user, which would be written into the run's files; take it "
            "out, and set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD in the environment (for a "
            "database, start 'mlflow server' on it and give the server's address)",
        )
    return uri


def _holds_password(uri: str) -> bool:
    """Tell whether an address has a form such as ``http://user:password@host`` or ``?token=...``.

    A user name alone may be a token in a web address, but not in the address of a database.
    """
    try:
        address = urlsplit(uri)
    except ValueError:
        return "@" in uri
    if any(SECRET.search(part.partition("=")[0]) for part in re.split("[&;]", address.query)):
        return True
    if address.scheme in ("file", "sqlite"):
        return False
    if not address.netloc:
        return bool(re.match("[^/]+:[^/]+@", uri))
    user, at, host = address.netloc.rpartition("@")
    if at:
        return ":" in user or address.scheme in ("http", "https")
    # A password with a slash, question mark or hash ends the host early.
    _, colon, port = host.rpartition(":")
    return bool(colon) and not port.isdigit() and "@" in uri


def _batch_limit(value: Any, validate: ValidatorFunctionWrapHandler) -> int | float:
    try:
        return validate(value)
    except ValidationError:
        raise PydanticCustomError(
            "batch_limit",
            "expected a fraction of the batches above 0.0 and up to 1.0 (written with a point), "
            f"or a number of batches from 1 to {_MOST_BATCHES}",
        ) from None


Text = Annotated[str, Field(min_length=1)]
TrackingUri = Annotated[Text, AfterValidator(_without_password)]
FilePath = Annotated[Path, BeforeValidator(_path_of_text), PlainSerializer(str)]
Encoding = Annotated[str, AfterValidator(_known_encoding)]
BatchLimit = Annotated[
    Annotated[int, Field(ge=1, le=_MOST_BATCHES)] | Annotated[float, Field(gt=0, le=1)],
    WrapValidator(_batch_limit),
]
"""1.0 is every batch, 0.1 a tenth of them, 1 a single batch."""


class Section(BaseModel):
    """Base class of all sections: frozen, strict, without unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=False
    )
