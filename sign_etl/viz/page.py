"""The report as one HTML file that needs nothing else: no network, no other file, no server.

Its policy (`Content-Security-Policy`) names the digests of its one style sheet and its one script,
so nothing that a stranger wrote into a label can run, even if it were not escaped.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sign_etl.reader import Build
from sign_etl.reader.rejects import named_rejects
from sign_etl.schema.report_reply import Report
from sign_etl.viz import page_contents, page_features, page_health, page_sources
from sign_etl.viz.page_elements import Html, data_block, duration, escaped, foreign, number, section
from sign_etl.viz.sample_pictures import FRAMES, TILE, as_address
from sign_etl.viz.strip import frames_of, label_of

TEMPLATE = Path(__file__).with_name("report")
MARK = re.compile(r"@@([A-Z]+)@@")
SEARCHED = 50_000
"""So many clips can be searched in a page; of larger builds the first ones."""
TEXT_CHARACTERS = 160
STATIC = 12
"""Clips that are shown without the script too, and on paper."""


def render_page(build: Build, reply: Report, pictures: Mapping[str, bytes], note: str = "") -> str:
    """The page.

    Args:
        build: an open build.
        reply: what is reported about it.
        pictures: WebP by key.
        note: what is to be said about the pictures.

    Raises:
        MissingExtraError: the library for charts is not installed.
    """
    sections = [
        ("funnel", "Funnel", page_contents.funnel(reply, named_rejects(build.ledger))),
        ("splits", "Splits", page_contents.splits(reply)),
        ("samples", "Clips", _samples(build, reply, pictures, note)),
        ("classes", "Classes", page_contents.classes(reply)),
        ("signers", "Signers", page_contents.signers(reply)),
        ("clips", "Lengths", page_contents.clips(reply)),
        ("keypoints", "Keypoints", page_contents.keypoints(reply)),
        *(
            [("features", "Features", page_features.features(reply.features))]
            if reply.features
            else []
        ),
        ("hygiene", "Leaks", page_health.hygiene(reply.hygiene, splits=len(reply.splits))),
        *(
            [("drift", "Against another", page_health.drift(reply.drift))]
            if reply.drift is not None
            else []
        ),
        ("throughput", "Throughput", page_health.throughput(reply.throughput)),
        ("links", "Dead links", page_sources.links(reply.links)),
        ("rights", "Licence", page_sources.rights(reply, build.manifest)),
    ]
    style, script = (_content(name) for name in ("page.css", "page.js"))
    values = {
        "POLICY": _policy(style, script),
        "TITLE": escaped(f"{reply.name}: report of the build"),
        "NAME": foreign(reply.name),
        "SUBTITLE": _subtitle(reply),
        "STYLE": style,
        "SCRIPT": script,
        "CARDS": _cards(reply),
        "NAVIGATION": "".join(
            f'<li><a href="#{name}">{short}</a></li>' for name, short, _ in sections
        ),
        "SECTIONS": "".join(part for *_, part in sections),
        "DATA": data_block("clip-data", clip_data(build))
        + data_block("picture-data", _picture_data(pictures)),
    }
    # One pass over the template: a value that looks like a mark stays what it is.
    return MARK.sub(lambda match: values[match[1]], _content("page.html"))


def clip_data(build: Build) -> dict[str, Any]:
    """What the page searches: columns, those with few different values as a list and numbers."""
    index = build.index.slice(0, SEARCHED)
    columns: dict[str, list[Any]] = {
        name: index[name].to_pylist()
        for name in (
            *("key", "label", "gloss", "text", "split", "signer", "shard", "frames", "fps"),
            "annotation_id",
        )
    }
    texts = [
        None if text is None else str(text)[:TEXT_CHARACTERS]
        for text in (
            text or (gloss if gloss != label else None) or (None if label else name)
            for text, gloss, label, name in zip(
                *(columns[name] for name in ("text", "gloss", "label", "annotation_id")),
                strict=True,
            )
        )
    ]
    return {
        "key": columns["key"],
        "frames": columns["frames"],
        "text": _coded(texts),
        **{name: _coded(columns[name]) for name in ("label", "split", "signer", "shard", "fps")},
    }


def _coded(values: Sequence[Any]) -> dict[str, Any]:
    """Different values once, and for each clip the number of its value (-1 for none)."""
    known: dict[Any, int] = {}
    codes = [-1 if value is None else known.setdefault(value, len(known)) for value in values]
    return {"values": list(known), "codes": codes}


def _picture_data(pictures: Mapping[str, bytes]) -> dict[str, Any]:
    return {
        "width": TILE[0] * FRAMES,
        "height": TILE[1],
        "webp": {key: as_address(picture) for key, picture in pictures.items()},
    }


def _content(name: str) -> str:
    return (TEMPLATE / name).read_text("utf-8")


def _policy(style: str, script: str) -> str:
    style_digest, script_digest = (
        base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
        for text in (style, script)
    )
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{style_digest}'; "
        f"script-src 'sha256-{script_digest}'; base-uri 'none'; form-action 'none'"
    )


def _subtitle(reply: Report) -> Html:
    language = "" if reply.language == "und" else f" · {foreign(reply.language)}"
    return Html(
        f"{foreign(reply.dataset)} · recipe {foreign(reply.recipe)} "
        f"{foreign(reply.recipe_version)}{language} · licence: "
        f"{foreign(reply.licence or 'not stated')}"
    )


def _cards(reply: Report) -> str:
    written = reply.outcomes.get("written", 0)
    share = 100 * written / max(reply.requested, 1)
    cards = (
        ("Clips written", number(written), f"{share:.1f} % of {reply.requested:,} requested"),
        ("Length", duration(reply.seconds), f"{reply.size_bytes / 1e6:,.1f} MB"),
        ("Classes", number(reply.classes.total), "with a written clip"),
        ("Signers", number(reply.signers), "named by the annotations"),
        ("Leaks across splits", number(reply.hygiene.leaks), _shared(reply.hygiene.signers.total)),
    )
    return "".join(
        f"<div><dt>{name}</dt><dd><strong>{value}</strong> {words}</dd></div>"
        for name, value, words in cards
    )


def _shared(signers: int) -> str:
    who = f"{signers:,} signer{'' if signers == 1 else 's'}" if signers else "no signer"
    return f"sources and copies; {who} in several splits"


def _samples(build: Build, reply: Report, pictures: Mapping[str, bytes], note: str) -> Html:
    shown = "".join(_card(build, key, picture) for key, picture in list(pictures.items())[:STATIC])
    splits = "".join(
        f'<option value="{escaped(split.split)}">{escaped(split.split)}</option>'
        for split in reply.splits
    )
    fewer = (
        f"<p>Only the first {SEARCHED:,} clips of the build can be searched here.</p>"
        if len(build) > SEARCHED
        else ""
    )
    return section(
        "samples",
        "Clips",
        f"<p>{escaped(note)}</p>{fewer}" if note else fewer,
        '<form id="search" role="search" hidden>'
        '<label for="words">Search label, text, key, signer or shard</label>'
        '<input id="words" type="search" autocomplete="off" spellcheck="false" dir="auto">'
        '<span class="field"><label for="split">Split</label>'
        f'<select id="split"><option value="">all</option>{splits}</select></span>'
        "</form>"
        '<p id="found" role="status"></p>'
        f'<ul id="grid" class="grid">{shown}</ul>'
        '<p><button id="more" type="button" hidden>Show more clips</button></p>'
        '<noscript><p class="note">Searching needs scripts, which are switched off.</p></noscript>',
    )


def _card(build: Build, key: str, picture: bytes) -> str:
    sample = build.sample(key)
    label = label_of(sample)
    return (
        f'<li><img src="data:image/webp;base64,{as_address(picture)}" '
        f'width="{TILE[0] * FRAMES}" height="{TILE[1]}" '
        f'alt="Three frames of {escaped(label[:TEXT_CHARACTERS])} with keypoints">'
        f'<p class="label">{foreign(label)}</p>'
        f"<p>{foreign(sample.split)} · {frames_of(sample)}"
        + (f" · signer {foreign(sample.signer)}" if sample.signer else "")
        + f'</p><p class="key">{foreign(key)}</p></li>'
    )
