"""Where the weights of an encoder are, without loading them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtner_cli.core.model import encoder_files
from mtner_cli.core.model.encoder_files import EncoderWeights, find_weights, resolve_pretrained
from mtner_cli.errors import EncoderError


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of ``someone/encoder`` in a download cache; nothing can be downloaded."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    repository = tmp_path / "models--someone--encoder"
    snapshot = repository / "snapshots" / "0123abc"
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0123abc")
    (snapshot / "config.json").write_text("{}")
    return snapshot


def test_an_unknown_builtin_names_those_there_are() -> None:
    with pytest.raises(EncoderError, match="there is builtin:minilm"):
        resolve_pretrained("builtin:bert")


def test_a_missing_folder_says_so() -> None:
    with pytest.raises(EncoderError, match=r"no folder models/mine/here"):
        resolve_pretrained("models/mine/here")


def test_a_local_folder_is_taken(tiny_encoder: Path) -> None:
    assert resolve_pretrained(str(tiny_encoder)) == str(tiny_encoder)


def test_packaged_weights_are_found() -> None:
    weights = find_weights("builtin:minilm")
    assert weights.place == "package"
    assert 80e6 < weights.size < 100e6


def test_weights_in_a_folder_are_found(tmp_path: Path) -> None:
    assert find_weights(str(tmp_path)) == EncoderWeights("folder", 0)
    (tmp_path / "model-00001-of-00002.safetensors").write_bytes(b"x" * 7)
    (tmp_path / "model-00002-of-00002.safetensors").write_bytes(b"x" * 4)
    assert find_weights(str(tmp_path)) == EncoderWeights("folder", 11)


@pytest.mark.parametrize(
    ("files", "size"),
    [
        ({"model.safetensors": 5, "pytorch_model.bin": 9}, 5),
        ({"pytorch_model.bin": 9, "flax_model.msgpack": 3}, 9),
        (
            {"model.safetensors.index.json": 2, "model-1.safetensors": 5, "model-2.safetensors": 6},
            11,
        ),
    ],
)
def test_weights_in_the_download_cache_are_found(
    snapshot: Path, files: dict[str, int], size: int
) -> None:
    blobs = snapshot.parent.parent / "blobs"
    blobs.mkdir()
    for name, length in files.items():
        (blobs / name).write_bytes(b"x" * length)
        (snapshot / name).symlink_to(blobs / name)
    assert find_weights("someone/encoder") == EncoderWeights("cache", size)


def test_weights_that_are_not_here_are_an_error_if_nothing_can_be_downloaded(
    snapshot: Path,
) -> None:
    with pytest.raises(EncoderError, match=r"someone/encoder' was not found.*HF_HUB_OFFLINE"):
        find_weights("someone/encoder")


def test_weights_that_can_be_downloaded_are_not_downloaded(
    snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    encoder_files._hub_resolves.cache_clear()
    try:
        assert find_weights("someone/encoder") == EncoderWeights("hub", 0)
    finally:
        encoder_files._hub_resolves.cache_clear()
