"""Folders of pictures through the stages: built, resumed from the store, built anew on a change."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from tiny_run import make_clip, tiny_run

from sign_etl.run.plan import Plan
from sign_etl.schema.clip import Source


def write_pictures(folder: Path, count: int, shade: int = 60) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        picture = Image.new("RGB", (96, 64), (shade, shade, shade))
        picture.paste((230, 230, 230), (number * 3, 10, number * 3 + 20, 40))
        picture.save(folder / f"{number:06}.jpg")


def test_a_build_of_folders(tmp_path: Path) -> None:
    for name in ("S01/hello", "S01/world"):
        write_pictures(tmp_path / "media/frames" / name, 20)
    clips = [
        make_clip(name, media=Source(name, names=(f"frames/{name}",), frames_fps=25), **span)
        for name, span in (
            ("S01/hello", {}),
            ("S01/world", {"start_s": 0.2, "end_s": 0.6}),
            ("S01/gone", {}),
        )
    ]
    run = tiny_run(tmp_path / "run", clips, tmp_path / "media")
    run.run()
    manifest = run.publish()
    assert manifest.counts == {"failed": 1, "written": 2}
    assert manifest.reasons == {"media-missing": 1}
    before = {path.name: path.read_bytes() for path in (tmp_path / "run/build").rglob("*.tar")}

    # Again, with an empty build and the same store: nothing is decoded.
    made = sorted((tmp_path / "run/store/actions/normalise").rglob("*.json"))
    again = run.copy(tmp_path / "again")
    assert isinstance(again.plan, Plan)
    again.run()
    assert sorted(path.name for path in made) == sorted(
        path.name for path in (tmp_path / "again/store/actions/normalise").rglob("*.json")
    )

    # One picture is another one now: that clip is built anew.
    write_pictures(tmp_path / "media/frames/S01/hello", 20, shade=90)
    (tmp_path / "run/build/.sign-etl/journal.jsonl").unlink()
    for tar in (tmp_path / "run/build").rglob("*.tar"):
        tar.unlink()
    run.run()
    run.publish()
    after = {path.name: path.read_bytes() for path in (tmp_path / "run/build").rglob("*.tar")}
    assert after != before
    assert len(list((tmp_path / "run/store/actions/normalise").rglob("*.json"))) == 3


def test_another_rate_is_another_clip(tmp_path: Path) -> None:
    write_pictures(tmp_path / "media/a", 20)
    frames = {}
    for fps in (25.0, 12.5):
        clip = make_clip("a", media=Source("a", names=("a",), frames_fps=fps))
        run = tiny_run(tmp_path / "run", [clip], tmp_path / "media")
        run.run()
        entries = list((tmp_path / "run/store/actions/normalise").rglob("*.json"))
        frames[fps] = len(entries)
    assert frames == {25.0: 1, 12.5: 2}
