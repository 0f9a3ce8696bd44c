"""Checkpoints, and the encoder folder of a run: what is loaded is what the file says."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import torch
from hypothesis import strategies as st

from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.model.encoder import (
    check_vocabulary,
    encoder_config,
    encoder_from_config,
    load_tokenizer,
)
from mtner_cli.core.train.checkpoint import (
    Checkpoint,
    ModelDescription,
    TrainingProgress,
    load_checkpoint,
    optimizer_tensors,
    save_checkpoint,
)
from mtner_cli.core.types import Tag
from tests.fuzz.case import Case, NotCounted, WrongResult
from tests.fuzz.mutations import mutated_bytes, mutated_text_file, unlike_any
from tests.fuzz.tree_mutations import json_text, mutated_tree

NAME = "checkpoints"
SOURCE = "in/last.safetensors"
ENCODER = "in/encoder"
ATTACKS = (
    {"auto_map": {"AutoConfig": "evil.Evil", "AutoModel": "evil.Evil", "AutoTokenizer": "evil.E"}},
    {"attn_implementation": "kernels-community/evil"},
    {"_attn_implementation": "kernels-community/evil"},
    {"_name_or_path": "nobody/no-such-model"},
    {"quantization_config": {"quant_method": "evil"}},
    {"vocab_size": 10**12},
    {"hidden_size": 10**6, "num_attention_heads": 1},
    {"num_hidden_layers": 10**9},
    {"model_type": "no-such-model"},
    {"tokenizer_class": "os.system"},
)
EVIL = "import pathlib\npathlib.Path('executed').touch()\nclass Evil: pass\nE = Evil\n"


@cache
def checkpoint_bytes() -> bytes:
    """A checkpoint of a small model, with the state of its optimiser."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1)
    layer(torch.randn(4, 3)).sum().backward()
    optimizer.step()
    tags = (Tag("one", "Gene"), Tag("two", "Disease (x), y"))
    annotated = {"one": frozenset(tags[:1]), "two": frozenset(tags[1:])}
    description = ModelDescription(ActionVocabulary(tags), annotated)
    progress = TrainingProgress(
        epoch=3,
        step_in_epoch=17,
        step=392,
        best_score=0.5,
        best_epoch=2,
        best_of_corpora={"one": 0.25},
    )
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "last.safetensors"
        state = optimizer_tensors(optimizer, ["weight", "bias"])
        save_checkpoint(path, description, progress, layer, state)
        return path.read_bytes()


@cache
def encoder_files() -> dict[str, str]:
    """Configuration and tokenizer of a tiny encoder, as a run keeps them."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [*special, *"abcdefgh", *(f"##{sign}" for sign in "abcdefgh")]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    backend = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    fast = PreTrainedTokenizerFast(
        tokenizer_object=backend, **dict(zip(names, special, strict=True))
    )
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=64,
    )
    with tempfile.TemporaryDirectory() as made:
        fast.save_pretrained(made)
        config.save_pretrained(made)
        return {path.name: path.read_text() for path in sorted(Path(made).iterdir())}


def cases(real: bool) -> st.SearchStrategy[Case]:
    """Mutated checkpoints, and now and then an encoder folder, which takes longer to read."""
    checkpoint_bytes(), encoder_files()
    return st.integers(0, 4).flatmap(lambda kind: _encoders() if kind == 4 else _checkpoints())


@st.composite
def _checkpoints(draw: st.DrawFn) -> Case:
    whole = checkpoint_bytes()
    match draw(st.integers(0, 7)):
        case 5 | 6:
            content = mutated_bytes(draw, whole)
        case 7:
            content = unlike_any(draw)
        case _:
            content = _other_header(draw, whole)
    return Case(NAME, {SOURCE: content}, {"optimizer": draw(st.booleans())})


def _other_header(draw: st.DrawFn, whole: bytes) -> bytes:
    """Another header in front of the same tensors: its own JSON, or that within it."""
    size = int.from_bytes(whole[:8], "little")
    header, tensors = json.loads(whole[8 : 8 + size]), whole[8 + size :]
    part = draw(st.sampled_from(("", "model", "progress")))
    if part:
        metadata = header["__metadata__"]
        value = mutated_tree(draw, json.loads(metadata[part]))
        metadata[part] = json.dumps(value, ensure_ascii=draw(st.booleans()))
    else:
        header = mutated_tree(draw, header)
    raw = json_text(draw, header).encode("utf-8", "surrogatepass")
    length = len(raw) + draw(st.sampled_from((0, 0, 0, 0, 1, -1, 2**40)))
    return length.to_bytes(8, "little", signed=True) + raw + tensors


@st.composite
def _encoders(draw: st.DrawFn) -> Case:
    files = {name: text.encode() for name, text in encoder_files().items()}
    changed = draw(st.sampled_from(sorted(files)))
    match draw(st.integers(0, 7)):
        case 0 | 1 | 2:
            value = mutated_tree(draw, json.loads(files[changed]))
            files[changed] = json_text(draw, value).encode("utf-8", "surrogatepass")
        case 3 | 4:
            value = {**json.loads(files[changed]), **draw(st.sampled_from(ATTACKS))}
            files[changed] = json.dumps(value).encode()
            files["evil.py"] = EVIL.encode()
        case 5:
            del files[changed]
        case 6:
            other = draw(st.sampled_from(sorted(files)))
            files[changed], files[other] = files[other], files[changed]
        case _:
            files[changed] = mutated_text_file(draw, files[changed].decode())
    return Case(NAME, {f"{ENCODER}/{name}": content for name, content in files.items()}, {})


def run(case: Case, folder: Path) -> set[str]:
    """Load a checkpoint, or build the encoder of a folder."""
    if SOURCE not in case.files:
        _run_encoder(str(folder / ENCODER))
        return set()
    loaded = load_checkpoint(folder / SOURCE, case.settings["optimizer"])
    try:
        header, tensors = _parsed(case.files[SOURCE])
    except Exception as error:  # whatever comes of a file that this small reader cannot read
        raise NotCounted from error
    _check(loaded, header, tensors)
    return set()


def _run_encoder(name: str) -> None:
    tokenizer = load_tokenizer(name)
    config = encoder_config(name)
    check_vocabulary(tokenizer, config, name)
    encoder_from_config(config)


def _parsed(content: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The metadata, and the bytes of each tensor, of a safetensors file."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    data = content[8 + size :]
    metadata = header.pop("__metadata__")
    return metadata, {name: data[slice(*tensor["data_offsets"])] for name, tensor in header.items()}


def _check(loaded: Checkpoint, header: dict[str, Any], tensors: dict[str, bytes]) -> None:
    """Weights, progress and description are those of the file."""
    found = {f"model.{name}": tensor for name, tensor in loaded.model.items()}
    found |= {f"optimizer.{name}": tensor for name, tensor in loaded.optimizer.items()}
    expected = {name: raw for name, raw in tensors.items() if name in found}
    missing = [name for name in tensors if name.startswith("model.") and name not in found]
    if missing or len(expected) != len(found):
        raise WrongResult("tensors differ from the file's", missing)
    for name, tensor in found.items():
        if tensor.reshape(-1).view(torch.uint8).numpy().tobytes() != expected[name]:
            raise WrongResult("a tensor has other values", name)
    if any(not bool(tensor.isfinite().all()) for tensor in loaded.model.values()):
        raise WrongResult("weights that are not finite")
    stored = json.loads(header["progress"])
    progress = json.loads(json.dumps(asdict(loaded.progress)))
    if any(progress[name] != value for name, value in stored.items() if name in progress):
        raise WrongResult("progress differs from the file's", progress)
    model = json.loads(header["model"])
    if loaded.description.to_json()["tags"] != model["tags"]:
        raise WrongResult("tags differ from the file's", model["tags"])
