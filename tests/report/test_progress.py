"""The lines that a training prints."""

from __future__ import annotations

from io import StringIO

import pytest

from mtner_cli.core.evaluate.scores import evaluate
from mtner_cli.core.train.events import DevelopmentDone
from mtner_cli.report.console import PlainConsole
from mtner_cli.report.progress import TrainingDisplay
from tests.report.test_training_log import DISEASE_A, DISEASE_B, sentence


@pytest.mark.parametrize("is_best", [True, False])
def test_an_epoch_is_one_line_of_a_terminal(is_best: bool) -> None:
    scores = evaluate(
        [sentence("A", DISEASE_A), sentence("B", DISEASE_B)], {"A": {DISEASE_A}, "B": {DISEASE_B}}
    )
    out = StringIO()
    with TrainingDisplay(PlainConsole(file=out, width=80), epochs=9) as display:
        display.handle(DevelopmentDone(3, 30, scores, is_best, 12.3))
    best = "  best so far" if is_best else ""
    assert f"epoch 3: development F1 100.0 (A 100.0  B 100.0){best}\n" in out.getvalue()
