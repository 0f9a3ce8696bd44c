"""What the original system's documentation tells its users to do, done with these commands.

Its out-of-domain evaluation is followed with the files in ``configs/ood`` on two tiny corpora, in
whose test splits stand sentences of the other's domain.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from mtner_cli.config.load import load_experiment
from mtner_cli.errors import CheckpointError, ConfigError
from tests.cli.conftest import run

# As it stands there, comments included.
EXAMPLE = """# @package _global_ # NOTE: leave this as is
# Mandatory overwrites
seed: 42
task_name: CoNLL # NOTE: name of the experiment
datasets:
  CONLLen: # NOTE: name of the dataset
    source: local
    encoding: utf-8
    mode: simple # NOTE: action encoding mode: simple or simple-char
    split_paths: # NOTE: paths to the datasets
      train: data/converted/CoNLL/train.txt
      dev: data/converted/CoNLL/dev.txt
      test: data/converted/CoNLL/test.txt
    tag_dict: # NOTE: option to rename or remove entity types
      LOC: Location
      MISC: null
      ORG: Organization
      PER: People
# Optional overwrites
models:
  embed_model:
    pretrained_name: xlm-roberta-large
"""
SENTENCES = {
    "CONLLen": "Maria/PER flew to Lisbon/LOC\nACME/ORG hired Rui/PER\nnobody came\n",
    "BC5CDR": "aspirin/Chemical relieves fever/Disease\nfever/Disease after nicotine/Chemical\n"
    "no effect\n",
}
"""The sentences that the corpora hold to train on, a type after each word that is a mention."""
SETTINGS = {
    "train.num_epochs": 5,
    "train.batch_size": 8,
    "train.optimizers.embed_model.lr": 5e-3,
    "train.optimizers.pred_model.lr": 1e-2,
    "ablation.pred_model.dropouts": "false",
}


def columns(sentences: str, *, annotated: bool = True) -> str:
    """The sentences as a CoNLL file."""
    lines = []
    for sentence in sentences.splitlines():
        for word in sentence.split():
            text, _, tag = word.partition("/")
            lines.append(f"{text}\t{f'B-{tag}' if tag and annotated else 'O'}\n")
        lines.append("\n")
    return "".join(lines)


@dataclass(frozen=True)
class Workplace:
    """Where a user works: converted corpora in the current folder, an encoder, our files."""

    folder: Path
    encoder: Path
    configs: Path

    def train(self, *corpora: str) -> Path:
        """A model of these corpora; returns the folder of its run."""
        name = "-".join(corpora)
        experiment = {
            "seed": 42,
            "task_name": name,
            "datasets": {
                corpus: {
                    "source": "local",
                    "encoding": "utf-8",
                    "mode": "simple",
                    "split_paths": {
                        split: f"{corpus}/{split}.txt" for split in ("train", "dev", "test")
                    },
                    "tag_dict": None,
                }
                for corpus in corpora
            },
            "models": {"embed_model": {"pretrained_name": str(self.encoder)}},
        }
        file = self.folder / f"{name}.yaml"
        file.write_text("# @package _global_\n" + yaml.safe_dump(experiment))
        settings = SETTINGS | {"output_dir": self.folder / "logs" / name}
        overrides = [text for key, value in settings.items() for text in ("-o", f"{key}={value}")]
        run("train", file, "--cpu", *overrides)
        return self.folder / "logs" / name

    def predict(self, model: Path, corpus: str, paths: str) -> Path:
        """``predict-cross`` with a file of ours, whose corpus is the tiny one here."""
        file = yaml.safe_load((self.configs / "ood" / paths).read_text())
        file[corpus]["split_paths"]["test"] = f"{corpus}/test.txt"
        (self.folder / paths).write_text(yaml.safe_dump(file))
        pickle = self.folder / f"{model.name}_on_{corpus}.pkl"
        options = ("--corpora", self.folder / paths, "--pickle", pickle, "--cpu")
        assert "the model was never taught" in run(
            "predict-cross", "--model", model / "resolved_cfg.yaml", *options
        )
        return pickle

    def filter(self, name: str, pickle: Path, out: str) -> Path:
        """``filter-ood`` with a specification of ours."""
        specification = self.configs / "ood" / f"tag_spec_{name}.yaml"
        path = self.folder / out
        run("filter-ood", "--spec", specification, "--pickle", pickle, "--out", path)
        return path


@pytest.fixture(scope="module")
def workplace(
    project: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Workplace:
    folder = tmp_path_factory.mktemp("workplace")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for corpus, other in (("CONLLen", "BC5CDR"), ("BC5CDR", "CONLLen")):
            Path(f"{corpus}.train").write_text(columns(SENTENCES[corpus] * 50))
            Path(f"{corpus}.dev").write_text(columns(SENTENCES[corpus]))
            foreign = columns(SENTENCES[other], annotated=False)
            Path(f"{corpus}.test").write_text(columns(SENTENCES[corpus]) + foreign)
            for split in ("train", "dev", "test"):
                out = f"{corpus}/{split}.txt"
                run("convert", "conll", f"{corpus}.{split}", "--out", out)
    return Workplace(folder, tiny_encoder, project / "configs")


@pytest.fixture
def at_work(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    monkeypatch.chdir(workplace.folder)
    return workplace


def test_the_example_experiment_loads_unchanged(tmp_path: Path) -> None:
    file = tmp_path / "CoNLL.yaml"
    file.write_text(EXAMPLE)
    config = load_experiment(file)
    assert (config.seed, config.task_name) == (42, "CoNLL")
    assert config.models.embed_model.pretrained_name == "xlm-roberta-large"
    (dataset,) = config.datasets.values()
    assert dataset.split_paths.dev == Path("data/converted/CoNLL/dev.txt")
    assert dataset.tag_dict == {
        "LOC": "Location", "MISC": None, "ORG": "Organization", "PER": "People",
    }  # fmt: skip


def test_a_biomedical_model_on_news(at_work: Workplace) -> None:
    pickle = at_work.predict(at_work.train("BC5CDR"), "CONLLen", "conll_paths.yaml")
    text = at_work.filter("biomed_model", pickle, "biomed.txt").read_text()
    assert "CORPUS: CONLLen\nRELEVANT TYPES: Disease (2), Chemical (" in text
    assert (
        "['aspirin', 'relieves', 'fever']\nGOLD MENTIONS:\nNone.\nPRED MENTIONS:\n"
        "'aspirin'(0, 1)//Chemical\n'fever'(2, 3)//Disease\n"
    ) in text


def test_a_general_model_on_biomedical_text_and_two_annotators(at_work: Workplace) -> None:
    pickle = at_work.predict(at_work.train("CONLLen"), "BC5CDR", "bc5_paths.yaml")
    sheet = at_work.filter("general_model", pickle, "general.csv")
    header, *rows = csv.reader(sheet.read_text("utf-8-sig").splitlines())
    found = {(row[header.index("mention")], row[header.index("type")]) for row in rows}
    assert {("ACME", "ORG"), ("Lisbon", "LOC"), ("Maria", "PER"), ("Rui", "PER")} <= found
    verdicts = [("yes", "no"), *[("yes", "yes")] * (len(rows) - 1)]
    with sheet.open("w", encoding="utf-8-sig", newline="") as file:
        filled = [[*row[:-2], *pair] for row, pair in zip(rows, verdicts, strict=True)]
        csv.writer(file).writerows([header, *filled])
    judged, both = len(rows), len(rows) - 1
    expected = f"{judged} 100.00 ({judged}/{judged}) {100 * both / judged:.2f} ({both}/{judged})"
    lines = [" ".join(line.split()) for line in run("agreement", sheet).splitlines()]
    assert f"all {expected} {both}/{judged} 0.000 0.000 to 0.000" in lines


def test_a_model_of_both_on_both(at_work: Workplace) -> None:
    pickle = at_work.train("CONLLen", "BC5CDR") / "test_results.pkl"
    filtered = at_work.filter("MT_model", pickle, "both.jsonl").read_text().splitlines()
    found = {
        (sentence["corpus"], mention["text"], mention["type"])
        for sentence in map(json.loads, filtered)
        for mention in sentence["predicted"]
    }
    assert {("BC5CDR", "Maria", "CONLLen$PER"), ("CONLLen", "fever", "BC5CDR$Disease")} <= found
    with pytest.raises(ConfigError, match=r"no prediction of .* on CONLLen; did you mean BC5CDR\$"):
        at_work.filter("biomed_model", pickle, "mistaken.txt")
    assert not (at_work.folder / "mistaken.txt").exists()


def test_mistakes_are_told_in_one_line(at_work: Workplace) -> None:
    example = at_work.folder / "CoNLL.yaml"
    example.write_text(EXAMPLE)
    with pytest.raises(ConfigError, match=r"make it with: mtner convert corpora .*conll\.yaml"):
        run("train", example)
    with pytest.raises(ConfigError, match=r"CoNLL\.splits\.train.*\(from https://"):
        run("convert", "corpora", at_work.configs / "corpora" / "conll.yaml")
    paths = at_work.configs / "ood" / "conll_paths.yaml"
    with pytest.raises(ConfigError, match=r"make it with: mtner convert corpora .*conll\.yaml"):
        run("predict-cross", "--model", "logs", "--corpora", paths)
    with pytest.raises(CheckpointError, match="expected a folder that holds resolved_cfg"):
        run("test", "logs")
    specification = at_work.folder / "specification.yaml"
    specification.write_text("CONLLen:\n  relevant: [Disease]\n")
    with pytest.raises(ConfigError, match=r"specification\.yaml: .*such as: CORPUS: .relevant_"):
        run("filter-ood", "--spec", specification, "--pickle", "results.pkl", "--out", "out.txt")
