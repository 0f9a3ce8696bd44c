"""Predictions in shards: what is written, and that interruptions leave no trace."""

from __future__ import annotations

import gzip
import io
import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtner_cli.core.files.lock import locked
from mtner_cli.core.prediction import engine
from mtner_cli.core.prediction.engine import Outcome, Request, predict_to_files, predict_to_stream
from mtner_cli.core.prediction.output import Output, StreamOutput
from mtner_cli.core.prediction.writers import Details, json_line
from mtner_cli.core.tagger import Tagger
from mtner_cli.core.types import AnnotatedDocument, Mention
from mtner_cli.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def tagger(talkative_run: Path) -> Tagger:
    return Tagger.load(talkative_run, device="cpu")


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "SHARD_ITEMS", 5)


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A folder of three inputs: 12 texts, 1 damaged line."""
    folder = tmp_path / "texts"
    folder.mkdir()
    lines = [json.dumps({"id": n % 4, "text": f"Fever {n} rose. He slept."}) for n in range(11)]
    (folder / "a.jsonl").write_text("\n".join([*lines[:7], "damaged", *lines[7:]]))
    (folder / "b.txt.gz").write_bytes(gzip.compress(b"He took aspirin."))
    (folder / "c.csv").write_text("title,text\n")
    return folder


def run(tagger: Tagger, request: Request, out: Path | str, **options: Any) -> Outcome:
    return predict_to_files(tagger, request, Output.at(str(out), ".jsonl"), **options)


def request_for(folder: Path, **options: Any) -> Request:
    return Request(inputs=(str(folder),), **options)


def streamed(tagger: Tagger, request: Request) -> bytes:
    stream = io.BytesIO()
    predict_to_stream(tagger, request, StreamOutput(stream))
    return stream.getvalue()


def records(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.decode().splitlines()]


def test_documents_come_in_order_with_names_of_their_own(tagger: Tagger, texts: Path) -> None:
    found = records(streamed(tagger, request_for(texts)))
    assert [record["text"] for record in found] == [
        *(f"Fever {n} rose. He slept." for n in range(11)),
        "He took aspirin.",
    ]
    names = [*"0123", *(f"{n} (2)" for n in range(4)), *(f"{n} (3)" for n in range(3)), "b"]
    assert [record["id"] for record in found] == names
    for record in found:
        assert set(record) == {"id", "text", "mentions"}
        assert record["mentions"]
        for mention in record["mentions"]:
            assert record["text"][mention["start"] : mention["end"]] == mention["text"]
            assert mention["corpora"]
            assert mention["score"] == round(mention["score"], 4) > 0.5


def test_a_file_a_folder_and_a_stream_hold_the_same(
    tagger: Tagger, texts: Path, tmp_path: Path
) -> None:
    request = request_for(texts)
    stream = streamed(tagger, request)
    outcome = run(tagger, request, tmp_path / "new" / "out.jsonl")
    assert (tmp_path / "new" / "out.jsonl").read_bytes() == stream
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "out.failed.jsonl", "out.jsonl"]  # fmt: skip
    counts = outcome.counts
    assert (counts.documents, counts.failures, counts.unread) == (12, 1, 0)
    assert counts.sentences == 23
    assert counts.mentions.total() == sum(len(r["mentions"]) for r in records(stream))
    (failure,) = records((tmp_path / "new" / "out.failed.jsonl").read_bytes())
    assert (failure["input"], failure["line"]) == (f"{texts}/a.jsonl", 8)

    folder = tmp_path / "shards"
    assert run(tagger, request, f"{folder}/") == outcome
    parts = sorted(folder.glob("part-*.jsonl"))
    assert [len(part.read_bytes().splitlines()) for part in parts] == [5, 4, 3]
    assert b"".join(part.read_bytes() for part in parts) == stream
    assert (folder / "failed.jsonl").exists()
    before = {path: path.stat().st_mtime_ns for path in parts}
    assert run(tagger, request, folder) == outcome
    assert before == {path: path.stat().st_mtime_ns for path in parts}


class StopError(Exception):
    """An interruption."""


def stop_after(documents: int) -> Callable[[int, float | None], None]:
    seen = 0

    def count(new: int, share: float | None) -> None:
        nonlocal seen
        seen += new
        assert share is not None
        assert 0 <= share <= 1
        if seen > documents:
            raise StopError

    return count


def interrupted(tagger: Tagger, request: Request, out: Path, documents: int) -> None:
    with pytest.raises(StopError):
        run(tagger, request, out, on_progress=stop_after(documents))


@pytest.mark.parametrize("documents", [0, 4, 5, 9, 11])
def test_an_interruption_leaves_no_trace(
    tagger: Tagger, texts: Path, tmp_path: Path, documents: int
) -> None:
    request, out = request_for(texts), tmp_path / "out.jsonl"
    interrupted(tagger, request, out, documents)
    assert not out.exists()
    outcome = run(tagger, request, out)
    assert out.read_bytes() == streamed(tagger, request)
    assert (outcome.counts.documents, outcome.counts.failures) == (12, 1)
    assert not (tmp_path / "out.jsonl.parts").exists()


def test_inputs_that_are_done_are_not_opened_again(
    tagger: Tagger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number:02}.txt").write_text("Fever rose.")
    request, out = request_for(folder), tmp_path / "out.jsonl"
    interrupted(tagger, request, out, 11)
    opened: list[str] = []
    read = engine.read_source

    def noting(source: Any, *rest: Any) -> Iterator[Any]:
        opened.append(Path(source.path).name)
        return read(source, *rest)

    monkeypatch.setattr(engine, "read_source", noting)
    run(tagger, request, out)
    assert opened == ["09.txt", "10.txt", "11.txt"]


def test_a_process_that_is_killed_anywhere_leaves_no_trace(
    tagger: Tagger, talkative_run: Path, tmp_path: Path, project: Path
) -> None:
    lines = [json.dumps({"text": f"Fever {n} rose. He slept."}) for n in range(60)]
    (tmp_path / "in.jsonl").write_text("\n".join([*lines[:30], "damaged", *lines[30:]]))
    request, out = Request(inputs=(str(tmp_path / "in.jsonl"),)), tmp_path / "out.jsonl"
    command = [sys.executable, "-m", "tests.core.prediction.killing", talkative_run, out]
    done = subprocess.run(
        [*map(str, command), "5", "8", "0.1", *request.inputs],
        cwd=project, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == streamed(tagger, request)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "in.jsonl", "out.failed.jsonl", "out.jsonl"]  # fmt: skip


def test_a_process_that_is_killed_while_it_ends_leaves_no_trace(
    tagger: Tagger, texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = request_for(texts)
    expected = streamed(tagger, request)
    for step in ("write_failures", "join", "clean"):
        out = tmp_path / f"{step}.jsonl"
        with monkeypatch.context() as patch:
            original = getattr(Output, step)

            def after(self: Output, argument: Any, do: Any = original) -> None:
                if do.__name__ != "clean":
                    do(self, argument)
                raise StopError

            patch.setattr(Output, step, after)
            with pytest.raises(StopError):
                run(tagger, request, out)
        outcome = run(tagger, request, out)
        assert outcome.counts.documents == 12
        assert out.read_bytes() == expected
        assert not out.with_name(f"{step}.jsonl.parts").exists()


def append(path: Path) -> None:
    with path.open("a") as file:
        file.write("\n{}")


CHANGES: list[tuple[Callable[[Path], Any], str]] = [
    (lambda folder: append(folder / "a.jsonl"), r"a\.jsonl has changed"),
    (lambda folder: (folder / "aa.txt").write_text("x"), r"aa\.txt is new"),
    (lambda folder: (folder / "c.csv").unlink(), r"c\.csv is no longer"),
    (lambda folder: (folder / "c.csv").write_text("title,texts\n"), r"c\.csv has changed"),
    (lambda folder: (folder / "a.jsonl").rename(folder / "z.jsonl"), "is new|another order"),
]


@pytest.mark.parametrize(("change", "message"), CHANGES)
def test_changed_inputs_are_refused(
    tagger: Tagger, texts: Path, tmp_path: Path, change: Callable[[Path], Any], message: str
) -> None:
    request, out = request_for(texts), tmp_path / "out.jsonl"
    interrupted(tagger, request, out, 8)
    change(texts)
    with pytest.raises(ConfigError, match=rf"{message}.*delete .*out\.jsonl\.parts to begin anew"):
        run(tagger, request, out)


def test_a_touched_input_with_the_same_content_is_not_changed(
    tagger: Tagger, texts: Path, tmp_path: Path
) -> None:
    request, out = request_for(texts), tmp_path / "out.jsonl"
    interrupted(tagger, request, out, 8)
    os.utime(texts / "a.jsonl", (1, 1))
    assert run(tagger, request, out).counts.documents == 12


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_score": 0.6}, "--min-score was 0.0 and is 0.6"),
        ({"types": ("Disease",)}, "--types was all and is Disease"),
        ({"details": Details(sentences=True)}, "--sentences was False"),
        ({"separate_tags": True}, "--separate-tags was False"),
    ],
)
def test_other_options_are_refused(
    tagger: Tagger, texts: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    request, out = request_for(texts), tmp_path / "out.jsonl"
    interrupted(tagger, request, out, 8)
    with pytest.raises(ConfigError, match=message):
        run(tagger, replace(request, **options), out)


def test_another_model_is_refused(
    tagger: Tagger, tiny_run: Path, texts: Path, tmp_path: Path
) -> None:
    request, out = request_for(texts), tmp_path / "out.jsonl"
    interrupted(tagger, request, out, 8)
    with pytest.raises(ConfigError, match="the model's hash was"):
        run(Tagger.load(tiny_run, device="cpu"), request, out)


def test_an_input_that_changes_while_others_are_read_is_refused(
    tagger: Tagger, texts: Path, tmp_path: Path
) -> None:
    def change(new: int, share: float | None) -> None:
        (texts / "c.csv").write_text("text\nother\n")

    with pytest.raises(DataError, match=r"c\.csv: has changed since"):
        run(tagger, request_for(texts), tmp_path / "out.jsonl", on_progress=change)


def _hold(path: Path, ready: Any, end: Any) -> None:
    path.parent.mkdir()
    with locked(path) as is_free:
        assert is_free
        ready.set()
        end.wait()


def test_a_second_process_is_refused(tagger: Tagger, texts: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, end = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(tmp_path / "out.jsonl.parts" / "lock", ready, end))
    holder.start()
    ready.wait(60)
    try:
        with pytest.raises(ConfigError, match="another process is writing"):
            run(tagger, request_for(texts), tmp_path / "out.jsonl")
    finally:
        end.set()
        holder.join()
    assert run(tagger, request_for(texts), tmp_path / "out.jsonl").counts.documents == 12


@pytest.mark.parametrize("out", ["texts/out.jsonl", "texts", "texts/a.jsonl", "texts/new/"])
def test_an_output_among_the_inputs_is_refused(
    tagger: Tagger, texts: Path, tmp_path: Path, out: str
) -> None:
    before = sorted(texts.iterdir())
    with pytest.raises(ConfigError, match="write to another place"):
        run(tagger, request_for(texts), f"{tmp_path}/{out}")
    assert sorted(texts.iterdir()) == before


def test_a_device_or_a_pipe_is_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for out in (tmp_path / "pipe", Path("/dev/stdout"), Path("/dev/none")):
        with pytest.raises(ConfigError, match="redirect the standard output"):
            Output.at(str(out), ".jsonl")


def test_parts_of_another_prediction_are_refused(
    tagger: Tagger, texts: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "part-00000.jsonl").write_text("mine")
    with pytest.raises(DataError, match="holds parts of another prediction"):
        run(tagger, request_for(texts), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["part-00000.jsonl"]


def test_a_damaged_manifest_is_one_error(tagger: Tagger, texts: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.sqlite").write_bytes(b"damaged" * 1000)
    with pytest.raises(DataError, match=r"manifest\.sqlite: the state of this prediction"):
        run(tagger, request_for(texts), tmp_path / "out")


def test_strict_stops_at_the_first_failure(tagger: Tagger, texts: Path, tmp_path: Path) -> None:
    request, out = request_for(texts), tmp_path / "out.jsonl"
    with pytest.raises(DataError, match=r"a\.jsonl:8: expected a JSON object.*--strict"):
        run(tagger, request, out, strict=True)
    assert run(tagger, request, out).counts.failures == 1
    with pytest.raises(DataError, match="--strict"):
        run(tagger, request, tmp_path / "out2.jsonl", strict=True)


def test_only_wanted_mentions_are_written(tagger: Tagger, texts: Path) -> None:
    everything = records(streamed(tagger, request_for(texts)))
    score = everything[0]["mentions"][0]["score"]
    chosen = records(streamed(tagger, request_for(texts, types=("Disease",), min_score=score)))
    for full, some in zip(everything, chosen, strict=True):
        assert [m for m in full["mentions"] if m["type"] == "Disease" and m["score"] > score] == [
            m for m in some["mentions"] if m["score"] > score
        ]
    with pytest.raises(ConfigError, match=r"--types Diseases: .* did you mean Disease"):
        streamed(tagger, request_for(texts, types=("Diseases",)))


def test_separate_tags_and_sentences(tagger: Tagger, texts: Path) -> None:
    request = request_for(texts, separate_tags=True, details=Details(sentences=True))
    found = records(streamed(tagger, request))
    for record in found:
        assert {len(mention["corpora"]) for mention in record["mentions"]} == {1}
    first = found[0]
    assert [first["text"][slice(*edges)] for edges in first["sentences"]] == [
        "Fever 0 rose.",
        "He slept.",
    ]


ANY = st.text(min_size=1)


@settings(max_examples=30)
@given(
    st.lists(st.builds(" ".join, st.lists(st.sampled_from(["fever", "p53."]) | ANY)), max_size=4)
)
def test_any_text_is_written_as_it_is(
    tagger: Tagger, tmp_path_factory: pytest.TempPathFactory, given_texts: list[str]
) -> None:
    path = tmp_path_factory.mktemp("any") / "in.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in given_texts))
    content = streamed(tagger, Request(inputs=(str(path),)))
    assert len(content.decode().splitlines()) == len(given_texts)  # no other line ends
    found = records(content)
    # JSON reads two halves of a pair as one character
    expected = [json.loads(json.dumps(text)) for text in given_texts]
    assert [record["text"] for record in found] == expected
    for record in found:
        for mention in record["mentions"]:
            assert record["text"][mention["start"] : mention["end"]] == mention["text"]


def test_scores_have_four_decimals() -> None:
    mention = Mention(0, 1, "a", "T", ("c",), 2 / 3)
    document = AnnotatedDocument(
        id="\ud83d", text="a\u2028", mentions=(mention,), sentences=(), words=1
    )
    line = json_line(document, Details())
    assert '"score": 0.6667' in line
    assert line.isascii()
    assert json.loads(line)["text"] == "a\u2028"
