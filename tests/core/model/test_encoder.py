from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from mtner_cli.core.model.encoder import (
    check_vocabulary,
    encoder_config,
    encoder_from_config,
    load_encoder,
    load_tokenizer,
    longest_input,
)
from mtner_cli.errors import EncoderError


def test_the_packaged_encoder_loads_without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    tokenizer = load_tokenizer("builtin:minilm")
    encoder = load_encoder("builtin:minilm")
    assert encoder.config.hidden_size == 384
    assert encoder.pooler is None
    assert len(tokenizer.tokenizer) == encoder.config.vocab_size


@pytest.mark.parametrize(
    "name", ["a" * 300, "a\0b", "~nobody-here/x", "a/" * 3000 + "b", "-x", "a b"]
)
def test_a_name_that_nothing_can_have_is_one_error(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(EncoderError, match=r"was not found|there is no folder"):
        load_tokenizer(name)


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


# A folder that says it is an encoder may come from anyone.

MODULE = """
from pathlib import Path
Path({proof!r}).write_text("executed")
from transformers import BertConfig, BertModel, BertTokenizerFast
class Config(BertConfig): model_type = "evil"
class Model(BertModel): config_class = Config
class Tokenizer(BertTokenizerFast): pass
"""
EVIL_CODE = {
    "AutoConfig": "evil.Config",
    "AutoModel": "evil.Model",
    "AutoTokenizer": ["evil.Tokenizer", "evil.Tokenizer"],
}


def change(path: Path, **settings: Any) -> None:
    """Change settings of a JSON file; None takes one out."""
    content = json.loads(path.read_text()) | settings
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def load_everything(folder: Path) -> None:
    """Load an encoder in each way that a command does."""
    load_tokenizer(str(folder))
    encoder_from_config(encoder_config(str(folder)))
    load_encoder(str(folder))


@pytest.fixture
def folder(tiny_encoder: Path, tmp_path: Path) -> Path:
    """A copy of an encoder, to be spoilt."""
    return Path(shutil.copytree(tiny_encoder, tmp_path / "encoder"))


@pytest.fixture
def proof(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file that a module inside the folder writes once it runs; the user says yes to all."""
    proof = folder.parent / "executed"
    (folder / "evil.py").write_text(MODULE.format(proof=str(proof)))
    asked: list[str] = []
    monkeypatch.setattr("builtins.input", lambda prompt="": asked.append(prompt) or "y")
    monkeypatch.syspath_prepend(folder)
    yield proof
    assert not proof.exists()
    assert asked == []


def test_code_of_a_folder_is_refused_where_it_is_needed(folder: Path, proof: Path) -> None:
    change(folder / "config.json", auto_map=EVIL_CODE, model_type="evil")
    change(folder / "tokenizer_config.json", auto_map=EVIL_CODE, tokenizer_class="Tokenizer")
    for load in (load_tokenizer, encoder_config, load_encoder):
        with pytest.raises(EncoderError, match=r"'evil'. Code that a folder brings .* never run"):
            load(str(folder))


def test_code_of_a_folder_is_passed_over_where_it_is_not_needed(folder: Path, proof: Path) -> None:
    change(folder / "config.json", auto_map=EVIL_CODE)
    change(folder / "tokenizer_config.json", auto_map=EVIL_CODE)
    load_everything(folder)


def test_code_that_a_tokenizer_asks_for_does_not_run(folder: Path, proof: Path) -> None:
    change(
        folder / "tokenizer_config.json",
        auto_map={"AutoTokenizer": ["evil.Tokenizer", "evil.Tokenizer"]},
        tokenizer_class="evil.Tokenizer",
    )
    with suppress(EncoderError):
        load_everything(folder)


@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation"])
def test_attention_of_a_repository_is_not_loaded(
    folder: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    change(folder / "config.json", **{key: "kernels-community/evil"})
    load_everything(folder)
    assert load_encoder(str(folder)).config._attn_implementation == "sdpa"


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.write_text, (self.proof, "executed"))


def test_pickled_weights_are_not_read(folder: Path, proof: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({"x": Evil(proof)}, folder / "pytorch_model.bin")
    with pytest.raises(EncoderError, match=r"the folder cannot be used .*model\.safetensors"):
        load_encoder(str(folder))


def test_the_advice_for_pickled_weights_works(folder: Path) -> None:
    weights = load_encoder(str(folder))
    (folder / "model.safetensors").unlink()
    torch.save(weights.state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(EncoderError) as refused:
        load_encoder(str(folder))
    program, *arguments = shlex.split(str(refused.value).partition("if you trust them: ")[2])
    assert program == "python"
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    for name, tensor in load_encoder(str(folder)).state_dict().items():
        assert torch.equal(tensor, weights.state_dict()[name])


def test_an_encoder_stored_in_half_precision_is_read_in_single(folder: Path) -> None:
    load_encoder(str(folder)).half().save_pretrained(folder)
    config = encoder_config(str(folder))
    assert config.dtype == torch.float16
    for encoder in (load_encoder(str(folder)), encoder_from_config(config)):
        assert {parameter.dtype for parameter in encoder.parameters()} == {torch.float32}


def test_an_adapter_is_refused(folder: Path) -> None:
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "../evil"}')
    with pytest.raises(EncoderError, match="holds an adapter"):
        load_encoder(str(folder))


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"model_type": None}, "expected the model_type"),
        ({"model_type": ["bert"]}, "expected the model_type"),
        ({"model_type": "no-such-model"}, "'no-such-model'"),
        ({"model_type": "../evil"}, "expected the model_type"),
        ({"hidden_size": -32}, "hidden_size"),
        ({"hidden_size": "many"}, "hidden_size"),
        ({"hidden_size": 1 << 40}, "hidden_size"),
        ({"hidden_size": 33}, "hidden size|cannot be built|cannot be used"),
        ({"vocab_size": 10**12}, "vocab_size"),
        ({"num_hidden_layers": 10**7}, "num_hidden_layers"),
        ({"hidden_act": "evil"}, "cannot be built|cannot be used"),
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "quantised"),
    ],
    ids=str,
)
def test_a_configuration_of_no_encoder_is_one_error(
    folder: Path, settings: dict[str, Any], fault: str
) -> None:
    change(folder / "config.json", **settings)
    with pytest.raises(EncoderError, match=fault) as raised:
        load_everything(folder)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff\xfe", b"null", b"[" * 100_000, b'{"model": {"type": 3}}']
)
def test_a_damaged_file_is_one_error(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(EncoderError) as raised:
        load_everything(folder)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file_is_one_error(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(EncoderError):
        load_everything(folder)


def test_a_tokenizer_of_another_model_is_refused(folder: Path) -> None:
    tokenizer = load_tokenizer("builtin:minilm")
    with pytest.raises(EncoderError, match=r"30,522 subwords, but the encoder knows \d+"):
        check_vocabulary(tokenizer, encoder_config(str(folder)), str(folder))


def test_a_tokenizer_without_first_and_last_subword_is_refused(folder: Path) -> None:
    names = ("cls_token", "bos_token", "sep_token", "eos_token")
    change(folder / "tokenizer_config.json", **dict.fromkeys(names))
    with pytest.raises(EncoderError, match="names no subword that starts"):
        load_tokenizer(str(folder))


@pytest.mark.parametrize(
    "kind",
    ["albert", "bert", "camembert", "deberta", "deberta-v2", "distilbert", "electra", "roberta",
     "xlm-roberta", "xlnet", "modernbert"],
)  # fmt: skip
def test_the_configuration_of_every_usual_encoder_is_taken(tmp_path: Path, kind: str) -> None:
    from transformers import CONFIG_MAPPING

    CONFIG_MAPPING[kind]().save_pretrained(tmp_path)
    config = encoder_config(str(tmp_path))
    longest = longest_input(config)
    assert config.model_type == kind
    assert longest is None or longest >= 512 - 2


def test_an_encoder_without_segments_is_built(tmp_path: Path) -> None:
    from transformers import DebertaV2Config

    small = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    DebertaV2Config(vocab_size=50, intermediate_size=64, **small).save_pretrained(tmp_path)
    assert encoder_from_config(encoder_config(str(tmp_path))).config.hidden_size == 32
