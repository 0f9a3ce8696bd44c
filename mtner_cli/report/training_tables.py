"""Show what a training reads and how long it is, before it starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from mtner_cli.config.contradictions import settings_without_effect
from mtner_cli.core.corpus.splits import CorpusSplit
from mtner_cli.core.experiment.dry_run import DiskNeeds, TimeEstimate
from mtner_cli.core.experiment.resume import ResumedRun
from mtner_cli.core.experiment.training import PreparedTraining
from mtner_cli.core.model.encoder_files import EncoderWeights
from mtner_cli.core.train.schedule import rates_at


def experiment_tables(prepared: PreparedTraining, device: str) -> Iterator[RenderableType]:
    """Yield corpora, settings and notes on what training leaves out."""
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
    width = prepared.chosen_for_width
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
        f"{unit} {times_text(length.passes)}",
        "learning rates": f"encoder {rates.embed_model.lr:g}, tagger {rates.pred_model.lr:g}"
        + (f", for an encoder of width {width}" if width else ""),
    }
    return _rows(rows)


def _rows(rows: Mapping[str, str]) -> Table:
    table = Table(box=None, show_header=False)
    for name, value in rows.items():
        table.add_row(name, value)
    return table


_PLACES = {
    "package": "in the installed package",
    "folder": "in its folder",
    "cache": "in the download cache",
    "hub": "not on this machine; the training downloads them from the Hugging Face hub",
}


def dry_run_table(
    weights: EncoderWeights, needs: DiskNeeds, estimate: TimeEstimate | None
) -> Table:
    """Show what a dry run found.

    Args:
        weights: the encoder's weights.
        needs: the room for checkpoints.
        estimate: the time of the training; None if no step could be timed.
    """
    size = f", {size_text(weights.size)}" if weights.size else ""
    rows = {
        "weights": f"{_PLACES[weights.place]}{size}",
        "disk": f"checkpoints take up to {size_text(needs.needed)}; {size_text(needs.free)} free",
    }
    if estimate is None:
        rows["time"] = "not estimated, because the encoder is not here"
    else:
        training, scoring = duration(estimate.training), duration(estimate.scoring)
        rows["an epoch takes"] = f"about {training} to train and {scoring} to score"
        rows["in all"] = (
            f"about {duration(estimate.total)} at most; measured on "
            f"{_counted(estimate.timed_steps, 'step')} and "
            f"{_counted(estimate.timed_sentences, 'sentence')}"
        )
    return _rows(rows)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def size_text(size: int) -> str:
    """Format a number of bytes, such as ``91 MB``."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if size >= factor:
            return f"{size / factor:,.{1 if size < 10 * factor else 0}f} {unit}"
    return f"{size / 1e3:,.0f} kB"


def duration(seconds: float) -> str:
    """Format a time by its two largest units, such as ``3 h 20 min``."""
    whole = round(seconds)
    for unit, length, smaller, part in (
        ("days", 86_400, "h", 3600),
        ("h", 3600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if whole >= length:
            return f"{whole // length:,} {unit} {whole % length // part} {smaller}"
    return f"{whole} s" if whole else "under 1 s"


def _epoch_text(prepared: PreparedTraining, unit: str) -> str:
    """Describe what an epoch draws; several corpora are drawn equally often, not all of each."""
    length, corpora = prepared.length, len(prepared.train)
    if length.drawn == length.inputs:
        return f"reads all {length.inputs:,} {unit}s"
    drawn = f"draws {length.drawn:,} of {length.inputs:,} {unit}s"
    if corpora > 1:
        drawn += f", about {round(length.drawn / corpora):,} of each corpus"
    return f"{drawn}; {_short(length.epochs_of_pass)} epochs read each once on average"


def times_text(number: float) -> str:
    """Write how often something is done, with one decimal at most."""
    text = _short(number)
    return "once" if text == "1" else f"{text} times"


def _short(number: float) -> str:
    """Format a number with one decimal, or none if it is nearly whole."""
    return f"{number:,.1f}".removesuffix(".0")
