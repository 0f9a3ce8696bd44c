"""A trained model: what is refused when it is loaded, and what it finds."""

from __future__ import annotations

import doctest
import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mtner_cli.core import tagger as tagger_module
from mtner_cli.core.convert.sentence_splitting import Document, Passage
from mtner_cli.core.experiment.resume import claimed_run
from mtner_cli.core.experiment.training import prepare_training, start_training
from mtner_cli.core.tagger import Tagger
from mtner_cli.core.train.checkpoint import load_checkpoint, save_checkpoint
from mtner_cli.core.types import Mention, Place, ScoredMention, Tag, TestedSentence
from mtner_cli.errors import CheckpointError, ConfigError, EncoderError, MtnerError
from tests.settings import config_from_mapping

CPU = torch.device("cpu")


LEARNED = [
    "Naloxone reverses hypotension . ||| TRANSITION(Chemical) SHIFT REDUCE(Chemical) OUT "
    "TRANSITION(Disease) SHIFT REDUCE(Disease) OUT",
    "Hypotension was reversed . ||| TRANSITION(Disease) SHIFT REDUCE(Disease) OUT OUT OUT",
]


def test_the_example_of_the_documentation_runs(
    tmp_path: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("train.txt").write_text("\n".join(40 * LEARNED) + "\n")
    Path("dev.txt").write_text("\n".join(LEARNED) + "\n")
    settings = {
        "seed": 1,
        "task_name": "quickstart",
        "output_dir": "logs/quickstart/first",
        "datasets": {
            "clinic": {
                "mode": "simple",
                "split_paths": {"train": "train.txt", "dev": "dev.txt"},
            }
        },
        "models": {"embed_model": {"pretrained_name": str(tiny_encoder)}},
        "train": {
            "batch_size": 2,
            "num_epochs": 2,
            "optimizers": {"embed_model": {"lr": 3e-3}, "pred_model": {"lr": 1e-2}},
        },
    }
    with claimed_run(config_from_mapping(settings), None) as (config, _):
        list(start_training(prepare_training(config), CPU))
    failed, attempted = doctest.testmod(tagger_module)
    assert (failed, attempted) == (0, 2)


@pytest.fixture
def run(tiny_run: Path, tmp_path: Path) -> Path:
    """A copy of a run, to be spoilt."""
    return Path(shutil.copytree(tiny_run, tmp_path / "run"))


def change(path: Path, edit: Callable[[dict], None]) -> None:  # type: ignore[type-arg]
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def test_a_copied_run_loads(run: Path) -> None:
    assert Tagger.load(run, device="cpu").tokenizer.pad_id == 0


def test_a_run_without_its_tokenizer_is_refused(run: Path) -> None:
    (run / "encoder" / "tokenizer.json").unlink()
    with pytest.raises(EncoderError, match="tokenizer"):
        Tagger.load(run, device="cpu")


def test_a_run_without_its_encoder_folder_is_refused(run: Path) -> None:
    shutil.rmtree(run / "encoder")
    with pytest.raises(CheckpointError, match="the run's encoder folder is missing"):
        Tagger.load(run, device="cpu")


def test_another_tokenizer_of_the_same_size_is_refused(run: Path) -> None:
    def swap(tokenizer: dict) -> None:  # type: ignore[type-arg]
        vocabulary = tokenizer["model"]["vocab"]
        vocabulary["a"], vocabulary["e"] = vocabulary["e"], vocabulary["a"]

    change(run / "encoder" / "tokenizer.json", swap)
    with pytest.raises(CheckpointError, match=r"tokenizer splits text differently.*Copy the run's"):
        Tagger.load(run, device="cpu")


def test_other_settings_of_the_encoder_are_refused(run: Path) -> None:
    change(run / "encoder" / "config.json", lambda config: config.update(hidden_act="relu"))
    with pytest.raises(CheckpointError, match="the encoder's hidden_act is 'relu' and was 'gelu'"):
        Tagger.load(run, device="cpu")


class Stored(torch.nn.Module):
    """Weights to be saved again."""

    def __init__(self, weights: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self._weights = weights

    def state_dict(self, *_: object, **__: object) -> dict[str, torch.Tensor]:
        return self._weights


@contextmanager
def a_gigabyte_more() -> Iterator[None]:
    """Let this process take no more memory than that."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + (1 << 30)
    resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


OTHER_SIZES: list[dict[str, object]] = [
    {"hidden_size": 65_536, "intermediate_size": 1_000_000, "num_hidden_layers": 1000},
    {"vocab_size": 10_000_000, "hidden_size": 65_536},
    {"num_hidden_layers": 3},
]


@pytest.mark.parametrize("settings", [*OTHER_SIZES, {"model_type": "roberta"}], ids=str)
def test_another_encoder_is_refused(run: Path, settings: dict[str, object]) -> None:
    change(run / "encoder" / "config.json", lambda config: config.update(settings))
    with pytest.raises(CheckpointError, match="does not belong to this checkpoint"):
        Tagger.load(run, device="cpu")


@pytest.mark.parametrize("settings", OTHER_SIZES, ids=str)
def test_an_encoder_of_another_size_is_refused_before_memory_is_taken(
    run: Path, settings: dict[str, object]
) -> None:
    change(run / "encoder" / "config.json", lambda config: config.update(settings))
    # A checkpoint of an earlier version knows no settings, so the shapes of its weights must tell.
    for path in (run / "checkpoints").iterdir():
        saved = load_checkpoint(path)
        older = replace(saved.description, encoder={})
        save_checkpoint(path, older, saved.progress, Stored(saved.model))
    with a_gigabyte_more(), pytest.raises(CheckpointError, match="its weights do not fit"):
        Tagger.load(run, device="cpu")


def test_settings_of_another_model_are_refused(run: Path) -> None:
    path = run / "resolved_cfg.yaml"
    text = path.read_text()
    assert "action_space_dim: 2" in text
    path.write_text(text.replace("action_space_dim: 2", "action_space_dim: 3"))
    with pytest.raises(CheckpointError, match="its weights do not fit"):
        Tagger.load(run, device="cpu")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
@pytest.mark.parametrize("content", ["", "{}", "[]", "null", "\udcff"])
def test_a_damaged_encoder_folder_is_one_error(run: Path, name: str, content: str) -> None:
    (run / "encoder" / name).write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(MtnerError):
        Tagger.load(run, device="cpu")


@pytest.fixture(scope="module")
def talkative(talkative_run: Path) -> Tagger:
    """A model that opens and closes mentions wherever it can."""
    return Tagger.load(talkative_run, device="cpu")


PASSAGE = "  Fever came back.\r\n\nHe took aspirin 😀 and e\u0301 slept. \ud83d p53 rose!"


@given(st.lists(st.sampled_from([*"ab.E! \n\r\t\u0301\ud83d😀", "fever ", "Mice. "])).map("".join))
@settings(max_examples=60, deadline=None)
def test_every_mention_is_a_piece_of_its_text(talkative: Tagger, text: str) -> None:
    for mention in talkative.find(text + PASSAGE):
        assert (text + PASSAGE)[mention.start : mention.end] == mention.text
        assert mention.text
        assert 0.5 <= mention.score <= 1


def test_mentions_are_found_in_every_sentence(talkative: Tagger) -> None:
    found = talkative.find(PASSAGE)
    starts = {mention.start for mention in found}
    assert any(start < PASSAGE.index("He") for start in starts)
    assert any(start > PASSAGE.index("p53") - 3 for start in starts)
    assert {(mention.type, mention.corpora) for mention in found} <= {
        ("Chemical", ("fever-1",)),
        ("DNA", ("genes$2",)),
        ("Disease", ("fever-1", "genes$2")),
        ("Protein", ("genes$2",)),
    }


def test_texts_are_read_as_each_alone(talkative: Tagger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tagger_module, "SENTENCES_AT_ONCE", 3)
    texts = ["Fever.", "", PASSAGE, " \n ", "Flu rose. He slept.", "p53"]
    together = list(talkative.find_all(iter(texts)))
    for text, found in zip(texts, together, strict=True):
        alone = talkative.find(text)
        assert [replace(mention, score=0) for mention in found] == [
            replace(mention, score=0) for mention in alone
        ]
        assert [m.score for m in found] == pytest.approx([m.score for m in alone], abs=1e-5)


WORDS = [
    *("fever", "Mice.", "aspirin", "😀", "e\u0301", "\ud83d", "p53", "\u202e"),
    *("\x00", "\x1c", "\r\n", "\u200b", "!", "?", "naïve"),
]


@given(st.lists(st.sampled_from([*WORDS, "\n\n"]) | st.text(max_size=5), max_size=60))
@settings(max_examples=60, deadline=None)
def test_sentences_hold_every_character_of_any_document(
    talkative: Tagger, pieces: list[str]
) -> None:
    text = " ".join(pieces)
    (document,) = talkative.annotate([("one", text)])
    assert (document.id, document.text) == ("one", text)
    assert document.unread == 0
    assert [text[start:end].strip() for start, end in document.sentences] == [
        text[start:end] for start, end in document.sentences
    ]
    assert list(document.mentions) == sorted(
        document.mentions, key=lambda mention: (mention.start, -mention.end, mention.type)
    )
    for mention in document.mentions:
        assert text[mention.start : mention.end] == mention.text


def test_the_end_of_a_passage_ends_a_sentence(talkative: Tagger) -> None:
    document = Document(Place(Path("x")), "seven")
    for title in ("Fever in mice", "and p53 too"):
        document.add_passage(Passage(document.place, len(document.text) + 1, title))
    (read,) = talkative.annotate([document])
    assert read.id == "seven"
    assert read.text == " Fever in mice and p53 too"
    assert read.sentences == ((1, 14), (15, 26))
    assert read.words == 6


def test_windows_and_cut_words_are_counted(talkative: Tagger) -> None:
    short_inputs = talkative.config.model_copy(deep=True)
    object.__setattr__(short_inputs.data_transform, "max_tokens", most := 40)
    tagger = replace(talkative, config=short_inputs)
    texts = ["fever", "x1 " * most, "fever " + "a" * (most + 1) + " fell"]
    short, long, cut = tagger.annotate((str(number), text) for number, text in enumerate(texts))
    assert (short.windows, short.cut_words) == (0, 0)
    assert long.windows >= 2
    assert long.cut_words == 0
    assert cut.cut_words == 1
    assert long.words == most
    starts = [mention.start for mention in long.mentions]
    assert starts == sorted(starts)
    assert starts[-1] > 2 * len(texts[1]) // 3


def test_separate_tags_give_a_mention_for_each_corpus(talkative: Tagger) -> None:
    (joint,) = talkative.annotate([("", "fever p53")])
    (separate,) = talkative.annotate([("", "fever p53")], separate_tags=True)
    assert {mention.corpora for mention in separate.mentions} == {("fever-1",), ("genes$2",)}
    both = {
        (mention.start, mention.end, mention.type, corpus): mention.score
        for mention in separate.mentions
        for corpus in mention.corpora
    }
    assert len(both) == len(separate.mentions) > len(joint.mentions)
    for mention in joint.mentions:
        key = (mention.start, mention.end, mention.type)
        assert mention.score == max(both[*key, corpus] for corpus in mention.corpora)


def test_a_model_of_joint_tags_has_no_separate_ones(talkative: Tagger) -> None:
    joint = talkative.config.model_copy(deep=True)
    object.__setattr__(joint.data_transform, "train_with_separate_tags", False)
    with pytest.raises(ConfigError, match="one sense of each type"):
        list(replace(talkative, config=joint).annotate([], separate_tags=True))


def test_an_endless_stream_of_texts_is_read_as_results_are_taken(
    talkative: Tagger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tagger_module, "SENTENCES_AT_ONCE", 4)
    taken = count()
    results = talkative.find_all(f"Fever {next(taken)}." for _ in iter(int, 1))
    for _ in range(5):
        next(results)
    assert next(taken) == 8


def test_one_text_in_place_of_many_is_refused(talkative: Tagger) -> None:
    for find in (talkative.find_all, talkative.find_in_words):
        with pytest.raises(TypeError, match="takes an iterable of"):
            next(find("Fever rose."))


def test_given_words_are_kept(talkative: Tagger) -> None:
    sentences = [["Fever", "rose", "\ud83d"], [], ["He", "took", "two words", "of", "aspirin"]]
    first, none, last = talkative.find_in_words(iter(sentences))
    assert first
    assert last
    assert none == []
    for words, found in zip(sentences, (first, none, last), strict=True):
        for mention in found:
            assert mention.text == " ".join(words[mention.start : mention.end])


def test_a_type_that_two_corpora_name_is_one_mention(talkative: Tagger) -> None:
    tags = [Tag("genes$2", "Gene"), Tag("fever-1", "Gene"), Tag("fever-1", "Disease")]
    scores = [0.6, 0.9, 0.7]
    predicted = [ScoredMention(0, 1, *rest) for rest in zip(tags, scores, strict=True)]
    sentence = TestedSentence(
        corpus="",
        index=0,
        document=None,
        start=0,
        text="p53",
        words=("p53",),
        word_offsets=((0, 3),),
        gold=(),
        gold_unmatched=(),
        predicted=tuple(predicted),
    )
    assert list(talkative._mentions_of_text(sentence, "p53", 0)) == [
        Mention(0, 3, "p53", "Gene", ("fever-1", "genes$2"), 0.9),
        Mention(0, 3, "p53", "Disease", ("fever-1",), 0.7),
    ]


def test_the_package_offers_both_without_importing_anything(project: Path) -> None:
    code = (
        "import sys, mtner_cli; assert not {'torch', 'pydantic', 'rich'} & set(sys.modules); "
        "from mtner_cli import Mention, Tagger; assert Tagger.load and Mention; "
        "assert not hasattr(mtner_cli, 'Other')"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=project)
