"""The recurrence in inference: the model's own decisions move the pointer.

Shapes: B sentences, S slots (CLS, words, SEP), T timesteps, A actions, d width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.decode.mentions import DecodedActions
from mtner_cli.core.model.slot_memory import soft_actions
from mtner_cli.core.model.tagger import SlotTagger

# A word is consumed after this many timesteps that did not want to: a sentence always ends, and no
# sentence is cut short for having many mentions. Real nesting opens or closes one tag at one place
# a few times at most.
MAX_STEPS_PER_WORD = 16
# How often finished sentences are looked for; each look is a synchronisation on a GPU.
STEPS_BETWEEN_CHECKS = 8
# A batch is made smaller once this share of its sentences has finished.
FINISHED_SHARE = 0.25


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
    batch = len(slots)
    rows = torch.arange(batch, device=slots.device)
    pointer, centre = torch.ones_like(rows), torch.zeros_like(rows)
    waited = torch.zeros_like(rows)
    ended = torch.zeros_like(rows, dtype=torch.bool)
    consuming = torch.zeros(vocabulary.size, dtype=torch.bool, device=slots.device)
    consuming[list(vocabulary.consuming)] = True
    history: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    step = 0
    while True:
        attention = memory.latent_scores(centre, step).amax(1).softmax(-1)
        logits = memory.logits(memory.hidden(attention, pointer))
        best = logits.argmax(-1)
        consumes = consuming[best] | (waited >= max_steps_per_word - 1)
        history.append((rows, logits, consumes, ~ended))
        ends = (best == ActionVocabulary.EOA) | (logits[:, ActionVocabulary.EOA] > 0)
        ended = ended | ends | (consumes & (pointer > words))
        step += 1
        if step % STEPS_BETWEEN_CHECKS == 0:
            kept = (~ended).nonzero().squeeze(1)
            if len(kept) == 0:
                break
        memory.write(soft_actions(logits, vocabulary.SHIFT), pointer)
        centre = pointer
        pointer = torch.minimum(pointer + consumes, words + 1)
        waited = (waited + 1) * ~consumes
        if step % STEPS_BETWEEN_CHECKS == 0 and len(kept) <= len(rows) * (1 - FINISHED_SHARE):
            memory = memory.rows(kept)
            rows, pointer, centre, waited, words, ended = (
                values[kept] for values in (rows, pointer, centre, waited, words, ended)
            )
    return _collect(history, batch, vocabulary.size)


def _collect(
    history: list[tuple[Tensor, Tensor, Tensor, Tensor]], batch: int, actions: int
) -> DecodedActions:
    """Put the timesteps of a shrinking batch side by side and move them to the host at once."""
    device = history[0][1].device
    probabilities = torch.zeros(batch, len(history), actions, device=device)
    flags = torch.zeros(2, batch, len(history), dtype=torch.bool, device=device)
    for step, (rows, logits, consumes, alive) in enumerate(history):
        probabilities[rows, step] = logits
        flags[0, rows, step] = consumes
        flags[1, rows, step] = alive
    consumed, alive = flags.cpu().numpy()
    return DecodedActions(probabilities.sigmoid_().cpu().numpy(), consumed, alive.sum(1))
