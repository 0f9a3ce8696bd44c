"""Fixtures that every test may use."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.real_corpora import PROJECT, REAL_CORPORA

# A machine that is busy makes single examples slow; no test measures time.
settings.register_profile("mtner", deadline=None)
settings.load_profile("mtner")


@pytest.fixture(scope="session")
def project() -> Path:
    """The project's root folder."""
    return PROJECT


@pytest.fixture(scope="session", autouse=True)
def cache_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests leave the user's own cache alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTNER_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of the real corpora; without it, tests that need it are skipped."""
    if not REAL_CORPORA.is_dir():
        pytest.skip(f"no real corpora in {REAL_CORPORA}; MTNER_TEST_CORPORA names their folder")
    return REAL_CORPORA


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a real, very small BERT: random weights, WordPiece over characters."""
    import string

    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tiny-encoder")
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    characters = string.ascii_lowercase + string.digits + string.punctuation
    pieces = [*special, *characters, *(f"##{character}" for character in characters)]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    backend = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer()
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    PreTrainedTokenizerFast(
        tokenizer_object=backend, **dict(zip(names, special, strict=True))
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
    )
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    """The folder of a real, very short training on two tiny corpora."""
    import torch

    from mtner_cli.core.experiment.resume import claimed_run
    from mtner_cli.core.experiment.training import prepare_training, start_training
    from tests.core.experiment.conftest import write_corpora
    from tests.settings import config_from_mapping

    folder = tmp_path_factory.mktemp("tiny-run")
    settings = {
        "seed": 3,
        "task_name": "tiny",
        "output_dir": str(folder / "run"),
        "datasets": write_corpora(folder),
        "models": {"embed_model": {"pretrained_name": str(tiny_encoder)}},
        "train": {"num_epochs": 1},
    }
    with claimed_run(config_from_mapping(settings), None) as (config, _):
        list(start_training(prepare_training(config), torch.device("cpu")))
    return config.output_dir


@pytest.fixture(scope="session")
def talkative_run(tmp_path_factory: pytest.TempPathFactory, tiny_run: Path) -> Path:
    """A run whose model opens and closes mentions wherever it can."""
    import torch

    from mtner_cli.core.tagger import Tagger
    from mtner_cli.core.train.checkpoint import load_checkpoint, save_checkpoint

    run = Path(shutil.copytree(tiny_run, tmp_path_factory.mktemp("talkative") / "run"))
    tagger = Tagger.load(run, device="cpu")
    vocabulary = tagger.description.vocabulary
    frequencies = torch.full((vocabulary.size,), 0.7)
    frequencies[: vocabulary.first_tag_action] = torch.tensor([0.0, 0.3])
    tagger.model.tagger.start_output_at(frequencies)
    for path in (run / "checkpoints").iterdir():
        saved = load_checkpoint(path)
        save_checkpoint(path, saved.description, saved.progress, tagger.model)
    return run
