"""The grammars and word lists, read from the YAML files beside this module."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_FOLDER = Path(__file__).parent
_ABBREVIATED = re.compile(r"(?P<name>.+) \((?P<abbreviation>\S+)\)")


@dataclass(frozen=True)
class Term:
    """An entry of a word list; its name may hold markup and slots."""

    name: str
    abbreviation: str | None = None

    @staticmethod
    def parse(entry: str) -> Term:
        match = _ABBREVIATED.fullmatch(entry)
        return Term(match["name"], match["abbreviation"]) if match else Term(entry)


WordLists = dict[str, tuple[Term, ...]]


@dataclass(frozen=True)
class Grammar:
    """Everything that one corpus is drawn from.

    Attributes:
        name: the corpus.
        types: the entity types that the corpus annotates; others stay unannotated text.
        nested: whether mentions inside others are kept.
        sentences: how many sentences each split has at least.
        label_of: the entity type of a word list, or None for plain words.
        plans: per plan, its sections in order with the range of their numbers of sentences.
        plan_needs: the word list without which a field cannot take the plan.
        sections: the frames of each section.
        phrases: the alternatives of each phrase.
        fields: the word lists of each field, the common ones included.
    """

    name: str
    types: frozenset[str]
    nested: bool
    sentences: dict[str, int]
    label_of: dict[str, str | None]
    plans: dict[str, dict[str, tuple[int, int]]]
    plan_needs: dict[str, str]
    sections: dict[str, list[str]]
    phrases: dict[str, list[str]]
    fields: dict[str, WordLists]

    @staticmethod
    def load(name: str) -> Grammar:
        source = _read(name)
        common = _word_lists(_read("common_terms"))
        terms = _read(f"{name}_terms")
        return Grammar(
            name=name,
            types=frozenset(source["types"]),
            nested=source["nested"],
            sentences=source["sentences"],
            label_of=source["lists"],
            plans=source["plans"],
            plan_needs=source.get("plan_needs", {}),
            sections={section: text.splitlines() for section, text in source["sections"].items()},
            phrases={phrase: text.splitlines() for phrase, text in source["phrases"].items()},
            fields={field: common | _word_lists(lists) for field, lists in terms.items()},
        )

    def suits(self, plan: str, field: str) -> bool:
        """Whether the field has the word list that the plan needs."""
        return plan not in self.plan_needs or self.plan_needs[plan] in self.fields[field]


def _read(name: str) -> dict[str, Any]:
    return yaml.safe_load((_FOLDER / f"{name}.yaml").read_text("utf-8"))


def _word_lists(source: dict[str, str]) -> WordLists:
    return {
        name: tuple(Term.parse(entry.strip()) for entry in entries.split(";"))
        for name, entries in source.items()
    }
