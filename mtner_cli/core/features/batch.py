"""Put examples together into batches.

Shapes: B sentences, N subwords, S slots, T timesteps, A actions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.features.examples import Example


@dataclass(frozen=True, slots=True)
class GoldTimesteps:
    """The gold actions of a batch.

    Attributes:
        rows: (B, T, A), multi-hot, zero after a sentence's last timestep.
        lengths: (B,), int64, timesteps of each sentence, EOA included.
        foreign: (B, A), bool, actions of tags that the sentence's corpus does not annotate;
            None where there is only one corpus.
        consuming: the actions that consume a word.
    """

    rows: Tensor
    lengths: Tensor
    foreign: Tensor | None
    consuming: tuple[int, ...] = (ActionVocabulary.SHIFT,)

    def to(self, device: torch.device) -> GoldTimesteps:
        return GoldTimesteps(
            self.rows.to(device, non_blocking=True),
            self.lengths.to(device, non_blocking=True),
            None if self.foreign is None else self.foreign.to(device, non_blocking=True),
            self.consuming,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The input of the model.

    Attributes:
        input_ids: (B, N), int64.
        attention_mask: (B, N), int64, 0 on padding.
        slot_of_subword: (B, N), int64, ascending; S (which is no slot) on padding.
        words: (B,), int64, number of words of each sentence.
        slots: S, the greatest number of words plus two.
        gold: the gold actions; None outside training.
        examples: the B examples.
    """

    input_ids: Tensor
    attention_mask: Tensor
    slot_of_subword: Tensor
    words: Tensor
    slots: int
    gold: GoldTimesteps | None
    examples: tuple[Example, ...]

    @property
    def slot_mask(self) -> Tensor:
        """Slots that a sentence has: (B, S), bool, False on padding."""
        places = torch.arange(self.slots, device=self.words.device)
        return places < self.words.unsqueeze(1) + 2

    def to(self, device: torch.device) -> Batch:
        return replace(
            self,
            input_ids=self.input_ids.to(device, non_blocking=True),
            attention_mask=self.attention_mask.to(device, non_blocking=True),
            slot_of_subword=self.slot_of_subword.to(device, non_blocking=True),
            words=self.words.to(device, non_blocking=True),
            gold=None if self.gold is None else self.gold.to(device),
        )

    def parts(self, tokens: int) -> Iterator[Batch]:
        """Split the batch into groups of sentences, each padded to its own longest sentence.

        Every group keeps all S slots and has no gold actions.

        Args:
            tokens: subwords of a group at most, the batch's padding included; a group has at least
                one sentence.
        """
        rows = max(1, tokens // self.input_ids.shape[1])
        for first in range(0, len(self.words), rows):
            some = slice(first, first + rows)
            longest = int(self.attention_mask[some].sum(1).max())
            yield replace(
                self,
                input_ids=self.input_ids[some, :longest],
                attention_mask=self.attention_mask[some, :longest],
                slot_of_subword=self.slot_of_subword[some, :longest],
                words=self.words[some],
                gold=None,
                examples=self.examples[some],
            )


@dataclass(frozen=True)
class Collator:
    """Turns examples into batches.

    Attributes:
        foreign: for each corpus (A,), bool, the actions of tags that it does not annotate; None
            where no corpus has any.
    """

    vocabulary: ActionVocabulary
    pad_id: int
    foreign: Mapping[str, Tensor] | None = None

    def __call__(self, examples: Sequence[Example]) -> Batch:
        longest = max(len(example.input_ids) for example in examples)
        slots = max(example.words for example in examples) + 2
        ids = np.full((len(examples), longest), self.pad_id, dtype=np.int64)
        places = np.full((len(examples), longest), slots, dtype=np.int64)
        mask = np.zeros((len(examples), longest), dtype=np.int64)
        for row, example in enumerate(examples):
            length = len(example.input_ids)
            ids[row, :length] = example.input_ids
            places[row, :length] = example.slot_of_subword
            mask[row, :length] = 1
        return Batch(
            input_ids=torch.from_numpy(ids),
            attention_mask=torch.from_numpy(mask),
            slot_of_subword=torch.from_numpy(places),
            words=torch.tensor([example.words for example in examples]),
            slots=slots,
            gold=self._gold(examples),
            examples=tuple(examples),
        )

    def _gold(self, examples: Sequence[Example]) -> GoldTimesteps | None:
        if any(example.timesteps is None for example in examples):
            return None
        timesteps = [example.timesteps or () for example in examples]
        rows = np.zeros(
            (len(examples), max(map(len, timesteps)), self.vocabulary.size), dtype=np.float32
        )
        for sentence, steps in enumerate(timesteps):
            for step, actions in enumerate(steps):
                rows[sentence, step, list(actions)] = 1
        foreign = None
        if self.foreign is not None:
            foreign = torch.stack([_foreign(example, self.foreign) for example in examples])
        return GoldTimesteps(
            torch.from_numpy(rows),
            torch.tensor([len(steps) for steps in timesteps]),
            foreign,
            self.vocabulary.consuming,
        )


def _foreign(example: Example, foreign_to: Mapping[str, Tensor]) -> Tensor:
    """Return (A,), bool, the actions that are foreign to each corpus of the example."""
    foreign = foreign_to[example.corpus]
    if example.appended_corpus is not None:
        foreign = foreign & foreign_to[example.appended_corpus]
    return foreign


def batches_by_length(
    examples: Sequence[Example], tokens_per_batch: int
) -> Iterator[list[Example]]:
    """Yield batches for inference, each of examples of similar length.

    The longest examples come first, so that a batch that does not fit the memory fails at once.

    Args:
        tokens_per_batch: subwords of a batch at most, padding included; an example that is longer
            makes a batch alone.
    """
    batch: list[Example] = []
    longest = 0
    for example in sorted(examples, key=lambda example: -len(example.input_ids)):
        longest = max(longest, len(example.input_ids))
        if batch and longest * (len(batch) + 1) > tokens_per_batch:
            yield batch
            batch, longest = [], len(example.input_ids)
        batch.append(example)
    if batch:
        yield batch
