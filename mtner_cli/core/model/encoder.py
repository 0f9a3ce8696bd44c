"""Load pretrained encoders and their tokenizers."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mtner_cli.core.features.tokenize import SubwordTokenizer
from mtner_cli.core.model.encoder_files import hub_can_be_asked, not_found, resolve_pretrained
from mtner_cli.errors import EncoderError, quoted
from mtner_cli.paths import is_folder

_CONVERSION = (
    "import sys, transformers; "
    "transformers.AutoModel.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[1])"
)
_LARGEST_CONFIG = 1_000_000  # bytes
_LARGEST = {
    "vocab_size": 10_000_000,
    "hidden_size": 65_536,
    "num_hidden_layers": 1_000,
    "num_attention_heads": 4_096,
    "intermediate_size": 1_000_000,
    "max_position_embeddings": 10_000_000,
    "type_vocab_size": 10_000,
}
"""Far more than any encoder has; a damaged or hostile configuration could ask for any memory."""
_LEAST = {"type_vocab_size": 0, "max_position_embeddings": -1}
"""Settings where less than 1 is valid: DeBERTa has no segments, XLNet no longest input."""
_WITHOUT_EFFECT = frozenset(
    ("transformers_version", "dtype", "torch_dtype", "attn_implementation", "use_cache")
)
"""Settings that say how an encoder is stored or run, not what it computes."""


def load_tokenizer(name: str) -> SubwordTokenizer:
    """Load the tokenizer of an encoder.

    Raises:
        EncoderError: if it cannot be found, is damaged or empty, or is not a fast tokenizer.
    """
    from transformers import AutoTokenizer

    tokenizer = _from_pretrained(AutoTokenizer, name, use_fast=True)
    if _is_byte_level(tokenizer):
        # Byte-level BPE can split given words only if each starts with a space.
        tokenizer = _from_pretrained(AutoTokenizer, name, use_fast=True, add_prefix_space=True)
    if not tokenizer.is_fast:
        raise EncoderError(
            f"encoder {quoted(name)}: it has no fast tokenizer, which tells the word and "
            "characters of each subword; convert its tokenizer to a tokenizer.json first"
        )
    if len(tokenizer) <= len(tokenizer.all_special_tokens):
        raise EncoderError(
            f"encoder {quoted(name)}: its tokenizer has no vocabulary, as when tokenizer.json is "
            "missing; copy the folder again, with all its files"
        )
    return SubwordTokenizer(tokenizer)


def encoder_config(name: str) -> Any:
    """Load the configuration of an encoder, and check it before anything is built from it.

    Raises:
        EncoderError: if it cannot be found, is damaged, has an unknown kind or an absurd size.
    """
    from transformers import AutoConfig

    config = _from_pretrained(AutoConfig, name)
    for setting, largest in _LARGEST.items():
        value, least = getattr(config, setting, None), _LEAST.get(setting, 1)
        if value is not None and not (type(value) is int and least <= value <= largest):
            raise EncoderError(
                f"encoder {quoted(name)}: its configuration says {setting}: {quoted(value)}; "
                f"expected a whole number from {least} to {largest:,}"
            )
    if getattr(config, "quantization_config", None) is not None:
        raise EncoderError(
            f"encoder {quoted(name)}: its weights are quantised, which is not supported; give the "
            "model before quantisation"
        )
    return config


def encoder_settings(config: Any) -> dict[str, bool | int | float | str]:
    """Return the settings of an encoder that have a single value and change what it computes."""
    return {
        name: value
        for name, value in config.to_dict().items()
        if isinstance(value, bool | int | float | str)
        and not name.startswith("_")
        and name not in _WITHOUT_EFFECT
    }


def check_vocabulary(tokenizer: SubwordTokenizer, config: Any, name: str) -> None:
    """Refuse a tokenizer whose subwords the encoder does not know.

    Raises:
        EncoderError: if the two belong to different models.
    """
    subwords = max(tokenizer.tokenizer.get_vocab().values()) + 1
    if subwords > getattr(config, "vocab_size", subwords):
        raise EncoderError(
            f"encoder {quoted(name)}: its tokenizer has {subwords:,} subwords, but the encoder "
            f"knows {config.vocab_size:,}; the two belong to different models"
        )


def load_encoder(name: str) -> Any:
    """Load an encoder with its pretrained weights, in float32, in evaluation mode.

    Raises:
        EncoderError: if it cannot be found, or a folder holds no safetensors weights for it.
    """
    import torch
    from transformers import AutoModel

    config = encoder_config(name)
    # Weights in a folder must be safetensors. Older models of the hub have pickles only, which
    # transformers reads with torch's restricted reader.
    options = {"use_safetensors": True} if is_folder(Path(resolve_pretrained(name))) else {}
    model = _with_own_attention(
        lambda attention: _from_pretrained(
            AutoModel, name, config=config, attn_implementation=attention, **options
        )
    )
    return without_pooler(model).to(torch.float32).eval()


def longest_input(config: Any) -> int | None:
    """Return the most subwords of one input; None if the configuration sets no limit."""
    positions = getattr(config, "max_position_embeddings", None)
    if not isinstance(positions, int) or positions < 1:
        return None
    # RoBERTa and related models number positions from the one after that of padding.
    counts_from_padding = "roberta" in config.model_type or config.model_type == "camembert"
    return positions - config.pad_token_id - 1 if counts_from_padding else positions


def encoder_from_config(config: Any) -> Any:
    """Build an encoder without pretrained weights, in float32; a checkpoint then fills it.

    Raises:
        EncoderError: if the configuration does not describe an encoder.
    """
    import torch
    from transformers import AutoModel

    def build(attention: str) -> Any:
        try:
            return AutoModel.from_config(
                config,
                trust_remote_code=False,
                attn_implementation=attention,
                # Training and inference use this precision, whatever the stored one is.
                dtype=torch.float32,
            )
        except MemoryError:
            raise
        except Exception as error:  # transformers raises many types where settings do not fit
            raise EncoderError(f"the encoder cannot be built: {_first_line(error)}") from error

    return without_pooler(_with_own_attention(build))


def _with_own_attention(build: Callable[[str], Any]) -> Any:
    """Build a model with one of the attention implementations of torch.

    A configuration may name any other one, even compiled code from a repository of the hub.
    """
    try:
        return build("sdpa")
    except EncoderError as error:
        if "attn_implementation" not in str(error.__cause__):
            raise
        return build("eager")  # the model has no other


def without_pooler(model: Any) -> Any:
    """Remove the sentence pooler: nothing here reads it, so it would never be trained."""
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    return model


def _from_pretrained(kind: Any, name: str, **options: Any) -> Any:
    """Load something with a class of transformers, without ever running code of a model."""
    quiet_transformers()
    source = resolve_pretrained(name)
    folder = Path(source)
    if is_folder(folder):
        _check_folder(folder)
    try:
        return kind.from_pretrained(
            source,
            trust_remote_code=False,
            local_files_only=is_folder(folder) or not hub_can_be_asked(),
            **options,
        )
    except MemoryError:
        raise
    except Exception as error:  # transformers raises many types where a file is damaged
        if is_folder(folder):
            message = (
                f"encoder {quoted(name)}: the folder cannot be used ({_first_line(error)}); it "
                "needs config.json, the tokenizer's files and, for training, model.safetensors"
            )
            if (folder / "pytorch_model.bin").exists():
                command = shlex.join(["python", "-c", _CONVERSION, str(folder)])
                message += f". Pickled weights are not read; if you trust them: {command}"
        else:
            message = not_found(name, _first_line(error))
        raise EncoderError(message) from error


def _check_folder(folder: Path) -> None:
    """Refuse a folder whose configuration is damaged or asks for more than a plain encoder."""
    from transformers import CONFIG_MAPPING

    path = folder / "config.json"
    try:
        if path.stat().st_size > _LARGEST_CONFIG:
            raise EncoderError(f"{path}: larger than any encoder's configuration")
        config = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise EncoderError(
            f"{path}: cannot be read ({_first_line(error)}); give a folder that holds an encoder"
        ) from None
    kind = config.get("model_type") if isinstance(config, dict) else None
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING:
        raise EncoderError(
            f"{path}: expected the model_type of an encoder that this version of transformers "
            f"knows; found {quoted(kind)}. Code that a folder brings along is never run"
        )
    if (folder / "adapter_config.json").exists():
        raise EncoderError(
            f"{folder}: holds an adapter, which may load other models; merge it into its model"
        )


def _first_line(error: Exception) -> str:
    return quoted((str(error).strip() or repr(error)).splitlines()[0])


def quiet_transformers() -> None:
    """Stop transformers from writing reports and progress bars between the toolkit's output."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def _is_byte_level(tokenizer: Any) -> bool:
    return tokenizer.is_fast and "ByteLevel" in str(tokenizer.backend_tokenizer.pre_tokenizer)
