"""Kill a prediction again and again, at random moments, until it has ended by itself.

``python -m tests.core.prediction.killing RUN OUT SHARD_ITEMS KILLS SECONDS INPUT...`` prints how
often it was killed. It loads the model once and forks, so that no time goes into imports.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time

import torch

from mtner_cli.core.prediction import engine
from mtner_cli.core.prediction.output import Output
from mtner_cli.core.tagger import Tagger


def main(run: str, out: str, items: str, kills: str, seconds: str, *inputs: str) -> int:
    torch.set_num_threads(1)  # a pool of threads would not survive a fork
    engine.SHARD_ITEMS = int(items)
    tagger = Tagger.load(run, device="cpu")
    done = 0
    while True:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                engine.predict_to_files(
                    tagger, engine.Request(inputs=inputs), Output.at(out, ".jsonl")
                )
                code = 0
            finally:
                os._exit(code)
        if done < int(kills):
            time.sleep(random.random() * float(seconds))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            done += 1
            continue
        print(done)  # noqa: T201
        return os.WEXITSTATUS(status)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
