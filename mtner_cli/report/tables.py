"""Format scores and ledgers as tables for the terminal and for reports."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mtner_cli.errors import names_text, shown

if TYPE_CHECKING:  # tables are laid out without torch
    from mtner_cli.core.evaluate.nesting import Found, NestingRecall
    from mtner_cli.core.evaluate.scores import CorpusScores, Counts, Evaluation, Scores


Untaught = Mapping[str, Collection[str]]
"""For each corpus, the annotated types that the model learned from no corpus."""

_MEANINGS = {
    "Scores": "",
    "Joined tags": "A type counts as one, whichever corpus taught it.",
    "Separate tags": "A type counts only where the corpus itself taught it.",
    "Foreign predictions": (
        "Of types that the corpus does not annotate: neither right nor wrong, not in the scores."
    ),
    "Nesting": "Recall of gold mentions that lie inside other gold mentions.",
}
"""The title of each table, and what it shows."""
_NOTHING = "-"
"""In place of a score that is undefined, because there is nothing to find or to judge."""


def evaluation_tables(
    evaluation: Evaluation, untaught: Untaught | None = None
) -> list[RenderableType]:
    """Return the tables and notes of an evaluation, as Rich renderables, from top to bottom.

    Scores are percentages. Parts without information are left out: separate tags if they score like
    the joined ones, nesting if no mention is nested, foreign predictions if there are none.
    """
    untaught = untaught or {}
    joined, separate = evaluation.joined, evaluation.separate
    coincide = _coincide(separate, joined)
    title = "Scores" if coincide else "Joined tags"
    parts: list[RenderableType] = [score_table(title, joined, evaluation.joined_matched, untaught)]
    if not coincide:
        matched = evaluation.separate_matched
        parts.append(score_table("Separate tags", separate, matched, untaught))
    if any(corpus.foreign for corpus in evaluation.separate.corpora.values()):
        parts.append(foreign_table(evaluation.separate))
    if any(len(nesting.by_depth) > 1 for nesting in evaluation.nesting.values()):
        parts.append(nesting_table(evaluation.nesting))
    return [*parts, _headline(evaluation), *_notes(evaluation, untaught)]


def score_table(title: str, scores: Scores, matched: Scores, untaught: Untaught) -> RenderableType:
    """Show counts and scores of every type, every corpus (micro) and over all corpora.

    Args:
        title: a key of the titles' meanings.
        scores: scores over all gold mentions.
        matched: scores without the gold mentions that do not match the tokenization; shown in
            additional columns for the corpora that have such mentions.
        untaught: for a corpus with such types, an additional row leaves them out.
    """
    starred = [name for name in scores.corpora if _unmatched_count(scores, matched, name)]
    headings = ["TP", "FN", "FP", "P", "R", "F1"] + ["R*", "F1*"] * bool(starred)
    table = _table(["corpus", "type"], headings)

    def add(corpus: str, what: str, counts: Counts, of_matched: Counts, bold: bool = False) -> None:
        cells = [*_cells(counts), *_cells(of_matched)[4:]] if starred else _cells(counts)
        if counts == of_matched:
            cells = cells[:6]
        table.add_row(corpus, what, *cells, style="bold" if bold else "")

    taught, taught_matched = _taught(scores, untaught), _taught(matched, untaught)
    for name, corpus in scores.corpora.items():
        corpus_name = name
        for tag, counts in corpus.per_tag.items():
            add(corpus_name, tag.entity_type, counts, matched.corpora[name].per_tag[tag])
            corpus_name = ""
        add(corpus_name, "micro", corpus.micro, matched.corpora[name].micro, bold=True)
        if untaught.get(name):
            of_matched = taught_matched.corpora[name].micro
            add("", "micro of taught types", taught.corpora[name].micro, of_matched, bold=True)
        table.add_section()
    if len(scores.corpora) > 1:
        add("all", "micro", scores.micro, matched.micro)
        table.add_row("", "mean of micro", *_mean_cells(scores, matched, starred), style="bold")
        if untaught:
            cells = _mean_cells(taught, taught_matched, starred)
            table.add_row("", "mean of taught types", *cells, style="bold")
    return _titled(title, table)


def _taught(scores: Scores, untaught: Untaught) -> Scores:
    return scores.without(
        {
            corpus: [tag for tag in found.per_tag if tag.entity_type in untaught.get(corpus, ())]
            for corpus, found in scores.corpora.items()
        }
    )


def foreign_table(scores: Scores) -> RenderableType:
    """Show, for each corpus, the number of predictions of types that it does not annotate."""
    table = _table(["corpus", "type"], ["predicted"])
    for name, corpus in scores.corpora.items():
        corpus_name = name
        for tag, count in corpus.foreign.items():
            table.add_row(corpus_name, str(tag), f"{count:,}")
            corpus_name = ""
    return _titled("Foreign predictions", table)


def nesting_table(nesting: Mapping[str, NestingRecall]) -> RenderableType:
    """Show recall by the number of gold mentions around a gold mention."""
    table = _table(["corpus", "inside"], ["found", "of", "R"])
    for name, recall in nesting.items():
        corpus_name = name
        for depth, found in recall.by_depth.items():
            inside = ("no mention", "1 mention")[depth] if depth < 2 else f"{depth} mentions"
            table.add_row(corpus_name, inside, *_found_cells(found))
            corpus_name = ""
        cells = _found_cells(recall.within_own_type)
        table.add_row("", "a mention of its own type", *cells, end_section=True)
    return _titled("Nesting", table)


def _headline(evaluation: Evaluation) -> str:
    """Say which number of the tables is the one to report."""
    scored = [corpus for corpus in evaluation.joined.corpora.values() if corpus.micro.gold]
    if not scored:
        return "There are no gold mentions, so there are no scores."
    value = percent(evaluation.headline_f1)
    if len(scored) == 1:
        return f"The number to report: micro F1 {value}."
    return f"The number to report: F1 {value}, the mean of micro with joined tags."


def percent(value: float) -> str:
    """Format a score in [0, 1] in per cent, with two decimals, as in papers."""
    return f"{100 * value:.2f}"


def _titled(title: str, table: Table) -> RenderableType:
    """Put the title above a table, and a line on what it shows."""
    meaning = _MEANINGS[title]
    return Group(Text(title, style="bold"), *([Text(meaning)] if meaning else []), table)


def _table(names: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    for heading in names:
        table.add_column(heading, overflow="fold")
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _cells(counts: Counts) -> list[str]:
    """Return TP, FN, FP, P, R and F1; scores that are undefined are dashes."""
    relevant = counts.gold + counts.predicted
    return [
        f"{counts.true_positives:,}",
        f"{counts.false_negatives:,}",
        f"{counts.false_positives:,}",
        percent(counts.precision) if counts.predicted else _NOTHING,
        percent(counts.recall) if counts.gold else _NOTHING,
        percent(counts.f1) if relevant else _NOTHING,
    ]


def _mean_cells(scores: Scores, matched: Scores, starred: Sequence[str]) -> list[str]:
    if not any(corpus.micro.gold for corpus in scores.corpora.values()):
        return ["", "", "", *[_NOTHING] * 3]
    means = [scores.mean_precision, scores.mean_recall, scores.mean_f1]
    if starred:
        means += [matched.mean_recall, matched.mean_f1]
    return ["", "", "", *map(percent, means)]


def _found_cells(found: Found) -> list[str]:
    recall = percent(found.recall) if found.total else _NOTHING
    return [f"{found.found:,}", f"{found.total:,}", recall]


def _unmatched_count(scores: Scores, matched: Scores, corpus: str) -> int:
    return scores.corpora[corpus].micro.gold - matched.corpora[corpus].micro.gold


def _coincide(separate: Scores, joined: Scores) -> bool:
    def by_type(corpus: CorpusScores) -> list[tuple[str, Counts]]:
        return sorted(
            ((tag.entity_type, counts) for tag, counts in corpus.per_tag.items()),
            key=lambda row: row[0],
        )

    return all(
        by_type(corpus) == by_type(joined.corpora[name])
        for name, corpus in separate.corpora.items()
    )


def _notes(evaluation: Evaluation, untaught: Untaught) -> Iterator[str]:
    for name, corpus in evaluation.joined.corpora.items():
        if not corpus.micro.gold:
            yield f"{name}: there are no gold mentions, so it has no score."
        unmatched = _unmatched_count(evaluation.joined, evaluation.joined_matched, name)
        if unmatched:
            yield (
                f"{name}: {unmatched:,} of {corpus.micro.gold:,} gold mentions do not start and "
                "end at word boundaries of the tokenizer, so no prediction can equal them. They "
                "count as missed; the columns with * leave them out."
            )
        for tag, count in corpus.unscored_gold.items():
            yield f"{name}: {count:,} gold mentions of type {tag} are not scored."
        if names := untaught.get(name):
            left_out = ", ".join(f"{shown(type_name)}: null" for type_name in names)
            yield (
                f"{name}: the model was never taught {names_text(names)}, so all their mentions "
                f"count as missed. To leave them out, give this corpus tag_dict: {{{left_out}}}."
            )
