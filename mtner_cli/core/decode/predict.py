"""From sentences to their predicted mentions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor

from mtner_cli.core.decode.inference import infer_actions
from mtner_cli.core.decode.mentions import ScoredMention, decode_mentions
from mtner_cli.core.features.batch import Batch, Collator
from mtner_cli.core.features.examples import Example
from mtner_cli.core.model.ner_model import NerModel

# How many subwords the encoder is given at once on a CPU: its layers are faster while what they
# pass on stays in the processor's caches. The recurrence is faster over more sentences.
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
    """The mentions of every sentence that the examples are made of, in its own word indices.

    See :func:`mentions_of_sentences` for those of examples that hold several sentences.

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
    """(B, S, d), float32, of a batch that may be larger than what is best for the encoder."""
    with encoder_precision(device):
        return torch.cat([model.word_slots(part) for part in encoder_parts(batch, device)])


def encoder_parts(batch: Batch, device: torch.device) -> Iterable[Batch]:
    """What the encoder is given at once: all of a batch on a GPU, a part of it on a CPU."""
    return [batch] if device.type == "cuda" else batch.parts(ENCODED_AT_ONCE)


def encoder_precision(device: torch.device) -> torch.autocast | nullcontext[None]:
    """What the encoder runs under: bfloat16 on a GPU, as in training."""
    if device.type == "cuda":
        return torch.autocast("cuda", torch.bfloat16)
    return nullcontext()


def mentions_of_sentences(
    example: Example, mentions: Sequence[ScoredMention]
) -> Iterator[tuple[SentenceKey, list[ScoredMention]]]:
    """For each piece of an example its sentence, and its mentions in words of that sentence.

    A mention that covers a SEP between two sentences, or reaches over it, belongs to neither and
    is left out: cut to one of them, it would be something that the model did not say.
    """
    for piece in example.pieces:
        shift = piece.start - piece.first_word
        last = piece.first_word + piece.end - piece.start
        yield (
            (piece.sentence.corpus, piece.sentence.index),
            [
                mention._replace(start=mention.start + shift, end=mention.end + shift)
                for mention in mentions
                if piece.first_word <= mention.start and mention.end <= last
            ],
        )
