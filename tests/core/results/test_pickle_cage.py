"""No result file, however it is made, takes this process with it or outlives it."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas
import pytest

from mtner_cli.core.results import read
from mtner_cli.core.results.read import caged_sentences
from mtner_cli.core.results.write import COLUMNS
from mtner_cli.errors import DataError
from tests.core.results.pickle_programs import BOMBS, data_frame, program, sentences

READ = (
    "import signal, sys; from pathlib import Path; "
    "signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from mtner_cli.core.results.read import caged_sentences; "
    "list(caged_sentences(Path(sys.argv[1])))"
)


@pytest.fixture
def written(tmp_path):
    def write(instructions: bytes) -> Path:
        path = tmp_path / "test_results.pkl"
        path.write_bytes(program(instructions))
        return path

    return write


def plain(number, words, gold=(), predicted=()):
    return {
        "number": number,
        "corpus": "clinic",
        "document": None,
        "start": 0,
        "text": "p53 binds",
        "words": words,
        "word_offsets": [[0, 3], [4, 9]],
        "gold": list(gold),
        "unmatched": [],
        "predicted": list(predicted),
    }


def test_a_small_file_comes_in_plain_values(written):
    assert list(caged_sentences(written(sentences(data_frame())))) == [
        plain(0, ["p53", "binds"], predicted=[[0, 1, "Protein", None]])
    ]


EXCEEDED = {
    "hash": "takes more time than a result file of its size",
    "hashes that are all the same": "takes more time than a result file of its size",
    "memory of 150 million places": "takes more memory than a result file of its size",
    "deep key": "is nested more deeply than any result file",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_file_that_would_exhaust_the_machine_is_one_error(written, bomb):
    path = written(BOMBS[bomb])
    with pytest.raises(DataError, match=r"test_results\.pkl: (is n|takes more |holds text )") as e:
        list(caged_sentences(path))
    assert len(str(e.value)) < 1000
    if bomb in EXCEEDED:
        assert EXCEEDED[bomb] in str(e.value)
        assert "write it again with 'mtner test'" in str(e.value)
    assert os.listdir(path.parent) == [path.name], "something was left behind"


def test_an_answer_out_of_proportion_is_cut_off(written):
    """One type that many mentions have is small in the file, but not in the answer."""
    tags = b"](" + b"X\xe8\3\0\0" + b"x" * 1000 + b"2" * 20_000 + b"e"
    with pytest.raises(DataError, match="takes more room than a result file of its size"):
        list(caged_sentences(written(sentences(data_frame(pred_tag=tags)))))


@pytest.mark.parametrize("as_pipe", [False, True])
def test_a_larger_file_is_read_whole(tmp_path, as_pipe):
    numbers = range(20_000)
    data = {
        "raw_sentences": dict.fromkeys(numbers, "p53 binds"),
        "wordpieces": {number: ["p53", f"binds{number}"] for number in numbers},
        "source_dataset": dict.fromkeys(numbers, "clinic"),
        "start_end_char_idx_of_words": {key: [(0, 3), (4, 9)] for key in numbers},
        "gold_entities_not_matching_tokens": {key: [] for key in numbers},
    }
    row = (0, 1, ["Protein"], None, True, "clinic")
    frame = pandas.DataFrame([(number, *row) for number in numbers], columns=list(COLUMNS))
    path = tmp_path / "test_results.pkl"
    path.write_bytes(pickle.dumps({"data": data, "pred_df": frame}))
    assert path.stat().st_size > 2_000_000
    if as_pipe:
        os.mkfifo(tmp_path / "pipe")
        threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(path.read_bytes(),)).start()
        path = tmp_path / "pipe"
    assert list(caged_sentences(path)) == [
        plain(number, ["p53", f"binds{number}"], gold=[[0, 1, "Protein"]]) for number in numbers
    ]


def test_files_that_cannot_be_opened(tmp_path):
    for path, message in ((tmp_path / "none.pkl", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(DataError, match=f"cannot be read: {message}"):
            list(caged_sentences(path))


def test_a_pipe_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(read, "LARGEST", 3 << 20)
    with pytest.raises(DataError, match="gives more than 3 MB, which only a plain file may hold"):
        list(caged_sentences(Path("/dev/zero")))


def test_a_pipe_is_read_once(written, tmp_path):
    raw, pipe = written(sentences(data_frame())).read_bytes(), tmp_path / "pipe"
    os.mkfifo(pipe)
    write = "import sys; open(sys.argv[1], 'wb').write(bytes.fromhex(sys.argv[2]))"
    with subprocess.Popen([sys.executable, "-c", write, pipe, raw.hex()]):
        assert len(list(caged_sentences(pipe))) == 1


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_reader_ends_with_the_process_that_wants_its_answer(project, written, end):
    path = written(BOMBS["hash"])
    os.truncate(path, 100_000_000)  # a large file may take longer
    parent = subprocess.Popen(
        [sys.executable, "-c", READ, path],
        env={**os.environ, "PYTHONPATH": str(project)},
        stderr=subprocess.DEVNULL,
    )
    reader = wait_for(lambda: children(parent.pid))[0]
    parent.send_signal(end)
    parent.wait(20)
    wait_for(lambda: not is_running(reader))


def test_the_reader_ends_where_nobody_wants_more(written):
    before = children(os.getpid())
    for _ in caged_sentences(written(sentences(data_frame()))):
        break
    assert children(os.getpid()) == before


def wait_for(value):
    for _ in range(1000):
        if found := value():
            return found
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def children(process: int) -> list[int]:
    listed = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(child) for child in listed]


def is_running(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
