"""The report's page in a real browser: opens, searches, runs nothing foreign, has no barriers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Page, browser
from forge import change_index, change_ledger
from tiny_build import write_tiny_build

pytest.importorskip("matplotlib")

from sign_etl.app.report_page import report_page

pytestmark = pytest.mark.slow

HOSTILE = '</script><img src=x onerror="window.hacked=1">'
READY = """new Promise((done) => {
  const look = () =>
    document.documentElement?.dataset.ready === "yes" ? done(true) : setTimeout(look, 20);
  look();
})"""
SEARCH = """new Promise((done) => {
  document.getElementById("words").value = %s;
  document.getElementById("words").dispatchEvent(new Event("input"));
  setTimeout(() => done([...document.querySelectorAll("#grid .label")].map((e) => e.textContent)),
    400);
})"""

FOCUSABLE = """new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(
  [...document.querySelectorAll(".scroll")]
    .filter((box) => !box.closest("details:not([open])"))
    .every((box) => (box.scrollWidth > box.clientWidth) === (box.tabIndex === 0))))))"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The page of thirty clips, the first of which has a hostile label."""
    folder = tmp_path_factory.mktemp("page")
    build = write_tiny_build(folder / "build", clips=30, shard_clips=10, keep_video=False)

    def spoil(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            if row["annotation_id"] == "clip 0":
                row.update(label=HOSTILE, gloss=HOSTILE, signer=HOSTILE)

    change_index(build, spoil)
    change_ledger(build, spoil)
    report_page(build, samples=6)
    with browser(folder / "profile") as tab:
        tab.open((build / "report.html").as_uri())
        assert tab.evaluate(READY) is True
        yield tab


def test_foreign_text_stays_text(page: Page) -> None:
    assert page.evaluate(SEARCH % '"onerror"') == [HOSTILE]
    assert page.evaluate("typeof window.hacked") == "undefined"
    # What the page does not name itself cannot run, even where somebody puts it in.
    injected = """
      const made = document.createElement("script");
      made.textContent = "window.hacked = 2";
      document.body.append(made);
      typeof window.hacked"""
    assert page.evaluate(injected) == "undefined"


def test_search(page: Page) -> None:
    assert set(page.evaluate(SEARCH % '"Мир"')) == {"мир"}
    assert set(page.evaluate(SEARCH % '"γεια"')) == {"γειά"}  # marks do not count
    assert page.evaluate(SEARCH % '"no such word"') == []
    assert page.evaluate("document.getElementById('found').textContent").startswith("0 of 30")
    assert len(page.evaluate(SEARCH % '""')) == 24
    page.evaluate("document.getElementById('more').click()")
    assert page.evaluate("document.querySelectorAll('#grid li').length") == 30
    assert page.evaluate("document.activeElement.tagName") == "LI"
    assert page.evaluate("document.getElementById('more').hidden") is True
    assert page.evaluate("document.querySelectorAll('#grid img').length") == 6


def test_it_can_be_walked_by_keyboard(page: Page) -> None:
    page.evaluate("document.querySelector('.skip').focus()")
    for kind in ("keyDown", "keyUp"):
        page.call("Input.dispatchKeyEvent", type=kind, key="Tab", windowsVirtualKeyCode=9)
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#funnel"
    seen = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(seen) == "solid"


@pytest.mark.parametrize("width", [360, 900, 1600])
def test_nothing_sticks_out(page: Page, width: int) -> None:
    page.call(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=900,
        deviceScaleFactor=1,
        mobile=False,
    )
    # Not the window's width, which counts the scrollbar too.
    sides = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    whole, seen = page.evaluate(sides)
    assert whole <= seen
    # What is cut off can be reached by keyboard, and nothing else stops it.
    assert page.evaluate(FOCUSABLE) is True


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barriers(page: Page, scheme: str) -> None:
    """By axe-core, an npm package that is looked for here and not part of the repository."""
    script = Path(os.environ.get("SIGN_ETL_AXE_CORE", "node_modules/axe-core")) / "axe.min.js"
    if not script.is_file():
        pytest.skip("no npm package axe-core (set SIGN_ETL_AXE_CORE to its folder)")
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.call("Emulation.setEmulatedMedia", media="screen", features=features)
    page.evaluate(script.read_text("utf-8"))
    found = page.evaluate("axe.run().then((all) => JSON.stringify(all.violations))")
    violations = [(one["id"], one["impact"]) for one in json.loads(found)]
    assert violations == []
