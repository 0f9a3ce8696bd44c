"""Find mentions with a trained model: in text, in given words, or in sentences of corpora."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from mtner_cli.config.load import load_resolved
from mtner_cli.config.schema import ExperimentConfig
from mtner_cli.core.convert.sentence_splitting import (
    Document,
    edges_of_document,
    sentence_edges,
)
from mtner_cli.core.decode.inference import predict_mentions
from mtner_cli.core.device import device_named
from mtner_cli.core.features.batch import Collator, batches_by_length
from mtner_cli.core.features.examples import Example, examples_of
from mtner_cli.core.features.sampler import limited
from mtner_cli.core.features.segments import SPECIAL_TOKENS, windows_of
from mtner_cli.core.features.tokenize import SubwordTokenizer, TokenizedSentence
from mtner_cli.core.model.encoder import (
    check_vocabulary,
    encoder_config,
    encoder_from_config,
    encoder_settings,
    load_tokenizer,
)
from mtner_cli.core.model.ner_model import NerModel, build_model
from mtner_cli.core.train.checkpoint import ModelDescription, check_shapes, load_checkpoint
from mtner_cli.core.train.run_folder import RunFolder
from mtner_cli.core.types import (
    AnnotatedDocument,
    Mention,
    ScoredMention,
    Sentence,
    Tag,
    TestedSentence,
)
from mtner_cli.errors import CheckpointError, ConfigError

TOKENS_PER_BATCH = 4096
SENTENCES_AT_ONCE = 1024
"""Sentences that are collected and sorted by length, so that batches hold little padding."""

OnProgress = Callable[[int, int], None]

T = TypeVar("T")
Edges = tuple[int, int]

_LINE_END = re.compile("[\n\r]")
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Tagger:
    """A trained model with everything that it needs to find mentions.

    >>> tagger = Tagger.load("logs/quickstart/first")
    >>> [(m.text, m.type) for m in tagger.find("Naloxone reverses hypotension.")]
    [('Naloxone', 'Chemical'), ('hypotension', 'Disease')]

    Attributes:
        config: the experiment that it was trained with.
        description: its entity types, and which corpus annotates which.
        tokenizer: the tokenizer of its encoder.
        model: the model, on the device that it runs on.
        checkpoint: the file of the weights; None while the model is in training.
    """

    config: ExperimentConfig
    description: ModelDescription
    tokenizer: SubwordTokenizer
    model: NerModel
    checkpoint: Path | None = None

    @classmethod
    def load(
        cls,
        run: str | Path,
        checkpoint: str | None = None,
        device: str | torch.device = "auto",
    ) -> Tagger:
        """Load a run's configuration, tokenizer and weights; nothing is downloaded or unpickled.

        Args:
            run: the run's folder, or its ``resolved_cfg.yaml``.
            checkpoint: ``best``, ``last``, ``best:CORPUS`` or a file; None is best, or else last.
            device: ``auto`` (the first GPU if there is one), ``cpu``, ``cuda`` or ``cuda:1``.

        Raises:
            CheckpointError: if there is no run or no such checkpoint, or if its files do not belong
                together.
            DeviceError: if there is no such device.
        """
        target = device_named(device)
        folder = RunFolder.find(Path(run))
        config = load_resolved(folder.resolved_config)
        checkpoint_path = folder.checkpoint(checkpoint)
        loaded = load_checkpoint(checkpoint_path)
        if not folder.encoder.is_dir():
            raise CheckpointError(f"{folder.encoder}: the run's encoder folder is missing")
        encoder = str(folder.encoder)
        settings, tokenizer = encoder_config(encoder), load_tokenizer(encoder)
        check_vocabulary(tokenizer, settings, encoder)
        _check_reading(loaded.description, tokenizer, settings, folder)
        vocabulary = loaded.description.vocabulary
        with torch.device("meta"):  # takes no memory, however large a damaged file makes it
            blank = build_model(encoder_from_config(settings), vocabulary, config)
        check_shapes(blank, loaded.model, checkpoint_path)
        model = build_model(encoder_from_config(settings), vocabulary, config)
        model.load_state_dict(loaded.model)
        model = model.to(target).eval()
        return cls(config, loaded.description, tokenizer, model, checkpoint_path)

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next(self.model.parameters()).device

    @property
    def separate_tags(self) -> bool:
        """Tell whether a type that two corpora annotate is learned as two tags."""
        return self.config.data_transform.train_with_separate_tags

    @property
    def collate(self) -> Collator:
        """The collator that makes batches of examples for this model."""
        return Collator(self.description.vocabulary, self.tokenizer.pad_id)

    def find(self, text: str) -> list[Mention]:
        """Find the mentions of a text, nested ones included, in the order of their start.

        ``text[mention.start:mention.end] == mention.text`` for each of them.
        """
        return next(self.find_all([text]))

    def find_all(self, texts: Iterable[str]) -> Iterator[list[Mention]]:
        """Find the mentions of many texts, as :meth:`find` does for one, many texts at a time.

        Args:
            texts: any iterable; about a thousand sentences of it are read at a time.

        Raises:
            TypeError: if one text is given, which would be read as a text for each character.
        """
        if isinstance(texts, str):
            raise TypeError("find_all takes an iterable of texts; give one text to find")
        documents = ((str(number), text) for number, text in enumerate(texts))
        for document in self.annotate(documents):
            yield list(document.mentions)

    def annotate(
        self, documents: Iterable[tuple[str, str] | Document], separate_tags: bool = False
    ) -> Iterator[AnnotatedDocument]:
        """Find the mentions of documents, each with its name; see :meth:`find_all`.

        Args:
            documents: pairs of a name and a text, or documents with passages, whose ends also end
                sentences.
            separate_tags: a type that several corpora annotate gives a mention for each of them,
                with this corpus alone in ``corpora``.

        Raises:
            ConfigError: if separate tags are wanted of a model that learned joint ones.
        """
        if separate_tags and not self.separate_tags:
            message = "this model learned one sense of each type (data_transform."
            message += "train_with_separate_tags is false): leave the option for separate tags out"
            raise ConfigError([message])
        for part in _parts_of(map(_with_edges, documents)):
            sentences = [
                Sentence.of_text(_readable(text[start:end]), document=str(number))
                for number, ((_, text), edges) in enumerate(part)
                for start, end in edges
            ]
            tokenized = list(self.tokenizer.tokenize("", sentences, self.separate_tags))
            read = zip(tokenized, self.tag(tokenized), strict=True)
            for (name, text), edges in part:
                own = list(islice(read, len(edges)))
                windows, cut_words = self._reading_of(sentence for sentence, _ in own)
                mentions = [
                    mention
                    for (start, _), (_, sentence) in zip(edges, own, strict=True)
                    for mention in self._mentions_of_text(sentence, text, start, separate_tags)
                ]
                yield AnnotatedDocument(
                    id=name,
                    text=text,
                    mentions=tuple(sorted(mentions, key=_order_in_text)),
                    sentences=tuple(edges),
                    words=sum(len(sentence.words) for sentence, _ in own),
                    windows=windows,
                    cut_words=cut_words,
                )

    def find_in_words(self, sentences: Iterable[Sequence[str]]) -> Iterator[list[Mention]]:
        """Find the mentions of sentences whose words are given.

        ``start`` and ``end`` of a mention are word indices, and ``text`` is its words with spaces.

        Args:
            sentences: any iterable of lists of words; about a thousand are read at a time.

        Raises:
            TypeError: if a text is given in place of the sentences.
        """
        if isinstance(sentences, str):
            raise TypeError("find_in_words takes an iterable of lists of words; find takes a text")
        for part in _parts_of((words, [(0, len(words))]) for words in sentences):
            given = [
                Sentence.of_words(tuple(map(_readable, words)), document=str(number))
                for number, (words, _) in enumerate(part)
            ]
            read = self.tag(list(self.tokenizer.tokenize("", given, self.separate_tags)))
            for (words, _), sentence in zip(part, read, strict=True):
                yield [
                    Mention(start, end, " ".join(words[start:end]), *rest)
                    for start, end, *rest in self._mentions(sentence)
                ]

    def tag(
        self,
        sentences: Sequence[TokenizedSentence],
        limit_batches: float | int = 1.0,
        on_progress: OnProgress | None = None,
    ) -> list[TestedSentence]:
        """Predict the mentions of the sentences of corpora.

        Args:
            limit_batches: the number of batches to read, or their share; with a limit, only
                sentences that were read completely are returned.
            on_progress: called with the number of finished examples and of all examples.
        """
        transform = self.config.data_transform
        examples = examples_of(
            sentences, self.tokenizer, transform.max_tokens, transform.merge_sents, windows_of
        )
        batches = list(batches_by_length(examples, TOKENS_PER_BATCH))
        batches = batches[len(batches) - limited(len(batches), limit_batches) :]
        total, done = sum(map(len, batches)), 0

        def report(finished: int) -> None:
            nonlocal done
            done += finished
            if on_progress is not None:
                on_progress(done, total)

        found = predict_mentions(self.model, batches, self.collate, self.device, report)
        incomplete = _read_in_part(examples, batches)
        return [
            tested_sentence(sentence, found.get((sentence.corpus, sentence.index), ()))
            for sentence in sentences
            if (sentence.corpus, sentence.index) not in incomplete
        ]

    def _reading_of(self, sentences: Iterable[TokenizedSentence]) -> tuple[int, int]:
        """Return the numbers of windows and of cut words of sentences that are too long."""
        most = self.config.data_transform.max_tokens
        windows = cut_words = 0
        for sentence in sentences:
            if len(sentence.subwords) > most - SPECIAL_TOKENS:
                windows += len(windows_of(sentence, most))
                lengths = np.diff(sentence.word_starts)
                cut_words += int((lengths > most - SPECIAL_TOKENS).sum())
        return windows, cut_words

    def _mentions_of_text(
        self, sentence: TestedSentence, text: str, shift: int, separate: bool = False
    ) -> Iterator[Mention]:
        for first, last, *rest in self._mentions(sentence, separate):
            start, end = (position + shift for position in sentence.characters(first, last))
            yield Mention(start, end, text[start:end], *rest)

    def _mentions(
        self, sentence: TestedSentence, separate: bool = False
    ) -> Iterator[tuple[int, int, str, Any, float]]:
        """Yield words, type, corpora and score of mentions.

        Types with the same name are one, unless ``separate``.
        """
        found: dict[tuple[int, int, Tag], list[ScoredMention]] = defaultdict(list)
        for mention in sentence.predicted:
            corpus, name = mention.tag
            found[mention.start, mention.end, Tag(corpus if separate else None, name)].append(
                mention
            )
        for (start, end, (_, name)), same in found.items():
            corpora = sorted({mention.tag.corpus for mention in same if mention.tag.corpus})
            score = max(mention.score for mention in same)
            yield start, end, name, tuple(corpora) or self._teachers[name], score

    @cached_property
    def _teachers(self) -> dict[str, tuple[str, ...]]:
        """The corpora that annotate each entity type."""
        corpora: dict[str, list[str]] = defaultdict(list)
        for corpus, tags in sorted(self.description.annotated.items()):
            for tag in tags:
                corpora[tag.entity_type].append(corpus)
        return {name: tuple(teachers) for name, teachers in corpora.items()}


def tested_sentence(
    sentence: TokenizedSentence, predicted: Iterable[ScoredMention]
) -> TestedSentence:
    """Put together a sentence and the mentions that were predicted in it."""
    return TestedSentence(
        corpus=sentence.corpus,
        index=sentence.index,
        document=sentence.sentence.document,
        start=sentence.sentence.start,
        text=sentence.sentence.text,
        words=sentence.words,
        word_offsets=tuple((start, end) for start, end in sentence.word_offsets.tolist()),
        gold=sentence.gold,
        gold_unmatched=sentence.gold_unmatched,
        predicted=tuple(predicted),
    )


def _check_reading(
    trained: ModelDescription, tokenizer: SubwordTokenizer, settings: Any, folder: RunFolder
) -> None:
    """Refuse an encoder folder that differs from the encoder of the checkpoint's training."""
    here = replace(trained, tokenizer=tokenizer.identity, encoder=encoder_settings(settings))
    found = list(here.reading_differences(trained))
    if found:
        raise CheckpointError(
            f"{folder.encoder}: does not belong to this checkpoint: {'; '.join(found)}. "
            "Copy the run's encoder folder again"
        )


def _read_in_part(
    examples: Sequence[Example], batches: Sequence[Sequence[Example]]
) -> set[tuple[str, int]]:
    """Return the sentences that have an example outside of ``batches``."""
    read = {id(example) for batch in batches for example in batch}
    return {
        (segment.sentence.corpus, segment.sentence.index)
        for example in examples
        if id(example) not in read
        for segment in example.segments
    }


def _parts_of(items: Iterable[tuple[T, list[Edges]]]) -> Iterator[list[tuple[T, list[Edges]]]]:
    """Group texts so that each group has about ``SENTENCES_AT_ONCE`` sentences."""
    part: list[tuple[T, list[Edges]]] = []
    sentences = 0
    for item in items:
        part.append(item)
        sentences += len(item[1])
        if sentences >= SENTENCES_AT_ONCE:
            yield part
            part, sentences = [], 0
    if part:
        yield part


def _with_edges(document: tuple[str, str] | Document) -> tuple[tuple[str, str], list[Edges]]:
    """Return a document's name and text, and the edges of its sentences."""
    if isinstance(document, Document):
        whole = document.identifier, document.text
        if document.passages:
            return whole, list(edges_of_document(document))
    else:
        whole = document
    return whole, list(sentence_edges(whole[1]))


def _order_in_text(mention: Mention) -> tuple[int, int, str, tuple[str, ...]]:
    return mention.start, -mention.end, mention.type, mention.corpora


def _readable(text: str) -> str:
    """Replace what tokenizers cannot read, with the same length: line ends and lone surrogates."""
    return _HALF_CHARACTER.sub("\ufffd", _LINE_END.sub(" ", text))
