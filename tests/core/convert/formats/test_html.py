"""The page shows exact text and every mention: by its source, and in Chromium if it is here."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given

from mtner_cli.core.convert.formats.html import _CONTROLS, _rows, write
from mtner_cli.core.convert.ledger import Ledger
from mtner_cli.core.convert.writing import WrittenDocument, WrittenMention
from mtner_cli.core.types import Place
from tests.core.convert.test_writing import WHOLE, documents

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
TEXT = "The <script>document.title = 'ran'</script> IL-2 receptor gene & p53.\r\n\x00 ok"


def mention(wording: str, name: str, score: float | None = None) -> WrittenMention:
    start = TEXT.index(wording)
    return WrittenMention(start, start + len(wording), name, score, ("A<b>",) if score else ())


SAMPLE = WrittenDocument(
    place=Place(Path("x")),
    id="<img src=x onerror=alert(1)>",
    text=TEXT,
    mentions=[
        mention("IL-2 receptor gene", "DNA", 0.93),
        mention("IL-2 receptor", '"><i>Protein', 0.55),
        mention("IL-2", "Gene", 0.999),
        mention("</script> IL-2", "crossing", 0.4),
        mention("p53", "Gene"),
    ],
)


class Page(HTMLParser):
    """The texts of a page, the types that cover each of their characters, and its lists."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.covered: list[list[Counter[str]]] = []
        self.listed: list[list[str]] = []
        self.tags: Counter[str] = Counter()
        self._open: list[tuple[str, str]] = []
        self._in_text = self._in_cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.tags[tag] += 1
        if given.get("class") == "text":
            self._in_text = True
            self.texts.append("")
            self.covered.append([])
        elif self._in_text:
            self._open.append((given.get("class") or "", given.get("title") or ""))
        if tag == "tr":
            self.listed.append([])
        if tag == "td":
            self.listed[-1].append("")
        self._in_cell = (tag in ("td", "a", "bdi") and self._in_cell) or tag == "td"

    def handle_endtag(self, tag: str) -> None:
        if tag == "div":
            self._in_text = False
        elif self._in_text:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._in_text:
            self.texts[-1] += data
            shown = Counter(title for kind, title in self._open if kind.startswith("m "))
            self.covered[-1] += [shown] * len(data)
        elif self._in_cell and self.listed and self.listed[-1]:
            self.listed[-1][-1] += data


def shown(text: str) -> str:
    return WHOLE(text).translate(_CONTROLS)


@given(documents())
def test_the_page_holds_the_text_and_every_mention(document: WrittenDocument) -> None:
    ledger = Ledger()
    page = Page("".join(write([document], ledger)))
    (text,), (covered,) = page.texts, page.covered
    assert text == shown(document.text)
    expected = [Counter[str]() for _ in text]
    for it in document.mentions:
        score = "" if it.score is None else f", {it.score:.3f} ({', '.join(it.corpora)})"
        for position in range(it.start, it.end):
            expected[position][shown(it.type) + score] += 1
    assert covered == expected
    rows = [cells for cells in page.listed if len(cells) == 5]
    assert [(cells[1], cells[2]) for cells in rows] == [
        (shown(it.type), f"{it.start}–{it.end}") for it in document.in_order()
    ]
    assert bool(ledger.repairs) == any(
        shown(part) != part
        for part in (document.text, document.id, *(it.type for it in document.mentions))
    )


@given(documents())
def test_brackets_that_overlap_lie_in_different_rows(document: WrittenDocument) -> None:
    mentions = document.in_order()
    rows = _rows(mentions)
    for one, row in zip(mentions, rows, strict=True):
        assert row >= 1
        for other, other_row in zip(mentions, rows, strict=True):
            if one is not other and one.start < other.end and other.start < one.end:
                assert row != other_row
                if one.end - one.start < other.end - other.start:
                    assert row < other_row


def test_nothing_of_a_document_becomes_markup() -> None:
    source = "".join(write([SAMPLE], Ledger()))
    page = Page(source)
    assert page.tags.keys().isdisjoint({"script", "img", "b", "i", "link", "iframe"})
    assert page.texts == [TEXT.replace("\x00", "␀")]
    assert "default-src 'none'" in source
    assert not re.search(
        r"""(?:src|href)="(?!#)|url\(|@import""", unescape(source).split("<main>")[0]
    )
    assert "<h2 dir=\"auto\">&lt;img" in source  # fmt: skip


def test_a_page_without_scores_has_no_filter_for_them() -> None:
    plain = WrittenDocument(place=SAMPLE.place, id="1", text="p53", mentions=[])
    assert "Lowest score" not in "".join(write([plain], Ledger()))
    assert "0 mentions of 0 types in 1 document" in "".join(write([plain], Ledger()))
    assert "Lowest score" in "".join(write([SAMPLE], Ledger()))


def test_pieces_come_as_documents_come() -> None:
    taken = []

    def endless():  # type: ignore[no-untyped-def]
        for number in range(1000):
            taken.append(number)
            yield SAMPLE

    pieces = write(endless(), Ledger())
    next(pieces)
    next(pieces)
    assert taken == [0]


LOOK = """<!DOCTYPE html><meta charset="utf-8"><body><script>
const sizes = [400, 1600], found = {};
const frames = sizes.map(width => {
  const frame = document.createElement('iframe');
  frame.style = `width:${width}px;height:900px;border:0`;
  frame.src = 'page.html';
  document.body.append(frame);
  return new Promise(done => frame.onload = () => {
    const page = frame.contentDocument, view = frame.contentWindow;
    const color = node => view.getComputedStyle(node).getPropertyValue('--c');
    const shown = () => [...page.querySelectorAll('.m')]
      .filter(it => color(it) !== 'transparent').map(it => it.title);
    const result = {
      title: page.title, text: page.querySelector('.text').textContent,
      fits: page.documentElement.scrollWidth <= width, all: shown(),
    };
    page.querySelector('#f1').click();
    result.without = shown();
    result.rows = [...page.querySelectorAll('tr')]
      .filter(it => view.getComputedStyle(it).display !== 'none').length;
    page.querySelector('#f1').click();
    page.querySelector('#score').value = '5';
    result.sure = shown();
    const labels = [...page.querySelectorAll('input, select, summary, a')];
    result.reachable = labels.every(it => it.tabIndex === 0);
    found[width] = result;
    done();
  });
});
Promise.all(frames).then(() => {
  document.body.innerHTML = '<pre id="found"></pre>';
  document.getElementById('found').textContent = JSON.stringify(found);
});
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_the_page_in_chromium(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("".join(write([SAMPLE], Ledger())), encoding="utf-8")
    (tmp_path / "look.html").write_text(LOOK, encoding="utf-8")
    done = subprocess.run(
        [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu",
            "--allow-file-access-from-files", "--virtual-time-budget=5000",
            f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom",
            (tmp_path / "look.html").as_uri(),
        ],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    match = re.search(r'<pre id="found">(.*)</pre>', done.stdout, re.DOTALL)
    assert match, done.stdout[-2000:] + done.stderr[-2000:]
    for result in json.loads(unescape(match[1])).values():
        assert result["title"] == "Mentions"
        assert result["text"] == TEXT.replace("\x00", "␀")
        assert result["fits"]
        assert result["reachable"]
        types = [title.partition(",")[0] for title in result["all"]]
        assert sorted(set(types)) == sorted(['"><i>Protein', "DNA", "Gene", "crossing"])
        hidden = {title.partition(",")[0] for title in result["all"]} - {
            title.partition(",")[0] for title in result["without"]
        }
        assert len(hidden) == 1
        assert result["rows"] == 5  # a heading and four of five mentions
        assert {title.partition(",")[0] for title in result["sure"]} == {"DNA", "Gene"}
