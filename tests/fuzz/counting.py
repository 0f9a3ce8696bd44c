"""What a source file holds, counted by readers of their own: no code of the converters is used.

Everything that anybody could take for a mention or for text of the corpus is counted, also where a
converter does not look for it: what it does not write, it must name in its ledger or refuse.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any
from xml.etree import ElementTree

from tests.fuzz.case import NotCounted

_SURROGATE = re.compile("[\ud800-\udfff]")
_SPACES = re.compile(" +")


@dataclass
class Count:
    """The contents of a source.

    Attributes:
        mentions: how often each type spans each wording, both as :func:`bare` gives them.
        words: given words; None where the source holds raw text.
        characters: those of the text that are no white space.
        blanks: words without any; a converter may write ``_`` for them.
        outside: the same of text that stands where the format has none, which must be named.
    """

    mentions: Counter[tuple[str, str]] = field(default_factory=Counter)
    words: int | None = None
    characters: int = 0
    blanks: int = 0
    outside: int = 0

    def add_mention(self, kind: str, wording: str) -> None:
        self.mentions[_SURROGATE.sub("\ufffd", kind), bare(wording)] += 1

    def add_words(self, words: Iterable[str]) -> None:
        for word in words:
            self.words = (self.words or 0) + 1
            self.characters += _visible_length(word)
            self.blanks += not word.strip()

    def add_text(self, text: str) -> None:
        self.characters += _visible_length(text)


def bare(text: str) -> str:
    """A text without white space and without what a converter writes for it within a word."""
    return "".join(_SURROGATE.sub("\ufffd", text).replace("_", "").split())


def lines_of(content: bytes, charset: str = "utf-8") -> list[str]:
    """Lines that end in a line feed, with or without a carriage return."""
    text = content.decode("utf-8-sig" if charset == "utf-8" else charset)
    return [line.removesuffix("\r") for line in text.split("\n")]


# ---------------------------------------------------------------------------------------- columns


def _add_tagged(count: Count, rows: list[tuple[str, str]]) -> None:
    """Words and mentions of a sentence, whichever scheme its tags are of.

    A mention starts at B, S and U, and at any other letter that does not go on in a mention of its
    type.
    """
    mentions: list[tuple[str, list[str]]] = []
    open_kind = None
    for word, tag in rows:
        letter, _, kind = tag.partition("-")
        if tag == "O":
            open_kind = None
            continue
        if letter in ("B", "S", "U") or kind != open_kind:
            mentions.append((kind, []))
        mentions[-1][1].append(word)
        open_kind = None if letter in ("E", "S", "L", "U") else kind
    for kind, words in mentions:
        count.add_mention(kind, "".join(words))


def count_conll(files: Mapping[str, bytes], settings: Mapping[str, Any]) -> Count:
    """Columns; a document's start is a row whose word is ``-DOCSTART-`` and whose tag is none."""
    count = Count(words=0)
    for content in files.values():
        rows: list[tuple[str, str]] = []
        for line in [*lines_of(content, settings.get("charset", "utf-8")), ""]:
            cells = (
                line.rstrip("\t ").split("\t") if "\t" in line else _SPACES.split(line.strip(" "))
            )
            starts = line.startswith("-") and cells[0].split()[:1] == ["-DOCSTART-"]
            if line.strip() and not starts:
                rows.append((cells[0], cells[-1].strip(" ")))
                count.add_words(cells[:1])
                continue
            _add_tagged(count, rows)
            rows = []
            if cells and re.match("[BIESLU]-.", cells[-1]):
                count.add_mention(cells[-1][2:], cells[0])
    return count


def count_hunflair(files: Mapping[str, bytes], settings: Mapping[str, Any]) -> Count:
    """A token, a tag and a sign a line."""
    count = Count()
    for content in files.values():
        rows: list[tuple[str, str]] = []
        for line in [*lines_of(content), ""]:
            if line.strip():
                token, tag, _ = line.rsplit(" ", 2)
                rows.append((token, tag))
                count.add_text(token)
            else:
                _add_tagged(count, rows)
                rows = []
    return count


# ------------------------------------------------------------------------------------- JSON lines


def count_jsonl(files: Mapping[str, bytes], settings: Mapping[str, Any]) -> Count:
    """Objects of any form: every span under every key that may hold spans, and every tag."""
    count = Count()
    for content in files.values():
        for line in lines_of(content, settings.get("charset", "utf-8")):
            if line.strip():
                _add_record(count, json.loads(line))
    return count


def _add_record(count: Count, record: dict[str, Any]) -> None:
    tokens, text = record.get("tokens"), record.get("text")
    if isinstance(record.get("data"), dict) and "annotations" in record:
        text, tokens = record["data"].get("text"), None
    given = tokens if isinstance(tokens, list) else None
    if given is not None:
        count.add_words(given)
    elif isinstance(text, str):
        count.add_text(text)
    content = given if given is not None else text if isinstance(text, str) else ""
    rest = {name: value for name, value in record.items() if name not in ("tokens", "relations")}
    for start, end, kind in _spans(rest):
        covered = content[max(start, 0) : max(end, 0)]
        count.add_mention(kind, covered if isinstance(covered, str) else "".join(covered))
    for key in ("ner_tags", "tags", "labels"):
        tags = record.get(key)
        if (
            given is not None
            and isinstance(tags, list)
            and len(tags) == len(given)
            and _are_tags(tags)
        ):
            _add_tagged(count, list(zip(given, tags, strict=True)))


def _are_tags(value: list[Any]) -> bool:
    return all(isinstance(tag, str) and re.match("O$|[BIESLU]-.", tag) for tag in value) and any(
        tag != "O" for tag in value
    )


def _spans(value: Any, key: str = "") -> Iterator[tuple[int, int, str]]:
    """Every span, wherever it is, and every other item of a list that has one."""
    if isinstance(value, list) and any(map(_is_typed, value)):
        for item in value:
            yield from list(_span(item)) or [(0, 0, "")]  # which may have been one
    elif isinstance(value, list):
        for item in value:
            yield from _spans(item)
    elif isinstance(value, dict) and (_is_typed(value) or (key == "value" and any(_span(value)))):
        yield from _span(value)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _spans(inner, name)


def _is_typed(item: Any) -> bool:
    _, _, kinds = _edges_and_kinds(item)
    listed = kinds if isinstance(kinds, list) else [kinds]
    return any(_span(item)) and all(isinstance(kind, str) for kind in listed)


def _span(item: Any) -> Iterator[tuple[int, int, str]]:
    start, end, kinds = _edges_and_kinds(item)
    if type(start) is int and type(end) is int:
        # A span without a type is a mention that must be named.
        for kind in (kinds or [""]) if isinstance(kinds, list) else [kinds]:
            yield start, end, kind if isinstance(kind, str) else repr(kind)


def _edges_and_kinds(item: Any) -> tuple[Any, Any, Any]:
    if isinstance(item, list) and len(item) == 3:
        start, end, kinds = item
        return start, end, kinds
    if not isinstance(item, dict):
        return None, None, None
    start = item.get("start", item.get("start_offset"))
    end = item.get("end", item.get("end_offset"))
    names = ("entity_type", "label", "labels", "type")
    return start, end, next((item[name] for name in names if name in item), None)


# ---------------------------------------------------------------------------- stand-off annotation


def count_pubtator(files: Mapping[str, bytes], settings: Mapping[str, Any]) -> Count:
    """Titles, abstracts, and every row whose second column is a number."""
    count = Count()
    for content in files.values():
        for line in lines_of(content):
            head, _, rest = line.partition("|")
            if "\t" not in head and rest[:2] in ("t|", "a|"):
                count.add_text(rest[2:])
                continue
            columns = line.split("\t")
            if len(columns) >= 4 and columns[1][:1].isdigit():
                count.add_mention(columns[4] if len(columns) > 4 else "", columns[3])
    return count


def count_brat(files: Mapping[str, bytes], settings: Mapping[str, Any]) -> Count:
    """Texts that have annotations, and every line of these that starts with a T."""
    count = Count()
    for name, content in files.items():
        path = PurePosixPath(name)
        if path.suffix != ".ann":
            continue
        text = files.get(str(path.with_suffix(".txt")), b"").decode("utf-8")
        count.add_text(text.removeprefix("\ufeff"))
        for line in lines_of(content):
            if line.startswith("T"):
                _, middle, wording = line.split("\t", 2)
                count.add_mention(middle.partition(" ")[0], wording)
    return count


# ------------------------------------------------------------------------------------------- BioC


def count_bioc(files: Mapping[str, bytes], settings: Mapping[str, Any]) -> Count:
    """XML or JSON, told apart by the first sign."""
    count = Count()
    for content in files.values():
        start = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        if start in (b"{", b"["):
            _add_bioc_json(count, content.decode("utf-8-sig"))
        else:
            _add_bioc_xml(count, ElementTree.fromstring(content))
    return count


def _add_bioc_json(count: Count, text: str) -> None:
    decoder, at = json.JSONDecoder(parse_float=Decimal), 0
    while rest := text[at:].lstrip("\ufeff \t\r\n\x0b\x0c"):
        value, length = decoder.raw_decode(rest)
        _add_bioc_value(count, value, "")
        at = len(text) - len(rest) + length


def _add_bioc_value(count: Count, value: Any, key: str) -> None:
    if isinstance(value, list):
        for item in value:
            if key in ("passages", "sentences") and isinstance(item, dict):
                _add_json_text(count, item, key)
            if key == "annotations" and isinstance(item, dict):
                infons = item.get("infons")
                kind = infons.get("type") if isinstance(infons, dict) else None
                count.add_mention("" if kind is None else str(kind), str(item.get("text") or ""))
            _add_bioc_value(count, item, key)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name != "infons":
                # Where a passage has a text, its sentences say it again.
                repeated = name == "sentences" and value.get("text")
                _add_bioc_value(count, inner, "repeated" if repeated else name)


def _add_json_text(count: Count, holder: dict[str, Any], key: str) -> None:
    text = holder.get("text")
    if text is not None:
        count.add_text(str(text))


def _add_bioc_xml(count: Count, root: ElementTree.Element) -> None:
    for annotation in root.iter("annotation"):
        infons = annotation.findall("infon")
        kinds = [_own_text(infon) for infon in infons if infon.get("key") == "type"]
        wordings = ["".join(text.itertext()) for text in annotation.findall("text")]
        count.add_mention(*(parts[-1] if parts else "" for parts in (kinds, wordings)))
    _add_xml_text(count, root, within=False)


def _own_text(element: ElementTree.Element) -> str:
    return "".join([element.text or "", *(child.tail or "" for child in element)])


def _add_xml_text(count: Count, element: ElementTree.Element, within: bool) -> None:
    """The texts that are not of an annotation; where a passage has one, not of its sentences."""
    if element.tag in ("annotation", "infon"):
        return
    within = within or element.tag == "text"
    has_text = element.tag == "passage" and any("".join(one.itertext()) for one in _texts(element))
    if within:
        count.add_text(element.text or "")
    for child in element:
        if not (has_text and child.tag == "sentence"):
            _add_xml_text(count, child, within)
        if within:
            count.add_text(child.tail or "")


def _texts(element: ElementTree.Element) -> list[ElementTree.Element]:
    return element.findall("text")


# ------------------------------------------------------------------------------------------ GENIA

_GENIA_TYPE = re.compile("G#(DNA|RNA|protein|cell_line|cell_type)(?:_.*)?")


def count_genia(files: Mapping[str, bytes], settings: Mapping[str, Any]) -> Count:
    """Articles; of one that stands there twice the later version."""
    count = Count(words=0)
    for content in files.values():
        root = ElementTree.fromstring(content)
        if _genia_identifiers(root) > 1:
            raise NotCounted
        articles = {}
        for article in _outermost(root, "article"):
            names = ("".join(one.itertext()) for one in article.iter("bibliomisc"))
            identifier = "".join(names).strip().removeprefix("MEDLINE:").strip()
            articles[identifier] = article
        if any(len(word) for word in root.iter("w")):
            raise NotCounted  # a mention within a word covers the whole word
        for article in articles.values():
            _add_article(count, article)
    return count


def _genia_identifiers(root: ElementTree.Element) -> int:
    """Most ``<bibliomisc>`` of an article; with several it is unclear which is its name."""
    return max((len(list(one.iter("bibliomisc"))) for one in root.iter("article")), default=0)


def _outermost(element: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    for child in [element] if element.tag == name else element:
        if child.tag == name:
            yield child
        else:
            yield from _outermost(child, name)


def _add_article(count: Count, article: ElementTree.Element) -> None:
    for mention in article.iter("cons"):
        meaning = mention.get("sem", "")
        members = re.findall(r"G#[^\s()]+", meaning) if meaning.startswith("(") else [meaning]
        for member in members:
            if kind := _GENIA_TYPE.fullmatch(member):
                count.add_mention(kind[1], "".join(mention.itertext()))
    _add_words(count, article, in_sentence=False)


def _add_words(count: Count, element: ElementTree.Element, in_sentence: bool) -> None:
    """Words within sentences, marked or not, and the text outside of them."""
    if not in_sentence and element.tag not in ("sentence", "bibliomisc"):
        count.outside += _visible_length(element.text)
    elif element.tag == "w":
        count.add_words([element.text or ""])
    elif in_sentence or element.tag == "sentence":
        in_sentence = True
        count.add_words((element.text or "").split())
    for child in element:
        _add_words(count, child, in_sentence)
        if in_sentence:
            count.add_words((child.tail or "").split())
        elif element.tag != "bibliomisc":
            count.outside += _visible_length(child.tail)


def _visible_length(text: str | None) -> int:
    return len("".join((text or "").split()))


Counter_ = Callable[[Mapping[str, bytes], Mapping[str, Any]], Count]
COUNTERS: dict[str, Counter_] = {
    "conll": count_conll,
    "jsonl": count_jsonl,
    "bioc": count_bioc,
    "brat": count_brat,
    "genia": count_genia,
    "hunflair": count_hunflair,
    "pubtator": count_pubtator,
}
