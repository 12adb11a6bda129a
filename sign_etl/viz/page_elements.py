"""Pieces of HTML: every text that comes from elsewhere goes through `foreign` or `escaped`."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)
_TAG = re.compile(r"<[^>]*>")
MOST_CHARACTERS = 400
"""A foreign text is cut there."""
LONG = 24
"""A cell with more characters is not made narrow."""


class Html(str):
    """A text that is HTML already."""

    __slots__ = ()


def escaped(value: object) -> Html:
    """A text without meaning to a browser; control characters are made visible."""
    if isinstance(value, Html):
        return value
    shown = _CONTROL.sub(
        lambda match: match[0].encode("unicode_escape").decode("ascii"), str(value)
    )
    return Html(html.escape(shown, quote=True))


def foreign(value: object) -> Html:
    """A text of a stranger, which may be written from right to left and be very long."""
    words = str(value)
    if len(words) > MOST_CHARACTERS:
        words = words[:MOST_CHARACTERS] + "…"
    return Html(f"<bdi>{escaped(words)}</bdi>")


def number(value: float | None, digits: int = 0) -> Html:
    """A number for people; a dash for none."""
    return Html("–" if value is None else f"{value:,.{digits}f}")


def percent(share: float | None) -> Html:
    """A share as percent."""
    return Html("–" if share is None else f"{100 * share:.1f} %")


def duration(seconds: float) -> Html:
    """Seconds for people: `3.2 s`, `1 min 15 s`, `12 h 05 min`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return Html(f"{hours:,} h {minutes:02} min")
    return Html(f"{minutes} min {rest:02} s" if minutes else f"{seconds:.1f} s")


def bar(share: float, colour: int = 1) -> Html:
    """A bar for a share between 0 and 1; the number stands beside it in words."""
    width = 100 * min(max(share, 0.0), 1.0)
    return Html(
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" '
        f'focusable="false"><rect width="100" height="10" class="ftrack"/>'
        f'<rect width="{width:.2f}" height="10" class="f{colour}"/></svg>'
    )


def table(
    caption: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numeric: Iterable[int] = (),
) -> Html:
    """A table; the first cell of a row is its head.

    Args:
        caption: what it is about.
        heads: of the columns; an empty one is for bars.
        rows: cells, escaped here unless they are `Html`.
        numeric: columns that are set to the right.
    """
    right = frozenset(numeric)
    lines = [
        f"<caption>{escaped(caption)}</caption>",
        "<thead><tr>"
        + "".join(
            f'<th scope="col"{_side(place, right)}>{escaped(head)}</th>'
            if head
            else '<td class="bars"></td>'
            for place, head in enumerate(heads)
        )
        + "</tr></thead><tbody>",
    ]
    for row in rows:
        first, *rest = row
        cells = "".join(
            f"<td{_side(place, right, cell)}>{escaped(cell)}</td>"
            for place, cell in enumerate(rest, 1)
        )
        lines.append(f'<tr><th scope="row">{escaped(first)}</th>{cells}</tr>')
    label = escaped(caption)
    return Html(
        f'<div class="scroll" role="group" aria-label="{label}" tabindex="0">'
        f"<table>{''.join(lines)}</tbody></table></div>"
    )


def facts(pairs: Iterable[tuple[str, object]]) -> Html:
    """Names with their values."""
    items = "".join(
        f"<div><dt>{escaped(name)}</dt><dd>{escaped(value)}</dd></div>" for name, value in pairs
    )
    return Html(f'<dl class="facts">{items}</dl>')


def figure(chart: str, caption: str, data: Html) -> Html:
    """A chart with its caption, and its numbers as a table that opens."""
    return Html(
        f"<figure>{chart}<figcaption>{escaped(caption)}</figcaption>"
        f"<details><summary>Numbers: {escaped(caption)}</summary>{data}</details></figure>"
    )


def section(name: str, title: str, *parts: str) -> Html:
    """A section with its heading."""
    return Html(
        f'<section id="{name}" aria-labelledby="{name}-title">'
        f'<h2 id="{name}-title">{escaped(title)}</h2>{"".join(parts)}</section>'
    )


def paragraph(words: object, *, kind: str = "") -> Html:
    """A paragraph."""
    name = f' class="{kind}"' if kind else ""
    return Html(f"<p{name}>{escaped(words)}</p>")


def data_block(name: str, value: Any) -> Html:
    """JSON for the page's script; nothing in it can end the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    safe = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return Html(f'<script type="application/json" id="{name}">{safe}</script>')


def _visible(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def _side(place: int, right: frozenset[int], cell: object = "") -> str:
    if place in right:
        return ' class="n"'
    seen = _TAG.sub("", cell) if isinstance(cell, Html) else str(cell)
    return ' class="w"' if len(seen) > LONG else ""
