"""Copies of real clips: found by what BlazePose sees, whatever was done to the video."""

from __future__ import annotations

import shutil
from pathlib import Path

import av
import pytest
from PIL import Image
from weights import blazepose_weights

from sign_etl.app.ingest import IngestRequest, ingest
from sign_etl.app.report import report

pytestmark = [pytest.mark.weights, pytest.mark.shared_data, pytest.mark.slow]

TABLE = """file,id,label,split,start,end
zoo-front.mp4,whole,zoo,train,,
small.mp4,copy,zoo,test,0.25,2.5
zoo-side.mp4,other side,zoo,test,,
hora-front.mp4,other sign,hora,test,,
"""


def half_size(source: Path, target: Path) -> None:
    """A copy at half the size and with many bits taken off."""
    with av.open(str(source)) as whole, av.open(str(target), "w") as copy:
        stream = copy.add_stream("libx264", rate=25, options={"crf": "33"})
        stream.width, stream.height, stream.pix_fmt = 426, 240, "yuv420p"
        for frame in whole.decode(video=0):
            picture = frame.to_image().resize((426, 240), Image.Resampling.BILINEAR)
            copy.mux(stream.encode(av.VideoFrame.from_image(picture)))
        copy.mux(stream.encode(None))


def test_a_small_trimmed_copy_is_a_leak(shared_data: Path, tmp_path: Path) -> None:
    blazepose_weights()
    media = tmp_path / "media"
    media.mkdir()
    for name in ("zoo-front.mp4", "zoo-side.mp4", "hora-front.mp4"):
        shutil.copyfile(shared_data / "svk-clips" / name, media / name)
    half_size(media / "zoo-front.mp4", media / "small.mp4")
    (tmp_path / "clips.csv").write_text(TABLE)
    result = ingest(
        IngestRequest(
            pipeline="folder",
            media=media,
            annotations=tmp_path / "clips.csv",
            out=tmp_path / "build",
            store=str(tmp_path / "store"),
            jobs=1,
            settings=("policy.leaks=fail",),
        )
    )
    assert result.counts == {"written": 4}
    [problem] = result.problems
    assert "1 pair of near-identical clips" in problem
    near = report(tmp_path / "build").hygiene.near
    assert near is not None
    assert near.compared == 4
    [pair] = near.copies.examples
    keys = sorted((pair.first, pair.second))
    assert "-copy-" in keys[0]
    assert "-whole-" in keys[1]
