"""Bad input as people bring it: each a clear error with its exit code, or a row in the ledger."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

NO_POSE = ("--set", "pose={}", "--set", "normalise.short_side=64", "--jobs", "1")


@pytest.fixture
def ingest(sign_etl: Any, tmp_path: Path) -> Any:
    """`sign-etl ingest ARGUMENTS` in an empty folder, with a store of its own."""
    cwd = tmp_path / "cwd"
    cwd.mkdir()

    def run(*arguments: object) -> Any:
        store = ("--store", tmp_path / "store")
        return sign_etl("ingest", *NO_POSE, *store, *arguments, cwd=cwd)

    return run


@pytest.fixture
def table(tmp_path: Path) -> Any:
    """Writes an annotation table from its lines."""

    def write(*lines: str | bytes, name: str = "clips.csv") -> Path:
        path = tmp_path / name
        raw = [line if isinstance(line, bytes) else line.encode() for line in lines]
        path.write_bytes(b"\n".join([*raw, b""]))
        return path

    return write


def refused(done: Any, *parts: str) -> None:
    """What and why in one line, what helps in the next, nothing else and no traceback."""
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    error, *more = done.stderr.splitlines()
    assert error.startswith("error: "), done.stderr
    assert not error.endswith(".")
    assert len(more) == 1, done.stderr
    assert all(line.startswith("hint: ") for line in more), done.stderr
    for part in parts:
        assert part in done.stderr, done.stderr


def ledger(build: Path) -> dict[str, dict[str, Any]]:
    """Ledger rows by annotation id."""
    rows = pq.read_table(build / "ledger.parquet").to_pylist()
    return {row["annotation_id"]: row for row in rows}


# ---- wrong words; more of them in test_build.py and test_frame.py


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("xyzzy",), ("unknown data set `xyzzy`", "sign-etl datasets list")),
        (("folder", "--limit", "0"), ("'--limit'", "ingest --help")),
        (("folder", "--runner", "spark"), ("'--runner'", "spark", "'ray'")),
        (("folder", "--set", "pose={blazpose: {}}"), ("blazpose", "did you mean `blazepose`?")),
        (("folder", "--set", "normalise.fps=-1"), ("`normalise.fps` must be more than 0",)),
        (("folder", "--set", "=3"), ("--set",)),
        (("folder",), ("`folder` needs a folder", "--media DIR")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_wrong_words(ingest: Any, arguments: tuple[str, ...], parts: tuple[str, ...]) -> None:
    refused(ingest(*arguments), *parts)


def test_an_unknown_key_in_a_file_is_named_with_its_place(ingest: Any, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\ndataset:\n  recipe: folder\nnormalise:\n  fsp: 30\n")
    refused(ingest(path), f"{path}:5:3", "`normalise.fsp` is not a setting", "did you mean `fps`?")


def test_all_that_is_wrong_in_a_file_is_told_at_once(ingest: Any, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "name: mine\ndataset: {recipe: folder, langage: svk}\npack: {shard_clips: no}\n"
        "quality: {mni_body: 1}\n"
    )
    done = ingest(path)
    assert (done.returncode, done.stdout) == (2, "")
    for part in ("langage", "pack.shard_clips", "mni_body"):
        assert part in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_split(ingest: Any, videos: Path, table: Any) -> None:
    path = table("file,label,split", "a.mp4,x,train", "b.mp4,x,test")
    done = ingest("folder", "--media", videos, "--annotations", path, "--split", "tset")
    refused(done, "no split `tset`", "did you mean `test`?")


# ---- annotation tables


@pytest.mark.parametrize(
    ("lines", "parts"),
    [
        (("File,label", "a.mp4,x"), ("no column `file`", "rename the column `File`")),
        (("file,start", "a.mp4,1"), ("no column `label`, `gloss` or `text`",)),
        (
            ("file,label,id", "a.mp4,x,7", "b.mp4,y,7"),
            ("duplicate clip id `7`", "rows 2 and 3", "column `id`"),
        ),
        (("file,label", "../a.mp4,x"), ("row 2", "outside of the folder")),
    ],
    ids=["no-file", "no-meaning", "twice", "outside"],
)
def test_bad_tables(
    ingest: Any, videos: Path, table: Any, lines: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    refused(ingest("folder", "--media", videos, "--annotations", table(*lines)), *parts)


@pytest.mark.parametrize(
    ("lines", "parts"),
    [
        (("file,label,start,end", "a.mp4,x,2,1"), ("row 2", "ends at 1 s and begins at 2 s")),
        (("file,label", "a.mp4,x\0y"), ("clips.csv", "null byte")),
        (("file,label", b"a.mp4,\xff\xfe"), ("clips.csv",)),
        (("",), ("clips.csv", "empty")),
        (("file,label",), ("clips.csv", "no rows")),
    ],
    ids=["backwards", "null-byte", "no-utf-8", "empty", "no-rows"],
)
def test_broken_tables(
    ingest: Any, videos: Path, table: Any, lines: tuple[str | bytes, ...], parts: tuple[str, ...]
) -> None:
    done = ingest("folder", "--media", videos, "--annotations", table(*lines))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: clips.csv: ")
    assert len(done.stderr.splitlines()) <= 2
    for part in parts:
        assert part in done.stderr


def test_a_table_that_is_not_there(ingest: Any, videos: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing.csv"
    refused(ingest("folder", "--media", videos, "--annotations", missing), "missing.csv")


# ---- folders


def test_a_folder_that_is_not_there(ingest: Any, videos: Path, tmp_path: Path) -> None:
    refused(ingest("folder", "--media", tmp_path / "nowhere"), "nowhere", "--media")
    refused(ingest("folder", "--media", videos / "a.mp4"), "a.mp4", "is no folder")


def test_a_folder_without_videos(ingest: Any, tmp_path: Path) -> None:
    (tmp_path / "empty" / "sub").mkdir(parents=True)
    (tmp_path / "empty" / "notes.txt").write_text("nothing here")
    refused(ingest("folder", "--media", tmp_path / "empty"), "no video below", ".mp4")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read(ingest: Any, videos: Path, tmp_path: Path) -> None:
    shutil.copytree(videos, tmp_path / "locked")
    (tmp_path / "locked").chmod(0)
    try:
        refused(ingest("folder", "--media", tmp_path / "locked"), "cannot read the folder")
    finally:
        (tmp_path / "locked").chmod(0o700)


def test_an_output_folder_that_holds_other_things(
    ingest: Any, videos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "precious"
    (out / ".tmp-notes").mkdir(parents=True)
    (out / "thesis.tex").write_text("years of work")
    before = sorted(out.rglob("*"))
    refused(ingest("folder", "--media", videos, "--out", out), "is no build", "--out")
    assert sorted(out.rglob("*")) == before


def test_an_output_folder_that_is_a_file(ingest: Any, videos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        refused(ingest("folder", "--media", videos, "--out", out), "file", "--out")
    assert (tmp_path / "file").read_text() == "x"


def test_a_store_that_is_no_folder(ingest: Any, videos: Path) -> None:
    done = ingest("folder", "--media", videos, "--store", "nosuch://bucket/store")
    refused(done, "storage `nosuch://` is not known", "s3://")


# ---- odd, and right


def test_greek_labels_and_a_hyphen_and_a_web_page(
    ingest: Any, videos: Path, table: Any, tmp_path: Path
) -> None:
    media = tmp_path / "media"
    media.mkdir()
    for name, source in (("-a.mp4", "a"), ("καλημέρα.mp4", "b"), ("with space.mp4", "c")):
        shutil.copy(videos / f"{source}.mp4", media / name)
    shutil.copy(videos / "page.mp4", media / "page.mp4")
    path = table(
        "file,label",
        "-a.mp4,γειά σου",
        "καλημέρα.mp4,ΚΑΛΗΜΕΡΑ",
        "with space.mp4,-x",
        "page.mp4,x",
        "gone.mp4,x",
    )
    out = tmp_path / "-build"
    done = ingest("folder", "--media", media, "--annotations", path, f"--out={out}")
    assert done.returncode == 0, done.stderr
    assert "warning: 1 file is not in the media folder: `gone.mp4`\n" in done.stderr
    rows = ledger(out)
    ends = {name: row["reason"] or row["outcome"] for name, row in rows.items()}
    assert ends == {
        "-a.mp4": "written",
        "καλημέρα.mp4": "written",
        "with space.mp4": "written",
        "page.mp4": "not-media",
        "gone.mp4": "media-missing",
    }
    assert (rows["page.mp4"]["stage"], rows["page.mp4"]["detail"]) == ("fetch", "html")
    labels = json.loads((out / "labels.json").read_text(encoding="utf-8"))["labels"]
    assert labels == ["-x", "x", "ΚΑΛΗΜΕΡΑ", "γειά σου"]
    assert {rows["-a.mp4"]["label"], rows["καλημέρα.mp4"]["label"]} == {"γειά σου", "ΚΑΛΗΜΕΡΑ"}
    assert all(labels[row["label_id"]] == row["label"] for row in rows.values())


def test_relative_folders_that_begin_with_a_hyphen(
    sign_etl: Any, videos: Path, tmp_path: Path
) -> None:
    shutil.copytree(videos, tmp_path / "-media")
    arguments = ("folder", "--media=-media", "--out=-build", "--store=-store", "--limit=1")
    done = sign_etl("ingest", *NO_POSE, *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "-build" / "manifest.json").exists()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["-build", "-media", "-store"]


def test_videos_of_which_none_can_be_used_end_with_1(
    ingest: Any, videos: Path, tmp_path: Path
) -> None:
    media = tmp_path / "media"
    media.mkdir()
    shutil.copy(videos / "page.mp4", media / "one.mp4")
    (media / "two.mp4").write_bytes(b"")
    done = ingest("folder", "--media", media, "--out", tmp_path / "build")
    assert done.returncode == 1
    assert "error: not one clip was written" in done.stderr
    assert set(ledger(tmp_path / "build")) == {"one.mp4", "two.mp4"}


def test_wlasl_media_that_may_be_whole_or_cut(ingest: Any, videos: Path, tmp_path: Path) -> None:
    """Files named by video id may be either: a person must say, nothing is guessed."""
    from sign_etl.recipes.base import RECIPES

    raw = RECIPES.get("wlasl").fixture(tmp_path / "fixture")
    index = json.loads(Path(raw["annotations"]).read_text())
    for gloss in index:
        for instance in gloss["instances"]:
            if instance["video_id"] == "45959":
                instance["frame_start"] = 5
    annotations = tmp_path / "index.json"
    annotations.write_text(json.dumps(index))
    for kind in ("raw_videos_mp4", "videos"):
        (tmp_path / "media" / kind).mkdir(parents=True)
        shutil.copy(videos / "a.mp4", tmp_path / "media" / kind / "45959.mp4")
    arguments = ("wlasl", "--annotations", annotations, "--media", tmp_path / "media")
    out = tmp_path / "build"
    refused(
        ingest(*arguments, "--out", out),
        "`45959`",
        "--media-kind raw or --media-kind trimmed",
    )
    assert not out.exists()
    done = ingest(*arguments, "--out", out, "--media-kind", "trimmed", "--split", "test")
    assert done.returncode == 0, done.stderr
    assert ledger(out)["45959"]["outcome"] == "written"
