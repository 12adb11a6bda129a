"""The commands about builds, on a real small one."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

NO_POSE = ("--set", "pose={}")


@pytest.fixture(scope="module")
def build(sign_etl: Any, videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("builds") / "small"
    done = sign_etl(
        "ingest",
        "folder",
        "--media",
        videos,
        "--out",
        folder,
        "--jobs",
        1,
        *NO_POSE,
        SIGN_ETL_PROGRESS_S="0",
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Built 3 clips in 1 shard (")
    assert lines[0].endswith(f" at {folder}; 1 rejected")
    assert lines[1].split() == ["not-media", "1", "page.mp4", "(html)"]
    assert lines[-1] == f"See them: sign-etl show {folder}"
    assert "fetch" in done.stderr
    assert "\x1b" not in done.stderr
    return folder


def test_ingest_again_as_json_and_quietly(
    sign_etl: Any, reply: Any, build: Path, videos: Path
) -> None:
    arguments = ("ingest", "folder", "--media", videos, "--out", build, "--jobs", 1, *NO_POSE)
    data = reply(*arguments)
    assert data["counts"]["written"] == 3
    assert data["reasons"] == {"not-media": 1}
    quiet = sign_etl(*arguments, "--quiet")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, f"{build}\n", "")


def test_another_pipeline_is_refused(sign_etl: Any, build: Path, videos: Path) -> None:
    done = sign_etl(
        "ingest", "folder", "--media", videos, "--out", build, *NO_POSE, "--set", "normalise.fps=5"
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "--update" in done.stderr


def test_plan_builds_nothing(sign_etl: Any, reply: Any, videos: Path, tmp_path: Path) -> None:
    arguments = ("--media", videos, "--out", tmp_path / "b", "--limit", 2, *NO_POSE)
    data = reply("plan", "folder", *arguments)
    assert (data["clips"], data["sources"], data["shards"]) == (2, 2, 1)
    assert data["local_sources"] == 2
    assert (data["open_ends"], data["seconds"]) == (2, 6.0)
    same = reply("ingest", "folder", "--plan", *arguments)
    assert same == data
    told = sign_etl("plan", "folder", *arguments)
    assert told.stdout.startswith("folder: 2 clips of 2 sources in 1 shard, plan ")
    assert not (tmp_path / "b").exists()


def test_status(sign_etl: Any, reply: Any, build: Path, tmp_path: Path) -> None:
    data = reply("status", build)
    assert (data["requested"], data["published"]) == (4, True)
    assert sum(data["outcomes"].values()) == 4
    assert "requested" in sign_etl("status", build).stdout
    copy = tmp_path / "copy"
    shutil.copytree(build, copy, ignore=shutil.ignore_patterns(".sign-etl"))
    assert reply("status", copy) == data | {"build": str(copy)}
    nothing = sign_etl("status", tmp_path)
    assert (nothing.returncode, nothing.stdout) == (2, "")


def test_verify(sign_etl: Any, reply: Any, build: Path, tmp_path: Path) -> None:
    assert reply("verify", build)["sound"] is True
    sound = sign_etl("verify", build).stdout
    assert re.fullmatch(
        rf"{re.escape(str(build))} is sound: 3 samples in 1 shard, digest [0-9a-f]{{12}}\n", sound
    )
    damaged = tmp_path / "damaged"
    shutil.copytree(build, damaged)
    [shard] = damaged.glob("*/*.tar")
    data = bytearray(shard.read_bytes())
    data[600] ^= 1
    shard.write_bytes(data)
    done = sign_etl("verify", damaged)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert reply("verify", damaged, code=1)["problems"]


def test_show(sign_etl: Any, reply: Any, build: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    done = sign_etl("show", build, "--out", sheet, "--clips", 2, "--frames", 3)
    assert (done.returncode, done.stdout) == (0, f"{sheet}\n")
    assert sheet.read_bytes().startswith(b"\x89PNG")
    assert reply("show", build, "--out", sheet)["picture"] == str(sheet)
    unknown = sign_etl("show", build, "--out", sheet, "--key", "folder-nobody")
    assert (unknown.returncode, unknown.stdout) == (2, "")


def test_records_of_a_build_fit_their_schemas(reply: Any, build: Path) -> None:
    files = [build / name for name in ("manifest.json", "labels.json", "build.lock")]
    files += [build / name for name in ("index.parquet", "ledger.parquet")]
    checked = reply("schemas", "validate", *files)["files"]
    assert [file["format"] for file in checked] == [
        "sign-etl/manifest/1",
        "sign-etl/labels/1",
        "sign-etl/lock/1",
        "sign-etl/index/1",
        "sign-etl/ledger/1",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("wlals100",), "error: unknown data set `wlals100`\nhint: did you mean `wlasl100`?"),
        (("..",), "error: `..` is a folder and no data set\nhint: videos of your own: sign-etl"),
        (("no/such.yaml",), "error: no/such.yaml: no such file or directory"),
        (("folder", "--set", "normalise.fsp=3"), "`normalise.fsp` is not a setting"),
        (("folder", "--set", "normalise.fps=fast"), "must be a number, not the text `fast`"),
        (("folder", "--set", "normalise.fps"), "`--set normalise.fps` is no setting"),
        (("folder", "--set", "name.x=1"), "`name` holds no settings"),
        (("folder", "--set", "quality.backend=blazpose"), "which `pose` does not run"),
        (("wlasl", "--set", "dataset.subset=7"), "`dataset.subset` must be"),
    ],
)
def test_bad_input(sign_etl: Any, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    done = sign_etl("ingest", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_file_name_that_begins_with_a_hyphen(sign_etl: Any, tmp_path: Path) -> None:
    (tmp_path / "-odd.yaml").write_text("name: odd\ndataset: {recipe: folder, odd: 1}\n")
    done = sign_etl("ingest", "--", "-odd.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "-odd.yaml:2:27: `dataset.odd` is not a setting" in done.stderr


def test_a_folder_named_like_a_data_set_is_no_pipeline(sign_etl: Any, tmp_path: Path) -> None:
    (tmp_path / "wlasl100").mkdir()
    done = sign_etl("pipelines", "show", "wlasl100", cwd=tmp_path)
    assert done.returncode == 0
    assert "recipe: wlasl" in done.stdout


def test_a_terminal_sees_a_live_table(videos: Path, cache: Path, tmp_path: Path) -> None:
    """On a pseudo-terminal: the table is drawn, and gone at the end."""
    parent, child = pty.openpty()
    command = ["ingest", "folder", "--media", str(videos), "--jobs", "1", *NO_POSE]
    process = subprocess.Popen(
        [sys.executable, "-m", "sign_etl", *command],
        cwd=tmp_path,
        env=os.environ | {"SIGN_ETL_CACHE": str(cache), "TERM": "xterm", "COLUMNS": "100"},
        stdin=child,
        stdout=subprocess.PIPE,
        stderr=child,
    )
    os.close(child)
    seen = b""
    while True:
        try:
            chunk = os.read(parent, 4096)
        except OSError:  # the other side is closed
            break
        if not chunk:
            break
        seen += chunk
    os.close(parent)
    assert process.stdout is not None
    said = process.stdout.read()
    process.stdout.close()
    assert process.wait(240) == 0
    assert b"normalise" in seen
    assert b"\x1b[" in seen
    assert said.startswith(b"Built 3 clips")
