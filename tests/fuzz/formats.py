"""The converters: what goes in is written or is in the ledger."""

from __future__ import annotations

import json
import re
from ast import literal_eval
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from mtner_cli.core.convert.cleaning import TypeMap
from mtner_cli.core.convert.conversion import convert
from mtner_cli.core.convert.ledger import Ledger, write_ledger
from mtner_cli.core.corpus.action_files import read_corpus
from mtner_cli.core.files.atomic import atomic_text_file
from mtner_cli.core.types import Sentence
from mtner_cli.report.console import PlainConsole
from mtner_cli.report.ledgers import print_ledgers
from tests.fuzz import seeds
from tests.fuzz.case import Case, NotCounted, WrongResult
from tests.fuzz.counting import COUNTERS, Count, bare
from tests.fuzz.mutations import LARGEST, encoded, mutated_bytes, mutated_text_file, unlike_any
from tests.fuzz.tree_mutations import json_text, mutated_tree, mutated_xml

NAME = "formats"
CHARSETS = (
    "utf-8",
    "latin-1",
    "utf-16",
    "cp1252",
    "utf-7",
    "idna",
    "base64",
    "rot13",
    "hex",
    "\xff",
)
TYPE_MAPS: tuple[TypeMap | None, ...] = (
    *(None, None, {"Protein": "Gene"}, {"Protein": None}, {"Disease": "Gene", "*": None}),
)
OUT, LEDGER = "out/actions.txt", "out/ledger.jsonl"


def cases(real: bool) -> st.SearchStrategy[Case]:
    """Mutated files of every format."""
    return st.sampled_from(sorted(COUNTERS)).flatmap(lambda name: MADE[name](real))


@st.composite
def _conll(draw: st.DrawFn, real: bool) -> Case:
    texts = draw(st.sampled_from(seeds.documents()))
    scheme = draw(st.sampled_from(("iob2", "iobes")))
    made = seeds.as_conll(texts, scheme, draw(st.sampled_from("\t ")))
    text = _of(draw, made, "conll", real)
    options: dict[str, Any] = {}
    if draw(st.integers(0, 9)) == 9:
        options["charset"] = draw(st.sampled_from(CHARSETS))
    if draw(st.integers(0, 9)) == 9:
        options["scheme"] = draw(st.sampled_from(("iob1", "iob2", "bioes", "bilou", "none")))
    content = mutated_text_file(draw, text, _others(texts, "conll", real))
    return _case("conll", {"in/a.tsv": content}, options, draw)


@st.composite
def _jsonl(draw: st.DrawFn, real: bool) -> Case:
    forms = seeds.json_records(draw(st.sampled_from(seeds.documents())))
    records = forms[draw(st.sampled_from(sorted(forms)))]
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    others = [json.dumps(form[0]) for form in forms.values()]
    text = _of(draw, "\n".join([*lines, ""]), "jsonl", real)
    kind = draw(st.integers(0, 4))
    if kind == 4:  # two ways to give mentions at once
        one, two = (forms[draw(st.sampled_from(sorted(forms)))][0] for _ in range(2))
        lines[0] = json.dumps({**one, **two, "annotations": _twice(one) + _twice(two)})
        content = encoded(draw, "\n".join(lines))
    elif kind >= 2:
        lines = text.splitlines()
        at = draw(st.integers(0, len(lines) - 1))
        as_ascii = draw(st.booleans())
        lines[at] = json.dumps(mutated_tree(draw, json.loads(lines[at])), ensure_ascii=as_ascii)
        content = encoded(draw, "\n".join(lines))[:LARGEST]
    else:
        content = mutated_text_file(draw, text, others)
    return _case("jsonl", {"in/a.jsonl": content}, {}, draw)


def _twice(record: Mapping[str, Any]) -> list[Any]:
    """The annotations of a record of Label Studio, by two annotators."""
    return [*record.get("annotations", ()), *record.get("annotations", ())]


@st.composite
def _bioc(draw: st.DrawFn, real: bool) -> Case:
    texts = draw(st.sampled_from(seeds.documents()))
    if draw(st.booleans()):
        xml = seeds.as_bioc_xml(texts)
        text = mutated_xml(draw, xml)
        return _case("bioc", {"in/a.xml": _last_damage(draw, text, xml)}, {}, draw)
    record = seeds.bioc_record(texts)
    value = draw(st.sampled_from(({"documents": [record]}, record, [{"documents": [record]}])))
    text = json_text(draw, mutated_tree(draw, value))
    if draw(st.integers(0, 4)) == 4:
        text = f"{text}\n{json.dumps(record)}\n"
    return _case("bioc", {"in/a.json": _last_damage(draw, text, json.dumps(value))}, {}, draw)


@st.composite
def _genia(draw: st.DrawFn, real: bool) -> Case:
    xml = seeds.as_genia(draw(st.sampled_from(seeds.documents())))
    text = mutated_xml(draw, xml)
    return _case("genia", {"in/a.xml": _last_damage(draw, text, xml)}, {}, draw)


@st.composite
def _hunflair(draw: st.DrawFn, real: bool) -> Case:
    texts = draw(st.sampled_from(seeds.documents()))
    content = mutated_text_file(draw, seeds.as_hunflair(texts), [seeds.as_conll(texts)])
    return _case("hunflair", {"in/a.conll": content}, {}, draw)


@st.composite
def _pubtator(draw: st.DrawFn, real: bool) -> Case:
    texts = draw(st.sampled_from(seeds.documents()))
    made = f"{seeds.as_pubtator(texts)}\n{seeds.as_pubtator(texts[1:], '102')}"
    text = _of(draw, made, "pubtator", real)
    content = mutated_text_file(draw, text, _others(texts, "pubtator", real))
    return _case("pubtator", {"in/a.txt": content}, {}, draw)


@st.composite
def _brat(draw: st.DrawFn, real: bool) -> Case:
    one, two = draw(st.sampled_from(seeds.documents())), seeds.documents()[0]
    texts = {**seeds.brat_files(one, "in/a/one"), **seeds.brat_files(two[:1], "in/a/b/two")}
    files = {name: text.encode() for name, text in texts.items()}
    changed = draw(st.sampled_from(sorted(files)))
    match draw(st.integers(0, 9)):
        case 8:
            other = draw(st.sampled_from(sorted(files)))
            files[changed], files[other] = files[other], files[changed]
        case 9:
            del files[changed]
        case _:
            files[changed] = mutated_text_file(draw, texts[changed], list(texts.values()))
    return _case("brat", files, {}, draw)


MADE: dict[str, Callable[[bool], st.SearchStrategy[Case]]] = {
    "conll": _conll,
    "jsonl": _jsonl,
    "bioc": _bioc,
    "genia": _genia,
    "hunflair": _hunflair,
    "pubtator": _pubtator,
    "brat": _brat,
}


def _of(draw: st.DrawFn, made: str, kind: str, real: bool) -> str:
    """A file made of samples, or the beginning of a real one."""
    return draw(st.sampled_from((made, *(seeds.real_texts(kind) if real else ()))))


def _others(texts: Sequence[seeds.Text], kind: str, real: bool) -> list[str]:
    """Files of the same or another format to take lines from."""
    made = [seeds.as_conll(texts), seeds.as_pubtator(texts, "9")]
    return [*made, *(seeds.real_texts(kind) if real else ())]


def _last_damage(draw: st.DrawFn, text: str, whole: str) -> bytes:
    match draw(st.integers(0, 11)):
        case 9:
            return mutated_text_file(draw, whole)
        case 10:
            return mutated_bytes(draw, text.encode("utf-8", "surrogatepass"))
        case 11:
            return unlike_any(draw)
    return encoded(draw, text)[:LARGEST]


def _case(
    converter: str, files: Mapping[str, bytes], options: Mapping[str, Any], draw: st.DrawFn
) -> Case:
    settings: dict[str, Any] = {"converter": converter, "options": dict(options)}
    settings["show"] = draw(st.integers(0, 7)) == 7
    if converter in ("pubtator", "bioc", "brat"):
        settings["types"] = draw(st.sampled_from(TYPE_MAPS))
    elif converter != "hunflair":
        settings["mode"] = draw(st.sampled_from((None, None, "simple-char")))
    return Case(NAME, files, settings)


# --------------------------------------------------------------------------------------- the check


def run(case: Case, folder: Path) -> set[str]:
    """Convert, read back, and compare with the ledger and with the independent count."""
    converter, types = case.settings["converter"], case.settings.get("types")
    inputs = sorted({folder / "/".join(Path(name).parts[:2]) for name in case.files})
    ledger = convert(
        converter,
        inputs or [folder / "in"],
        folder / OUT,
        case.settings.get("mode"),
        types,
        **case.settings["options"],
    )
    with atomic_text_file(folder / LEDGER) as file:
        write_ledger(ledger, file)
    _check_ledger_file(ledger, folder / LEDGER)
    if case.settings["show"]:
        print_ledgers({"count": ledger}, PlainConsole())
    mode = case.settings.get("mode") or _mode_of(folder / OUT)
    sentences = list(read_corpus(folder / OUT, mode))
    _check_against_ledger(sentences, ledger)
    try:
        count = COUNTERS[converter](case.files, case.settings["options"])
    except Exception as error:  # whatever a reader makes of a file that it cannot read
        raise NotCounted from error
    _check_against_source(sentences, ledger, count, types)
    return {OUT, LEDGER}


def _mode_of(path: Path) -> Any:
    """The encoding that the converter chose: actions have offsets or have none."""
    text = path.read_text(encoding="utf-8")
    for line in text.split("\n"):
        if " |||" not in line:
            continue
        actions = line.rpartition(" ||| ")[2].split()
        if "OUT" in actions or "SHIFT" in actions:
            return "simple"
    return "simple-char"


def _check_ledger_file(ledger: Ledger, path: Path) -> None:
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    entries = [*ledger.dropped.values(), *ledger.unwanted.values(), *ledger.repairs.values()]
    if len(records) != sum(map(len, entries)):
        raise WrongResult("ledger file lacks entries")


def _check_against_ledger(sentences: Sequence[Sentence], ledger: Ledger) -> None:
    written = Counter(mention.tag for sentence in sentences for mention in sentence.mentions)
    if written != +ledger.mentions or len(sentences) != ledger.sentences:
        raise WrongResult("action file and ledger differ", f"{written} {ledger.mentions}")


def _check_against_source(
    sentences: Sequence[Sentence],
    ledger: Ledger,
    count: Count,
    types: Mapping[str, str | None] | None,
) -> None:
    written: Counter[tuple[str, str]] = Counter()
    for sentence in sentences:
        for start, end, kind in sentence.mentions:
            covered = (
                sentence.text[start:end]
                if sentence.words is None
                else "".join(sentence.words[start:end])
            )
            written[kind, bare(covered)] += 1
    if any(reason.endswith("cannot be read") for reason in ledger.dropped):
        raise NotCounted("a part is named as a whole")
    named = sum(
        len(entries)
        for reason, entries in ledger.dropped.items()
        if re.search("mention|coordination", reason) and not reason.startswith("relation")
    )
    named += sum(map(len, ledger.unwanted.values()))
    if written.total() + named != count.mentions.total():
        numbers = (
            f"{count.mentions.total()} in the source, {written.total()} written, {named} named"
        )
        raise WrongResult("mentions lost or invented", numbers)
    invented = written - _renamed(count.mentions, types)
    if invented:
        raise WrongResult("mentions changed", dict(invented))
    _check_text(sentences, count)
    outside = ledger.dropped.get("text outside <sentence>", ())
    if sum(len("".join(literal_eval(entry.what).split())) for entry in outside) != count.outside:
        raise WrongResult("text outside of sentences is not named", f"{count.outside}: {outside}")


def _renamed(
    mentions: Counter[tuple[str, str]], types: Mapping[str, str | None] | None
) -> Counter[tuple[str, str]]:
    if types is None:
        return mentions
    renamed: Counter[tuple[str, str]] = Counter()
    for (kind, wording), number in mentions.items():
        name = types.get(kind, types.get("*", kind))
        if name is not None:
            renamed[name, wording] += number
    return renamed


def _check_text(sentences: Sequence[Sentence], count: Count) -> None:
    if any(sentence.words is not None for sentence in sentences):
        words = sum(len(sentence.words or ()) for sentence in sentences)
        if words != count.words:
            raise WrongResult("words lost or invented", f"{count.words} in source, {words} written")
        return
    characters = sum(len("".join(sentence.text.split())) for sentence in sentences)
    if not count.characters <= characters <= count.characters + count.blanks:
        numbers = f"{count.characters} in the source, {characters} written"
        raise WrongResult("text lost or invented", numbers)
