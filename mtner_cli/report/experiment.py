"""What an experiment is about to do, as tables."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from mtner_cli.core.corpus.splits import CorpusSplit
from mtner_cli.core.experiment.training import PreparedTraining


def experiment_tables(prepared: PreparedTraining, device: str) -> Iterator[RenderableType]:
    """Corpora and settings, and what will not be trained on."""
    yield _corpora(prepared)
    yield _settings(prepared, device)
    if unmerged := prepared.unmerged_corpora:
        yield Text(
            f"Not merged, for want of document separators: {', '.join(unmerged)}; "
            "data_transform.merge_sents.force_merge takes each as one document.",
            style="yellow",
        )
    for split in prepared.train:
        if not split.entity_types:
            yield Text(
                f"{split.corpus}: its training split holds no mention, so nothing is learned "
                "from it but where there is none.",
                style="yellow",
            )
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
