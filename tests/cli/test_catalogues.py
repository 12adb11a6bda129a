"""The commands that look things up: datasets, pipelines, pose, schemas, doctor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sign_etl.core.content import content_dir

GOOD = "name: mine\ndataset:\n  recipe: folder\n"


def test_datasets_list(sign_etl: Any, reply: Any) -> None:
    done = sign_etl("datasets", "list")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    heads = ["name", "title", "language", "task", "clips", "access", "licence", "layout"]
    assert lines[0].split() == heads
    assert "\x1b" not in done.stdout
    names = [part["name"] for part in reply("datasets", "list")["datasets"]]
    assert {"demo", "folder", "wlasl"} <= set(names)
    assert sign_etl("datasets", "list", "--quiet").stdout.splitlines() == names


def test_datasets_list_filters(reply: Any, sign_etl: Any) -> None:
    ase = reply("datasets", "list", "--language", "ase", "--task", "isolated")["datasets"]
    assert "wlasl" in [part["name"] for part in ase]
    assert all(part["language"] == "ase" for part in ase)
    local = reply("datasets", "list", "--access", "local")["datasets"]
    assert "folder" in [part["name"] for part in local]
    assert "wlasl" not in [part["name"] for part in local]
    free = reply("datasets", "list", "--licence", "cc0")["datasets"]
    assert "demo" in [part["name"] for part in free]
    assert all("CC0" in part["licence"] for part in free)
    nothing = sign_etl("datasets", "list", "--language", "xxx")
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert "no data set matches" in nothing.stderr
    wrong = sign_etl("datasets", "list", "--task", "isolatd")
    assert wrong.returncode == 2
    assert "did you mean `isolated`?" in wrong.stderr


def test_datasets_info(sign_etl: Any, reply: Any) -> None:
    info = reply("datasets", "info", "wlasl")
    assert info["dataset"]["licence"]
    assert "wlasl100" in info["pipelines"]
    assert {"media", "annotations", "media_kind", "subset"} <= {
        option["name"] for option in info["options"]
    }
    assert info["dataset"]["licence"] in sign_etl("datasets", "info", "wlasl").stdout
    unknown = sign_etl("datasets", "info", "wlals")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert unknown.stderr == "error: unknown data set `wlals`\nhint: did you mean `wlasl`?\n"


def test_pipelines_list_show_copy_validate(sign_etl: Any, reply: Any, tmp_path: Path) -> None:
    names = [part["name"] for part in reply("pipelines", "list")["pipelines"]]
    assert {"folder", "wlasl100"} <= set(names)
    shown = sign_etl("pipelines", "show", "wlasl100")
    assert shown.stdout.strip() == (content_dir("pipelines") / "wlasl100.yaml").read_text().strip()
    resolved = reply("pipelines", "show", "wlasl100", "--set", "normalise.fps=30")["pipeline"]
    assert resolved["normalise"]["fps"] == 30
    assert resolved["pack"]["keep_video"] is True
    copied = sign_etl("pipelines", "copy", "wlasl100", "mine.yaml", cwd=tmp_path)
    assert copied.returncode == 0
    assert "sign-etl ingest mine.yaml" in copied.stderr
    again = sign_etl("pipelines", "copy", "wlasl100", "mine.yaml", cwd=tmp_path)
    assert again.returncode == 2
    assert "--force" in again.stderr
    assert (
        sign_etl("pipelines", "copy", "wlasl", "mine.yaml", "--force", cwd=tmp_path).returncode == 0
    )
    assert sign_etl("pipelines", "validate", tmp_path / "mine.yaml").returncode == 0
    text = sign_etl("pipelines", "show", "wlasl100", "--resolved").stdout
    (tmp_path / "resolved.yaml").write_text(text)
    assert sign_etl("pipelines", "validate", tmp_path / "resolved.yaml").returncode == 0


def test_all_bundled_pipelines_are_valid(reply: Any) -> None:
    names = [part["name"] for part in reply("pipelines", "list")["pipelines"]]
    assert all(file["valid"] for file in reply("pipelines", "validate", *names)["files"])


def test_a_wrong_pipeline_is_told_whole(sign_etl: Any, reply: Any, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(GOOD + "  langauge: svk\nnormalise:\n  fsp: 30\npose: [blazpose]\n")
    done = sign_etl("pipelines", "validate", "mine.yaml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "error: mine.yaml:6:3: `normalise.fsp` is not a setting\nhint: did you mean `fps`?" in (
        done.stderr
    )
    assert "mine.yaml:4:3: `dataset.langauge` is not a setting" in done.stderr
    assert "did you mean `language`?" in done.stderr
    assert "unknown pose backend `blazpose`" in done.stderr
    assert "did you mean `blazepose`?" in done.stderr
    [checked] = reply("pipelines", "validate", file, code=2)["files"]
    assert len(checked["problems"]) == 3
    ingest = sign_etl("ingest", "mine.yaml", cwd=tmp_path)
    assert ingest.returncode == 2
    assert "`normalise.fsp` is not a setting" in ingest.stderr
    assert not (tmp_path / "builds").exists()


def test_pose_list_and_info(sign_etl: Any, reply: Any) -> None:
    names = [part["name"] for part in reply("pose", "list")["backends"]]
    assert {"blazepose", "truth"} <= set(names)
    info = reply("pose", "info", "blazepose")
    assert info["backend"]["layout"] == "holistic-75"
    assert (len(info["points"]), info["channels"]) == (75, 4)
    assert all(len(part["sha256"]) == 64 for part in info["weights"])
    unknown = sign_etl("pose", "info", "blazpose")
    assert unknown.returncode == 2
    assert "did you mean `blazepose`?" in unknown.stderr
    wrong = sign_etl("pose", "info", "blazepose", "--set", "nothing_like_it=1")
    assert wrong.returncode == 2
    assert "`nothing_like_it` is not a setting" in wrong.stderr


def test_damaged_weights_show(reply: Any, tmp_path: Path) -> None:
    weights = reply("pose", "info", "blazepose")["weights"]
    for part in weights:
        (tmp_path / part["name"]).write_bytes(b"x")
    info = reply("pose", "info", "blazepose", SIGN_ETL_WEIGHTS=str(tmp_path))
    assert {part["state"] for part in info["weights"]} == {"damaged"}
    assert info["backend"]["weights"] == "damaged"
    checks = reply("doctor", code=1, SIGN_ETL_WEIGHTS=str(tmp_path))["checks"]
    [bad] = [
        check for check in checks if (check["group"], check["name"]) == ("weights", "blazepose")
    ]
    assert bad["state"] == "bad"
    assert bad["hint"] == "sign-etl pose fetch blazepose"


def test_schemas_list_show(sign_etl: Any, reply: Any) -> None:
    names = {part["name"] for part in reply("schemas", "list")["schemas"]}
    assert {"pipeline", "sample", "manifest", "lock", "index", "ledger", "layouts"} <= names
    for name in sorted(names)[-3:]:
        json.loads(sign_etl("schemas", "show", name).stdout)
    assert sign_etl("schemas", "show", "pipeline-1").returncode == 0
    unknown = sign_etl("schemas", "show", "pipelin")
    assert unknown.returncode == 2
    assert "did you mean `pipeline`?" in unknown.stderr


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.yaml", GOOD + "seed: x\n", "a.yaml:4:1: `seed` must be a whole number"),
        ("a.json", "{}", "names no format"),
        ("a.json", '{"schema": "sign-etl/mainfest/1"}', "is no format that we know"),
        ("a.json", '{"schema": "sign-etl/labels/1", "order": "x", "labels": []}', "`order`"),
        ("a.json", "{", "no readable JSON"),
        ("a.json", "", "names no format"),
        ("a.parquet", "PAR1", "no readable Parquet"),
    ],
)
def test_schemas_validate_finds(
    sign_etl: Any, tmp_path: Path, name: str, text: str, problem: str
) -> None:
    (tmp_path / name).write_text(text)
    done = sign_etl("schemas", "validate", name, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert problem in done.stderr


def test_doctor(sign_etl: Any, reply: Any, tmp_path: Path) -> None:
    done = sign_etl("doctor", "--json")
    assert done.returncode == (0 if json.loads(done.stdout)["data"]["healthy"] else 1)
    data = reply("doctor", code=done.returncode)
    checks = {(check["group"], check["name"]): check for check in data["checks"]}
    assert checks["base", "Python"]["state"] == "ok"
    assert checks["codecs", "H.264"]["state"] == "ok"
    assert checks["disk", "store"]["state"] == "ok"
    assert ("extras", "ray") in checks
    blocked = tmp_path / "file"
    blocked.write_text("")
    bad = sign_etl("doctor", "--store", blocked / "store")
    assert bad.returncode == 1
    assert "BAD" in bad.stdout
    assert "is ready" not in bad.stdout
    assert "choose another folder with --store" in bad.stderr
