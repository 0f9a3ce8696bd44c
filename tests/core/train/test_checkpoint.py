from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from mtner_cli.core.actions.vocabulary import ActionVocabulary
from mtner_cli.core.train.checkpoint import (
    ModelDescription,
    TrainingProgress,
    check_shapes,
    load_checkpoint,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
)
from mtner_cli.core.types import Tag
from mtner_cli.errors import CheckpointError, DataError
from tests.disk import small_files_only

# Names with every sign that has a meaning elsewhere.
TAGS = (Tag("CoNLL-2003", "B$x (y), z"), Tag("a$b", "Disease"))
DESCRIPTION = ModelDescription(
    ActionVocabulary(TAGS), {"CoNLL-2003": frozenset(TAGS[:1]), "a$b": frozenset(TAGS[1:])}
)


def trained_layer() -> tuple[nn.Module, torch.optim.Optimizer]:
    layer = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1)
    for _ in range(3):
        layer(torch.randn(4, 3)).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    return layer, optimizer


def test_everything_comes_back(tmp_path: Path) -> None:
    layer, optimizer = trained_layer()
    names = ["weight", "bias"]
    progress = TrainingProgress(
        epoch=3,
        step_in_epoch=17,
        step=392,
        best_score=0.1 + 0.2,
        best_epoch=2,
        best_of_corpora={"CoNLL-2003": 1 / 3, "a$b": 0.0},
    )
    path = tmp_path / "last.safetensors"
    save_checkpoint(path, DESCRIPTION, progress, layer, optimizer_tensors(optimizer, names))

    loaded = load_checkpoint(path, with_optimizer=True)
    assert loaded.description == DESCRIPTION
    assert loaded.progress == progress
    assert all(torch.equal(loaded.model[name], layer.state_dict()[name]) for name in names)
    again = torch.optim.AdamW(layer.parameters(), lr=0.1)
    restore_optimizer(again, names, loaded.optimizer)
    before, after = optimizer.state_dict()["state"], again.state_dict()["state"]
    for index in before:
        for kind, value in before[index].items():
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(after[index][kind]))


def test_the_optimiser_is_left_out_unless_asked_for(tmp_path: Path) -> None:
    layer, optimizer = trained_layer()
    path = tmp_path / "last.safetensors"
    state = optimizer_tensors(optimizer, ["weight", "bias"])
    save_checkpoint(path, DESCRIPTION, TrainingProgress(), layer, state)
    assert load_checkpoint(path).optimizer == {}


def test_a_failed_save_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    layer, _ = trained_layer()
    path = tmp_path / "best.safetensors"
    save_checkpoint(path, DESCRIPTION, TrainingProgress(step=1), layer)
    with pytest.raises(Exception, match=r"."):
        save_checkpoint(path, DESCRIPTION, TrainingProgress(), layer, {"x": "no tensor"})  # type: ignore[dict-item]
    assert load_checkpoint(path).progress.step == 1
    assert [file.name for file in tmp_path.iterdir()] == ["best.safetensors"]


@pytest.mark.parametrize("content", [b"", b"not safetensors at all", b"\x80\x04K\x01."])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "best.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"best\.safetensors"):
        load_checkpoint(path)


def test_a_foreign_safetensors_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"x": torch.zeros(1)}, path, {"format": "pt"})
    with pytest.raises(CheckpointError, match="not a checkpoint of this toolkit"):
        load_checkpoint(path)


def test_a_cut_off_checkpoint_is_refused(tmp_path: Path) -> None:
    layer, _ = trained_layer()
    path = tmp_path / "best.safetensors"
    save_checkpoint(path, DESCRIPTION, TrainingProgress(), layer)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_checkpoint(path)


def test_optimiser_state_of_another_model_is_refused() -> None:
    layer, optimizer = trained_layer()
    state = optimizer_tensors(optimizer, ["weight", "bias"])
    with pytest.raises(CheckpointError, match="another model"):
        restore_optimizer(torch.optim.AdamW(layer.parameters()), ["weight", "other"], state)


def test_progress_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    progress = '{"epoch": 2, "step_in_epoch": 0, "step": 8, "best_score": 0.5, "best_epoch": 1}'
    model = json.dumps(DESCRIPTION.to_json())
    header = {"format": "mtner-checkpoint-1", "model": model, "progress": progress}
    save_file({"model.x": torch.zeros(1)}, path, header)
    assert load_checkpoint(path).progress == TrainingProgress(
        epoch=2, step_in_epoch=0, step=8, best_score=0.5, best_epoch=1
    )


def test_the_header_is_json(tmp_path: Path) -> None:
    layer, _ = trained_layer()
    path = tmp_path / "best.safetensors"
    save_checkpoint(path, DESCRIPTION, TrainingProgress(step=5), layer)
    size = int.from_bytes(path.read_bytes()[:8], "little")
    header = json.loads(path.read_bytes()[8 : 8 + size])["__metadata__"]
    assert json.loads(header["progress"])["step"] == 5


def header(**changed: object) -> dict[str, str]:
    """The header of a checkpoint whose model or progress has been changed."""
    model = DESCRIPTION.to_json() | {key: changed[key] for key in changed if key in MODEL_KEYS}
    progress = asdict(TrainingProgress()) | {
        key: changed[key] for key in changed if key not in MODEL_KEYS
    }
    return {
        "format": "mtner-checkpoint-1",
        "model": json.dumps(model),
        "progress": json.dumps(progress),
    }


MODEL_KEYS = DESCRIPTION.to_json().keys()


@pytest.mark.parametrize(
    "changed",
    [
        {"annotated": [1, 2]},
        {"annotated": {"a$b": [99]}},
        {"annotated": {"a$b": [-1]}},
        {"tags": [[1, 2]]},
        {"tags": [["a", "b", "c"]]},
        {"tags": [["a", "b"]] * 2},
        {"tags": [["a", str(number)] for number in range(20_000)]},
        {"with_out": "yes"},
        {"tokenizer": 3},
        {"encoder": {"hidden_size": [1]}},
        {"epoch": "three"},
        {"epoch": -1},
        {"step": -4},
        {"step": 1 << 70},
        {"best_score": float("nan")},
        {"finished": 2},
    ],
    ids=str,
)
def test_a_damaged_header_is_refused(tmp_path: Path, changed: dict[str, object]) -> None:
    path = tmp_path / "best.safetensors"
    save_file({"model.x": torch.zeros(1)}, path, header(**changed))
    with pytest.raises(CheckpointError, match="cannot be read") as raised:
        load_checkpoint(path)
    assert len(str(raised.value)) < 1000


def test_a_deep_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    deep = {**header(), "model": "[" * 200_000 + "]" * 200_000}
    save_file({"model.x": torch.zeros(1)}, path, deep)
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_checkpoint(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite_are_neither_saved_nor_loaded(
    tmp_path: Path, value: float
) -> None:
    layer, _ = trained_layer()
    path = tmp_path / "last.safetensors"
    save_checkpoint(path, DESCRIPTION, TrainingProgress(step=1), layer)
    with torch.no_grad():
        layer.bias[0] = value
    with pytest.raises(CheckpointError, match=r"'model\.bias' holds numbers that are not finite"):
        save_checkpoint(path, DESCRIPTION, TrainingProgress(step=2), layer)
    assert load_checkpoint(path).progress.step == 1
    save_file({"model.bias": layer.bias.data}, path, header())
    with pytest.raises(CheckpointError, match="'bias' holds numbers that are not finite"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("weights", "fault"),
    [
        ({"weight": torch.zeros(2, 4), "bias": torch.zeros(2)}, r"'weight' is \(2, 4\)"),
        ({"weight": torch.zeros(2, 3)}, "'bias' is missing"),
        (
            {"weight": torch.zeros(2, 3), "bias": torch.zeros(2), "x": torch.zeros(1)},
            "no such weight",
        ),
    ],
)
def test_weights_of_another_shape_are_refused(
    tmp_path: Path, weights: dict[str, torch.Tensor], fault: str
) -> None:
    with pytest.raises(CheckpointError, match=fault):
        check_shapes(nn.Linear(3, 2), weights, tmp_path / "best.safetensors")


def test_optimiser_state_of_another_shape_is_refused() -> None:
    layer, optimizer = trained_layer()
    state = optimizer_tensors(optimizer, ["weight", "bias"])
    state["exp_avg.bias"] = torch.zeros(7)
    with pytest.raises(CheckpointError, match="another model"):
        restore_optimizer(torch.optim.AdamW(layer.parameters()), ["weight", "bias"], state)


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    layer = nn.Linear(300, 300)
    path = tmp_path / "last.safetensors"
    save_checkpoint(path, DESCRIPTION, TrainingProgress(step=1), nn.Linear(1, 1))
    with small_files_only(), pytest.raises(DataError, match=r"cannot be written.*make room"):
        save_checkpoint(path, DESCRIPTION, TrainingProgress(step=2), layer)
    assert load_checkpoint(path).progress.step == 1
    assert [file.name for file in tmp_path.iterdir()] == ["last.safetensors"]


def test_a_checkpoint_is_never_written_through_a_link(tmp_path: Path) -> None:
    layer, _ = trained_layer()
    victim, path = tmp_path / "victim", tmp_path / "last.safetensors"
    victim.write_text("precious")
    path.symlink_to(victim)
    with pytest.raises(DataError, match="is a link"):
        save_checkpoint(path, DESCRIPTION, TrainingProgress(), layer)
    assert victim.read_text() == "precious"
