"""What every pose backend must hold to, ours and those of other packages."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from sign_etl.core.errors import AccessError, ConfigError, MissingExtraError
from sign_etl.core.places import weights_folder
from sign_etl.pose import blazepose_weights
from sign_etl.pose.base import BACKENDS, Estimator, PoseInput
from sign_etl.pose.child import checked, shares
from sign_etl.pose.weights import ensure
from sign_etl.recipes.demo import SIDE, DemoOptions, planned, render_take, true_keypoints
from sign_etl.recipes.video_file import write_video
from sign_etl.schema.layouts import LAYOUTS, layout

EVERY = pytest.mark.parametrize("name", BACKENDS.names())
FRAMES = 12


def estimator(name: str, **options: object) -> Estimator:
    backend = BACKENDS.get(name)
    chosen = backend.options(options)
    try:
        ensure(backend, chosen, weights_folder())
    except (AccessError, MissingExtraError) as error:
        pytest.skip(f"{error.message}: {error.hint}")
    return backend.open(chosen, weights_folder())


def keypoints_of(model: Estimator, clip: PoseInput) -> NDArray[np.float32]:
    [made] = model.estimate([clip])
    return made.keypoints


def shortened(source: Path, target: Path, frames: int) -> PoseInput:
    """The first frames of a clip."""
    with av.open(str(source), format="mp4") as container:
        stream = container.streams.video[0]
        fps = round(float(stream.average_rate or 25))
        pictures = [
            np.ascontiguousarray(frame.to_ndarray(format="rgb24"))
            for frame in islice(container.decode(stream), frames)
        ]
    write_video(target, pictures, fps=fps)
    height, width = pictures[0].shape[:2]
    return PoseInput(target, len(pictures), width, height, float(fps))


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> PoseInput:
    folder = tmp_path_factory.mktemp("rendered")
    take = planned(DemoOptions())[0]
    render_take(folder / "whole.mp4", take)
    clip = shortened(folder / "whole.mp4", folder / "clip.mp4", FRAMES)
    return PoseInput(clip.video, FRAMES, SIDE, SIDE, clip.fps, take.id, "demo")


@pytest.fixture(scope="module")
def nobody(tmp_path_factory: pytest.TempPathFactory) -> PoseInput:
    video = tmp_path_factory.mktemp("nobody") / "clip.mp4"
    write_video(video, [np.full((240, 320, 3), 128, np.uint8)] * 4)
    return PoseInput(video, 4, 320, 240, 25.0)


@EVERY
def test_it_says_what_it_is(name: str) -> None:
    backend = BACKENDS.get(name)
    assert backend.name == name
    assert backend.version
    assert backend.title
    options = backend.options({})
    assert backend.layout(options) in LAYOUTS
    assert backend.options(options.model_dump(mode="json")) == options
    for file in backend.weights(options, weights_folder()):
        assert file.sha256 is None or len(file.sha256) == 64
        assert file.size_bytes is None or file.size_bytes > 0
        assert file.licence
        assert file.origin.startswith("https://")
        assert Path(file.name).name == file.name


@EVERY
def test_it_refuses_unknown_options(name: str) -> None:
    with pytest.raises((ValidationError, ConfigError)):
        BACKENDS.get(name).options({"no_such_option": 1})


@pytest.mark.weights
@EVERY
def test_it_finds_the_rendered_signer(name: str, rendered: PoseInput) -> None:
    backend = BACKENDS.get(name)
    points = layout(backend.layout(backend.options({})))
    keypoints = checked(keypoints_of(estimator(name), rendered), points, FRAMES, name)
    found = shares(keypoints, points)
    assert found["body"] == 1.0
    assert found["left_hand"] > 0.5
    assert found["right_hand"] > 0.5
    missing = np.isnan(keypoints[..., 0])
    assert (keypoints[missing, -1] == 0).all()
    assert (keypoints[..., -1] <= 1).all()
    assert (keypoints[~missing, -1] >= 0).all()


@pytest.mark.weights
@EVERY
def test_two_runs_give_equal_bytes(name: str, rendered: PoseInput) -> None:
    first = keypoints_of(estimator(name), rendered)
    assert first.tobytes() == keypoints_of(estimator(name), rendered).tobytes()


@pytest.mark.weights
@EVERY
def test_neighbours_in_a_call_leave_no_trace(
    name: str, rendered: PoseInput, tmp_path: Path
) -> None:
    model = estimator(name)
    short = replace(shortened(rendered.video, tmp_path / "short.mp4", 5), dataset="demo")
    short = replace(short, annotation_id=rendered.annotation_id)
    together = list(model.estimate([short, rendered, short]))
    for clip, made in zip([short, rendered, short], together, strict=True):
        [alone] = model.estimate([clip])
        assert made.keypoints.tobytes() == alone.keypoints.tobytes()
        assert made.facts == alone.facts


@EVERY
def test_a_call_without_clips_gives_nothing(name: str) -> None:
    assert list(estimator(name).estimate([])) == []


@pytest.mark.weights
@pytest.mark.parametrize(
    ("body_mode", "hands_mode"), [("image", "image"), ("video", "video"), ("video", "follow")]
)
def test_the_clip_before_leaves_no_trace(
    body_mode: str, hands_mode: str, rendered: PoseInput, nobody: PoseInput
) -> None:
    model = estimator("blazepose", body_mode=body_mode, hands_mode=hands_mode)
    alone = keypoints_of(model, rendered)
    keypoints_of(model, nobody)
    after_nobody = keypoints_of(model, rendered)
    after_itself = keypoints_of(model, rendered)
    assert alone.tobytes() == after_nobody.tobytes() == after_itself.tobytes()


@pytest.mark.weights
def test_blazepose_invents_nobody(nobody: PoseInput) -> None:
    keypoints = keypoints_of(estimator("blazepose"), nobody)
    assert np.isnan(keypoints[..., :3]).all()
    assert (keypoints[..., 3] == 0).all()


@pytest.mark.weights
def test_blazepose_knows_left_from_right(rendered: PoseInput) -> None:
    found = keypoints_of(estimator("blazepose"), rendered)
    drawn = true_keypoints(rendered)
    points = layout("holistic-75")
    for side in ("left", "right"):
        joints = [points.index(f"{side}_{joint}") for joint in ("shoulder", "elbow", "wrist")]
        joints += list(points.parts[f"{side}_hand"])
        assert _median_px(found, drawn, joints) < 12


def _median_px(found: NDArray[np.float32], drawn: NDArray[np.float32], joints: list[int]) -> float:
    distance = np.linalg.norm((found - drawn)[:, joints, :2].astype(np.float64) * SIDE, axis=-1)
    return float(np.nanmedian(distance))


@pytest.mark.weights
def test_another_number_of_frames_is_refused(rendered: PoseInput) -> None:
    model = estimator("blazepose")
    for announced in (FRAMES - 1, FRAMES + 1):
        wrong = PoseInput(rendered.video, announced, SIDE, SIDE, rendered.fps)
        with pytest.raises(ValueError, match="frames"):
            keypoints_of(model, wrong)


@pytest.mark.weights
@pytest.mark.shared_data
@pytest.mark.parametrize("view", ["front", "side"])
def test_blazepose_finds_a_real_signer(view: str, shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "svk-clips" / f"ano-{view}.mp4"
    clip = shortened(source, tmp_path / "clip.mp4", 10)
    keypoints = keypoints_of(estimator("blazepose"), clip)
    points = layout("holistic-75")
    found = shares(keypoints, points)
    assert found["body"] == 1.0
    assert max(found["left_hand"], found["right_hand"]) == 1.0
    # Whoever faces the camera has the left shoulder on the right of the picture, and every hand
    # begins where its arm ends.
    left, right = points.index("left_shoulder"), points.index("right_shoulder")
    assert (keypoints[:, left, 0] > keypoints[:, right, 0]).all()
    size = np.array([clip.width, clip.height])
    shoulders_px = np.linalg.norm((keypoints[:, left, :2] - keypoints[:, right, :2]) * size, axis=1)
    for side in ("left", "right"):
        wrist, hand = points.index(f"{side}_wrist"), points.index(f"{side}_hand_wrist")
        gap_px = np.linalg.norm((keypoints[:, wrist, :2] - keypoints[:, hand, :2]) * size, axis=1)
        assert (gap_px[np.isfinite(gap_px)] < 0.3 * shoulders_px[np.isfinite(gap_px)]).all()


@pytest.mark.weights
def test_blazepose_without_depth_is_the_same_but_flat(rendered: PoseInput) -> None:
    whole = keypoints_of(estimator("blazepose"), rendered)
    flat = keypoints_of(estimator("blazepose", depth=False), rendered)
    for channel in (0, 1, 3):
        assert flat[..., channel].tobytes() == whole[..., channel].tobytes()
    assert (flat[np.isfinite(flat[..., 0]), 2] == 0).all()
    assert np.abs(whole[np.isfinite(whole[..., 0]), 2]).max() > 0
    assert shares(flat, layout("holistic-75")) == shares(whole, layout("holistic-75"))


@pytest.mark.weights
def test_the_mask_that_is_left_out_moves_no_bit(
    rendered: PoseInput, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = keypoints_of(estimator("blazepose"), rendered)
    monkeypatch.setattr(blazepose_weights, "without_mask", lambda data: data)
    assert keypoints_of(estimator("blazepose"), rendered).tobytes() == without.tobytes()


@pytest.mark.weights
@pytest.mark.shared_data
def test_a_second_look_finds_the_hand_that_following_loses(
    shared_data: Path, tmp_path: Path
) -> None:
    # The signer begins with one hand upon the other.
    clip = shortened(shared_data / "svk-clips" / "ano-side.mp4", tmp_path / "clip.mp4", 24)
    both = {}
    for mode in ("video", "follow"):
        keypoints = keypoints_of(estimator("blazepose", hands_mode=mode), clip)
        both[mode] = np.isfinite(keypoints[:, [33, 54], 0]).all(axis=1)
    assert both["video"].sum() < 12
    assert both["follow"].all()


def test_face_is_refused_in_plain_words() -> None:
    with pytest.raises(ValidationError, match="face points are not available yet"):
        BACKENDS.get("blazepose").options({"face": True})
