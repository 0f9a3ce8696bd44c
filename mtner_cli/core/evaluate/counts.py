"""Counts of right, missed and wrong mentions; they add, and give precision, recall and F1."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counts:
    """How many mentions were found, missed and invented.

    Precision, recall and F1 lie in [0, 1] and are 0.0 where they are undefined.
    """

    true_positives: int = 0
    false_negatives: int = 0
    false_positives: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.true_positives + other.true_positives,
            self.false_negatives + other.false_negatives,
            self.false_positives + other.false_positives,
        )

    @property
    def gold(self) -> int:
        """Annotated mentions."""
        return self.true_positives + self.false_negatives

    @property
    def predicted(self) -> int:
        """Predicted mentions."""
        return self.true_positives + self.false_positives

    @property
    def precision(self) -> float:
        return self.true_positives / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        return self.true_positives / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        relevant = self.gold + self.predicted
        return 2 * self.true_positives / relevant if relevant else 0.0
