"""Format scores, settings and ledgers as tables for the terminal and for reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from mtner_cli.errors import MOST_CHARACTERS

if TYPE_CHECKING:  # conversions print tables, too, and do without torch
    from mtner_cli.core.convert.ledger import Entry, Ledger
    from mtner_cli.core.corpus.splits import CorpusSplit
    from mtner_cli.core.evaluate.nesting import Found, NestingRecall
    from mtner_cli.core.evaluate.scores import CorpusScores, Counts, Evaluation, Scores
    from mtner_cli.core.experiment.training import PreparedTraining


def evaluation_tables(evaluation: Evaluation) -> list[RenderableType]:
    """Return the tables and notes of an evaluation, as Rich renderables, from top to bottom.

    Scores are percentages. Parts without information are left out: separate tags if they score like
    the joined ones, nesting if no mention is nested, foreign predictions if there are none.
    """
    if _coincide(evaluation.separate, evaluation.joined):
        parts: list[RenderableType] = [
            score_table("Scores", evaluation.joined, evaluation.joined_matched)
        ]
    else:
        parts = [
            score_table("Joined tags", evaluation.joined, evaluation.joined_matched),
            score_table("Separate tags", evaluation.separate, evaluation.separate_matched),
        ]
    if any(corpus.foreign for corpus in evaluation.separate.corpora.values()):
        parts.append(foreign_table(evaluation.separate))
    if any(len(nesting.by_depth) > 1 for nesting in evaluation.nesting.values()):
        parts.append(nesting_table(evaluation.nesting))
    return [*parts, *_notes(evaluation)]


def score_table(title: str, scores: Scores, matched: Scores) -> Table:
    """Show counts and scores of every type, every corpus (micro) and the mean over corpora.

    Args:
        title: the title above the table.
        scores: scores over all gold mentions.
        matched: scores without the gold mentions that do not match the tokenization; shown in
            additional columns if they differ.
    """
    differs = any(_unmatched_count(scores, matched, corpus) for corpus in scores.corpora)
    headings = ["TP", "FN", "FP", "P", "R", "F1"] + ["R*", "F1*"] * differs
    table = _table(title, ["corpus", "type"], headings)
    for name, corpus in scores.corpora.items():
        corpus_name = name
        for tag, counts in corpus.per_tag.items():
            cells = _cells(counts, matched.corpora[name].per_tag[tag])
            table.add_row(corpus_name, tag.entity_type, *cells[: len(headings)])
            corpus_name = ""
        cells = _cells(corpus.micro, matched.corpora[name].micro)
        table.add_row(corpus_name, "micro", *cells[: len(headings)], style="bold", end_section=True)
    if len(scores.corpora) > 1:
        cells = ["", "", "", *_mean_cells(scores), *_mean_cells(matched)[1:]]
        table.add_row("all", "mean of micro", *cells[: len(headings)], style="bold")
    return table


def foreign_table(scores: Scores) -> Table:
    """Show, for each corpus, the number of predictions of types that it does not annotate."""
    table = _table("Foreign predictions", ["corpus", "type"], ["predicted"])
    for name, corpus in scores.corpora.items():
        corpus_name = name
        for tag, count in corpus.foreign.items():
            table.add_row(corpus_name, str(tag), f"{count:,}")
            corpus_name = ""
    return table


def nesting_table(nesting: Mapping[str, NestingRecall]) -> Table:
    """Show recall by the number of gold mentions around a gold mention."""
    table = _table("Nesting", ["corpus", "inside"], ["found", "of", "R"])
    for name, recall in nesting.items():
        corpus_name = name
        for depth, found in recall.by_depth.items():
            inside = ("no mention", "1 mention")[depth] if depth < 2 else f"{depth} mentions"
            table.add_row(corpus_name, inside, *_found_cells(found))
            corpus_name = ""
        cells = _found_cells(recall.within_own_type)
        table.add_row("", "a mention of its own type", *cells, end_section=True)
    return table


def percent(value: float) -> str:
    """Format a score in [0, 1] in per cent, with two decimals, as in papers."""
    return f"{100 * value:.2f}"


def _table(title: str, names: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table(
        title=title,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        collapse_padding=True,
        pad_edge=False,
    )
    for heading in names:
        table.add_column(heading, overflow="fold")
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _cells(counts: Counts, matched: Counts) -> list[str]:
    return [
        f"{counts.true_positives:,}",
        f"{counts.false_negatives:,}",
        f"{counts.false_positives:,}",
        percent(counts.precision),
        percent(counts.recall),
        percent(counts.f1),
        percent(matched.recall),
        percent(matched.f1),
    ]


def _mean_cells(scores: Scores) -> list[str]:
    return [percent(scores.mean_precision), percent(scores.mean_recall), percent(scores.mean_f1)]


def _found_cells(found: Found) -> list[str]:
    return [f"{found.found:,}", f"{found.total:,}", percent(found.recall)]


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


def _notes(evaluation: Evaluation) -> Iterator[str]:
    for name, corpus in evaluation.joined.corpora.items():
        unmatched = _unmatched_count(evaluation.joined, evaluation.joined_matched, name)
        if unmatched:
            yield (
                f"{name}: {unmatched:,} of {corpus.micro.gold:,} gold mentions do not start and "
                "end at word boundaries of the tokenizer, so no prediction can equal them. They "
                "count as missed; the columns with * leave them out."
            )
        for tag, count in corpus.unscored_gold.items():
            yield f"{name}: {count:,} gold mentions of type {tag} are not scored."


def experiment_tables(prepared: PreparedTraining, device: str) -> Iterator[RenderableType]:
    """Yield corpora, settings and notes on what training leaves out."""
    from mtner_cli.config.contradictions import settings_without_effect

    yield _corpora(prepared)
    yield _settings(prepared, device)
    if unmerged := prepared.unmerged_corpora:
        yield Text(
            f"Not merged, because there are no document separators: {', '.join(unmerged)}; "
            "data_transform.merge_sents.force_merge takes each as one document.",
            style="yellow",
        )
    for split in prepared.train:
        if not split.entity_types:
            yield Text(
                f"{split.corpus}: its training split holds no mention, so the model learns "
                "from it only where there is none.",
                style="yellow",
            )
    for note in settings_without_effect(prepared.config):
        yield Text(note, style="yellow")
    for reason, count in sorted(prepared.notes.left_out.items()):
        yield Text(f"Not trained on, but scored: {count} {reason}.", style="yellow")


def _corpora(prepared: PreparedTraining) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("corpus", "split"):
        table.add_column(heading)
    for heading in ("documents", "sentences", "mentions"):
        table.add_column(heading, justify="right")
    table.add_column("entity types")
    for name, splits in (("train", prepared.train), ("dev", prepared.dev)):
        for split in splits:
            table.add_row(split.corpus, name, *_numbers(split))
    return table


def _numbers(split: CorpusSplit) -> list[str]:
    documents = len({sentence.document for sentence in split.sentences} - {None})
    mentions = sum(len(sentence.mentions) for sentence in split.sentences)
    types = ", ".join(sorted(split.entity_types))
    if split.dropped:
        types += f" (left out: {', '.join(sorted(split.dropped))})"
    return [
        f"{documents:,}" if documents else "-",
        f"{len(split.sentences):,}",
        f"{mentions:,}",
        types,
    ]


def _settings(prepared: PreparedTraining, device: str) -> Table:
    config = prepared.config
    rates = config.train.optimizers
    rows = {
        "output": str(config.output_dir),
        "device": device,
        "encoder": config.models.embed_model.pretrained_name,
        "inputs": f"{len(prepared.examples):,} to train on",
        "actions": str(prepared.description.vocabulary.size),
        "epochs": f"{config.train.num_epochs} at most, {prepared.steps_per_epoch} steps each",
        "learning rates": f"encoder {rates.embed_model.lr:g}, tagger {rates.pred_model.lr:g}",
    }
    table = Table(box=None, show_header=False)
    for name, value in rows.items():
        table.add_row(name, value)
    return table


PLACES_SHOWN = 3


def print_ledgers(ledgers: Mapping[str, Ledger], console: Console) -> None:
    """Print tables of what a conversion wrote, repaired and dropped.

    Args:
        ledgers: the ledgers by the heading of their column, such as ``train``.
        console: the console to print to.
    """
    console.print(_counts(ledgers))
    for title in ("repairs", "dropped"):
        reasons: dict[str, list[Entry]] = {}
        for ledger in ledgers.values():
            found = ledger.repairs if title == "repairs" else ledger.dropped
            for reason, entries in found.items():
                reasons.setdefault(reason, []).extend(entries)
        if reasons:
            console.print(_entries(title, reasons))
        elif title == "dropped":
            console.print("Nothing was dropped.")
    unwanted: Counter[str] = Counter()
    for ledger in ledgers.values():
        unwanted.update({name: len(entries) for name, entries in ledger.unwanted.items()})
    if unwanted:
        counts = ", ".join(f"{_cut(name)} {count:,}" for name, count in unwanted.most_common())
        console.print(f"Left out as the type map says: {unwanted.total():,} mentions ({counts}).")


def _counts(ledgers: Mapping[str, Ledger]) -> Table:
    table = Table("written", box=box.SIMPLE_HEAD)
    for name in ledgers:
        table.add_column(name, justify="right")
    columns = ledgers.values()
    table.add_row("documents", *(_number(ledger.documents) for ledger in columns))
    table.add_row("sentences", *(_number(ledger.sentences) for ledger in columns))
    table.add_row("words", *(_number(ledger.words) for ledger in columns))
    table.add_row("mentions", *(_number(ledger.mentions.total()) for ledger in columns))
    for entity_type in sorted({name for ledger in columns for name in ledger.mentions}):
        counts = (_number(ledger.mentions[entity_type]) for ledger in columns)
        table.add_row(f"  {_cut(entity_type)}", *counts)
    return table


def _cut(text: str) -> str:
    """Cut a name or text from a file to what a terminal can show."""
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}..."


def _number(count: int) -> str:
    return f"{count:,}" if count else "-"


def _entries(title: str, reasons: Mapping[str, list[Entry]]) -> Table:
    table = Table(title, box=box.SIMPLE_HEAD)
    table.add_column("count", justify="right")
    table.add_column("for example", overflow="fold")
    for reason, entries in reasons.items():
        examples = [f"{place} {_cut(what)}" for place, what in entries[:PLACES_SHOWN]]
        if len(entries) > PLACES_SHOWN:
            examples.append("...")
        table.add_row(_cut(reason), f"{len(entries):,}", "\n".join(examples))
    return table
