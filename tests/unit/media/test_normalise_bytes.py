"""Normalising: the bytes of the output, which every machine must agree on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from media import VideoSpec, write_video

from sign_etl.core.guard import Guard, Limits
from sign_etl.media import normalise as stage
from sign_etl.schema.pipeline import NormaliseConfig

Normalise = Callable[..., Any]


def detailed(width: int = 320, height: int = 240, count: int = 12) -> VideoSpec:
    """A lossless source with gradients and edges, equal on every machine."""
    y, x = np.mgrid[:height, :width]
    planes = [
        (((x + 3 * index) * (y + 7) // 31 + 5 * index) % 220 + 16).astype(np.uint8)
        for index in range(count)
    ]
    return VideoSpec(
        pictures=planes, count=count, width=width, height=height, codec="ffv1",
        container="matroska",
    )  # fmt: skip


def test_bytes_do_not_depend_on_run_child_or_name(tmp_path: Path) -> None:
    source = write_video(tmp_path / "source.mkv", detailed())
    config = NormaliseConfig(short_side=120, fps=30)
    digests = set()
    for name in ("a.mp4", "another name", ".tmp-x"):
        out = tmp_path / name
        with Guard(stage.TARGET, stage.limits(config)) as guard:
            facts = stage.normalise(
                guard, source, "matroska", start_s=0.1, end_s=0.4, declared_fps=None, bbox=None,
                config=config, out=out,
            )  # fmt: skip
        assert isinstance(facts, dict)
        digests.add(hashlib.sha256(out.read_bytes()).hexdigest())
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("tune", "golden"),
    [
        ("fastdecode", "0856ecc8e1390df0cba78ef939c5b56e405c28cf7d37e906c162f652c90ffa1f"),
        ("none", "41999c8d8e8b7f6dfd64ee55234a48076e2705fa9341d38a4c6b80649845108a"),
    ],
    ids=["fastdecode", "none"],
)
def test_golden_bytes(normalise: Normalise, tmp_path: Path, tune: str, golden: str) -> None:
    """A change of output needs a new `VERSION`: then change the digests with it.

    Without a tune they are those of builds that were made before there was a choice.
    """
    if av.__version__ != "18.1.0":
        pytest.skip("the digests belong to the libraries of PyAV 18.1.0")
    source = write_video(tmp_path / "source.mkv", detailed())
    facts = normalise(source, 0.1, 0.4, short_side=120, fps=30, crf=18, tune=tune)
    assert (facts["video"]["width"], facts["video"]["height"]) == (160, 120)
    digest = hashlib.sha256((tmp_path / "out.mp4").read_bytes()).hexdigest()
    assert digest == golden
    assert stage.VERSION == "1"


def test_file_tells_nothing_of_time_or_libraries(normalise: Normalise, tmp_path: Path) -> None:
    normalise(write_video(tmp_path / "source.mp4", VideoSpec(count=30)), gop=5)
    data = (tmp_path / "out.mp4").read_bytes()
    for word in (b"x264", b"Lavf", b"Lavc", b"out.mp4"):
        assert word not in data
    assert data.index(b"moov") < data.index(b"mdat"), "an index at the front can be streamed"
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        assert stream.start_time == 0
        assert stream.average_rate == 25
        assert [p.pts for p in packets] == [p.dts for p in packets]
        assert [i for i, p in enumerate(packets) if p.is_keyframe] == list(range(0, 30, 5))


def test_colour_tags_stay(normalise: Normalise, tmp_path: Path) -> None:
    options = {"crf": "12", "x264-params": "colormatrix=bt709:colorprim=bt709:transfer=bt709"}
    normalise(write_video(tmp_path / "source.mp4", VideoSpec(count=3, options=options)))
    with av.open(str(tmp_path / "out.mp4")) as container:
        frame = next(container.decode(video=0))
    assert (frame.colorspace, frame.color_primaries, frame.color_trc) == (1, 1, 1)


def test_output_larger_than_allowed(tmp_path: Path) -> None:
    source = write_video(tmp_path / "source.mkv", detailed(count=50))
    limits = Limits(wall_s=60, memory_bytes=1 << 30, file_bytes=20_000)
    with Guard(stage.TARGET, limits) as guard:
        reject = stage.normalise(
            guard, source, "matroska", start_s=0, end_s=None, declared_fps=None, bbox=None,
            config=NormaliseConfig(), out=tmp_path / "out.mp4",
        )  # fmt: skip
    assert not isinstance(reject, dict)
    assert (reject.reason.value, reject.detail) == ("too-large", "the output")
    assert not (tmp_path / "out.mp4").exists()
