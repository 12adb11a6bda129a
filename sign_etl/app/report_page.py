"""`report --html`: the report of a build as one HTML file.

The file is not part of the build's promise: the manifest does not name it, `verify` does not mind
it, and it may be written anew at any time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from sign_etl.app.report import report_of
from sign_etl.core.files import write_bytes
from sign_etl.export.rights import rights_of
from sign_etl.reader import Build, open_build
from sign_etl.reader.hygiene import EXAMPLES
from sign_etl.recipes.base import RECIPES
from sign_etl.schema.records import REPORT_PAGE
from sign_etl.schema.report_reply import Report
from sign_etl.viz.charts import require_charts
from sign_etl.viz.page import render_page
from sign_etl.viz.sample_pictures import Kind, sample_pictures

SAMPLES = 60
Pictures = Literal["auto", "frames", "skeletons"]
"""`auto`: frames where the videos may be passed on, as exports see it, else skeletons alone."""


def report_page(
    build: Path,
    out: Path | None = None,
    *,
    poses: bool = True,
    examples: int = EXAMPLES,
    against: Path | None = None,
    samples: int = SAMPLES,
    pictures: Pictures = "auto",
) -> Report:
    """Write the page, and return what it says.

    Args:
        build: the build folder.
        out: the file; default `report.html` in the build folder.
        poses: read the keypoints: near-identical clips, confidence over time.
        examples: how many findings of a kind are named.
        against: another build that it is compared with.
        samples: clips with a picture, spread over splits and classes.
        pictures: skeletons on the frames, or alone.

    Returns:
        As `report`, `page` names the file.

    Raises:
        UsageError: no build.
        VerifyError: the build is unfinished or damaged.
        MissingExtraError: the library for charts is not installed.

    Example:
        >>> report_page(Path("demo-build"), Path("report.html")).page
        'report.html'
    """
    require_charts()  # before minutes of reading
    target = out or build / REPORT_PAGE
    with open_build(build) as opened:
        reply = report_of(opened, poses=poses, examples=examples, against=against)
        kind = _kind(opened, pictures)
        found = sample_pictures(opened, samples, kind)
        page = render_page(opened, reply, found, _note(opened, kind, len(found)))
    target.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(target, page.encode("utf-8"))
    return reply.model_copy(update={"page": str(target)})


def _kind(build: Build, pictures: Pictures) -> Kind:
    if pictures != "auto":
        return pictures
    recipe = build.manifest.recipe
    access = RECIPES.get(recipe).card.access if recipe in RECIPES.names() else None
    return "frames" if rights_of(build.manifest.licence, access).video else "skeletons"


def _note(build: Build, kind: Kind, count: int) -> str:
    if not count and kind == "skeletons" and len(build) and not build.backends:
        return (
            "There are no pictures: the licence is not known to allow faces here, and without "
            "keypoints there is no skeleton to draw."
        )
    if not count:
        return ""
    words = f"{count:,} of {len(build):,} clips have a picture: three frames with their keypoints."
    if kind == "skeletons":
        return words + " Skeletons stand alone here: this file shows no person."
    return words + " This file shows people: mind the licence before you pass it on."
