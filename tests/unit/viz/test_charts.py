"""Charts: well-formed SVG without ids and styles, coloured by classes, true to their numbers."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip("matplotlib")

from sign_etl.app.report_page import report_page
from sign_etl.core.errors import MissingExtraError
from sign_etl.schema.report_parts import HistogramPart
from sign_etl.viz.charts import curves, histogram


def shapes(svg: str, kind: str) -> list[ElementTree.Element]:
    return [each for each in ElementTree.fromstring(svg).iter("path") if each.get("class") == kind]


def heights(svg: str) -> list[float]:
    found = []
    for bar in shapes(svg, "f1"):
        ups = [float(word) for word in bar.attrib["d"].replace("z", "").split() if word not in "ML"]
        found.append(max(ups[1::2]) - min(ups[1::2]))
    return found


def test_bars_are_as_high_as_their_counts() -> None:
    svg = histogram(HistogramPart(edges=(0, 0.5, 1, 9), counts=(2, 8, 4)), "seconds", "clips")
    low, high, middle = heights(svg)
    assert high / low == pytest.approx(4, rel=0.02)
    assert high / middle == pytest.approx(2, rel=0.02)
    words = [text.text for text in ElementTree.fromstring(svg).iter("text")]
    assert {"seconds", "clips"} <= set(words)


def test_a_page_may_hold_many_of_them() -> None:
    series = {"body": (0.5, None, 0.75, 0.8), "left hand": (0.25, 0.5, 0.1, 0.3)}
    svg = curves(series, "course", "score")
    assert svg == curves(series, "course", "score")
    for each in ElementTree.fromstring(svg).iter():
        assert not {"id", "style", "href"} & set(each.attrib), each.attrib
    # A gap in the first line, no gap in the second one, and both again in the legend.
    assert [line.attrib["d"].count("M") for line in shapes(svg, "s1")] == [2, 1]
    assert [line.get("stroke-dasharray") is None for line in shapes(svg, "s2")] == [False, False]
    assert ElementTree.fromstring(svg).get("aria-hidden") == "true"


def test_without_the_library_nothing_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError) as caught:
        report_page(tmp_path / "no build")
    assert "sign-etl[report]" in str(caught.value.hint)
