"""The report's page: whatever stands in labels, nothing runs, nothing loads, nothing breaks out."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from forge import change_index, change_ledger
from tiny_build import write_tiny_build

pytest.importorskip("matplotlib")

from sign_etl.app.report_page import report_page
from sign_etl.reader import open_build
from sign_etl.schema.report_parts import HistogramPart
from sign_etl.shard.verify import verify
from sign_etl.viz.page import clip_data
from sign_etl.viz.page_contents import chart
from sign_etl.viz.page_elements import bar, data_block, escaped, foreign
from sign_etl.viz.sample_pictures import MOST_BYTES, sample_pictures
from sign_etl.viz.strip import label_of

HOSTILE = (
    "</script><script>window.hacked=1</script>",
    '<img src="https://example.org/x" onerror="window.hacked=1">',
    "\x00\x1b[31mred\u202egnol\u2066",
    "مرحبا بالعالم",
    "'\"&<!--@@STYLE@@-->",
    "手話" * 300,
)


class Parsed(HTMLParser):
    """Elements with their attributes, and the texts of those that hold data."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.data: dict[str, str] = {}
        self.open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.open = str(dict(attrs).get("id") or tag)

    def handle_endtag(self, tag: str) -> None:
        self.open = ""

    def handle_data(self, data: str) -> None:
        if self.open:
            self.data[self.open] = self.data.get(self.open, "") + data


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six clips whose labels, signers and texts are hostile."""
    folder = write_tiny_build(tmp_path_factory.mktemp("page") / "build", clips=6)

    def spoil(rows: list[dict[str, object]]) -> None:
        for row in rows:
            word = HOSTILE[int(str(row["annotation_id"]).split()[1]) % len(HOSTILE)]
            row.update(label=word, gloss=word, signer=word, text=word)

    change_index(folder, spoil)
    change_ledger(folder, spoil)
    return folder


@pytest.fixture(scope="module")
def page(build: Path) -> str:
    assert report_page(build).page == str(build / "report.html")
    return (build / "report.html").read_text("utf-8")


def test_a_build_stays_sound_with_its_page(build: Path, page: str) -> None:
    strays = [problem for problem in verify(build).problems if "report.html" in problem]
    assert strays == []


def test_only_its_own_script_and_style_may_run(page: str) -> None:
    found = Parsed(page)
    [policy] = [
        str(attributes["content"])
        for tag, attributes in found.elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for name in ("script", "style"):
        digest = base64.b64encode(hashlib.sha256(found.data[name].encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy
    scripts = [attributes for tag, attributes in found.elements if tag == "script"]
    assert [attributes.get("type") for attributes in scripts] == ["application/json"] * 2 + [None]


def test_nothing_is_loaded(page: str) -> None:
    for tag, attributes in Parsed(page).elements:
        assert tag not in ("link", "iframe", "object", "base")
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert str(attributes.get("src") or "data:").startswith("data:")
        assert str(attributes.get("href") or "#").startswith("#")
    assert "@import" not in page
    assert "url(" not in page


def test_labels_are_data(page: str) -> None:
    data = json.loads(Parsed(page).data["clip-data"])
    assert set(data["label"]["values"]) == set(HOSTILE)
    assert "\u202e" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert "\x1b" not in page.split('<script type="application/json"')[0]
    assert "<bdi>مرحبا بالعالم</bdi>" in page


def test_charts_and_tables_have_names(page: str) -> None:
    elements = [tag for tag, _ in Parsed(page).elements]
    assert elements.count("figure") == elements.count("figcaption") >= 3
    assert elements.count("table") == elements.count("caption") >= elements.count("figure")
    assert [attributes.get("alt") for tag, attributes in Parsed(page).elements if tag == "img"]


def test_search_data_is_compact(build: Path) -> None:
    with open_build(build) as opened:
        data = clip_data(opened)
        keys = opened.index["key"].to_pylist()
        splits = opened.index["split"].to_pylist()
    assert data["key"] == keys
    assert [data["split"]["values"][code] for code in data["split"]["codes"]] == splits
    assert data["fps"] == {"values": [25.0], "codes": [0] * 6}


def test_skeletons_alone_show_no_person(build: Path) -> None:
    with open_build(build) as opened:
        frames = sample_pictures(opened, 3, "frames")
        skeletons = sample_pictures(opened, 3, "skeletons")
    assert list(frames) == list(skeletons)
    assert len(frames) == 3
    assert all(frames[key] != skeletons[key] for key in frames)
    assert sum(map(len, frames.values())) < MOST_BYTES


def test_elements() -> None:
    assert escaped("<b>\x07") == "&lt;b&gt;\\x07"
    assert foreign("x" * 1000).count("x") == 400
    assert 'width="100.00"' in bar(7)
    assert "</script" not in data_block("d", ["</script>", "\u2028", "\ud800"])[:-9]


def test_a_reject_is_told_with_its_meaning_and_by_name(page: str) -> None:
    [row] = re.findall(r"<tr><th[^>]*>link-dead</th>.*?</tr>", page)
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row)
    assert cells[:2] == ["the address is gone for good", "1"]
    assert cells[-1].endswith("(404)</bdi>")


def test_a_clip_without_words_goes_by_its_own_name(build: Path) -> None:
    with open_build(build) as opened:
        sample = replace(next(iter(opened)), label=None, gloss=None, text=None)
    assert label_of(sample) == sample.annotation_id


def test_one_bar_is_told_in_words() -> None:
    found = HistogramPart(edges=(2, 3), counts=(56,))
    [words] = chart(found, "clips of a class", "classes", "Classes by their clips")
    assert words == "<p>Classes by their clips: 2 clips of a class for all 56 classes.</p>"
