"""Run inference: the model's own decisions move the pointer and give the mentions of sentences.

Shapes: B sentences, S slots (CLS, words, SEP), T timesteps, A actions, d width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.decode.mentions import DecodedActions, decode_mentions
from mtner_cli.core.features.batch import Batch, Collator
from mtner_cli.core.features.examples import Example
from mtner_cli.core.model.ner_model import NerModel
from mtner_cli.core.model.slot_memory import SlotMemory
from mtner_cli.core.model.slot_tagger import SlotTagger
from mtner_cli.core.types import ScoredMention

# Most timesteps for one word; the last one consumes it, so every sentence ends. There is no limit
# for a whole sentence, since it may hold many mentions. Real nesting opens or closes one tag at one
# place a few times at most.
MAX_STEPS_PER_WORD = 16
# Steps between two checks for finished sentences; each check synchronises a GPU.
STEPS_AT_ONCE = 8
# Remove finished sentences from a batch once they are this share of it.
FINISHED_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class _Reading:
    """The state of the sentences that are still in the batch; (B,) each.

    Attributes:
        rows: their indices in the whole batch.
        words: the number of words of each.
        pointer: the slot of the next word.
        centre: the slot that was written last.
        waited: timesteps since the last word was consumed.
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
    """Timesteps of the sentences ``rows`` (B,): logits (B, n, A), and two flags (B, n)."""

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
) -> DecodedActions:
    """Take timesteps until every sentence has ended.

    A sentence ends at a timestep where EOA is above 0.5 or the most probable action, or at one that
    would consume a word when none is left. Mentions may still close after the last word.

    Args:
        slots: (B, S, d), float32.
        slot_mask: (B, S), bool, False on padding.
        words: (B,), int64, the number of words of each sentence.
    """
    memory = tagger.open_memory(slots, slot_mask)
    rows = torch.arange(len(slots), device=slots.device)
    none = torch.zeros_like(rows)
    reading = _Reading(rows, words, torch.ones_like(rows), none, none, none > 0)
    consuming = torch.zeros(vocabulary.size, dtype=torch.bool, device=slots.device)
    consuming[list(vocabulary.consuming)] = True
    history: list[_Steps] = []
    while True:
        reading, steps = _read_on(memory, reading, consuming)
        history.append(steps)
        kept = (~reading.ended).nonzero().squeeze(1)
        if len(kept) == 0:
            return _collect(history)
        if len(kept) <= len(reading.rows) * (1 - FINISHED_SHARE):
            memory, reading = memory.rows(kept), reading.of(kept)


def _read_on(memory: SlotMemory, reading: _Reading, consuming: Tensor) -> tuple[_Reading, _Steps]:
    """Take ``STEPS_AT_ONCE`` timesteps and move the pointers (equation 10 of docs/model.md).

    Timesteps after the end of a sentence have no meaning.
    """
    pointer, centre, waited = reading.pointer, reading.centre, reading.waited
    last_pointer = reading.words + 1
    taken = []
    for _ in range(STEPS_AT_ONCE):
        logits = memory.step(0, centre, pointer).logits
        consumes = consuming[logits.argmax(-1)] | (waited >= MAX_STEPS_PER_WORD - 1)
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
    """Join all timesteps on the host, as probabilities q (equation 7 of docs/model.md).

    The timesteps after the removal of a sentence from the batch are padding.
    """
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


# Most subwords of one encoder input on a CPU: its layers are faster while their outputs fit the
# processor's caches. The recurrence is faster with more sentences.
ENCODED_AT_ONCE = 1024

# (corpus, index of the sentence in its split)
SentenceKey = tuple[str, int]


@torch.inference_mode()
def predict_mentions(
    model: NerModel,
    batches: Iterable[Sequence[Example]],
    collate: Collator,
    device: torch.device,
    on_batch: Callable[[int], None],
) -> dict[SentenceKey, list[ScoredMention]]:
    """Predict the mentions of every sentence of the examples, in word indices of the sentence.

    See :func:`mentions_of_sentences` for examples that hold several sentences.

    Args:
        on_batch: called with the number of examples of each finished batch.
    """
    model.eval()
    found: dict[SentenceKey, list[ScoredMention]] = {}
    for batch_examples in batches:
        batch = collate(batch_examples).to(device)
        slots = encode_words(model, batch, device)
        actions = infer_actions(model.tagger, slots, batch.slot_mask, batch.words, model.vocabulary)
        mentions = decode_mentions(actions, model.vocabulary)
        for example, predicted in zip(batch_examples, mentions, strict=True):
            for sentence, own in mentions_of_sentences(example, predicted):
                found.setdefault(sentence, []).extend(own)
        on_batch(len(batch_examples))
    return found


def encode_words(model: NerModel, batch: Batch, device: torch.device) -> Tensor:
    """Return the slots (B, S, d), float32, of a batch; on a CPU the encoder reads it in parts."""
    with encoder_precision(device):
        return torch.cat([model.word_slots(part) for part in encoder_parts(batch, device)])


def encoder_parts(batch: Batch, device: torch.device) -> Iterable[Batch]:
    """Split a batch into the encoder's inputs: the whole batch on a GPU, parts of it on a CPU."""
    return [batch] if device.type == "cuda" else batch.parts(ENCODED_AT_ONCE)


def encoder_precision(device: torch.device) -> torch.autocast | nullcontext[None]:
    """Return the context that the encoder runs in: bfloat16 on a GPU, as in training."""
    if device.type == "cuda":
        return torch.autocast("cuda", torch.bfloat16)
    return nullcontext()


def mentions_of_sentences(
    example: Example, mentions: Sequence[ScoredMention]
) -> Iterator[tuple[SentenceKey, list[ScoredMention]]]:
    """Yield each segment's sentence, and the mentions in it in word indices of the sentence.

    A mention that includes a SEP between two sentences belongs to neither and is left out: a part
    of it would be a mention that the model did not predict. Of overlapping segments only the one
    that owns its first word gives a mention.
    """
    for segment in example.segments:
        shift = segment.start - segment.first_word
        last = segment.first_word + segment.end - segment.start
        yield (
            (segment.sentence.corpus, segment.sentence.index),
            [
                mention._replace(start=mention.start + shift, end=mention.end + shift)
                for mention in mentions
                if segment.first_word <= mention.start
                and mention.end <= last
                and segment.owns(mention.start + shift)
            ],
        )
