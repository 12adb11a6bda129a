"""Annotation tables that were made to harm: refused with a word, or carried as plain text."""

from __future__ import annotations

import csv
import gzip
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from process import sign_etl
from tiny_run import write_videos

from sign_etl.core import gunzip
from sign_etl.core.errors import AnnotationError
from sign_etl.recipes import spreadsheet
from sign_etl.recipes.folder_table import read_clips
from sign_etl.recipes.tabular import MAX_ROWS
from sign_etl.recipes.wlasl_index import read_index

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

LABELS = {
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "formula": '=HYPERLINK("http://a.example";"x")',
    "command": "@SUM(1+1)*cmd|' /C calc'!A0",
    "escape": "red \x1b[31mtext\x1b]0;title\x07",
    "turned": "abc\u202edef",
    "path": "../../../etc/passwd",
    "option": "--help",
    "format": "{0.__class__} %s %n ${HOME} $(id)",
}
"""Cells that some program would take for more than text."""


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build whose labels, glosses, texts, signers and further columns are all hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    media = write_videos(folder / "media", [f"{name}.mp4" for name in LABELS])
    table = folder / "clips.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label", "gloss", "text", "signer", "<b>column</b>"])
        for name, label in LABELS.items():
            writer.writerow([f"{name}.mp4", *[label] * 5])
    out = folder / "build"
    done = sign_etl(
        *("ingest", "folder", "--media", media, "--annotations", table, "--out", out),
        *("--store", folder / "store", "--set", "pose={}", "--set", "normalise.short_side=64"),
    )
    assert "\x1b" not in done.stdout + done.stderr
    return out


def test_they_are_carried_as_they_are(build: Path) -> None:
    sign_etl("verify", build)
    rows = pq.read_table(build / "index.parquet").to_pylist()
    assert {row["source_id"].removesuffix(".mp4"): row["label"] for row in rows} == LABELS
    for row in rows:
        assert row["gloss"] == row["text"] == row["signer"] == row["label"]
        assert dict(row["extra"]) == {"<b>column</b>": row["label"]}
        assert set(row["key"]) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize("command", [["status"], ["report"], ["verify"]])
def test_no_command_lets_them_reach_the_terminal(build: Path, command: list[str]) -> None:
    done = sign_etl(*command, build, expect=None)
    assert done.returncode in (0, 1)
    assert not {"\x1b", "\x07"} & set(done.stdout + done.stderr)


def test_no_file_of_the_build_has_a_name_of_theirs(build: Path) -> None:
    names = [path.name for path in build.rglob("*")]
    assert all(name.isascii() and set("<>|\"'$;&\x1b").isdisjoint(name) for name in names)


def test_html_and_text_for_people_are_escaped(build: Path) -> None:
    """Whatever the build holds for browsers shows a tag as text."""
    pages = [path for path in build.rglob("*") if path.suffix in (".html", ".md")]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "<script>alert" not in text
        assert "onerror=" not in text or "<img src=x" not in text


# ---- refused


def read(path: Path) -> list[Any]:
    return list(read_clips(path, "tiny", "und", trimmed=False))


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("c.csv", b"file,label\na.mp4," + b"x" * (100 << 20), "more than 131072 char|larger than"),
        ("c.csv", b'file,label\na.mp4,"' + b"x\n" * (5 << 20), "131072|larger than|broken"),
        ("c.jsonl", b'{"file":"a.mp4","label":"' + b"x" * (100 << 20) + b'"}', "131072"),
        ("c.csv", b"file,label\na.mp4,a\0b\n", "line 2 holds a null byte"),
        ("c.jsonl", b'{"file":"a\\u0000.mp4","label":"x"}', "null byte"),
        ("c.csv", b"file,label\n../../etc/passwd,x\n", "outside of the folder"),
        ("c.csv", b"file,label\n/etc/passwd,x\n", "outside of the folder"),
        ("c.csv", b"file,label\n..\\..\\a.mp4,x\n", "outside of the folder"),
        ("c.csv", b"file,label\nC:\\a.mp4,x\n", "outside of the folder"),
        ("c.csv", b"file,label,split\na.mp4,x,../../x\n", "`split`"),
        ("c.csv", b"file,label,start\na.mp4,x,1e999\n", "`start`"),
        ("c.json", b"[" * 100_000, "is no JSON"),
        ("c.jsonl", b'{"file":"a.mp4","label":"\\ud800"}', "is no JSON"),
        ("c.jsonl", b'{"file":"a.mp4","file":"b.mp4"}', "twice"),
    ],
    ids=[
        *("huge-cell", "open-quote", "huge-text", "null-byte", "null-in-json", "up", "absolute"),
        *("windows-up", "drive", "split", "infinite", "deep", "half-a-character", "key-twice"),
    ],
)
def test_refused_with_a_word(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(AnnotationError, match=message) as caught:
        read(tmp_path / name)
    assert len(caught.value.message) < 1000


SMALL = 1 << 24
"""In place of the limit, so that the tests need no gigabyte themselves."""


@pytest.mark.parametrize("name", ["c.csv.gz", "c.json.gz"])
def test_a_gzip_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(gunzip, "MAX_BYTES", SMALL)
    (tmp_path / name).write_bytes(gzip.compress(bytes(2 * SMALL)))
    with pytest.raises(AnnotationError, match="unpacks to more than 16,777,216 bytes"):
        read(tmp_path / name)
    with pytest.raises(AnnotationError, match="unpacks to more than"):
        read_index(tmp_path / name)


def test_a_parquet_bomb(tmp_path: Path) -> None:
    same = pa.DictionaryArray.from_arrays(pa.array([0] * 1_000_000, pa.int8()), ["a.mp4"])
    path = tmp_path / "c.parquet"
    with pq.ParquetWriter(path, pa.schema([("file", same.type)])) as writer:
        for _ in range(MAX_ROWS // len(same) + 1):
            writer.write_table(pa.table({"file": same}))
    assert path.stat().st_size < 1_000_000
    with pytest.raises(AnnotationError, match="claims 21,000,000 rows, more than"):
        read(path)


def test_a_workbook_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openpyxl")
    monkeypatch.setattr(spreadsheet, "MAX_BYTES", SMALL)
    path = tmp_path / "c.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/sharedStrings.xml", bytes(2 * SMALL))
    with pytest.raises(AnnotationError, match="unpacks to more than"):
        spreadsheet.read_workbook(path)
