"""Charts as SVG for a page: drawn by matplotlib, coloured by the page's style sheet.

Colours are classes (`f1` fills with the first colour of the page, `s1` strokes with it), so one
picture serves light, dark and paper. Texts stay texts in the page's own font. There are no ids and
no style attributes: many charts stand in one page, under a policy that forbids inline styles.
"""

from __future__ import annotations

import importlib.util
import io
import re
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from sign_etl.core.errors import MissingExtraError
from sign_etl.schema.report_parts import HistogramPart

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 5.0, 2.5
"""Inches at 72 points; the page scales the picture."""
INK, GRID = "#00000a", "#00000b"
SERIES = ("#000001", "#000002", "#000003", "#000004")
_CLASSES = {INK: "ink", GRID: "grid"} | {colour: str(n) for n, colour in enumerate(SERIES, 1)}
DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
"""Lines differ in their pattern too: colour never carries a meaning alone."""
_KEPT = frozenset(
    {"fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin"}
    | {"text-anchor", "font-size", "fill-opacity", "stroke-opacity", "opacity"}
)
_SHAPES = frozenset({"svg", "g", "path", "text"})
_GEOMETRY = frozenset({"d", "x", "y", "transform", "viewBox"})
_NUMBER = re.compile(r"-?\d+\.\d+")
_LOCK = threading.Lock()  # matplotlib's settings are the process's


def histogram(found: HistogramPart, across: str, up: str) -> str:
    """Bars of equal width; the last one holds everything above its begin.

    Args:
        found: what to draw.
        across: title of the x axis.
        up: title of the y axis.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    require_charts()
    from matplotlib.ticker import MaxNLocator

    def draw(axes: Axes) -> None:
        width = found.edges[1] - found.edges[0]
        lefts = [found.edges[0] + width * place for place in range(len(found.counts))]
        if is_counted(found):
            lefts = [left - width / 2 for left in lefts]  # the bar of 3 stands on the 3
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
        axes.bar(
            [left + width * 0.05 for left in lefts],
            found.counts,
            width * 0.9,
            align="edge",
            color=SERIES[0],
            linewidth=0,
            clip_on=False,
        )
        axes.set_xlim(lefts[0], lefts[-1] + width)
        axes.set_ylim(0, max(found.counts) * 1.05)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5, min_n_ticks=1))

    return _drawn(draw, across, up)


def is_counted(found: HistogramPart) -> bool:
    """Whether each bin is one whole number."""
    return all(edge == int(edge) for edge in found.edges) and found.edges[1] - found.edges[0] == 1


def curves(
    series: Mapping[str, Sequence[float | None]], across: str, up: str, *, most: float = 1.0
) -> str:
    """Lines over the course of a clip, each with a pattern and a name of its own.

    Args:
        series: values by name; None leaves a gap.
        across: title of the x axis, which goes from 0 to 100 %.
        up: title of the y axis.
        most: upper end of the y axis.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """

    def draw(axes: Axes) -> None:
        for place, (name, values) in enumerate(series.items()):
            times = [100 * (at + 0.5) / len(values) for at in range(len(values))]
            axes.plot(
                times,
                [float("nan") if value is None else value for value in values],
                color=SERIES[place % len(SERIES)],
                linestyle=DASHES[place % len(DASHES)],
                linewidth=2,
                label=name,
                clip_on=False,
            )
        axes.set_xlim(0, 100)
        axes.set_ylim(0, most)
        axes.legend(
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            ncols=4,
            frameon=False,
            labelcolor=INK,
            fontsize=10,
            handlelength=2.6,
            columnspacing=1.2,
        )

    return _drawn(draw, across, up)


def require_charts() -> None:
    """Refuse early what cannot be drawn.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError("drawing charts", "report")


def _drawn(draw: Any, across: str, up: str) -> str:
    require_charts()
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with _LOCK, matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "sign-etl"}):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        figure.patch.set_visible(False)
        axes = figure.subplots()
        axes.patch.set_visible(False)
        axes.set_axisbelow(True)
        axes.grid(axis="y", color=GRID, linewidth=0.8, clip_on=False)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, labelcolor=INK, labelsize=10)
        axes.set_xlabel(across, color=INK, fontsize=10)
        axes.set_ylabel(up, color=INK, fontsize=10)
        draw(axes)
        text = io.StringIO()
        FigureCanvasSVG(figure)
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return _plain(text.getvalue())


def _plain(svg: str) -> str:
    """What matplotlib wrote, without what a page does not need."""
    root = ElementTree.fromstring(svg)
    kept = _kept(root)
    assert kept is not None
    kept.set("class", "chart")
    kept.set("aria-hidden", "true")  # the figure's caption and table say it in words
    kept.set("focusable", "false")
    text = ElementTree.tostring(kept, encoding="unicode", short_empty_elements=True)
    return re.sub(r"\s*\n\s*", " ", text)


def _kept(node: ElementTree.Element) -> ElementTree.Element | None:
    name = node.tag.rpartition("}")[2]
    if name not in _SHAPES:
        return None
    found = ElementTree.Element(name)
    for key, value in node.attrib.items():
        if key in _GEOMETRY:
            found.set(key, _NUMBER.sub(lambda match: f"{float(match[0]):.4g}", value))
    _restyle(found, node.get("style", ""))
    if name == "text":
        found.text = node.text
    for child in node:
        inner = _kept(child)
        if inner is not None:
            found.append(inner)
    return None if name == "g" and not len(found) else found


def _restyle(found: ElementTree.Element, style: str) -> None:
    classes = []
    for part in filter(None, (piece.strip() for piece in style.split(";"))):
        name, _, value = (word.strip() for word in part.partition(":"))
        if name in ("fill", "stroke") and value in _CLASSES:
            classes.append(f"{name[0]}{_CLASSES[value]}")
        elif name in _KEPT:
            found.set(name, value.removesuffix("px"))
        elif name == "font":
            found.set("font-size", value.split("px")[0].split()[-1])
    if classes:
        found.set("class", " ".join(classes))
