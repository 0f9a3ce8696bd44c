"""List the public files that can be fetched, and download and verify them."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import requests
from pydantic import Field

from mtner_cli.config.values import Section, Text
from mtner_cli.config.yaml_source import read_yaml
from mtner_cli.errors import ConfigError, MtnerError, quoted, reason_of
from mtner_cli.paths import FETCHED


class CatalogueFile(Section):
    """One file of a corpus."""

    url: Text
    """Its path under the base URL."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None
    """Its checksum; null if none is known."""


class Catalogue(Section):
    """All corpora that can be fetched."""

    base_url: Text
    """The start of the URLs of all files."""
    corpora: dict[Text, dict[Text, CatalogueFile]]
    """The files of each corpus, by their local names."""

    def remote_files(
        self, names: Iterable[str], folder: Path, base_url: str | None = None
    ) -> Iterator[RemoteFile]:
        """Yield the files of some corpora, to be written to ``folder/NAME``.

        Args:
            names: keys of ``corpora``.
            folder: the folder that holds the corpora's folders.
            base_url: a mirror to use instead of the catalogue's.

        Raises:
            ConfigError: if corpora are not in the catalogue; names all of them.
        """
        names = list(dict.fromkeys(names))
        known = ", ".join(self.corpora)
        faults = [f"cannot fetch {quoted(name)}: choose one of {known}" for name in names]
        faults = [
            fault for fault, name in zip(faults, names, strict=True) if name not in self.corpora
        ]
        if faults:
            raise ConfigError(faults)
        base = (base_url or self.base_url).rstrip("/")
        for name in names:
            for file_name, file in self.corpora[name].items():
                yield RemoteFile(f"{base}/{file.url}", folder / name / file_name, file.sha256)

    def command_for(self, path: Path) -> str | None:
        """Return the command that fetches a file; None if it is not a known one."""
        corpus, folder = path.parent.name, path.parent.parent
        if path.name not in self.corpora.get(corpus, ()):
            return None
        own_folder = [] if folder == FETCHED else ["--out", str(folder)]
        return shlex.join(["mtner", "fetch", corpus, *own_folder])


@cache
def load_catalogue() -> Catalogue:
    """Load the catalogue that comes with the package."""
    with as_file(files(__package__) / "catalogue.yaml") as path:
        return Catalogue.model_validate(read_yaml(path).values)


_PIECE = 1 << 16
_SECONDS_TO_CONNECT = 10
_SECONDS_WITHOUT_DATA = 30
_TRIES = 3

Progress = Callable[[int, int | None], None]
"""Called with the bytes received and the bytes in total (None if the server does not say)."""


class FetchError(MtnerError):
    """A file that cannot be fetched, or is not the expected one."""


@dataclass(frozen=True)
class RemoteFile:
    """One file to fetch.

    Attributes:
        url: its address.
        path: its local target.
        sha256: its checksum in hexadecimal; None if none is known.
    """

    url: str
    path: Path
    sha256: str | None


def fetch(file: RemoteFile, progress: Progress) -> bool:
    """Download a file, unless it is already here.

    The received part is kept beside the target as ``NAME.part`` until it is complete and verified,
    so a later call resumes there. Without a checksum a later call starts again, because it cannot
    tell whether both parts are of one version.

    Returns:
        False if the right file is already here.

    Raises:
        FetchError: if the server cannot be reached or does not have the file, if it sends another
            file than the expected one, or if another file is at the target.
    """
    try:
        with _without_empty_folders(file.path.parent):
            return _bring(file, progress)
    except (OSError, ValueError) as error:
        reason = reason_of(error)
        message = f"{file.path} cannot be written: {reason}; make room, or give another folder"
        raise FetchError(message) from None


@contextmanager
def _without_empty_folders(folder: Path) -> Iterator[None]:
    """If the block fails, remove what it made of a folder's path and left empty."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    except BaseException:
        for path in new:
            with suppress(OSError):  # it holds something, or was never made
                path.rmdir()
        raise


def _bring(file: RemoteFile, progress: Progress) -> bool:
    if file.path.exists():
        if file.sha256 in (None, _sha256(file.path)):
            return False
        raise FetchError(
            f"{file.path} exists, but is not the expected file (SHA-256 {file.sha256}): "
            "move it away, then fetch again"
        )
    part = file.path.with_name(f"{file.path.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    if file.sha256 is None:
        part.unlink(missing_ok=True)
    _download(file.url, part, progress)
    found = _sha256(part)
    if file.sha256 not in (None, found):
        part.unlink()
        raise FetchError(
            f"{file.url} is not the expected file: its SHA-256 is {found}, not {file.sha256}; "
            "it may be changed or damaged, so nothing is kept; try again later"
        )
    os.replace(part, file.path)
    return True


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _download(url: str, part: Path, progress: Progress) -> None:
    """Complete ``part``; connect again if a connection breaks."""
    for tries_left in reversed(range(_TRIES)):
        try:
            while not _receive(url, part, progress):
                part.unlink()
            return
        except (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
        ) as error:
            if not tries_left:
                raise FetchError(
                    f"{url} cannot be fetched: {_reason(error)}; the received part is "
                    "kept, and the same command resumes there"
                ) from None
        except requests.RequestException as error:
            raise FetchError(f"{url} cannot be fetched: {error}") from None


def _receive(url: str, part: Path, progress: Progress) -> bool:
    """Fetch the rest of ``part``; return False if the server cannot resume there."""
    have = part.stat().st_size if part.exists() else 0
    # A compressed transfer would have other byte positions than the local file.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    waits = (_SECONDS_TO_CONNECT, _SECONDS_WITHOUT_DATA)
    with requests.get(url, headers=headers, stream=True, timeout=waits) as response:
        content_range = response.headers.get("Content-Range", "")
        if have and response.status_code == requests.codes.requested_range_not_satisfiable:
            return content_range == f"bytes */{have}"
        goes_on = have > 0 and response.status_code == requests.codes.partial_content
        if goes_on and not content_range.startswith(f"bytes {have}-"):
            return False
        if not goes_on and response.status_code != requests.codes.ok:
            raise FetchError(
                f"{url} cannot be fetched: the server answered {response.status_code} "
                f"{response.reason}"
            )
        here = have if goes_on else 0
        length = response.headers.get("Content-Length", "")
        total = here + int(length) if re.fullmatch("[0-9]{1,18}", length) else None
        with part.open("ab" if goes_on else "wb") as out:
            progress(here, total)
            for piece in response.iter_content(_PIECE):
                out.write(piece)
                here += len(piece)
                progress(here, total)
    if total is not None and here < total:
        raise requests.ConnectionError(f"it ended after {here:,} of {total:,} bytes")
    return True


def _reason(error: requests.RequestException) -> str:
    """Return the text of the innermost nested error, which is the most specific."""
    reason: BaseException = error
    while inner := reason.__cause__ or reason.__context__:
        reason = inner
    return str(reason) or type(reason).__name__
