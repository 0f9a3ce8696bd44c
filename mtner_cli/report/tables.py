"""Format scores, settings and ledgers as tables for the terminal and for reports."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mtner_cli.errors import names_text, shown

if TYPE_CHECKING:  # tables are laid out without torch
    from mtner_cli.core.corpus.splits import CorpusSplit
    from mtner_cli.core.evaluate.nesting import Found, NestingRecall
    from mtner_cli.core.evaluate.scores import CorpusScores, Counts, Evaluation, Scores
    from mtner_cli.core.experiment.resume import ResumedRun
    from mtner_cli.core.experiment.training import PreparedTraining


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
    if prepared.resumed is not None and not prepared.resumed.is_finished:
        yield from _resumed_notes(prepared, prepared.resumed)
    for note in settings_without_effect(prepared.config):
        yield Text(note, style="yellow")
    for reason, count in sorted(prepared.notes.left_out.items()):
        yield Text(f"Not trained on, but scored: {count} {reason}.", style="yellow")


def _resumed_notes(prepared: PreparedTraining, run: ResumedRun) -> Iterator[str]:
    """Say where a resumed training continues, and what a changed length does to its rates."""
    from mtner_cli.core.train.schedule import rates_at

    step = run.progress.step
    yield f"Resumed in epoch {run.progress.epoch + 1}, after step {step:,}."
    if run.before.epochs != prepared.length.epochs:
        optimizers = prepared.config.train.optimizers
        new, old = (
            ", ".join(f"{part} {rate:.2g}" for part, rate in rates.items())
            for rates in (
                rates_at(step, optimizers, prepared.length),
                rates_at(step, optimizers, run.before),
            )
        )
        yield (
            f"The training now has {prepared.length.epochs:,} epochs instead of "
            f"{run.before.epochs:,}. From here on the learning rates are those of a training that "
            f"was started with as many; for the next step {new} instead of {old}."
        )


def _corpora(prepared: PreparedTraining) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("corpus", "split"):
        table.add_column(heading)
    for heading in ("documents", "sentences", "mentions"):
        table.add_column(heading, justify="right")
    table.add_column("entity types")
    parts = {"train": prepared.train, "dev": prepared.dev, "test": prepared.test}
    for name, splits in parts.items():
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
    length = prepared.length
    sentences = sum(len(split.sentences) for split in prepared.train)
    unit = "sentence" if length.inputs == sentences else "input"
    rows = {
        "output": str(config.output_dir),
        "device": device,
        "encoder": config.models.embed_model.pretrained_name,
        "actions": str(prepared.description.vocabulary.size),
        "inputs": f"{length.inputs:,} to train on",
        "an epoch": _epoch_text(prepared, unit),
        "epochs": f"{length.epochs:,} at most, {length.steps:,} steps each, which read each "
        f"{unit} {_short(length.passes)} times",
        "learning rates": f"encoder {rates.embed_model.lr:g}, tagger {rates.pred_model.lr:g}",
    }
    table = Table(box=None, show_header=False)
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _epoch_text(prepared: PreparedTraining, unit: str) -> str:
    """Describe what an epoch draws; several corpora are drawn equally often, not all of each."""
    length, corpora = prepared.length, len(prepared.train)
    if length.drawn == length.inputs:
        return f"reads all {length.inputs:,} {unit}s"
    drawn = f"draws {length.drawn:,} of {length.inputs:,} {unit}s"
    if corpora > 1:
        drawn += f", about {round(length.drawn / corpora):,} of each corpus"
    return f"{drawn}; {_short(length.epochs_of_pass)} epochs read each once on average"


def _short(number: float) -> str:
    """Format a number with one decimal, or none if it is nearly whole."""
    return f"{number:,.1f}".removesuffix(".0")
