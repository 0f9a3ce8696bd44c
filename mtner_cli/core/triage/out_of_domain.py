"""Select predictions of a result file for manual review: types that a corpus does not annotate.

A specification names, for each corpus, the types whose predictions are wanted. Types that a corpus
does not annotate have no gold mentions, so only a person can say whether a prediction is right.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from mtner_cli.config.explain import foreign_file
from mtner_cli.config.load import is_experiment
from mtner_cli.config.yaml_source import Fault, read_yaml
from mtner_cli.core.types import TestedSentence
from mtner_cli.errors import MOST_FAULTS, ConfigError, did_you_mean, names_text, quoted, shown
from mtner_cli.paths import shipped

Specification = Mapping[str, tuple[str, ...]]
"""The relevant types of each corpus, both spelled as in the result file."""

_EXPECTED = (
    "expected 'relevant_types: [TYPE, ...]'; put a type that YAML takes for something else (NO, 1) "
    "into quotes"
)


@dataclass(frozen=True)
class FilteredCorpus:
    """The sentences of a corpus that have relevant predictions.

    Attributes:
        name: the name of the corpus.
        counts: number of predictions of each relevant type, including zeros.
        other_types: types predicted on the corpus that are not relevant.
        sentences: in the order of the result file, each with its relevant predictions only.
    """

    name: str
    counts: dict[str, int]
    other_types: tuple[str, ...]
    sentences: tuple[TestedSentence, ...]


def read_specification(path: Path) -> Specification:
    """Read ``corpus: {relevant_types: [...]}``, or ``corpus: [...]`` for short.

    Raises:
        ConfigError: naming every entry that is not of this form.
    """
    path = shipped(path)
    source = read_yaml(path)
    if source.values and not any(map(_is_entry, source.values.values())):
        raise ConfigError([_foreign(path, source.values)])
    faults = list(source.faults)
    specification: dict[str, tuple[str, ...]] = {}
    for corpus, entry in source.values.items():
        types = entry.get("relevant_types") if isinstance(entry, dict) else entry
        if isinstance(types, list) and types and all(isinstance(name, str) for name in types):
            specification[corpus] = tuple(dict.fromkeys(types))
        else:
            faults.append(Fault((corpus,), _EXPECTED))
    if not source.values:
        faults.append(Fault((), "names no corpus; expected 'CORPUS: {relevant_types: [TYPE]}'"))
    if faults:
        raise ConfigError([source.describe(fault) for fault in faults])
    return specification


def _foreign(path: Path, values: Mapping[str, Any]) -> str:
    """Return the fault of a file of another kind; name the kind if it is one of mtner."""
    example = "CORPUS: {relevant_types: [TYPE]}"
    kind = "an experiment" if is_experiment(values) else ""
    if any(isinstance(value, dict) and "split_paths" in value for value in values.values()):
        kind = "a file of corpora"
    if not kind:
        return foreign_file(path, example)
    what = "the types to review, as the results spell them"
    return f"{path} is {kind}; write another file that names, for each corpus, {what}: {example}"


def _is_entry(value: object) -> bool:
    return isinstance(value, list) or (isinstance(value, dict) and "relevant_types" in value)


def filter_predictions(
    sentences: Sequence[TestedSentence], specification: Specification
) -> list[FilteredCorpus]:
    """Return every relevant prediction of every sentence, by corpus in the specification's order.

    Raises:
        ConfigError: if the results lack a corpus, or have no relevant prediction at all; the
            message lists what they have.
    """
    predicted: dict[str, Counter[str]] = {}
    for sentence in sentences:
        counter = predicted.setdefault(sentence.corpus, Counter())
        counter.update(str(mention.tag) for mention in sentence.predicted)
    unknown = [corpus for corpus in specification if corpus not in predicted]
    if unknown:
        raise ConfigError(
            [
                f"the results have no corpus {quoted(corpus)}{_contents(predicted)}"
                for corpus in unknown
            ]
        )
    if not any(predicted[corpus][tag] for corpus, types in specification.items() for tag in types):
        wanted = "; ".join(
            f"{names_text(types)} on {shown(name)}" for name, types in specification.items()
        )
        hint = _with_corpus(predicted, specification)
        contents = _contents(predicted)
        raise ConfigError([f"the results have no prediction of {wanted}{hint or contents}"])
    return [
        FilteredCorpus(
            corpus,
            {tag: predicted[corpus][tag] for tag in types},
            tuple(sorted(predicted[corpus].keys() - set(types))),
            _relevant(sentences, corpus, frozenset(types)),
        )
        for corpus, types in specification.items()
    ]


def _relevant(
    sentences: Sequence[TestedSentence], corpus: str, types: frozenset[str]
) -> tuple[TestedSentence, ...]:
    found = []
    for sentence in sentences:
        if sentence.corpus == corpus:
            relevant = tuple(mention for mention in sentence.predicted if str(mention.tag) in types)
            if relevant:
                found.append(replace(sentence, predicted=relevant))
    return tuple(found)


def sample_predictions(
    corpora: Sequence[FilteredCorpus], count: int, seed: int
) -> list[FilteredCorpus]:
    """Return ``count`` of the relevant predictions, drawn at random; all if there are no more."""
    places = [
        (corpus.name, number, at)
        for corpus in corpora
        for number, sentence in enumerate(corpus.sentences)
        for at in range(len(sentence.predicted))
    ]
    chosen = set(random.Random(seed).sample(places, min(count, len(places))))
    sampled = []
    for corpus in corpora:
        sentences = [
            replace(sentence, predicted=kept)
            for number, sentence in enumerate(corpus.sentences)
            if (
                kept := tuple(
                    mention
                    for at, mention in enumerate(sentence.predicted)
                    if (corpus.name, number, at) in chosen
                )
            )
        ]
        found = Counter(str(m.tag) for sentence in sentences for m in sentence.predicted)
        counts = {name: found[name] for name in corpus.counts}
        sampled.append(replace(corpus, counts=counts, sentences=tuple(sentences)))
    return sampled


def _with_corpus(predicted: Mapping[str, Counter[str]], specification: Specification) -> str:
    """Suggest the types of a test's results, which name their corpus: CORPUS$TYPE."""
    meant = {
        tag: None
        for corpus, types in specification.items()
        for tag in predicted[corpus]
        if tag.partition("$")[2] in types
    }
    return did_you_mean(*map(shown, islice(meant, MOST_FAULTS)))


def _contents(predicted: Mapping[str, Counter[str]]) -> str:
    if not predicted:
        return "; they have no sentences"
    corpora = (
        f"{shown(corpus)} (predicted there: {names_text(sorted(counts)) or 'nothing'})"
        for corpus, counts in islice(predicted.items(), MOST_FAULTS)
    )
    more = f", ... ({len(predicted):,} in all)" if len(predicted) > MOST_FAULTS else ""
    return f"; they have {', '.join(corpora)}{more}"
