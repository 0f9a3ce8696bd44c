"""The recurrence in inference: the model's own decisions move the pointer.

Shapes: B sentences, S slots (CLS, words, SEP), T timesteps, A actions, d width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.decode.mentions import DecodedActions
from mtner_cli.core.model.slot_memory import SlotMemory
from mtner_cli.core.model.slot_tagger import SlotTagger

# A word is consumed after this many timesteps that did not want to: a sentence always ends, and no
# sentence is cut short for having many mentions. Real nesting opens or closes one tag at one place
# a few times at most.
MAX_STEPS_PER_WORD = 16
# How many steps are taken before finished sentences are looked for; each look is a synchronisation
# on a GPU.
STEPS_AT_ONCE = 8
# A batch is made smaller once this share of its sentences has finished.
FINISHED_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class _Reading:
    """How far the sentences of a running batch have been read; (B,) each.

    Attributes:
        rows: which sentences of the whole batch these are.
        words: how many words each has.
        pointer: the slot of the next word.
        centre: the slot that was written last.
        waited: timesteps since a word was consumed.
        ended: whether the sentence has ended.
    """

    rows: Tensor
    words: Tensor
    pointer: Tensor
    centre: Tensor
    waited: Tensor
    ended: Tensor

    def of(self, kept: Tensor) -> _Reading:
        return _Reading(*(getattr(self, field.name)[kept] for field in fields(self)))


@dataclass(frozen=True, slots=True)
class _Steps:
    """Some timesteps of the sentences ``rows`` (B,): logits (B, n, A), and two flags (B, n)."""

    rows: Tensor
    logits: Tensor
    consumed: Tensor
    ends: Tensor


@torch.inference_mode()
def infer_actions(
    tagger: SlotTagger,
    slots: Tensor,
    slot_mask: Tensor,
    words: Tensor,
    vocabulary: ActionVocabulary,
    max_steps_per_word: int = MAX_STEPS_PER_WORD,
) -> DecodedActions:
    """Step until every sentence has ended itself or has consumed all its words.

    A sentence ends at a timestep where EOA is above 0.5 or the most probable action, or that would
    consume a word when none is left. Mentions may still close after the last word.

    Args:
        slots: (B, S, d), float32.
        slot_mask: (B, S), bool, False on padding.
        words: (B,), int64, the number of words of each sentence.
        max_steps_per_word: the word is consumed at this many timesteps at the latest.
    """
    memory = tagger.open_memory(slots, slot_mask)
    rows = torch.arange(len(slots), device=slots.device)
    none = torch.zeros_like(rows)
    reading = _Reading(rows, words, torch.ones_like(rows), none, none, none > 0)
    consuming = torch.zeros(vocabulary.size, dtype=torch.bool, device=slots.device)
    consuming[list(vocabulary.consuming)] = True
    history: list[_Steps] = []
    while True:
        reading, steps = _read_on(memory, reading, consuming, max_steps_per_word)
        history.append(steps)
        kept = (~reading.ended).nonzero().squeeze(1)
        if len(kept) == 0:
            return _collect(history)
        if len(kept) <= len(reading.rows) * (1 - FINISHED_SHARE):
            memory, reading = memory.rows(kept), reading.of(kept)


def _read_on(
    memory: SlotMemory, reading: _Reading, consuming: Tensor, max_steps_per_word: int
) -> tuple[_Reading, _Steps]:
    """Take ``STEPS_AT_ONCE`` timesteps; those of ended sentences have no meaning."""
    pointer, centre, waited = reading.pointer, reading.centre, reading.waited
    last_pointer = reading.words + 1
    taken = []
    for _ in range(STEPS_AT_ONCE):
        logits = memory.step(0, centre, pointer).logits
        consumes = consuming[logits.argmax(-1)] | (waited >= max_steps_per_word - 1)
        taken.append((logits, consumes, pointer))
        centre = pointer
        pointer = torch.minimum(pointer + consumes, last_pointer)
        waited = (waited + 1).masked_fill_(consumes, 0)
    logits, consumed, pointers = (torch.stack(values, 1) for values in zip(*taken, strict=True))
    wants_end = logits.argmax(-1) == ActionVocabulary.EOA
    ends = (
        wants_end
        | (logits[..., ActionVocabulary.EOA] > 0)
        | (consumed & (pointers > reading.words.unsqueeze(1)))
    )
    steps = _Steps(reading.rows, logits, consumed, ends)
    ended = reading.ended | ends.any(1)
    return _Reading(reading.rows, reading.words, pointer, centre, waited, ended), steps


def _collect(history: Sequence[_Steps]) -> DecodedActions:
    """Put the timesteps of a shrinking batch side by side and move them to the host at once."""
    batch, at_once, actions = history[0].logits.shape
    total = len(history) * at_once
    logits = history[0].logits.new_zeros(batch, total, actions)
    flags = torch.zeros(2, batch, total, dtype=torch.bool, device=logits.device)
    for number, steps in enumerate(history):
        here = slice(number * at_once, (number + 1) * at_once)
        logits[steps.rows, here] = steps.logits
        flags[0, steps.rows, here] = steps.consumed
        flags[1, steps.rows, here] = steps.ends
    consumed, ends = flags.cpu().numpy()
    return DecodedActions(logits.sigmoid_().cpu().numpy(), consumed, ends.argmax(1) + 1)
