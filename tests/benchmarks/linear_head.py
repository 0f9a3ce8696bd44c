"""What the slot model is held against: a linear BIO head on the same encoder and batches.

B sentences, N subwords, C labels (O, and B and I of each entity type).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mtner_cli.core.features.batch import Batch
from mtner_cli.core.types import ScoredMention, Tag

OUTSIDE = 0
NO_LABEL = -100


class LinearHead(nn.Module):
    """Labels a word by its first subword. It cannot tell nested mentions."""

    def __init__(self, encoder: Any, tags: Sequence[Tag]) -> None:
        super().__init__()
        self.encoder = encoder
        self.tags = tuple(tags)
        self.dropout = nn.Dropout(0.1)
        self.tagger = nn.Linear(encoder.config.hidden_size, 1 + 2 * len(self.tags))

    def logits(self, batch: Batch) -> Tensor:
        """(B, N, C)."""
        hidden = self.encoder(
            input_ids=batch.input_ids, attention_mask=batch.attention_mask
        ).last_hidden_state
        return self.tagger(self.dropout(hidden))

    def forward(self, batch: Batch) -> Tensor:
        """The batch's training loss."""
        labels = torch.from_numpy(self.labels(batch)).to(batch.input_ids.device)
        return functional.cross_entropy(
            self.logits(batch).flatten(0, 1), labels.flatten(), ignore_index=NO_LABEL
        )

    def labels(self, batch: Batch) -> np.ndarray:
        """(B, N), the gold label of each word's first subword."""
        labels = np.full(batch.input_ids.shape, NO_LABEL)
        for row, example in enumerate(batch.examples):
            of_word = np.zeros(example.words, dtype=np.int64)
            for start, end, tag in (gold for segment in example.segments for gold in segment.gold):
                begin = 1 + 2 * self.tags.index(tag)
                of_word[start] = begin
                of_word[start + 1 : end] = begin + 1
            labels[row, _first_subwords(example.slot_of_subword)] = of_word
        return labels

    @torch.inference_mode()
    def predict(self, batch: Batch) -> list[list[ScoredMention]]:
        """The mentions of each sentence; one transfer a batch."""
        labels = self.logits(batch).argmax(-1).cpu().numpy()
        return [
            self._mentions(labels[row, _first_subwords(example.slot_of_subword)].tolist())
            for row, example in enumerate(batch.examples)
        ]

    def _mentions(self, labels: list[int]) -> list[ScoredMention]:
        mentions, start, inside = [], 0, OUTSIDE
        for word, label in enumerate([*labels, OUTSIDE]):
            if inside and label != inside:
                mentions.append(ScoredMention(start, word, self.tags[(inside - 1) // 2], 1.0))
                inside = OUTSIDE
            if label and not inside:
                # An I without a B opens a mention, too.
                start, inside = word, label + label % 2
        return mentions


def _first_subwords(slot_of_subword: np.ndarray) -> np.ndarray:
    """Where each word's first subword stands, CLS and SEP left out."""
    return np.flatnonzero(np.diff(slot_of_subword))[:-1] + 1
