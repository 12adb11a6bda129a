"""What every export format keeps to: all clips, whole or not at all, the same bytes twice."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest
from tiny_build import reseal, write_tiny_build

from sign_etl.app.export import export
from sign_etl.core.errors import (
    AccessError,
    ConfigError,
    MissingExtraError,
    UsageError,
    VerifyError,
)
from sign_etl.export.base import EXPORTERS
from sign_etl.export.rights import rights_of
from sign_etl.reader import open_build
from sign_etl.schema.layouts import LAYOUTS

CLIPS = 4
PACKAGES = {"pose-format": "pose_format", "rerun": "rerun"}
"""What some formats are written with."""
AT_RANDOM = {"rerun"}
"""Formats whose packages put random numbers into their files."""


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_build(tmp_path_factory.mktemp("export") / "build", clips=CLIPS)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same under a licence that is not known to let videos be passed on."""
    folder = write_tiny_build(tmp_path_factory.mktemp("export") / "closed", clips=CLIPS)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["licence"] = "C-UDA-1.0"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    reseal(folder)
    return folder


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def installed(name: str) -> None:
    if name in PACKAGES:
        pytest.importorskip(PACKAGES[name])


def test_a_missing_package_is_named(
    build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in PACKAGES.values():
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match="keypoints") as extra:
        export(build, "pose-format", tmp_path / "out")
    assert extra.value.hint == "pip install 'sign-etl[keypoints]'"
    with pytest.raises(AccessError, match="rerun-sdk") as package:
        export(build, "rerun", tmp_path / "out")
    assert package.value.exit_code == 3
    assert list(tmp_path.iterdir()) == []


def videos(folder: Path) -> list[Path]:
    """Files with the bytes of an MP4 in them, in tars and tables too."""
    return [path for path in folder.rglob("*") if path.is_file() and b"ftyp" in path.read_bytes()]


@pytest.mark.parametrize("name", EXPORTERS.names())
def test_all_clips_once_and_the_same_bytes_twice(name: str, build: Path, tmp_path: Path) -> None:
    installed(name)
    reply = export(build, name, tmp_path / "one")
    assert (reply.format, reply.clips, reply.skipped) == (name, CLIPS, 0)
    assert reply.splits == ("train", "val")
    written = files(tmp_path / "one")
    assert reply.files == len(written)
    assert reply.video == bool(videos(tmp_path / "one"))
    assert not list(tmp_path.glob(".tmp-*"))
    export(build, name, tmp_path / "two")
    again = files(tmp_path / "two")
    assert again.keys() == written.keys()
    assert again == written or name in AT_RANDOM


@pytest.mark.parametrize("name", EXPORTERS.names())
def test_a_format_says_what_it_is(name: str) -> None:
    one = EXPORTERS.get(name)
    assert one.name == name
    assert one.layout is None or one.layout in LAYOUTS
    assert one.layout is None or one.poses
    assert one.title
    assert one.read_by.endswith(".")


@pytest.mark.parametrize("name", EXPORTERS.names())
def test_the_card_has_the_licence_and_no_place(name: str, build: Path, tmp_path: Path) -> None:
    installed(name)
    export(build, name, tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "CC0-1.0" in text
    assert EXPORTERS.get(name).read_by in text
    assert str(build) not in text
    assert str(tmp_path) not in text


@pytest.mark.parametrize("name", EXPORTERS.names())
def test_no_video_leaves_a_closed_data_set(name: str, closed: Path, tmp_path: Path) -> None:
    installed(name)
    reply = export(closed, name, tmp_path / "out")
    assert reply.video is False
    assert videos(tmp_path / "out") == []
    wants = EXPORTERS.get(name).video in ("needed", "kept")
    assert any("C-UDA-1.0" in note and "--with-video" in note for note in reply.notes) == wants
    assert "C-UDA-1.0" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", EXPORTERS.names())
def test_with_video_is_told(name: str, closed: Path, tmp_path: Path) -> None:
    if EXPORTERS.get(name).video == "none":
        with pytest.raises(UsageError, match="no place for videos"):
            export(closed, name, tmp_path / "out", with_video=True)
        return
    installed(name)
    reply = export(closed, name, tmp_path / "out", with_video=True)
    assert reply.video is True
    assert videos(tmp_path / "out")
    assert any("do not pass them on" in note for note in reply.notes)
    assert "do not pass them on" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_one_split(build: Path, tmp_path: Path) -> None:
    reply = export(build, "pose-format", tmp_path / "out", splits=("val",))
    assert (reply.clips, reply.splits) == (2, ("val",))
    assert [path.name for path in (tmp_path / "out" / "poses").iterdir()] == ["val"]
    with pytest.raises(UsageError, match="no split `vla`") as caught:
        export(build, "pose-format", tmp_path / "other", splits=("vla",))
    assert caught.value.hint == "did you mean `val`?"


def test_nothing_is_overwritten(build: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("all of it")
    with pytest.raises(UsageError, match="is there already"):
        export(build, "spoter", tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]
    with pytest.raises(UsageError, match="inside of the build"):
        export(build, "spoter", build / "spoter")
    (tmp_path / "empty").mkdir()
    assert export(build, "spoter", tmp_path / "empty").clips == CLIPS


@pytest.mark.parametrize("name", ["pose-format", "wids"])
def test_a_damaged_build_leaves_no_half(name: str, tmp_path: Path) -> None:
    folder = write_tiny_build(tmp_path / "build", clips=CLIPS)
    with open_build(folder) as opened:
        last = list(opened)[-1]
        place = last.members["blazepose.npy"].offset
    data = bytearray((folder / last.shard).read_bytes())
    data[place + 200] ^= 0xFF
    (folder / last.shard).write_bytes(data)
    with pytest.raises(VerifyError):
        export(folder, name, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["build"]


def test_what_cannot_be_is_said(build: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(ConfigError, match="unknown export format `spotter`") as unknown:
        export(build, "spotter", out)
    assert unknown.value.hint == "did you mean `spoter`?"
    with pytest.raises(UsageError, match="no keypoints of `rtmpose`"):
        export(build, "spoter", out, backend="rtmpose")
    with pytest.raises(UsageError, match="holds no keypoints"):
        export(build, "videomae", out, backend="blazepose")
    bare = write_tiny_build(tmp_path / "bare", clips=2, backends=(), splits=("train",))
    with pytest.raises(UsageError, match="the build has no keypoints"):
        export(bare, "parquet", out)
    still = write_tiny_build(tmp_path / "still", clips=2, keep_video=False, splits=("train",))
    with pytest.raises(UsageError, match="keeps no videos") as caught:
        export(still, "videomae", out)
    assert "pack.keep_video=true" in str(caught.value.hint)
    assert export(still, "wids", tmp_path / "tars").video is False
    assert not out.exists()


def test_a_layout_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    from pose_build import write_pose_build

    hands = write_pose_build(tmp_path / "hands", [5, 6], kind="hands-42")
    wanted = r"wants keypoints as spoter-54, and made \(hands-42\)"
    with pytest.raises(ConfigError, match=wanted) as caught:
        export(hands, "spoter", tmp_path / "out")
    assert "coco-wholebody-133, " in str(caught.value.hint)
    assert export(hands, "pose-format", tmp_path / "poses").layout == "hands-42"


@pytest.mark.parametrize(
    ("licence", "access", "allowed"),
    [
        ("CC0-1.0", "none", True),
        ("CC-BY-4.0", "direct", True),
        ("cc by-nc-sa 4.0", None, True),
        ("MIT", "local", True),
        ("yours", "local", True),
        ("CC-BY-4.0", "links", False),
        ("CC-BY-4.0", "form", False),
        ("CC-BY-NC-ND-4.0", "direct", False),
        ("CC-BY-4.0 (list of ids; the videos are their owners')", None, False),
        ("C-UDA-1.0", "direct", False),
        ("Slovo licence, a variant of CC BY-SA 4.0", "direct", False),
        ("that of the data set in them", "local", False),
        ("", None, False),
    ],
)
def test_rights(licence: str, access: str | None, allowed: bool) -> None:
    found = rights_of(licence, access)
    assert found.video is allowed
    assert found.why
