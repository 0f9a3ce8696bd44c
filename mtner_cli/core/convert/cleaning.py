"""Clean a source's sentences for an action file; the ledger records every change."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from mtner_cli.config.encodings import EncodingName
from mtner_cli.core.actions.action_text import first_crossing
from mtner_cli.core.convert.ledger import Entry, Ledger
from mtner_cli.core.types import Place, Sentence, SourceSentence, Span, named_mention
from mtner_cli.errors import DataError

_LINE_END = re.compile(r"[\n\r]")
_WHITE_SPACE = re.compile(r"[ \t\n\v\f\r]")
_UNPAIRED_SURROGATE = re.compile(r"[\ud800-\udfff]")


def prepare(
    source: SourceSentence, action_encoding: EncodingName, ledger: Ledger
) -> Sentence | None:
    """Return the sentence to write, without its document, or None if there is nothing to write.

    For ``simple-char``, words are joined by single spaces to raw text.

    Raises:
        DataError: if raw text is to become ``simple``, which needs words.
    """
    if source.words is None:
        if action_encoding == "simple":
            raise DataError(
                source.place.path,
                source.place.line,
                "expected words, which the 'simple' encoding needs; found raw text, "
                "which only 'simple-char' can hold",
            )
        kept = _kept_mentions(source, ledger)
        return _text_sentence(source, source.text, kept, ledger)
    kept = _kept_mentions(source, ledger)
    if not source.words:
        ledger.drop("sentence without words", source.place, "(nothing)")
        return None
    named = [_named_word(word, source.place, ledger) for word in source.words]
    if action_encoding == "simple-char":
        text, kept = _joined(named, kept)
        return _text_sentence(source, text, kept, ledger)
    words = [_without_white_space(word, source.place, ledger) for word in named]
    return Sentence.of_words(words, kept)


def _text_sentence(
    source: SourceSentence, text: str, mentions: Sequence[Span], ledger: Ledger
) -> Sentence | None:
    if not text or text.isspace():
        for mention in mentions:
            ledger.drop("mention of white space only", source.place, mention.tag)
        ledger.drop("sentence without words", source.place, repr(text))
        return None
    if _LINE_END.search(text):
        ledger.repair("line end in raw text became a space", source.place, repr(text))
        text = _LINE_END.sub(" ", text)
    text = without_surrogates(text, source.place, ledger)
    return Sentence.of_text(text, tuple(mentions))


def _joined(words: Sequence[str], mentions: Iterable[Span]) -> tuple[str, list[Span]]:
    """Join words to a text, and turn mentions by word into mentions by character."""
    starts = []
    length = 0
    for word in words:
        starts.append(length)
        length += len(word) + 1
    ends = [start + len(word) for start, word in zip(starts, words, strict=True)]
    spans = [Span(starts[span.start], ends[span.end - 1], span.tag) for span in mentions]
    return " ".join(words), spans


def _named_word(word: str, place: Place, ledger: Ledger) -> str:
    """Replace an empty word, which would shift the indices of all later words."""
    if not word:
        ledger.repair("empty word became _", place, "''")
        return "_"
    return without_surrogates(word, place, ledger)


def _without_white_space(word: str, place: Place, ledger: Ledger) -> str:
    if not _WHITE_SPACE.search(word):
        return word
    ledger.repair("white space in a word became _", place, repr(word))
    return _WHITE_SPACE.sub("_", word)


def without_surrogates(text: str, place: Place, ledger: Ledger) -> str:
    r"""Replace unpaired surrogates (``\ud83d``), which JSON may escape but no file can hold."""
    if text.isascii() or not _UNPAIRED_SURROGATE.search(text):
        return text
    ledger.repair("half of a surrogate pair became U+FFFD", place, repr(text))
    return _UNPAIRED_SURROGATE.sub("\ufffd", text)


def _kept_mentions(source: SourceSentence, ledger: Ledger) -> list[Span]:
    """Return the mentions that the action encodings can hold, and drop the others."""
    number_of: dict[Span, int] = {}
    for number, mention in enumerate(source.mentions):
        tag = without_surrogates(mention.tag, source.place, ledger)
        span = Span(mention.start, mention.end, tag)
        if span.start >= span.end:
            reason = "empty mention"
        elif span.start < 0 or span.end > len(source.content):
            reason = "mention outside its sentence"
        elif not tag:
            reason = "mention without a type"
        elif span in number_of:
            reason = "mention given twice"
        else:
            number_of[span] = number
            continue
        _drop(reason, source, number, span, ledger)
    kept = list(number_of)
    if first_crossing(kept) is None:
        return kept
    longest = _without_crossings(kept)
    for span in sorted(number_of.keys() - set(longest)):
        reason = "mention that crosses a longer one of its type"
        _drop(reason, source, number_of[span], span, ledger)
    return longest


def _drop(reason: str, source: SourceSentence, number: int, span: Span, ledger: Ledger) -> None:
    ledger.drop(reason, source.place_of(number), _what(source, span))


def _what(source: SourceSentence, span: Span) -> str:
    """Name a mention by its type, positions and text; if known, by its place in its document."""
    what = named_mention(span, source.content, source.start or 0)
    known = source.start is not None and source.document is not None and source.document.name
    return f"{what} in document {source.document.name}" if known and source.document else what


def _without_crossings(mentions: Iterable[Span]) -> list[Span]:
    """Keep the mentions, longest first, that cross no kept mention of their type."""
    kept: list[Span] = []
    for span in sorted(mentions, key=lambda span: (span.start - span.end, span)):
        if not any(_cross(span, other) for other in kept):
            kept.append(span)
    return kept


def _cross(one: Span, other: Span) -> bool:
    first, second = sorted((one, other))
    return one.tag == other.tag and first.start < second.start < first.end < second.end


TypeMap = Mapping[str, str | None]
"""The name to write for a type, or None to drop it; ``*`` means all types not named."""

ALL_OTHERS = "*"


def map_types(source: SourceSentence, types: TypeMap, ledger: Ledger) -> SourceSentence:
    """Rename the types of a sentence; a type that is not named stays, unless ``*`` is given.

    The ledger records the mentions of dropped types.
    """
    kept: dict[int, Span] = {}
    for number, mention in enumerate(source.mentions):
        name = types.get(mention.tag, types.get(ALL_OTHERS, mention.tag))
        if name is None:
            entry = Entry(source.place_of(number), _what(source, mention))
            ledger.unwanted[mention.tag].append(entry)
        else:
            kept[number] = Span(mention.start, mention.end, name)
    places = tuple(map(source.place_of, kept)) if source.mention_places else ()
    return replace(source, mentions=tuple(kept.values()), mention_places=places)
