"""Splits of a corpus, read and from the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mtner_cli.config.encodings import EncodingName
from mtner_cli.core.corpus import splits
from mtner_cli.core.corpus.splits import CorpusSplit, load_split, split_key
from mtner_cli.core.types import Sentence, Span
from mtner_cli.errors import DataError

FLU = "Flu hurts ||| TRANSITION(Disease) SHIFT REDUCE(Disease) OUT\n"
ASPIRIN = "Aspirin helps ||| TRANSITION(Chemical) SHIFT REDUCE(Chemical) OUT\n"
CORPUS = f"{FLU}-- doc-sep --\n{ASPIRIN}"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MTNER_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "train.txt"
    path.write_text(CORPUS, encoding="utf-8")
    return path


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were really read."""
    read: list[Path] = []
    reader = splits.read_corpus

    def noting(path: Path, *arguments: Any) -> Any:
        read.append(path)
        return reader(path, *arguments)

    monkeypatch.setattr(splits, "read_corpus", noting)
    return read


def load(path: Path, **changes: Any) -> CorpusSplit:
    return load_split("C", **({"path": path, "action_encoding": "simple"} | changes))


def test_types_are_renamed_or_dropped_and_counted(path: Path) -> None:
    for _ in range(2):  # read, and from the cache
        split = load(path, tag_dict={"Disease": None, "Chemical": "Drug"})
        assert split.sentences == (
            Sentence.of_words(["Flu", "hurts"]),
            Sentence.of_words(["Aspirin", "helps"], [Span(0, 1, "Drug")], "0"),
        )
        assert split.dropped == {"Disease": 1}
        assert split.entity_types == {"Drug"}


def test_a_file_is_read_once(path: Path, readings: list[Path]) -> None:
    first, second = load(path), load(path)
    assert first == second
    assert first.key == second.key is not None
    assert readings == [path]


def test_a_copy_of_the_file_will_do(path: Path, readings: list[Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy.txt"
    copy.write_text(CORPUS, encoding="utf-8")
    assert load(path) == load(copy)
    assert readings == [path]


@pytest.mark.parametrize(
    "changes",
    [
        {"charset": "latin-1"},
        {"tag_dict": {"Disease": "Illness"}},
        {"tag_dict": {"Disease": None}},
        {"limit": 1},
    ],
)
def test_another_setting_leads_to_another_reading(
    path: Path, readings: list[Path], changes: dict[str, Any]
) -> None:
    before, after = load(path), load(path, **changes)
    assert after.key != before.key
    assert len(readings) == 2
    assert load(path, **changes) == after
    assert len(readings) == 2


def test_a_changed_file_is_read_again(path: Path, readings: list[Path]) -> None:
    before = load(path)
    path.write_text(CORPUS + FLU, encoding="utf-8")
    assert load(path).sentences[:2] == before.sentences
    assert len(readings) == 2


def test_the_mode_is_among_what_counts() -> None:
    # No line is of both encodings, so this cannot show in what is read.
    modes: list[EncodingName] = ["simple", "simple-char"]
    assert len({split_key("hash", mode, "utf-8", {}, None) for mode in modes}) == 2


def test_a_change_of_the_format_leads_to_another_reading(
    path: Path, readings: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    load(path)
    monkeypatch.setattr(splits, "_FORMAT", splits._FORMAT + 1)
    load(path)
    assert len(readings) == 2


def test_a_file_that_changes_while_it_is_read_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = splits.read_corpus

    def replacing(path: Path, *arguments: Any) -> Any:
        path.write_text(FLU)
        return reader(path, *arguments)

    monkeypatch.setattr(splits, "read_corpus", replacing)
    with pytest.raises(DataError, match="has changed while it was read"):
        load(path)
    monkeypatch.undo()
    path.write_text(CORPUS)
    assert len(load(path).sentences) == 2


def test_faults_are_never_kept(path: Path) -> None:
    path.write_text("Flu ||| SHIFT SHIFT\n")
    for _ in range(2):
        with pytest.raises(DataError, match="one SHIFT or OUT for each of the 1 words") as caught:
            load(path)
        assert caught.value.line == 1
    path.unlink()
    with pytest.raises(DataError, match="no such file"):
        load(path)


def test_a_damaged_name_in_a_cache_file_is_read_again(path: Path) -> None:
    expected = load(path)
    (stored,) = (path.parent / "cache").rglob("*.npz")
    stored.write_bytes(stored.read_bytes().replace(b"dropped_counts", b"dropped_countr"))
    assert load(path) == expected
