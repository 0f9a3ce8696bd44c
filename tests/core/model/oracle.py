"""The slot model written down a second time, slowly: one sentence, one timestep at a time.

It follows the paper's definitions word by word, shares no code with the package, and is what the
fast implementation is held against. Weights come as a dict of tensors named as in the paper.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

EOA, SHIFT = 0, 1


@dataclass
class OracleRun:
    logits: Tensor  # (T, A)
    targets: Tensor  # (T, A); training only
    pointers: list[int]
    postponed: list[bool]


class Oracle:
    def __init__(
        self,
        weights: dict[str, Tensor],
        half_context: int,
        multiplier: Tensor | float = 1.0,
        position_slip: bool = False,
    ) -> None:
        self.w = weights
        self.h = half_context
        self.m = multiplier
        self.position_slip = position_slip

    def position_row(self, slot: int, centre: int) -> Tensor:
        cls, outside = 2 * self.h + 1, 2 * self.h + 2
        distance = slot - centre
        if slot == 0:
            return self.w["P"][cls]
        if self.position_slip and distance == self.h + 1:
            return self.w["P"][cls]
        if abs(distance) > self.h:
            return self.w["P"][outside]
        return self.w["P"][distance + self.h]

    def context(self, memory: list[Tensor], centre: int) -> Tensor:
        scores = []
        for slot, vector in enumerate(memory):
            x = self.m * vector + self.position_row(slot, centre)
            scores.append(((self.w["V"] * self.w["alpha"]) @ x).max(dim=0).values)
        weights = torch.softmax(torch.stack(scores), 0)
        mixed = [
            weight * (self.w["beta"] * vector)
            for weight, vector in zip(weights, memory, strict=True)
        ]
        return torch.stack(mixed).sum(0)

    def logits(self, word: Tensor, context: Tensor) -> Tensor:
        hidden = torch.tanh(self.w["W1"] @ torch.cat([word, context]) + self.w["b1"])
        return self.w["W2"] @ hidden + self.w["b2"]

    def start(self, slots: Tensor) -> tuple[list[Tensor], Tensor]:
        memory = list(slots)
        memory[0] = memory[0] + self.w["start"]
        return memory, self.context(memory, 0)

    def write(self, memory: list[Tensor], pointer: int, z: Tensor) -> Tensor:
        probability = torch.sigmoid(z)
        keep = (probability >= probability[SHIFT]).to(z.dtype)
        written = (torch.softmax(z, 0) * keep) @ self.w["action_embeddings"]
        memory[pointer] = memory[pointer] + written
        return self.context(memory, pointer)

    def train(
        self, slots: Tensor, gold: Tensor, foreign: Tensor | None, project_coeff: float = 1.0
    ) -> OracleRun:
        """``slots`` (S, d) without padding, ``gold`` (T, A) without padding, ``foreign`` (A,)."""
        memory, context = self.start(slots)
        pointer, row, waiting = 1, 0, False
        run = OracleRun(torch.empty(0), torch.empty(0), [], [])
        logits, targets = [], []
        while row < len(gold):
            z = self.logits(slots[pointer], context)
            probability = torch.sigmoid(z.detach())
            target = gold[row].clone()
            postponed = False
            if foreign is not None and gold[row, EOA] == 0:
                for action in range(len(target)):
                    if foreign[action]:
                        target[action] = min(1.0, project_coeff * float(probability[action]))
                if gold[row, SHIFT] == 1 and not waiting:
                    postponed = any(
                        bool(foreign[a]) and bool(probability[a] > probability[SHIFT])
                        for a in range(len(target))
                    )
            if postponed:
                target[SHIFT] = probability[SHIFT]
            logits.append(z)
            targets.append(target)
            run.pointers.append(pointer)
            run.postponed.append(postponed)
            context = self.write(memory, pointer, z)
            if not postponed:
                pointer += int(gold[row, SHIFT] == 1 or gold[row, EOA] == 1)
                pointer = min(pointer, len(slots) - 1)
                row += 1
            waiting = postponed
        run.logits, run.targets = torch.stack(logits), torch.stack(targets)
        return run

    def infer(self, slots: Tensor, max_steps_per_word: int) -> tuple[Tensor, list[bool]]:
        """Logits (T, A), and at which timesteps a word was consumed."""
        memory, context = self.start(slots)
        words = len(slots) - 2
        pointer, waited = 1, 0
        logits, consumed = [], []
        while True:
            z = self.logits(slots[pointer], context)
            best = int(z.argmax())
            consumes = best == SHIFT or waited == max_steps_per_word - 1
            logits.append(z)
            consumed.append(consumes)
            if best == EOA or torch.sigmoid(z[EOA]) > 0.5 or (consumes and pointer > words):
                return torch.stack(logits), consumed
            context = self.write(memory, pointer, z)
            pointer = min(pointer + consumes, words + 1)
            waited = 0 if consumes else waited + 1


def oracle_loss(runs: list[OracleRun]) -> Tensor:
    """Mean over actions and over all timesteps of the batch of the cross-entropy with logits.

    A target that is the model's own probability must cost nothing, so the target's own entropy is
    taken off.
    """
    z = torch.cat([run.logits for run in runs])
    y = torch.cat([run.targets for run in runs])
    q = torch.sigmoid(z)
    cross = -(y * torch.log(q) + (1 - y) * torch.log(1 - q))
    entropy = -(torch.xlogy(y, y) + torch.xlogy(1 - y, 1 - y))
    return (cross - entropy).mean(1).sum() / len(z)


def oracle_mentions(
    logits: Tensor, consumed: list[bool], number_of_tags: int
) -> set[tuple[int, int, int]]:
    """(start, end, tag number) read off an inference, timestep by timestep."""
    open_starts: list[list[int]] = [[] for _ in range(number_of_tags)]
    mentions = set()
    position = 0
    for z, moved in zip(logits, consumed, strict=True):
        if int(z.argmax()) not in (EOA, SHIFT):
            for tag in range(number_of_tags):
                if z[3 + 2 * tag] > 0:
                    starts = [start for start in open_starts[tag] if start < position]
                    if starts:
                        start = starts[-1]
                        index = len(open_starts[tag]) - 1 - open_starts[tag][::-1].index(start)
                        open_starts[tag].pop(index)
                        mentions.add((start, position, tag))
            for tag in range(number_of_tags):
                if z[2 + 2 * tag] > 0:
                    open_starts[tag].append(position)
        position += moved
    return mentions
