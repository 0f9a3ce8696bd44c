"""What BioC documents hold, whether they come as XML or as JSON: the form of BioC's JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from mtner_cli.errors import DataError


def _nothing(value: Any) -> Any:
    if value:
        raise PydanticCustomError(
            "misplaced", "BioC has none here, so what it holds would be lost; move or delete it"
        )
    return value


def _with_plain_type(infons: dict[str, Any]) -> dict[str, Any]:
    if isinstance(infons.get("type"), dict | list):
        raise PydanticCustomError("type", "expected a text as the infon 'type'")
    return infons


Misplaced = Annotated[Any, AfterValidator(_nothing)]
Offset = Annotated[int, Field(ge=0, lt=1 << 62)]


class _Element(BaseModel):
    """Anything that stands somewhere in a file; what is not named here is not read."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    line: int | None = Field(default=None, alias="#line")

    # Where one of these belongs, it has its own kind.
    documents: Misplaced = None
    passages: Misplaced = None
    sentences: Misplaced = None
    annotations: Misplaced = None
    relations: Misplaced = None
    locations: Misplaced = None
    text: Misplaced = None


class BioCLocation(_Element):
    """Offset in the document and length, in characters."""

    offset: Offset
    length: Offset


class BioCAnnotation(_Element):
    """A mention; with several locations a discontinuous one."""

    text: str | None = None
    infons: Annotated[dict[str, Any], AfterValidator(_with_plain_type)] = Field(default={})
    locations: list[BioCLocation] = Field(default=[])

    @property
    def entity_type(self) -> str:
        """The type, empty where there is none."""
        named = self.infons.get("type")
        return "" if named is None else str(named)


class _Holder(_Element):
    """What annotations can stand in."""

    annotations: list[BioCAnnotation] = Field(default=[])
    relations: list[Any] = Field(default=[])


class BioCSentence(_Holder):
    """A sentence, where a file has its own."""

    offset: Offset
    text: str | None = None


class BioCPassage(BioCSentence):
    """A title or paragraph, whose text may be given in sentences."""

    sentences: list[BioCSentence] = Field(default=[])


class BioCDocument(_Holder):
    """A document; annotations stand in it, its passages or their sentences."""

    id: str
    passages: list[BioCPassage]


def checked(record: dict[str, Any], path: Path) -> BioCDocument:
    """The document of a record, in which ``#line`` says where each object stands.

    Raises:
        DataError: with the line and the name of what is missing or of another kind.
    """
    try:
        return BioCDocument.model_validate(record)
    except ValidationError as error:
        fault = error.errors()[0]
        line = None
        value: Any = record
        for key in fault["loc"]:
            if isinstance(value, dict):
                line = value.get("#line", line)
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                break
        name = ".".join(map(str, fault["loc"]))
        message = f"expected a BioC document; {name}: {fault['msg']}"
        raise DataError(path, line, message) from None
