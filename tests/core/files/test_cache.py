from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from mtner_cli.core.files import cache
from mtner_cli.core.files.cache import (
    Arrays,
    cache_folder,
    cache_key,
    content_hash,
    load_cached,
    store_arrays,
)

ARRAYS = {"ids": np.arange(1000, dtype=np.int32), "none": np.empty((0, 2)), "flag": np.array(True)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MTNER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "mtner-features"


def load_arrays(key: str) -> Arrays | None:
    return load_cached(key, lambda arrays: arrays)


def test_arrays_come_back_as_they_were(folder: Path) -> None:
    assert load_arrays("key") is None
    store_arrays("key", ARRAYS)
    loaded = load_arrays("key")
    assert loaded is not None
    assert loaded.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert loaded[name].dtype == array.dtype
        assert np.array_equal(loaded[name], array)
    assert [path.name for path in folder.iterdir()] == ["key.npz"]


def test_damage_anywhere_is_noticed_and_mended(folder: Path) -> None:
    store_arrays("key", ARRAYS)
    path = folder / "key.npz"
    whole = path.read_bytes()
    for place in range(0, len(whole), 97):
        path.write_bytes(whole[:place])
        assert load_arrays("key") is None
    for place in range(200, 4000, 97):  # within the values of the first array
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        assert load_arrays("key") is None
    store_arrays("key", ARRAYS)
    assert path.read_bytes() == whole
    assert load_arrays("key") is not None


def test_no_pickle_is_ever_read(folder: Path) -> None:
    store_arrays("key", {"objects": np.array([{}], dtype=object)})
    assert load_arrays("key") is None


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MTNER_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "mtner" / "features"
    monkeypatch.delenv("MTNER_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / ".cache" / "mtner" / "features"
    monkeypatch.setenv("MTNER_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path / "mtner-features"


@pytest.mark.parametrize("off", ["off", "OFF"])
def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, folder: Path, off: str) -> None:
    store_arrays("key", ARRAYS)
    monkeypatch.setenv("MTNER_CACHE", off)
    assert load_arrays("key") is None
    store_arrays("other", ARRAYS)
    assert [path.name for path in folder.iterdir()] == ["key.npz"]


def test_a_folder_that_cannot_be_written_is_left_alone(folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_text("a file where the folder should be")
    store_arrays("key", ARRAYS)
    assert load_arrays("key") is None
    assert folder.read_text().startswith("a file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_still_serves(folder: Path) -> None:
    store_arrays("key", ARRAYS)
    folder.chmod(0o500)
    store_arrays("other", ARRAYS)
    assert load_arrays("other") is None
    assert load_arrays("key") is not None
    folder.chmod(0o700)


def test_the_least_recently_used_make_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new, old, older, newest = (cache_key(number) for number in range(4))
    for age, key in enumerate((new, old, older)):
        store_arrays(key, ARRAYS)
        os.utime(folder / f"{key}.npz", (1e9 - age, 1e9 - age))
    assert load_arrays(older) is not None  # used just now
    monkeypatch.setattr(cache, "MOST_BYTES", 3 * (folder / f"{new}.npz").stat().st_size)
    store_arrays(newest, ARRAYS)
    assert {path.stem for path in folder.iterdir()} == {newest, older, new}


def test_no_file_of_another_name_is_counted_or_deleted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MOST_BYTES", 0)
    folder.mkdir(parents=True)
    foreign = [
        folder.parent / "thesis.dat",
        folder / "thesis.dat",
        folder / "0123.npz",
        folder / f"{cache_key(1)}.npz.bak",
    ]
    for path in foreign:
        path.write_bytes(b"precious")
        os.utime(path, (0, 0))
    (folder / f"{cache_key(2)}.npz").mkdir()
    store_arrays(cache_key(3), ARRAYS)
    assert [path for path in foreign if path.read_bytes() != b"precious"] == []
    assert not (folder / f"{cache_key(3)}.npz").exists(), "of its own it keeps no more than allowed"


def test_what_a_killed_process_left_is_deleted_after_an_hour(folder: Path) -> None:
    folder.mkdir(parents=True)
    old, new = folder / ".mtner-abcdefg1.tmp", folder / ".mtner-abcdefg2.tmp"
    for path in (old, new):
        path.touch()
    os.utime(old, (1e9, 1e9))
    store_arrays("key", ARRAYS)
    assert not old.exists()
    assert new.exists()


def test_content_that_does_not_fit_is_no_content(folder: Path) -> None:
    store_arrays("key", ARRAYS)

    def unpack(arrays: Arrays) -> object:
        return arrays["another name"]

    assert load_cached("key", unpack) is None


def test_a_pipe_by_the_name_of_a_file_holds_up_nobody(folder: Path) -> None:
    folder.mkdir(parents=True)
    os.mkfifo(folder / "key.npz")
    assert load_arrays("key") is None
    store_arrays("key", ARRAYS)


def test_a_link_by_the_name_of_a_file_is_not_followed(folder: Path, tmp_path: Path) -> None:
    folder.mkdir(parents=True)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (folder / "key.npz").symlink_to(victim)
    store_arrays("key", ARRAYS)
    assert load_arrays("key") is None
    assert victim.read_text() == "precious"


def test_keys_tell_values_apart(tmp_path: Path) -> None:
    parts: list[object] = ["a", "b", ["a", "b"], {"a": None}, {"a": "None"}, None, 1, "1", "\ud800"]
    assert len({cache_key(part) for part in parts}) == len(parts)
    assert cache_key("ab", "c") != cache_key("a", "bc")
    assert cache_key({"a": 1, "b": 2}) == cache_key({"b": 2, "a": 1})
    path = tmp_path / "corpus.txt"
    assert content_hash(path) is None
    path.write_text("flu")
    before = content_hash(path)
    path.write_text("flv")
    assert before != content_hash(path)
