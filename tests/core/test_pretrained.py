from __future__ import annotations

from pathlib import Path

import pytest

from mtner_cli.core.pretrained import (
    encoder_config,
    load_encoder,
    load_tokenizer,
    longest_input,
    resolve_pretrained,
)
from mtner_cli.errors import EncoderError


def test_the_packaged_encoder_loads_without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    tokenizer = load_tokenizer("builtin:minilm")
    encoder = load_encoder("builtin:minilm")
    assert encoder.config.hidden_size == 384
    assert encoder.pooler is None
    assert len(tokenizer.tokenizer) == encoder.config.vocab_size


def test_an_unknown_builtin_names_those_there_are() -> None:
    with pytest.raises(EncoderError, match="there is builtin:minilm"):
        resolve_pretrained("builtin:bert")


def test_a_missing_folder_says_so() -> None:
    with pytest.raises(EncoderError, match=r"no folder models/mine/here"):
        resolve_pretrained("models/mine/here")


def test_a_local_folder_is_taken(tiny_encoder: Path) -> None:
    assert resolve_pretrained(str(tiny_encoder)) == str(tiny_encoder)


def test_a_name_that_is_nowhere_is_one_clear_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(EncoderError) as raised:
        load_tokenizer("nobody/no-such-encoder")
    message = str(raised.value)
    assert "nobody/no-such-encoder" in message
    assert "HF_HUB_OFFLINE is set" in message
    assert "hf download" in message
    assert "\n" not in message


def test_how_much_an_encoder_reads_at_once(tiny_encoder: Path, tmp_path: Path) -> None:
    from transformers import RobertaConfig

    assert longest_input(encoder_config("builtin:minilm")) == 512
    assert longest_input(encoder_config(str(tiny_encoder))) == 512
    RobertaConfig(max_position_embeddings=514, pad_token_id=1).save_pretrained(tmp_path)
    assert longest_input(encoder_config(str(tmp_path))) == 512
