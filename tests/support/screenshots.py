"""`make screenshots`: the pictures of docs/gallery.md, from the demo build.

    python tests/support/screenshots.py BUILD FOLDER

Sheets are what `show` writes. The report is a page in a headless Chromium; so is what a terminal
shows, after the characters and colours that the command wrote into a terminal of its own.
"""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from browser import Page, browser
from PIL import Image
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from sign_etl.app.report_page import report_page
from sign_etl.app.show import show
from sign_etl.reader import open_build

COLUMNS, LINES = 92, 50
COLOURS = 160
"""Of a picture's palette; more are not seen, and the folder stays small."""
LOADED = """new Promise((done) => {
  const look = () =>
    document.readyState === "complete" && %s ? done(true) : setTimeout(look, 50);
  look();
})"""
REPORT_READY = 'document.documentElement.dataset.ready === "yes"'
HEIGHT_OF = "Math.ceil(document.querySelector('pre').getBoundingClientRect().bottom) + 12"
PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: #16181d; color: #e6e6e6 }}
pre {{ margin: 12px 16px; font: 14px/16px "DejaVu Sans Mono", monospace; white-space: pre }}
</style><pre>{}</pre>"""
REDRAWN = re.compile(r"(?:\r?\x1b\[2K(?:\x1b\[1A\x1b\[2K)+)")
CURSOR = re.compile(r"\x1b\[\?25[lh]")
COUNTED = re.compile(r"(\d+)/26\b")


def main(build: Path, folder: Path) -> None:
    """Draw all pictures of a demo build into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with open_build(build) as opened:
        key = next(one.key for one in opened if one.label == "zigzag")
    with tempfile.TemporaryDirectory() as scratch, browser(Path(scratch) / "profile") as tab:
        drawn = Path(scratch)
        keep(show(build, out=drawn / "a.png", clips=3, frames=4).read_bytes(), folder / "sheet.png")
        keep(show(build, out=drawn / "b.png", key=key, frames=4).read_bytes(), folder / "clip.png")
        line = show(build, out=drawn / "c.png", key=key, timeline=True)
        keep(line.read_bytes(), folder / "timeline.png")
        report_page(build, out=drawn / "report.html", samples=6)
        for scheme in ("light", "dark"):
            picture = of_report(tab, drawn / "report.html", scheme)
            keep(picture, folder / f"report-{scheme}.png")
        texts = {
            "terminal": written("show", str(build), "--terminal", "--key", key),
            "status": while_it_runs(drawn / "watched", drawn / "store"),
        }
        for name, text in texts.items():
            (drawn / "page.html").write_text(PAGE.format(html_of(text)), encoding="utf-8")
            keep(of_terminal(tab, drawn / "page.html"), folder / f"{name}.png")


def of_report(tab: Page, page: Path, scheme: str) -> bytes:
    """The top of a report as a reader with a light or a dark screen sees it."""
    feature = {"name": "prefers-color-scheme", "value": scheme}
    tab.call("Emulation.setEmulatedMedia", features=[feature])
    sized(tab, 1000, 750)
    tab.open(page.as_uri())
    tab.evaluate(LOADED % REPORT_READY)
    tab.evaluate("document.documentElement.style.overflow = 'hidden'")  # no scrollbar
    return tab.picture()


def of_terminal(tab: Page, page: Path) -> bytes:
    """A page with one `pre`, as high as that is."""
    sized(tab, 840, 200)
    tab.open(page.as_uri())
    tab.evaluate(LOADED % "document.querySelector('pre') !== null")
    sized(tab, 840, tab.evaluate(HEIGHT_OF))
    return tab.picture()


def sized(tab: Page, width: int, height: int) -> None:
    """Give the tab a size in pixels."""
    tab.call("Emulation.setScrollbarsHidden", hidden=True)
    tab.call(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=height,
        deviceScaleFactor=1,
        mobile=False,
    )


def keep(png: bytes, path: Path) -> None:
    """Write a picture with few colours."""
    with Image.open(io.BytesIO(png)) as picture:
        few = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        few.save(path, "PNG", optimize=True)


def html_of(text: str) -> str:
    """What a terminal shows of a text with colours, as HTML."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for line in text.splitlines():
        console.print(Text.from_ansi(line), no_wrap=True, crop=True)
    return console.export_html(theme=MONOKAI, inline_styles=True, code_format="{code}")


def written(*words: str) -> str:
    """What a command writes into a terminal, after the command itself."""
    return f"$ sign-etl {' '.join(words)}\n" + in_terminal(*words).replace("\r\n", "\n")


def while_it_runs(build: Path, store: Path) -> str:
    """`status --watch` in the middle of a run of the demo."""
    words = ("ingest", "demo", "--out", str(build), "--store", str(store))
    run = subprocess.Popen(
        [sys.executable, "-m", "sign_etl", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while run.poll() is None and not (build / ".sign-etl" / "journal.jsonl").exists():
            time.sleep(0.2)
        looks = REDRAWN.split(in_terminal("status", str(build), "--watch"))
    finally:
        run.wait()
    middle = [look for look in looks if 8 <= counted(look) < 26] or looks
    shown = CURSOR.sub("", middle[len(middle) // 2]).replace("\r\n", "\n").rstrip()
    return f"$ sign-etl status builds/demo --watch\n{shown}"


def counted(look: str) -> int:
    """Clips that a look at a run has counted."""
    found = COUNTED.search(look)
    return int(found[1]) if found else 0


def in_terminal(*words: str) -> str:
    """All that a command writes into a terminal of COLUMNS x LINES."""
    ours, its = pty.openpty()
    size = {"COLUMNS": str(COLUMNS), "LINES": str(LINES)}
    process = subprocess.Popen(
        [sys.executable, "-m", "sign_etl", *words],
        stdin=its,
        stdout=its,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **size, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
    )
    os.close(its)
    chunks = []
    while True:
        try:
            chunk = os.read(ours, 1 << 16)
        except OSError:  # Linux says so where the other side is closed
            break
        if not chunk:
            break
        chunks.append(chunk)
    os.close(ours)
    process.wait()
    return b"".join(chunks).decode("utf-8", "replace")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
