"""Annotate the documents of inputs, shard by shard.

The same documents are always together in a shard and so in a batch. So the output does not depend
on where a prediction was interrupted. Memory holds one shard at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mtner_cli import __version__
from mtner_cli.core.convert.sentence_splitting import Document
from mtner_cli.core.documents.items import Failure, Fields, Item
from mtner_cli.core.documents.sources import STANDARD_INPUT, Source, list_sources, read_source
from mtner_cli.core.files.cache import cache_key, content_hash
from mtner_cli.core.files.packed import InputPath
from mtner_cli.core.files.reading import reading, rewindable
from mtner_cli.core.prediction.manifest import Cursor, Input, Manifest
from mtner_cli.core.prediction.output import Output, StreamOutput
from mtner_cli.core.prediction.writers import WRITERS, Details
from mtner_cli.core.tagger import Tagger
from mtner_cli.core.types import AnnotatedDocument
from mtner_cli.errors import ConfigError, DataError, did_you_mean, names_text, nearest, shown

SHARD_ITEMS = 500
"""Most documents of a shard; as much work is lost when a process is killed."""
SHARD_CHARACTERS = 1_000_000
"""A shard with more characters takes no further document."""
_HASHED_BYTES = 1 << 28
"""Inputs are hashed as long as they are not larger together; later ones are known by their time."""

OnProgress = Callable[[int, float | None], None]
"""Called with the number of new documents, and the share of all inputs that has been read."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to annotate, and what to write of it.

    Attributes:
        inputs: files, folders, patterns, or ``-`` for standard input.
        input_format: the format of all inputs; None finds it for each.
        fields: the fields of tables and JSON lines.
        format: the name of the writer.
        types: the entity types to write; None is all.
        min_score: write mentions with at least this score.
        separate_tags: as in :meth:`Tagger.annotate`.
        details: what to write beside the mentions.
    """

    inputs: tuple[str, ...]
    input_format: str | None = None
    fields: Fields = field(default_factory=Fields)
    format: str = "jsonl"
    types: tuple[str, ...] | None = None
    min_score: float = 0.0
    separate_tags: bool = False
    details: Details = field(default_factory=Details)

    def check(self, tagger: Tagger) -> None:
        """Raise ConfigError if the model does not know a wanted type."""
        known = sorted({tag.entity_type for tag in tagger.description.vocabulary.tags})
        for name in self.types or ():
            if name not in known:
                hint = did_you_mean(nearest(name, known))
                message = f"--types {shown(name)}: this model predicts {names_text(known)}{hint}"
                raise ConfigError([message])

    def settings(self, tagger: Tagger) -> dict[str, str]:
        """Return everything but the inputs that the output depends on, as texts to compare."""
        checkpoint = tagger.checkpoint and content_hash(tagger.checkpoint)
        transform = tagger.config.data_transform.model_dump(mode="json")
        model = cache_key(checkpoint, transform, tagger.tokenizer.fingerprint)
        return {
            "the model's hash": model[:16],
            "the kind of device": tagger.device.type,
            "mtner's version": __version__,
            "--input-format": str(self.input_format),
            "--text-field": self.fields.text,
            "--id-field": str(self.fields.id),
            "--format": self.format,
            "--types": "all" if self.types is None else ",".join(sorted(self.types)),
            "--min-score": str(self.min_score),
            "--separate-tags": str(self.separate_tags),
            "--sentences": str(self.details.sentences),
            "the size of a shard": f"{SHARD_ITEMS} documents, {SHARD_CHARACTERS} characters",
        }

    def selected(self, document: AnnotatedDocument) -> AnnotatedDocument:
        """Return the document with the wanted mentions only."""
        kept = tuple(
            mention
            for mention in document.mentions
            if mention.score >= self.min_score
            and (self.types is None or mention.type in self.types)
        )
        return document if len(kept) == len(document.mentions) else replace(document, mentions=kept)


@dataclass(kw_only=True)
class Counts:
    """What was read and found; ``mentions`` counts each type."""

    documents: int = 0
    failures: int = 0
    sentences: int = 0
    words: int = 0
    characters: int = 0
    windows: int = 0
    cut_words: int = 0
    unread: int = 0
    mentions: Counter[str] = field(default_factory=Counter)

    def add(self, document: AnnotatedDocument) -> None:
        self.documents += 1
        self.sentences += len(document.sentences)
        self.words += document.words
        self.characters += len(document.text)
        self.windows += document.windows
        self.cut_words += document.cut_words
        self.unread += document.unread
        self.mentions.update(mention.type for mention in document.mentions)

    def to_json(self) -> dict[str, Any]:
        """Return the counts as values that JSON can hold."""
        return {**vars(self), "mentions": dict(self.mentions)}

    def add_counts(self, counts: Mapping[str, Any]) -> None:
        """Add the counts of a shard, as a manifest has them."""
        for name, value in counts.items():
            if name == "mentions":
                self.mentions.update(value)
            else:
                setattr(self, name, getattr(self, name) + value)


@dataclass(kw_only=True)
class Shard:
    """Consecutive documents, and what could not be read between them."""

    end: Cursor
    documents: list[Document] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    characters: int = 0

    @property
    def is_full(self) -> bool:
        items = len(self.documents) + len(self.failures)
        return items >= SHARD_ITEMS or self.characters >= SHARD_CHARACTERS

    def add(self, item: Item) -> None:
        if isinstance(item, Failure):
            self.failures.append(item)
        else:
            self.documents.append(item)
            self.characters += len(item.text)


@dataclass(frozen=True)
class Outcome:
    """A finished prediction: its counts, and the first things that could not be read."""

    counts: Counts
    failures: tuple[Failure, ...]


def predict_to_stream(
    tagger: Tagger,
    request: Request,
    output: StreamOutput,
    strict: bool = False,
    on_progress: OnProgress | None = None,
) -> Outcome:
    """Annotate the inputs and write the documents to a stream.

    Raises:
        ConfigError: if an input or a wanted type is not known.
        DataError: if an input is missing; with ``strict`` also on the first failure.
    """
    request.check(tagger)
    manifest = Manifest(None)
    try:
        with _contents(request.inputs) as contents:
            manifest.start(request.settings(tagger), _inputs(request, contents))
            engine = _Engine(
                tagger=tagger,
                request=request,
                manifest=manifest,
                contents=contents,
                on_progress=on_progress,
            )
            engine.run(output, strict)
            return _outcome(manifest)
    finally:
        manifest.close()


def predict_to_files(
    tagger: Tagger,
    request: Request,
    output: Output,
    strict: bool = False,
    on_progress: OnProgress | None = None,
) -> Outcome:
    """Annotate the inputs and write shards; continue if a part of them is there already.

    Raises:
        ConfigError: as in :func:`predict_to_stream`; also if the inputs, the options or the model
            are not those with which the prediction began, or another process writes there.
        DataError: as in :func:`predict_to_stream`; also if the output cannot be written.
    """
    request.check(tagger)
    output.refuse_inputs(name for name in request.inputs if name != STANDARD_INPUT)
    with output.claimed(), _contents(request.inputs) as contents:
        manifest = Manifest(output.manifest)
        try:
            settings = request.settings(tagger)
            if manifest.is_new:
                output.refuse_foreign_shards()
                manifest.start(settings, _inputs(request, contents))
            elif found := manifest.difference(settings, _inputs(request, contents)):
                message = f"--out {output.target}: was begun with other inputs or options: {found}."
                cure = f"Give the same again to continue, or delete {output.folder} to begin anew"
                raise ConfigError([f"{message} {cure}"])
            if not manifest.is_finished:
                engine = _Engine(
                    tagger=tagger,
                    request=request,
                    manifest=manifest,
                    contents=contents,
                    on_progress=on_progress,
                )
                engine.run(output, strict)
                output.write_failures(manifest.failures())
                output.join(manifest.progress()[0])
                manifest.finish()
            outcome = _outcome(manifest)
            output.clean(manifest.progress()[0])
            return outcome
        finally:
            manifest.close()
            if manifest.is_new:
                output.abandon()


MOST_SHOWN = 20
"""Most failures that an outcome holds."""


def _outcome(manifest: Manifest) -> Outcome:
    counts = Counts()
    for of_shard in manifest.counts():
        counts.add_counts(of_shard)
    return Outcome(counts, tuple(manifest.failures(MOST_SHOWN)))


@contextmanager
def _contents(inputs: Iterable[str]) -> Iterator[dict[str, Path]]:
    """Copy what can be read only once; yield the file to open for each of these inputs."""
    given = list(dict.fromkeys(inputs))
    paths = [Path("/dev/stdin" if name == STANDARD_INPUT else name) for name in given]
    with rewindable(paths) as opened:
        yield {
            name: Path(getattr(path, "content", path))
            for name, path in zip(given, opened, strict=True)
            if name == STANDARD_INPUT or hasattr(path, "content")
        }


def _inputs(request: Request, contents: Mapping[str, Path]) -> Iterator[Input]:
    """Yield each file with what tells whether it changes."""
    budget = _HASHED_BYTES
    for source in list_sources(request.inputs, request.input_format):
        path = InputPath.of(source.path, contents.get(source.path))
        with reading(path):
            status = path.content.stat()
        is_copy = source.path in contents
        digest = None
        if is_copy or status.st_size <= budget:
            budget -= 0 if is_copy else status.st_size
            digest = content_hash(path.content)
        modified = 0 if is_copy else status.st_mtime_ns
        yield Input(source.path, source.format, status.st_size, modified, digest)


@dataclass(kw_only=True)
class _Engine:
    """Reads, annotates and writes shards in this process."""

    tagger: Tagger
    request: Request
    manifest: Manifest
    contents: Mapping[str, Path]
    on_progress: OnProgress | None
    _reading: InputPath | None = None
    _before: int = 0

    def run(self, output: Output | StreamOutput, strict: bool) -> None:
        """Make all shards that are not finished."""
        if strict:
            _refuse(self.manifest.failures(1))
        number, start = self.manifest.progress()
        items = self._items(start)
        while True:
            with self.manifest.shard():
                shard = Shard(end=start)
                for end, item in items:
                    shard.end = end
                    if item is not None:
                        shard.add(item)
                    if strict:
                        _refuse(shard.failures)
                    if shard.is_full:
                        break
                if not shard.documents and not shard.failures:
                    return
                for document in shard.documents:
                    document.identifier = self.manifest.unique(document.identifier)
                counts = Counts(failures=len(shard.failures))
                output.write_shard(number, self._written(shard.documents, counts))
                self.manifest.add_shard(number, shard.end, counts.to_json(), shard.failures)
            number, start = number + 1, shard.end

    def _written(self, documents: Iterable[Document], counts: Counts) -> Iterator[str]:
        writer = WRITERS[self.request.format]
        total = self.manifest.size_until(self.manifest.count_inputs() + 1)
        for document in self.tagger.annotate(documents, self.request.separate_tags):
            document = self.request.selected(document)
            counts.add(document)
            yield writer.write(document, self.request.details)
            self._report(1, total)

    def _report(self, documents: int, total: int) -> None:
        if self.on_progress is not None:
            read = self._before + (0 if self._reading is None else self._reading.position)
            self.on_progress(documents, min(1.0, read / total) if total else None)

    def _items(self, start: Cursor) -> Iterator[tuple[Cursor, Item | None]]:
        """Yield the documents from a place on, each with the place after it."""
        skipped = start.items
        for number in range(start.input, self.manifest.count_inputs() + 1):
            then = self.manifest.input(number)
            path = InputPath.of(then.path, self.contents.get(then.path))
            self._check_unchanged(then, path)
            self._reading, self._before = path, self.manifest.size_until(number)
            source = Source(then.path, then.format)
            for count, item in enumerate(read_source(source, path, self.request.fields), start=1):
                if count > skipped:
                    yield Cursor(number, count), item
            skipped = 0
            yield Cursor(number + 1, 0), None

    def _check_unchanged(self, then: Input, path: InputPath) -> None:
        if then.path in self.contents:
            return
        try:
            status = path.content.stat()
        except OSError:
            return  # the reader says what is wrong
        if (status.st_size, status.st_mtime_ns) != (then.size, then.modified):
            if then.hash is not None and content_hash(path.content) == then.hash:
                return
            message = "has changed since this prediction began; begin anew with another --out"
            raise DataError(path, None, message)


def _refuse(failures: Iterable[Failure]) -> None:
    for place, reason in failures:
        raise DataError(place.path, place.line, f"{reason} (--strict stops here)")
