"""Load the corpora that a command line names: files of corpora, experiments, or single files."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from mtner_cli.config.load import load_corpora
from mtner_cli.config.schema import DatasetConfig, SplitPaths
from mtner_cli.core.convert.conversion import convert
from mtner_cli.core.convert.detection import find_format, formats_of_files
from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.corpus.action_files import action_encoding_of
from mtner_cli.core.corpus.checks import find_corpus_faults
from mtner_cli.core.files.reading import rewindable
from mtner_cli.errors import ConfigError, did_you_mean, nearest, quoted, shown
from mtner_cli.paths import exists, is_folder, named_path, shipped

_YAML = (".yaml", ".yml")


@dataclass
class GivenCorpora:
    """Corpora to evaluate a model on.

    Attributes:
        datasets: the corpora, by name, in the order given.
        ledgers: what the conversion of a single file repaired and dropped, by corpus.
        files: the files that were named.
    """

    datasets: dict[str, DatasetConfig] = field(default_factory=dict)
    ledgers: dict[str, Ledger] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)

    def add(self, file: Path, datasets: Mapping[str, DatasetConfig]) -> None:
        """Add the corpora of a file.

        Raises:
            ConfigError: if one of them has the name of an earlier one.
        """
        twice = [shown(name) for name in datasets if name in self.datasets]
        if twice:
            raise ConfigError([f"two corpora have the name {name}; change one" for name in twice])
        self.files.append(file)
        self.datasets |= datasets

    def read(self) -> list[Path]:
        """Return all files that are read: those that were named, and those of the corpora."""
        splits = [dataset.split_paths.present() for dataset in self.datasets.values()]
        return [*self.files, *(path for paths in splits for path in paths.values())]


@contextmanager
def given_corpora(values: Sequence[str]) -> Iterator[GivenCorpora]:
    """Load corpora; single files are converted to action files that exist within the block.

    Args:
        values: for each either a YAML file, whose corpora :func:`load_corpora` loads, or
            ``NAME=FILE`` for one corpus; FILE is an action file, or a file or folder in a format
            that ``mtner convert`` reads. ``NAME=FILE:FORMAT`` gives the format.

    Raises:
        ConfigError: if settings are not valid, a format is not clear, or two corpora have the same
            name.
        DataError: if a file cannot be converted.
    """
    given = GivenCorpora()
    with TemporaryDirectory(prefix="mtner-") as folder, ExitStack() as copies:
        for number, value in enumerate(values):
            name, path = named_path(value)
            if name is None:
                _refuse_unnamed(path)
                given.add(path, load_corpora(path, check_files=find_corpus_faults))
                continue
            path, source_format = _split_format(path)
            (source,) = copies.enter_context(rewindable([path]))
            action_file = source
            if source_format is not None or not _is_action_file(source):
                action_file = Path(folder) / f"{number}.txt"
                source_format = source_format or _format_of(name, source)
                given.ledgers[name] = convert(source_format, [source], action_file)
            given.add(path, {name: _corpus_of(action_file)})
        yield given


def _refuse_unnamed(path: Path) -> None:
    """Raise ConfigError for a corpus without a name."""
    if path.suffix in _YAML or not exists(shipped(path)):
        return
    source_format = find_format(path)
    found = "an action" if _is_action_file(path) else source_format and f"a {source_format}"
    if found:
        cure = f"name the corpus: --corpora {shlex.quote(f'NAME={path}')}"
        kind = "folder" if is_folder(path) else "file"
        raise ConfigError([f"{path} is {found} {kind}, not YAML; {cure}"])


def _is_action_file(path: Path) -> bool:
    return not is_folder(path) and action_encoding_of(path) is not None


def _split_format(path: Path) -> tuple[Path, str | None]:
    """Split ``FILE:FORMAT``.

    Raises:
        ConfigError: if there is no such format.
    """
    file, _, source_format = str(path).rpartition(":")
    if not file or exists(path) or not exists(Path(file)):
        return path, None
    known = formats_of_files()
    if source_format not in known:
        hint = did_you_mean(nearest(source_format, known)) or f"; known are {', '.join(known)}"
        raise ConfigError([f"there is no format {shown(source_format)}{hint}"])
    return Path(file), source_format


def _format_of(name: str, path: Path) -> str:
    found = find_format(path)
    if found is None:
        named = f"--corpora {shlex.quote(f'{name}={path}:FORMAT')}"
        cure = f"give it, as {named}, where FORMAT is one of {', '.join(formats_of_files())}"
        raise ConfigError([f"the format of {quoted(str(path))} is not clear; {cure}"])
    return found


def _corpus_of(action_file: Path) -> DatasetConfig:
    encoding = action_encoding_of(action_file)
    assert encoding is not None, action_file
    return DatasetConfig(mode=encoding, split_paths=SplitPaths(test=action_file))
