"""The flow, with nets whose right answer is known to the pixel."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from marker_nets import DOG, OTHER, SIGNER
from marker_scenes import Person, Script, clip, true_points, walker
from nets import whole_body
from numpy.typing import NDArray

from sign_etl.pose import film as film_module
from sign_etl.pose.base import Estimate, Estimator, PoseInput
from sign_etl.pose.child import checked
from sign_etl.pose.rtmpose import BACKEND, LAYOUT
from sign_etl.schema.layouts import layout

pytest.importorskip("onnxruntime")

NEAR_PX = 1.5

Open = Callable[..., Estimator]
Shoot = Callable[..., PoseInput]


@pytest.fixture
def opened(folder: Path) -> Open:
    def open_them(**options: Any) -> Estimator:
        files = {"detector": str(folder / "detector.onnx"), "pose": str(folder / "pose.onnx")}
        return BACKEND.open(BACKEND.options({**files, "det_interval": 5, **options}), folder)

    return open_them


@pytest.fixture
def shoot(tmp_path: Path) -> Shoot:
    def make(script: Script, frames: int, *size: int) -> PoseInput:
        return clip(tmp_path / f"{len(list(tmp_path.iterdir()))}.mp4", script, frames, *size)

    return make


def one(model: Estimator, film: PoseInput) -> Estimate:
    (made,) = model.estimate([film])
    checked(made.keypoints, layout(LAYOUT), film.frames, "rtmpose")
    return made


def away_px(made: Estimate, film: PoseInput, wanted: NDArray[np.float64]) -> float:
    """Farthest point from where it is; points must be missing in the same places."""
    pixels = made.keypoints[..., :2] * (film.width, film.height)
    assert (np.isnan(pixels) == np.isnan(wanted)).all()
    return float(np.nanmax(np.linalg.norm(pixels - wanted, axis=-1)))


@pytest.mark.parametrize("interval", [1, 4, 10])
def test_a_signer_is_followed_between_key_frames(interval: int, opened: Open, shoot: Shoot) -> None:
    film = shoot(walker(), 23)
    made = one(opened(det_interval=interval), film)
    assert away_px(made, film, true_points(walker(), 23)) < NEAR_PX
    assert made.facts["detections"] == len({*range(0, 23, interval), 22})
    assert (made.facts["persons"], made.facts["ambiguous"], made.facts["shots"]) == (1, 0.0, 1)


@pytest.mark.parametrize("size", [(322, 246), (240, 320), (1280, 720)])
def test_other_sizes(size: tuple[int, int], opened: Open, shoot: Shoot) -> None:
    scale = size[1] / 240

    def script(t: int) -> list[Person]:
        return [Person(SIGNER, scale * (20 + t), scale * 70, scale * 60, scale * 100)]

    film = shoot(script, 3, *size)
    assert away_px(one(opened(), film), film, true_points(script, 3)) < NEAR_PX * scale


def test_one_frame(opened: Open, shoot: Shoot) -> None:
    film = shoot(walker(), 1)
    made = one(opened(), film)
    assert away_px(made, film, true_points(walker(), 1)) < NEAR_PX
    assert made.facts["detections"] == 1


def test_nobody(opened: Open, shoot: Shoot) -> None:
    made = one(opened(), shoot(lambda t: [Person(DOG, 40, 60)], 12))
    assert np.isnan(made.keypoints[..., :2]).all()
    assert (made.keypoints[..., 2] == 0).all()
    assert made.facts["persons"] == 0


def test_a_hard_cut_between_two_signers(opened: Open, shoot: Shoot) -> None:
    def script(t: int) -> list[Person]:
        return [Person(SIGNER, 40 + t, 70) if t < 13 else Person(OTHER, 200 - t, 60, 80, 120)]

    film = shoot(script, 24)
    made = one(opened(det_interval=10), film)
    wanted = true_points(script, 24)
    wanted[13:] = true_points(script, 24, OTHER)[13:]
    assert away_px(made, film, wanted) < NEAR_PX
    assert made.facts["shots"] == 2
    # 0, 10, 20, the last, and both sides of the cut: nothing by habit.
    assert made.facts["detections"] == 6


def test_the_box_of_the_data_set_says_who_is_meant(opened: Open, shoot: Shoot) -> None:
    def script(t: int) -> list[Person]:
        return [Person(SIGNER, 30, 60, 80, 140), Person(OTHER, 220, 110, 60, 100)]

    film = shoot(script, 11)
    large = one(opened(), film)
    assert away_px(large, film, true_points(script, 11)) < NEAR_PX
    assert large.facts["persons"] == 2
    box = (220 / 320, 110 / 240, 280 / 320, 210 / 240)
    meant = one(opened(), replace(film, bbox=box))
    assert away_px(meant, film, true_points(script, 11, OTHER)) < NEAR_PX


def test_the_one_who_signs_is_the_signer(opened: Open, shoot: Shoot) -> None:
    def script(t: int) -> list[Person]:
        # The lesser detection, of equal size; its hands go up and down.
        lift = 0.25 * (t // 5 % 2)
        return [Person(SIGNER, 50, 80), Person(OTHER, 210, 80, lift=lift)]

    film = shoot(script, 26)
    made = one(opened(), film)
    pixels = made.keypoints[..., 0] * film.width
    assert (np.nanmedian(pixels, axis=1) > 200).all()


def test_who_leaves_is_gone(opened: Open, shoot: Shoot) -> None:
    def script(t: int) -> list[Person]:
        return [Person(SIGNER, 130, 70)] if t < 20 else []

    film = shoot(script, 40)
    made = one(opened(), film)
    there = np.isfinite(made.keypoints[..., 0])
    assert there[:19].all()
    assert not there[23:].any()


def test_a_lost_signer_is_looked_for_where_it_was_lost(opened: Open, shoot: Shoot) -> None:
    def script(t: int) -> list[Person]:
        # A jump aside and back between two key frames, too short for a cut.
        return [Person(SIGNER, 200 if 12 <= t < 18 else 60, 70)]

    film = shoot(script, 31)
    made = one(opened(det_interval=10), film)
    asked = int(made.facts["detections"])
    assert 4 < asked < 16
    pixels = made.keypoints[..., 0] * film.width
    wanted = true_points(script, 31)[..., 0]
    right = np.nanmax(np.abs(pixels - wanted), axis=1, initial=0) < NEAR_PX
    assert right[[0, 5, 11, 14, 15, 20, 30]].all()
    assert right.mean() > 0.85


def test_neighbours_batches_and_threads_change_no_bit(
    folder: Path, opened: Open, shoot: Shoot
) -> None:
    # A net of the real kind: the markers' answers are too simple to differ.
    net = str(whole_body(folder / "real.onnx", width=0.0625, depth=0.1))
    films = [shoot(walker(x=100 + 9 * n), frames) for n, frames in enumerate((5, 1, 13, 7))]
    films.insert(2, shoot(lambda t: [], 6))
    model = opened(pose=net, batch=8)
    alone = [one(model, film) for film in films]
    for options in ({}, {"batch": 1}, {"batch": 3}, {"threads": 2}, {"decoders": 3}):
        other = opened(pose=net, **{"batch": 8, **options})
        together = list(other.estimate(films))
        for made, wanted in zip(together, alone, strict=True):
            assert made.keypoints.tobytes() == wanted.keypoints.tobytes()
            assert made.facts == wanted.facts
    backwards = list(model.estimate(films[::-1]))[::-1]
    assert [made.keypoints.tobytes() for made in backwards] == [
        made.keypoints.tobytes() for made in alone
    ]


def test_clips_too_large_for_memory_give_the_same(
    opened: Open, shoot: Shoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    films = [shoot(walker(), 12), shoot(walker(OTHER, 60), 9)]
    kept = [made.keypoints.tobytes() for made in opened().estimate(films)]
    monkeypatch.setattr(film_module, "KEPT_BYTES", 0)
    assert [made.keypoints.tobytes() for made in opened().estimate(films)] == kept


class Counted(list[PoseInput]):
    """Clips that count how many of them were taken."""

    taken = 0

    def __iter__(self) -> Iterator[PoseInput]:
        for film in super().__iter__():
            self.taken += 1
            yield film


@pytest.mark.parametrize("script", [walker(), lambda t: []], ids=["signer", "nobody"])
def test_results_come_as_soon_as_they_are_done(script: Script, opened: Open, shoot: Shoot) -> None:
    clips = Counted([shoot(script, 6)] * 40)
    coming = opened(batch=4).estimate(clips)
    first = next(coming)
    # One in hand, one to fill its last batch, two being decoded ahead.
    assert clips.taken <= 4
    assert first.keypoints.shape == (6, 133, 3)
    assert next(coming).keypoints.tobytes() == first.keypoints.tobytes()
    assert clips.taken <= 5
    coming.close()  # type: ignore[attr-defined]


def test_a_damaged_clip_ends_the_call_and_not_the_model(
    opened: Open, shoot: Shoot, tmp_path: Path
) -> None:
    good = shoot(walker(), 6)
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(good.video.read_bytes()[:900])
    model = opened()
    with pytest.raises(ValueError, match=r"bad\.mp4"):
        list(model.estimate([good, replace(good, video=bad), good]))
    assert np.isfinite(one(model, good).keypoints).all()


def test_golden_places(opened: Open, shoot: Shoot) -> None:
    """If this fails, the flow gives other numbers: change the version in `pose/rtmpose.py`."""
    made = one(opened(), shoot(walker(), 12))
    # Whole pixels: the last bits are the libraries', which the version names as well.
    pixels = np.round(made.keypoints[..., :2] * (320, 240)).astype(np.int16)
    assert BACKEND.version.split("+")[0] == "1"
    assert (
        hashlib.sha256(pixels.tobytes()).hexdigest()
        == "e70f48be9bb90e4bf445cbb26edfd6cfb3555d91925fb2e4bcfafa2e7990106a"
    )
