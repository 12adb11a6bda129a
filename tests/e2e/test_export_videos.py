"""Exports of videos and lists read back: by others' readers, and by sign-etl's own recipes."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from exported import again, rounded, twin

from sign_etl.app.export import export
from sign_etl.reader import open_build


@pytest.mark.parametrize("name", ["videomae", "signvlm"])
def test_lists_of_videos(name: str, tiny: Path, tmp_path: Path) -> None:
    import av

    export(tiny, name, tmp_path / "out")
    separator, suffix = {"videomae": (" ", "csv"), "signvlm": ("\t", "txt")}[name]
    with open_build(tiny) as opened:
        for split in opened.splits:
            lines = (tmp_path / "out" / f"{split}.{suffix}").read_text("utf-8").splitlines()
            found = {}
            for line in lines:
                path, label = line.split(separator)
                found[Path(path).stem] = int(label)
                with av.open(str(tmp_path / "out" / path)) as video:
                    assert (
                        sum(1 for _ in video.decode(video=0))
                        == opened.sample(Path(path).stem).frames
                    )
            assert found == {one.key: one.label_id for one in opened if one.split == split}
        if name == "videomae":
            return
        options = {"names": "names.txt", "language": "zxx"}
        with again(tmp_path / "out", "list-file", tmp_path / "again", **options) as back:
            assert back.labels == opened.labels
            words = {Path(one.source_id).stem: (one.label, one.split) for one in back}
            assert words == {one.key: (one.label, one.split) for one in opened}


def test_slovo(tiny: Path, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    export(tiny, "slovo", tmp_path / "out")
    table = pandas.read_csv(tmp_path / "out" / "annotations.csv", sep="\t")
    with open_build(tiny) as opened:
        for row in table.to_dict("records"):
            sample = opened.sample(row["attachment_id"])
            assert (row["text"], row["user_id"], row["length"]) == (
                sample.label,
                sample.signer,
                sample.frames,
            )
            assert row["train"] is (sample.split == "train")
            place = "train" if row["train"] else "test"
            assert (tmp_path / "out" / place / f"{sample.key}.mp4").stat().st_size > 500
        back = again(tmp_path / "out", "slovo", tmp_path / "again", annotations="annotations.csv")
        with back:
            for sample in opened:
                found = twin(back, sample.key)
                assert (found.label, found.signer, found.frames) == (
                    sample.label,
                    sample.signer,
                    sample.frames,
                )
                assert found.extra["split"] == sample.split


def test_ssvp(tiny: Path, tmp_path: Path) -> None:
    export(tiny, "ssvp", tmp_path / "out")
    with open_build(tiny) as opened:
        for split in opened.splits:
            path = tmp_path / "out" / "manifests" / f"{split}.tsv"
            with path.open(encoding="utf-8", newline="") as file:
                rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
            assert len(rows) == opened.splits[split]
            for name, duration, caption in rows:
                sample = opened.sample(name)
                assert float(duration) == pytest.approx(sample.frames / sample.fps, abs=1e-3)
                assert caption == sample.gloss
                assert (tmp_path / "out/videos" / name[:5] / f"{name}.mp4").is_file()
        back = again(tmp_path / "out", "ssvp-tsv", tmp_path / "again", language="zxx")
        with back:
            said = {one.annotation_id: (one.text, one.split, one.frames) for one in back}
            assert said == {one.key: (one.gloss, one.split, one.frames) for one in opened}


def test_rerun(tiny: Path, tmp_path: Path) -> None:
    chunk = pytest.importorskip("rerun.chunk", reason="rerun-sdk is not installed")
    export(tiny, "rerun", tmp_path / "out", with_video=True)
    with open_build(tiny) as opened:
        for sample in opened:
            path = tmp_path / "out" / sample.split / f"{sample.key}.rrd"
            chunks = list(chunk.RrdReader(path).stream())
            found = {one.entity_path: one.to_record_batch() for one in chunks}
            assert "/clip/video" in found
            points = found["/clip/keypoints"].sort_by("frame").to_pydict()
            assert points["frame"] == list(range(sample.frames))
            wanted = opened.keypoints(sample)
            for number in range(sample.frames):
                there = np.flatnonzero(~np.isnan(wanted[number, :, 0]))
                assert points["Points2D:keypoint_ids"][number] == there.tolist()
                places = np.array(points["Points2D:positions"][number])
                rounded(places / (sample.width, sample.height), wanted[number, there, :2])
