"""The names of checkpoints, and of their files in a run's checkpoints folder."""

from __future__ import annotations

from hashlib import sha256
from urllib.parse import quote

LAST, BEST = "last.safetensors", "best.safetensors"
BEST_OF_CORPUS = "best:"
# File systems allow 255 bytes; longer names of corpora are told apart by a hash.
LONGEST = 150


def best_of_corpus(corpus: str) -> str:
    """The file of the checkpoint that is best on one corpus: another one for every name."""
    # A name that the command line gives may hold bytes that are no text.
    content = corpus.encode(errors="surrogatepass")
    name = quote(content, safe=" ")
    if len(name) > LONGEST:
        name = f"{name[:LONGEST]}-{sha256(content).hexdigest()[:16]}"
    return f"best-of-{name}.safetensors"


def file_of_checkpoint(name: str) -> str:
    """The file of ``best``, ``last`` or ``best:CORPUS``; another name is that of a file already."""
    if name.startswith(BEST_OF_CORPUS):
        return best_of_corpus(name.removeprefix(BEST_OF_CORPUS))
    return {"best": BEST, "last": LAST}.get(name, name)
