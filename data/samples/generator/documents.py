"""Documents drawn from a grammar: frames filled with the words of one field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from generator.draw import Deck, Draw
from generator.grammar import Grammar, Term, WordLists
from generator.markup import Mention, outermost, polish, read_markup

_RANGE = re.compile(r"(\d+(?:\.\d)?)\.\.(\d+(?:\.\d)?)(?:\.\.(\d+))?")
_INTRODUCED = 0.7  # how often a first use of a term brings its abbreviation
_ABBREVIATED = 0.75  # how often a later use is the abbreviation alone
_HELD_OUT = 0.25  # how many of a corpus's terms its training documents never use


@dataclass(frozen=True)
class Sentence:
    """One sentence with the mentions that its corpus annotates."""

    text: str
    mentions: list[Mention]


@dataclass(frozen=True)
class Document:
    """Some sentences on one topic, the title first."""

    name: str
    sentences: list[Sentence]


def draw_documents(grammar: Grammar, split: str, used: set[str]) -> Iterator[Document]:
    """The documents of one split.

    No sentence is among those ``used``, and each one written is added to them.
    """
    draw = Draw(f"{grammar.name} {split}")
    fields = Deck(list(grammar.fields), draw)
    plans = Deck(list(grammar.plans), draw)
    frames = {name: Deck(lines, draw) for name, lines in grammar.sections.items()}
    written = number = 0
    while written < grammar.sentences[split]:
        plan = plans.deal()
        field = fields.deal()
        while not grammar.suits(plan, field):
            field = fields.deal()
        words = _words_of(grammar, field, training=split == "train")
        writer = _Writer(grammar, words, draw, used)
        sentences = [
            writer.write(frames[section], title="title" in section)
            for section, (low, high) in grammar.plans[plan].items()
            for _ in range(draw.integer(low, high))
        ]
        number += 1
        written += len(sentences)
        yield Document(f"{grammar.name}-{split}-{number:03d}", sentences)


def _words_of(grammar: Grammar, field: str, *, training: bool) -> WordLists:
    """The word lists of a field; training documents do without the held-out terms."""
    words = grammar.fields[field]
    if not training:
        return words
    return {
        name: tuple(term for term in terms if not _held_out(grammar.name, term)) or terms
        for name, terms in words.items()
    }


def _held_out(corpus: str, term: Term) -> bool:
    return Draw(f"{corpus} {term.name}").chance(_HELD_OUT)


class _Writer:
    """Writes the sentences of one document, which share their numbered words."""

    def __init__(self, grammar: Grammar, words: WordLists, draw: Draw, used: set[str]) -> None:
        self._grammar = grammar
        self._words = words
        self._draw = draw
        self._used = used
        self._bound: dict[str, Term] = {}
        self._introduced: set[Term] = set()
        self._in_sentence: set[str] = set()
        self._title = False
        self._side = draw.integer(0, 1)

    def write(self, frames: Deck[str], *, title: bool) -> Sentence:
        """A sentence that no document holds yet."""
        self._title = title
        introduced = set(self._introduced)
        while True:
            self._introduced = set(introduced)
            self._in_sentence = {term.name for term in self._bound.values()}
            text, mentions = read_markup(polish(self._fill(frames.deal(), inside_mention=False)))
            if text not in self._used:
                break
        self._used.add(text)
        annotated = [mention for mention in mentions if mention.label in self._grammar.types]
        return Sentence(text, annotated if self._grammar.nested else outermost(annotated))

    def _fill(self, template: str, *, inside_mention: bool) -> str:
        """The template with every ``{slot}`` replaced."""
        filled = []
        position = depth = 0
        while position < len(template):
            character = template[position]
            if character == "{":
                end = _closing_brace(template, position)
                slot = template[position + 1 : end]
                filled.append(self._slot(slot, inside_mention=inside_mention or depth > 0))
                position = end
            else:
                depth += (character == "[") - (character == "]")
                filled.append(character)
            position += 1
        return "".join(filled)

    def _slot(self, slot: str, *, inside_mention: bool) -> str:
        choices = _split_choices(slot)
        if len(choices) > 1:
            return self._fill(self._draw.pick(choices), inside_mention=inside_mention)
        if "/" in slot:
            return slot.split("/")[self._side]
        if number := _RANGE.fullmatch(slot):
            return self._number(number[1], number[2], int(number[3] or 1))
        if slot in self._grammar.phrases:
            phrase = self._draw.pick(self._grammar.phrases[slot])
            return self._fill(phrase, inside_mention=inside_mention)
        return self._word(slot, inside_mention=inside_mention)

    def _number(self, low: str, high: str, step: int) -> str:
        if "." in low:
            tenths = self._draw.integer(round(float(low) * 10), round(float(high) * 10))
            return f"{tenths / 10:.1f}"
        return str(int(low) + step * self._draw.integer(0, (int(high) - int(low)) // step))

    def _word(self, slot: str, *, inside_mention: bool) -> str:
        word_list = slot.rstrip("0123456789")
        term = self._bound.get(slot) or self._fresh(word_list)
        if slot != word_list:
            self._bound[slot] = term
        self._in_sentence.add(term.name)
        name = self._fill(term.name, inside_mention=True)
        label = self._grammar.label_of[word_list]
        if label is None:
            return name
        full = f"[{label} {name}]"
        if term.abbreviation is None or self._title:
            return full
        short = f"[{label} {term.abbreviation}]"
        if term in self._introduced:
            return short if self._draw.chance(_ABBREVIATED) else full
        if inside_mention or not self._draw.chance(_INTRODUCED):
            return full
        self._introduced.add(term)
        return f"{full} ({short})"

    def _fresh(self, word_list: str) -> Term:
        """A term that neither this sentence nor a numbered word of the document has."""
        terms = self._words[word_list]
        return self._draw.pick([t for t in terms if t.name not in self._in_sentence] or terms)


def _closing_brace(template: str, start: int) -> int:
    depth = 0
    for position in range(start, len(template)):
        depth += (template[position] == "{") - (template[position] == "}")
        if depth == 0:
            return position
    raise ValueError(f"a brace is never closed: {template}")


def _split_choices(slot: str) -> list[str]:
    choices = [""]
    depth = 0
    for character in slot:
        depth += (character == "{") - (character == "}")
        if character == "|" and depth == 0:
            choices.append("")
        else:
            choices[-1] += character
    return choices
