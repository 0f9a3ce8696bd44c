"""Which public files there are, and how to know that one is right."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

from pydantic import Field

from mtner_cli.config.values import Section, Text
from mtner_cli.config.yaml_source import read_yaml
from mtner_cli.core.fetch.download import RemoteFile
from mtner_cli.errors import ConfigError


class CatalogueFile(Section):
    """One file of a corpus."""

    url: Text
    """Where it lies under the base URL."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None
    """Its checksum; null where none is known."""


class Catalogue(Section):
    """All corpora that can be fetched."""

    base_url: Text
    """What the URLs of the files start with."""
    corpora: dict[Text, dict[Text, CatalogueFile]]
    """The files of each corpus by the names they get here."""

    def remote_files(
        self, names: Iterable[str], folder: Path, base_url: str | None = None
    ) -> Iterator[RemoteFile]:
        """The files of some corpora, to lie in ``folder/NAME``.

        Args:
            names: keys of ``corpora``.
            folder: where the corpora's folders are.
            base_url: a mirror to use instead of the catalogue's.

        Raises:
            ConfigError: naming every corpus that is not in the catalogue.
        """
        names = list(dict.fromkeys(names))
        known = ", ".join(self.corpora)
        faults = [f"cannot fetch {name!r}: known are {known}" for name in names]
        faults = [
            fault for fault, name in zip(faults, names, strict=True) if name not in self.corpora
        ]
        if faults:
            raise ConfigError(faults)
        base = (base_url or self.base_url).rstrip("/")
        for name in names:
            for file_name, file in self.corpora[name].items():
                yield RemoteFile(f"{base}/{file.url}", folder / name / file_name, file.sha256)

    def hint(self, path: Path) -> str:
        """What to add to a message that a file is missing: how to fetch it, or nothing."""
        corpus, folder = path.parent.name, path.parent.parent
        if path.name not in self.corpora.get(corpus, ()):
            return ""
        return f" (mtner fetch {corpus} --out {shlex.quote(str(folder))})"


def load_catalogue() -> Catalogue:
    """The catalogue that comes with the package."""
    with as_file(files(__package__) / "catalogue.yaml") as path:
        return Catalogue.model_validate(read_yaml(path).values)
