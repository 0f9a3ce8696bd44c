from __future__ import annotations

from io import StringIO
from pathlib import Path

from mtner_cli.core.convert.ledger import Entry, Ledger
from mtner_cli.core.types import Place, Sentence, Span
from mtner_cli.report.console import PlainConsole
from mtner_cli.report.ledgers import print_ledgers


def printed(ledger: Ledger, width: int = 120) -> str:
    out = StringIO()
    print_ledgers({"count": ledger}, PlainConsole(file=out, width=width))
    return out.getvalue()


def test_long_names_and_texts_are_cut() -> None:
    ledger = Ledger()
    ledger.count(Sentence.of_words(["p53"], [Span(0, 1, "t" * 100_000)]))
    ledger.drop("r" * 100_000, Place(Path("in"), 7), "w" * 100_000)
    text = printed(ledger)
    assert len(text) < 5000
    assert "in:7" in text


def test_types_that_the_user_leaves_out_are_one_line() -> None:
    ledger = Ledger()
    for name in ("Gene", "Species", "Species"):
        ledger.unwanted[name].append(Entry(Place(Path("in")), name))
    assert "says: 3 mentions (Species 2, Gene 1)." in printed(ledger)
    single = Ledger()
    single.unwanted["Gene"].append(Entry(Place(Path("in")), "Gene"))
    assert "says: 1 mention (Gene 1)." in printed(single)


def test_three_examples_of_each_reason() -> None:
    ledger = Ledger()
    for number in range(1, 5):
        ledger.repair("repaired", Place(Path("in"), number), f"what {number}")
    lines = printed(ledger).splitlines()
    at = lines.index("  repaired: 4")
    assert lines[at - 1 : at + 6] == [
        "repairs",
        "  repaired: 4",
        "    in:1 what 1",
        "    in:2 what 2",
        "    in:3 what 3",
        "    ...",
        "Nothing was dropped.",
    ]


def test_a_long_place_is_not_broken() -> None:
    ledger = Ledger()
    path = Path("data/original/GNormPlus/a very long folder/" + "x" * 80 + "/Test.PubTator")
    ledger.drop("discontinuous mention", Place(path, 2238), "p53")
    assert f"    {path}:2238 p53\n" in printed(ledger, width=40)
