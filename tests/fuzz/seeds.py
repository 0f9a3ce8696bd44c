"""Small valid files of every format, made of the sample corpora or cut from real ones."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby, islice, pairwise
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from tests.real_corpora import PROJECT, REAL_CORPORA

SAMPLES = PROJECT / "data" / "samples"
MOST_BYTES = 4_000
GENIA_TYPES = {
    "Protein": "G#protein_molecule",
    "DNA": "G#DNA_domain_or_region",
    "Cell_Type": "G#cell_type",
}

Mention = tuple[int, int, str]
"""Start, end and type."""


@dataclass(frozen=True)
class Text:
    """A sentence of raw text with its mentions by character."""

    text: str
    mentions: tuple[Mention, ...]

    def words(self) -> list[tuple[int, int]]:
        """Pieces between white space and borders of mentions, which both end words."""
        borders = {border for start, end, _ in self.mentions for border in (start, end)}
        borders |= {0, len(self.text)}
        ordered = sorted(
            borders
            | {at for at, sign in enumerate(self.text) for at in (at, at + 1) if sign == " "}
        )
        return [(start, end) for start, end in pairwise(ordered) if self.text[start:end].strip()]


@cache
def documents() -> tuple[tuple[Text, ...], ...]:
    """Some short documents of the nested sample corpus."""
    with (SAMPLES / "molbio" / "dev.jsonl").open(encoding="utf-8") as file:
        records = [json.loads(line) for line in islice(file, 40)]
    return tuple(
        tuple(Text(record["text"], tuple(map(tuple, record["entities"]))) for record in group)[:3]
        for _, group in groupby(records, key=lambda record: record["doc_id"])
    )[:6]


# ------------------------------------------------------------------------------- small writers


def as_conll(texts: Sequence[Text], scheme: str = "iob2", delimiter: str = "\t") -> str:
    """Columns; of mentions that share words only the longest is kept."""
    lines = ["-DOCSTART-" + delimiter + "O", ""]
    for text in texts:
        tags = _tags(text, scheme)
        for (start, end), tag in zip(text.words(), tags, strict=True):
            lines.append(f"{text.text[start:end]}{delimiter}{tag}")
        lines.append("")
    return "\n".join(lines)


def as_hunflair(texts: Sequence[Text]) -> str:
    """A token, its tag, and whether a space follows."""
    lines = []
    for text in texts:
        for (start, end), tag in zip(text.words(), _tags(text, "iob2"), strict=True):
            lines.append(
                f"{text.text[start:end]} {tag} {'+' if text.text[end : end + 1] == ' ' else '-'}"
            )
        lines.append("")
    return "\n".join(lines)


def _tags(text: Text, scheme: str) -> list[str]:
    """One tag a word, in ``iob2`` or ``iobes``."""
    words = text.words()
    tags = ["O"] * len(words)
    for start, end, kind in sorted(text.mentions, key=lambda one: one[0] - one[1]):
        inside = [number for number, (first, _) in enumerate(words) if start <= first < end]
        if all(tags[number] == "O" for number in inside):
            letters = ["B", *"I" * (len(inside) - 1)]
            if scheme == "iobes":
                letters[-1] = "E" if len(inside) > 1 else "S"
            for number, letter in zip(inside, letters, strict=True):
                tags[number] = f"{letter}-{kind}"
    return tags


def json_records(texts: Sequence[Text]) -> dict[str, list[dict[str, object]]]:
    """The forms of JSON lines, by name."""
    return {
        "spacy": [{"text": one.text, "entities": list(one.mentions)} for one in texts],
        "doccano": [{"text": one.text, "label": list(one.mentions)} for one in texts],
        "tags": [
            {"tokens": [one.text[a:b] for a, b in one.words()], "ner_tags": _tags(one, "iob2")}
            for one in texts
        ],
        "spans": [
            {
                "doc_id": "d1",
                "tokens": [one.text[a:b] for a, b in one.words()],
                "entity_mentions": [
                    {"start": first, "end": last + 1, "entity_type": kind}
                    for first, last, kind in _in_words(one)
                ],
            }
            for one in texts
        ],
        "objects": [
            {
                "text": one.text,
                "spans": [
                    {"start_offset": start, "end_offset": end, "labels": [kind]}
                    for start, end, kind in one.mentions
                ],
            }
            for one in texts
        ],
        "label studio": [
            {
                "data": {"text": one.text},
                "annotations": [
                    {
                        "result": [
                            {"value": {"start": start, "end": end, "labels": [kind]}}
                            for start, end, kind in one.mentions
                        ]
                    }
                ],
            }
            for one in texts
        ],
    }


def _in_words(text: Text) -> Iterator[Mention]:
    words = text.words()
    for start, end, kind in text.mentions:
        inside = [number for number, (first, _) in enumerate(words) if start <= first < end]
        yield inside[0], inside[-1], kind


def as_pubtator(texts: Sequence[Text], identifier: str = "101") -> str:
    """A title and an abstract."""
    title, abstract = texts[0].text, " ".join(one.text for one in texts[1:])
    lines = [f"{identifier}|t|{title}", f"{identifier}|a|{abstract}"]
    whole = f"{title} {abstract}"
    for start, end, kind in _over_all(texts):
        lines.append(f"{identifier}\t{start}\t{end}\t{whole[start:end]}\t{kind}\tX:1")
    return "\n".join([*lines, f"{identifier}\tCID\tX:1\tX:2", ""])


def _over_all(texts: Sequence[Text]) -> Iterator[Mention]:
    """The mentions of texts that stand one character apart."""
    before = 0
    for one in texts:
        for start, end, kind in one.mentions:
            yield before + start, before + end, kind
        before += len(one.text) + 1


def bioc_record(texts: Sequence[Text], identifier: str = "101") -> dict[str, object]:
    """A document in the form of BioC's JSON, a passage for each text."""
    passages = []
    offset = 0
    for one in texts:
        annotations = [
            {
                "id": f"T{number}",
                "infons": {"type": kind},
                "text": one.text[start:end],
                "locations": [{"offset": offset + start, "length": end - start}],
            }
            for number, (start, end, kind) in enumerate(one.mentions)
        ]
        passages.append({"offset": offset, "text": one.text, "annotations": annotations})
        offset += len(one.text) + 1
    return {"id": identifier, "passages": passages}


def as_bioc_xml(texts: Sequence[Text]) -> str:
    """The same as XML; the last passage gives its text in a sentence."""
    parts = []
    offset = 0
    for number, one in enumerate(texts):
        annotations = "".join(
            f'<annotation id="T{place}"><infon key="type">{escape(kind)}</infon>'
            f'<location offset="{offset + start}" length="{end - start}"/>'
            f"<text>{escape(one.text[start:end])}</text></annotation>\n"
            for place, (start, end, kind) in enumerate(one.mentions)
        )
        inner = f"<offset>{offset}</offset><text>{escape(one.text)}</text>\n{annotations}"
        if number == len(texts) - 1:
            inner = f"<offset>{offset}</offset><sentence>{inner}</sentence>"
        parts.append(f"<passage>{inner}</passage>\n")
        offset += len(one.text) + 1
    relation = '<relation id="R1"><infon key="type">binds</infon></relation>'
    return f"<collection><document><id>101</id>\n{''.join(parts)}{relation}</document></collection>"


def brat_files(texts: Sequence[Text], name: str) -> dict[str, str]:
    """A text with a line for each sentence, and its annotations."""
    whole = "\n".join(one.text for one in texts)
    lines = [
        f"T{number}\t{kind} {start} {end}\t{whole[start:end]}"
        for number, (start, end, kind) in enumerate(_over_all(texts), start=1)
    ]
    lines += ["R1\tBinds Arg1:T1 Arg2:T2", "A1\tNegated T1", "#1\tNote T1\ta note"]
    return {f"{name}.txt": whole, f"{name}.ann": "\n".join([*lines, ""])}


def as_genia(texts: Sequence[Text], identifier: str = "90000001") -> str:
    """An article; mentions that cross others are left out by drawing the longest first."""
    sentences = "\n".join(f"<sentence>{_marked(one)}</sentence>" for one in texts)
    return (
        f"<set>\n<article><articleinfo><bibliomisc>MEDLINE:{identifier}</bibliomisc></articleinfo>\n"
        f"<abstract>\n{sentences}\n</abstract></article>\n</set>"
    )


def _marked(text: Text) -> str:
    nested: list[Mention] = []
    for start, end, kind in sorted(text.mentions, key=lambda one: (one[0] - one[1], one)):
        crossing = (a < start < b < end or start < a < end < b for a, b, _ in nested)
        if kind in GENIA_TYPES and not any(crossing):
            nested.append((start, end, kind))
    pieces = []
    for start, end in text.words():
        opened = sorted((m for m in nested if m[0] == start), key=lambda one: -one[1])
        pieces += [
            f"<cons lex={quoteattr('x_y')} sem={quoteattr(GENIA_TYPES[m[2]])}>" for m in opened
        ]
        pieces.append(f'<w c="NN">{escape(text.text[start:end])}</w>')
        pieces += ["</cons>" for mention in nested if mention[1] == end]
        pieces += [" "] * (text.text[end : end + 1] == " ")
    return "".join(pieces)


def action_lines(texts: Sequence[Text]) -> str:
    """An action file of raw text with offsets."""
    lines = ["-- doc-sep --"]
    for one in texts:
        events = []
        for start, end, kind in _without_crossings(one):
            events.append((start, 1, -end, f"TRANSITION({kind},{start})"))
            events.append((end, 0, -start, f"REDUCE({kind},{end})"))
        lines.append(f"{one.text} ||| {' '.join(action for *_, action in sorted(events))}")
    return "\n".join([*lines, ""])


def _without_crossings(text: Text) -> list[Mention]:
    kept: list[Mention] = []
    for start, end, kind in sorted(set(text.mentions)):
        if not any(k == kind and a < start < b < end for a, b, k in kept):
            kept.append((start, end, kind))
    return kept


def word_action_lines(texts: Sequence[Text]) -> str:
    """An action file of words; mentions that share words with a longer one are left out."""
    lines = ["-- doc-sep --"]
    for one in texts:
        words = [one.text[start:end] for start, end in one.words()]
        actions, open_kind = [], ""
        for tag in [*_tags(one, "iob2"), "O"]:
            if open_kind and not tag.startswith("I-"):
                actions.append(f"REDUCE({open_kind})")
                open_kind = ""
            if tag.startswith("B-"):
                open_kind = tag[2:]
                actions.append(f"TRANSITION({open_kind})")
            actions.append("SHIFT" if open_kind else "OUT")
        lines.append(f"{' '.join(words)} ||| {' '.join(actions[:-1])}")
    return "\n".join([*lines, ""])


# ------------------------------------------------------------------------------- real corpora


def cut_at(path: Path, border: str) -> str:
    """The first records of a file, each of which ends with ``border``."""
    with path.open(encoding="utf-8", errors="replace") as file:
        start = file.read(MOST_BYTES)
    cut = start.rpartition(border)[0]
    return cut + border if cut else ""


@cache
def real_texts(kind: str) -> tuple[str, ...]:
    """Beginnings of the real files of a format; none where they are not there."""
    patterns: Mapping[str, tuple[str, str]] = {
        "conll": ("*/*.tsv", "\n\n"),
        "jsonl": ("GENIA/*.jsonlines", "\n"),
        "pubtator": ("**/*.PubTator", "\n\n"),
    }
    if kind not in patterns or not REAL_CORPORA.is_dir():
        return ()
    pattern, border = patterns[kind]
    texts = (cut_at(path, border) for path in sorted(REAL_CORPORA.glob(pattern)))
    return tuple(text for text in texts if text)
