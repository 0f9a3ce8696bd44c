"""Rename or drop entity types while a corpus is converted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.convert.source import SourceSentence
from mtner_cli.core.types import Span

TypeMap = Mapping[str, str | None]
"""The name to write for a type, or None to drop it; ``*`` stands for all types not named."""

ALL_OTHERS = "*"


def map_types(source: SourceSentence, types: TypeMap, ledger: Ledger) -> SourceSentence:
    """The sentence with its types renamed; a type that is not named, and no ``*``, stays.

    Mentions of dropped types are counted in the ledger, a reason for each type.
    """
    mentions: list[Span] = []
    for mention in source.mentions:
        name = types.get(mention.tag, types.get(ALL_OTHERS, mention.tag))
        if name is None:
            reason = f"mention of type {mention.tag}, which the type map drops"
            ledger.keep_out(reason, source.place, f"[{mention.start}, {mention.end})")
        else:
            mentions.append(Span(mention.start, mention.end, name))
    return replace(source, mentions=tuple(mentions))
