"""`show` as a film, as a timeline and in the terminal."""

from __future__ import annotations

import re
from pathlib import Path

import av
import numpy as np
import pytest
from forge import change_index, change_ledger
from PIL import Image
from tiny_build import FPS, FRAMES, write_tiny_build

from sign_etl.app.show import show, show_lines
from sign_etl.core.errors import UsageError
from sign_etl.reader import open_build
from sign_etl.viz.half_blocks import half_blocks
from sign_etl.viz.overlay_video import BAR, LEAST_HEIGHT
from sign_etl.viz.pose_timeline import GAP, lanes, timeline_lines

HOSTILE = "\x1b[38;2;1;2;3m▀\x1b]0;gone\x07"


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four clips with two backends; all labels are hostile."""
    folder = tmp_path_factory.mktemp("films") / "build"
    write_tiny_build(folder, clips=4, backends=("blazepose", "truth"))

    def spoil(rows: list[dict[str, object]]) -> None:
        for row in rows:
            row.update(label=HOSTILE)

    change_index(folder, spoil)
    change_ledger(folder, spoil)
    return folder


def test_a_film_of_two_backends_side_by_side(build: Path, tmp_path: Path) -> None:
    both = show(build, out=tmp_path / "both.mp4")
    one = show(build, out=tmp_path / "one.mp4", backends=("truth",))
    sizes = []
    for path in (both, one):
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
            assert (len(frames), stream.average_rate) == (FRAMES, FPS)
            sizes.append((stream.width, stream.height))
            assert not np.array_equal(frames[0], frames[-1])
    assert sizes == [(640, LEAST_HEIGHT + BAR), (320, LEAST_HEIGHT + BAR)]
    assert show(build, out=tmp_path / "again.mp4").read_bytes() == both.read_bytes()


def test_a_gif_has_half_the_frames(build: Path, tmp_path: Path) -> None:
    with Image.open(show(build, out=tmp_path / "x.gif", backends=("truth",))) as picture:
        assert picture.format == "GIF"
        assert picture.n_frames == FRAMES // 2
        assert picture.info["duration"] == 80
        assert picture.info["loop"] == 0


def test_a_timeline_shows_where_a_hand_is_missing(build: Path, tmp_path: Path) -> None:
    with open_build(build) as opened:
        sample = next(iter(opened))
        rows = lanes(opened, sample, ("truth",))
    assert [lane.part for lane in rows] == ["body", "left_hand", "right_hand"]
    gone = np.isnan(rows[2].score)
    assert gone.tolist() == [False] * 9 + [True] * 3  # the last quarter
    line = timeline_lines(rows, 80)[2]
    assert line.startswith("truth right hand  ")
    assert line.endswith(GAP * 3)
    assert line.count(GAP) == 3
    path = show(build, out=tmp_path / "line.png", key=sample.key, timeline=True)
    with Image.open(path) as picture:
        two = picture.size
    with Image.open(show(build, out=path, timeline=True, backends=("truth",))) as picture:
        assert picture.size[0] == two[0]
        assert picture.size[1] < two[1]


def test_one_shard(build: Path, tmp_path: Path) -> None:
    with open_build(build) as opened:
        shards = opened.index["shard"].to_pylist()
        keys = opened.index["key"].to_pylist()
    shard = build / shards[-1]
    mine = {key for key, name in zip(keys, shards, strict=True) if name == shards[-1]}
    told = [text for text, ours in show_lines(shard, columns=60, clips=9) if not ours]
    assert {key for key in keys if any(text.endswith(key) for text in told)} == mine
    with pytest.raises(UsageError, match="no shard"):
        show(build / "train" / "other.tar", out=tmp_path / "x.png")


def test_in_the_terminal_texts_and_pictures_are_apart(build: Path) -> None:
    lines = list(show_lines(build, columns=66, clips=2))
    for text, ours in lines:
        if ours:
            assert re.fullmatch(r"(\x1b\[38;2;\d+;\d+;\d+;48;2;\d+;\d+;\d+m▀){66}\x1b\[0m", text)
    assert sum(HOSTILE in text for text, ours in lines if not ours) == 2
    plain = list(show_lines(build, columns=66, clips=1, colour=False))
    assert not any("\x1b[38" in text for text, ours in plain if ours)


def test_half_blocks_are_two_pixels() -> None:
    picture = Image.new("RGB", (4, 4), (255, 0, 0))
    picture.paste((0, 0, 255), (0, 1, 4, 4))
    first, _ = half_blocks(picture, 4)
    assert first.startswith("\x1b[38;2;255;0;0;48;2;0;0;255m▀")
    assert half_blocks(Image.new("RGB", (2, 2), "white"), 2, colour=False) == ["@@"]
