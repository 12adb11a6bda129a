"""From view to view: what is copied, compared, split and told; training has tests of its own."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pose_build import write_pose_build

from sign_etl.app.train import find_recipe
from sign_etl.core.content import load_program
from sign_etl.core.errors import UsageError
from sign_etl.schema.document import DocumentError
from sign_etl.tasks.setup import load_recipe

copies, views = load_program("copies"), load_program("front_to_side")
nearest = load_program("nearest_view")
SYSTEMS = load_program("view_systems").systems()


@pytest.mark.parametrize("number", range(4))
def test_points_and_pixels_of_a_copy_move_alike(number: int) -> None:
    change = copies.drawn("clip", number)
    spot = np.array([0.4, 0.55], np.float32)
    picture = np.zeros((240, 426, 3), np.uint8)
    rows, columns = np.ogrid[:240, :426]
    near = (columns - spot[0] * 426) ** 2 + (rows - spot[1] * 240) ** 2 < 10**2
    picture[near] = 255
    seen = copies.changed(picture, change)[..., 0].astype(float)
    seen -= seen.min()
    height, width = seen.shape
    assert height == copies.HEIGHT
    down, right = np.indices(seen.shape) + 0.5
    middle = [(right * seen).sum() / seen.sum() / width, (down * seen).sum() / seen.sum() / height]
    point = np.array([[*spot, 0.1, 1.0]], np.float32)
    made = copies.moved(point, change, 426 / 240)[0]
    np.testing.assert_allclose(made[:2], middle, atol=0.006)
    assert made[2] == pytest.approx(0.1 * change.zoom)
    assert made[3] == 1


def test_a_fast_copy_is_short() -> None:
    slow, fast = (copies.drawn("clip", 0)._replace(speed=speed) for speed in (0.8, 1.25))
    assert len(copies.times(75, 25.0, slow)) == 45
    assert len(copies.times(75, 25.0, fast)) == 29
    assert copies.times(75, 25.0, slow).max() <= 74.5


def test_front_is_learned_and_side_is_asked(tmp_path: Path) -> None:
    (tmp_path / "clips.csv").write_text(
        "file,label,view\na-front.mp4,A,front\na-side.mp4,A,side\na-top.mp4,A,top\n"
    )
    table = views.write_views(tmp_path, tmp_path / "out")
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [(row["file"], row["split"]) for row in rows] == [
        ("a-front.mp4", "train"),
        ("a-front.mp4", "val"),
        ("a-side.mp4", "test"),
    ]
    assert len({row["id"] for row in rows}) == 3


def test_without_views_there_is_nothing_to_do(tmp_path: Path) -> None:
    (tmp_path / "clips.csv").write_text("file,label,view\na.mp4,A,top\n")
    with pytest.raises(UsageError, match="no clip has the view"):
        views.write_views(tmp_path, tmp_path / "out")


def test_a_fold_is_never_learned() -> None:
    for number in range(5):
        settings, judged = views.Job(SYSTEMS[0], "copies", number).splits()
        assert judged == f"copy-{number}"
        assert judged not in settings["data.train"]
        assert len(settings["data.train"]) == 4
    assert views.Job(SYSTEMS[0], "side", 3).splits() == ({}, "test")


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
def test_the_settings_of_a_system_are_settings(system: Any) -> None:
    part = system
    while part is not None:
        flat = [f"{key}={json.dumps(value)}" for key, value in part.settings.items()]
        assert load_recipe(find_recipe(part.recipe), flat).data.select == "val"
        with pytest.raises(DocumentError):
            load_recipe(find_recipe(part.recipe), [*flat, "data.select=test"])
        part = part.before


def test_what_a_system_begins_from_is_trained_first(tmp_path: Path) -> None:
    build = write_pose_build(tmp_path / "build", [8] * 12, splits=("train", "val", "test"))
    full = next(system for system in SYSTEMS if system.name == "mae_pose, spoter")
    system = full._replace(epochs=1, before=full.before._replace(epochs=1))
    line = views.perform(views.Job(system, "side", 3), build, tmp_path)
    first, second = (tmp_path / "runs" / f"mae_pose{part}-side-3" for part in ("", "-spoter"))
    assert load_recipe(second / "config.yaml").init.run == str(first)
    assert load_recipe(first / "config.yaml").seed == 3
    for part in (first, second):
        assert json.loads((part / "checkpoints" / "best.json").read_text())
    judged = json.loads((second / "results" / "test" / "metrics.json").read_text())["metrics"]
    own = json.loads((second / "results" / "val" / "metrics.json").read_text())["metrics"]
    assert (line["top1"], line["learned"]) == (judged["top1"], own["top1"])
    assert line["cpu_s"] > 0


def test_the_table_tells_means_and_extremes() -> None:
    common = {"system": "a", "takes": "keypoints", "parameters": 1200}
    lines = [
        {**common, "protocol": "side", "number": 0, "top1": 0.25, "top5": None, "learned": 1.0},
        {**common, "protocol": "side", "number": 1, "top1": 0.5, "top5": None, "cpu_s": 12.5},
        {**common, "protocol": "copies", "number": 0, "top1": 1.0, "top5": 1.0, "cpu_s": 13.7},
    ]
    row = (
        "a",
        "keypoints",
        "1,200",
        "2",
        "100.0",
        "37.5 (25.0 to 50.0)",
        "-",
        "1",
        "100.0",
        "100.0",
        "13",
    )
    assert views.table(lines) == [row]


def test_time_warping_forgives_another_pace() -> None:
    line = np.linspace(0, 1, nearest.LENGTH, dtype=np.float32)
    known = np.stack([line**2, 1 - line])[..., None]
    asked = np.stack([line**4])[..., None]
    plain = nearest.squares(asked[:, :, 0], known[:, :, 0])
    warped = nearest.warped(asked, known)
    assert nearest.tops(warped, [0], np.array([0, 1])) == (1.0, 1.0)
    assert warped[0, 0] / warped[0, 1] < plain[0, 0] / plain[0, 1]
    assert nearest.warped(known, known)[0, 0] == 0
