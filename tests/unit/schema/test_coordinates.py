"""Pixels, shoulder widths, SPOTER's and Uni-Sign's boxes: by hand, and with the camera moved."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError
from sign_etl.schema.conversions import convert, mirrored
from sign_etl.schema.coordinates import Floats, body_normalised, to_pixels, to_unit
from sign_etl.schema.layouts import Layout, layout
from sign_etl.schema.normalise_spoter import spoter_normalised
from sign_etl.schema.normalise_unisign import unisign_normalised

HOLISTIC = layout("holistic-75")
SPOTER = layout("spoter-54")
WHOLE = layout("coco-wholebody-133")
UNISIGN = layout("unisign-69")
SIZE = (640, 480)
SQUARE = (500, 500)

near = partial(pytest.approx, abs=1e-6)

seeds = st.integers(0, 2**32 - 1)
shifts = st.tuples(st.integers(-200, 200), st.integers(-200, 200))
scales = st.sampled_from((0.5, 0.8, 2.0, 3.0))


def signer(kind: Layout, size: tuple[int, int], seed: int, frames: int = 4) -> Floats:
    """Keypoints that somebody might have: random, shoulders apart, a tenth missing."""
    random = np.random.default_rng(seed)
    keypoints = random.uniform(0.3, 0.7, (frames, kind.size, kind.channels)).astype(np.float32)
    keypoints[..., -1] = random.uniform(0.35, 1, keypoints.shape[:2])
    place(keypoints, kind, "left_shoulder", 0.6, 0.5)
    place(keypoints, kind, "right_shoulder", 0.4, 0.52)
    needed = [kind.index(f"{side}_shoulder") for side in ("left", "right")]
    missing = random.random(keypoints.shape[:2]) < 0.1
    missing[:, [*needed, *[kind.index(n) for n in ("neck", "left_eye") if n in kind.points]]] = 0
    keypoints[missing] = np.nan
    keypoints[missing, -1] = 0
    return keypoints


def place(keypoints: Floats, kind: Layout, point: str, x: float, y: float) -> None:
    keypoints[:, kind.index(point), :2] = (x, y)


def filmed(
    keypoints: Floats, kind: Layout, size: tuple[int, int], scale: float, shift: tuple[int, int]
) -> Floats:
    """The same signer, nearer and elsewhere in the same picture: pixels times scale plus shift."""
    pixels = to_pixels(keypoints, kind, size)
    pixels[..., :-1] *= scale
    pixels[..., :2] += shift
    return to_unit(pixels, kind, size)


def same(one: NDArray[np.float32], other: NDArray[np.float32], atol: float = 2e-4) -> bool:
    return np.allclose(one, other, atol=atol, equal_nan=True)


# ---- pixels and shoulder widths


def test_pixels_by_hand() -> None:
    keypoints = np.array([[[0.5, 0.25, -0.1, 0.9]] * 75], np.float32)
    assert to_pixels(keypoints, HOLISTIC, SIZE)[0, 0].tolist() == near([320, 120, -64, 0.9])
    flat = np.array([[[0.5, 0.25, 0.9]] * 54], np.float16)
    made = to_pixels(flat, SPOTER, SIZE)
    assert made.dtype == np.float32
    assert made[0, 0].tolist() == pytest.approx([320, 120, 0.9], abs=1e-3)


@given(seed=seeds)
def test_pixels_and_back(seed: int) -> None:
    keypoints = signer(HOLISTIC, SIZE, seed)
    assert same(to_unit(to_pixels(keypoints, HOLISTIC, SIZE), HOLISTIC, SIZE), keypoints, 1e-6)


def standing() -> Floats:
    keypoints = np.full((2, HOLISTIC.size, 4), 0.5, np.float32)
    place(keypoints, HOLISTIC, "left_shoulder", 0.6, 0.5)  # 384, 240
    place(keypoints, HOLISTIC, "right_shoulder", 0.4, 0.5)  # 256, 240: 128 px apart
    place(keypoints, HOLISTIC, "left_wrist", 0.7, 0.9)  # 448, 432
    return keypoints


def test_shoulder_widths_by_hand() -> None:
    made = body_normalised(standing(), HOLISTIC, SIZE)
    wrist = made[0, HOLISTIC.index("left_wrist")].tolist()
    # 128 px to the right of the middle, 192 px below it, depth 0.5 * 640 px, score as it was
    assert wrist == near([1, 1.5, 2.5, 0.5])
    shoulder = made[0, HOLISTIC.index("right_shoulder"), :2].tolist()
    assert shoulder == near([-0.5, 0])


def test_a_clip_or_each_frame() -> None:
    keypoints = standing()
    keypoints[1, :, :2] += 0.1  # sways
    clip = body_normalised(keypoints, HOLISTIC, SIZE)
    assert clip[1, 11, 0] - clip[0, 11, 0] == near(0.5, abs=1e-5)
    frame = body_normalised(keypoints, HOLISTIC, SIZE, each_frame=True)
    assert same(frame[0], frame[1], 1e-5)


def test_without_shoulders_there_is_no_measure() -> None:
    keypoints = standing()
    keypoints[0, 11] = (np.nan, np.nan, np.nan, 0)
    clip = body_normalised(keypoints, HOLISTIC, SIZE)
    assert np.isfinite(clip[0, 15]).all()
    each = body_normalised(keypoints, HOLISTIC, SIZE, each_frame=True)
    assert np.isnan(each[0, :, :-1]).all()
    assert (each[0, :, -1] == 0).all()
    assert np.isfinite(each[1]).all()
    keypoints[:, 11] = keypoints[:, 12]
    assert np.isnan(body_normalised(keypoints, HOLISTIC, SIZE)[..., :-1]).all()
    assert body_normalised(keypoints[:0], HOLISTIC, SIZE).shape == (0, 75, 4)
    with pytest.raises(ConfigError, match="no point `left_shoulder`"):
        body_normalised(np.zeros((1, 42, 4)), layout("hands-42"), SIZE)


@given(seed=seeds, scale=scales, shift=shifts, each_frame=st.booleans())
def test_shoulder_widths_do_not_see_the_camera(
    seed: int, scale: float, shift: tuple[int, int], each_frame: bool
) -> None:
    keypoints = signer(HOLISTIC, SIZE, seed)
    one = body_normalised(keypoints, HOLISTIC, SIZE, each_frame=each_frame)
    moved = filmed(keypoints, HOLISTIC, SIZE, scale, shift)
    assert same(one, body_normalised(moved, HOLISTIC, SIZE, each_frame=each_frame))
    # The same pixels in another frame around them.
    wide = to_unit(to_pixels(keypoints, HOLISTIC, SIZE), HOLISTIC, (1280, 720))
    assert same(one, body_normalised(wide, HOLISTIC, (1280, 720), each_frame=each_frame))


@given(seed=seeds, each_frame=st.booleans())
def test_shoulder_widths_and_flips_commute(seed: int, each_frame: bool) -> None:
    keypoints = signer(HOLISTIC, SIZE, seed)
    flipped = body_normalised(mirrored(keypoints, HOLISTIC), HOLISTIC, SIZE, each_frame=each_frame)
    made = body_normalised(keypoints, HOLISTIC, SIZE, each_frame=each_frame)
    assert same(flipped, mirrored(made, HOLISTIC, axis=0))


# ---- SPOTER


def boxed(frames: int = 1) -> Floats:
    """Shoulders 100 px apart in a picture of 500 px, eye 100 px above them."""
    keypoints = np.full((frames, 54, 3), np.nan, np.float32)
    keypoints[..., 2] = 0
    for name, x, y in (
        ("left_shoulder", 300, 300),
        ("right_shoulder", 200, 300),
        ("neck", 250, 300),
        ("left_eye", 260, 200),
        ("nose", 250, 220),
        ("left_wrist", 400, 450),
    ):
        keypoints[:, SPOTER.index(name)] = (x / 500, y / 500, 1)
    return keypoints


def at(made: Floats, point: str, frame: int = 0) -> list[float]:
    return [float(value) for value in made[frame, SPOTER.index(point)]]


def test_the_body_in_its_box_by_hand() -> None:
    made = spoter_normalised(boxed(), SQUARE)
    # x from 250 - 300, y from 200 - 100, sides of 600
    assert at(made, "left_wrist") == near([450 / 600 - 0.5, 350 / 600 - 0.5])
    assert at(made, "neck") == near([0, 200 / 600 - 0.5])
    assert np.isnan(at(made, "right_ear")).all()
    half = spoter_normalised(boxed(), SQUARE, eye_to_edge=0.5)
    assert at(half, "left_eye") == near([310 / 600 - 0.5, 50 / 600 - 0.5])


def test_the_body_as_published_by_hand() -> None:
    made = spoter_normalised(boxed(), SQUARE, published=True)
    # In shares h = 0.2: x from 0.5 - 0.6 raised to 0, up to 1.1; y from 0.6 - 1.2 raised to 0
    # up to leftEye.y + h = 0.6.
    assert at(made, "left_wrist") == near([0.8 / 1.1 - 0.5, 0.9 / 0.6 - 0.5])
    assert at(made, "neck") == near([0.5 / 1.1 - 0.5, 0.6 / 0.6 - 0.5])
    assert at(made, "right_ear") == [-0.5, -0.5]
    half = spoter_normalised(boxed(), SQUARE, published=True, eye_to_edge=0.5)
    assert at(half, "left_wrist")[1] == near(0.9 / 0.5 - 0.5)


def test_published_is_right_where_y_grows_upwards() -> None:
    keypoints = boxed()
    # Far away, in the middle: no edge of the box leaves the picture.
    keypoints[..., :2] = 0.5 + (keypoints[..., :2] - 0.5) / 8
    upwards = keypoints.copy()
    upwards[..., 1] = 1 - upwards[..., 1]
    seen = keypoints[0, :, 2] > 0
    theirs = spoter_normalised(upwards, SQUARE, published=True)[0, seen]
    ours = spoter_normalised(keypoints, SQUARE)[0, seen]
    assert theirs == near(ours * (1, -1), abs=1e-5)
    # On our y it is not: the same signer lies far outside of the published box.
    assert spoter_normalised(keypoints, SQUARE, published=True)[0, seen, 1].min() > 0.2


def test_a_hand_in_its_box_by_hand() -> None:
    keypoints = boxed()
    points = list(SPOTER.parts["left_hand"])
    # 120 px wide, 60 px high, middle (360, 130): sides of 144 px
    for number, (x, y) in zip(points, ((300, 100), (420, 160), (360, 130)), strict=False):
        keypoints[0, number] = (x / 500, y / 500, 1)
    for published in (False, True):
        made = spoter_normalised(keypoints, SQUARE, published=published)[0, points]
        assert made[:3].tolist() == near(np.array([[-60, -30], [60, 30], [0, 0]]) / 144, abs=1e-6)
        assert (made[3:] == -0.5).all() if published else np.isnan(made[3:]).all()


def test_a_hand_of_one_point() -> None:
    keypoints = boxed()
    number = SPOTER.parts["right_hand"][7]
    keypoints[0, number] = (0.3, 0.7, 1)
    assert spoter_normalised(keypoints, SQUARE)[0, number].tolist() == [0, 0]
    published = spoter_normalised(keypoints, SQUARE, published=True)
    assert published[0, number].tolist() == near([-0.2, 0.2])


def test_a_frame_without_shoulders() -> None:
    keypoints = boxed(4)
    for frame, names in ((1, ("left_shoulder",)), (2, ("left_shoulder", "nose"))):
        for name in names:
            keypoints[frame, SPOTER.index(name)] = (np.nan, np.nan, 0)
    made = spoter_normalised(keypoints, SQUARE)
    # From neck to nose: 80 px
    assert at(made, "left_wrist", 1)[0] == near((400 - 250) / 480)
    # Neither: the box of the frame before.
    assert at(made, "left_wrist", 2) == at(made, "left_wrist", 1)
    assert at(made, "left_wrist", 3) == at(made, "left_wrist", 0)


def test_before_the_first_box_and_without_any() -> None:
    keypoints = boxed(2)
    keypoints[0, SPOTER.index("left_shoulder")] = (np.nan, np.nan, 0)
    keypoints[0, SPOTER.index("nose")] = (np.nan, np.nan, 0)
    made = spoter_normalised(keypoints, SQUARE)
    assert at(made, "left_wrist", 0) == at(made, "left_wrist", 1)
    published = spoter_normalised(keypoints, SQUARE, published=True)
    assert at(published, "left_wrist", 0) == near([0.3, 0.4])
    assert np.isnan(spoter_normalised(keypoints[:1], SQUARE)[0, :12]).all()
    assert spoter_normalised(keypoints[:0], SQUARE).shape == (0, 54, 2)
    with pytest.raises(ValueError, match=r"\(T, 54, 3\) wanted"):
        spoter_normalised(np.zeros((2, 75, 4)), SQUARE)


@given(seed=seeds, scale=scales, shift=shifts)
def test_spoter_does_not_see_the_camera(seed: int, scale: float, shift: tuple[int, int]) -> None:
    keypoints = signer(SPOTER, SIZE, seed)
    moved = filmed(keypoints, SPOTER, SIZE, scale, shift)
    assert same(spoter_normalised(keypoints, SIZE), spoter_normalised(moved, SIZE))


@given(seed=seeds)
def test_spoter_and_flips_commute(seed: int) -> None:
    keypoints = signer(SPOTER, SIZE, seed)
    # The box hangs from the left eye, which is the other one in a mirrored picture.
    eyes = [SPOTER.index(f"{side}_eye") for side in ("left", "right")]
    keypoints[:, eyes] = keypoints[:, eyes[:1]]
    made = spoter_normalised(keypoints, SIZE)
    flipped = spoter_normalised(mirrored(keypoints, SPOTER), SIZE)
    assert same(flipped, mirrored(made, SPOTER, axis=0))


# ---- Uni-Sign


def test_unisign_by_hand() -> None:
    keypoints = np.full((2, 133, 3), 0.5, np.float32)
    keypoints[..., 2] = 0.1
    body = {0: (0.5, 0.2), 3: (0.55, 0.2), 4: (0.45, 0.2), 5: (0.6, 0.4), 6: (0.4, 0.4)}
    for number, xy in {**body, 9: (0.7, 0.6)}.items():
        keypoints[:, number] = (*xy, 0.9)
    keypoints[1, 9, :2] = (0.3, 0.6)
    keypoints[:, 91] = (0.7, 0.6, 0.9)
    keypoints[:, 99] = (0.74, 0.52, 0.8)
    keypoints[:, 53] = (0.5, 0.2, 0.7)
    keypoints[:, 39] = (0.52, 0.25, 0.6)
    made = unisign_normalised(keypoints, "coco-wholebody-133")
    assert made.shape == (2, 69, 3)
    # x from 0.3 to 0.7 over both frames, y from 0.2 to 0.6: s = 0.4, middle (0.5, 0.4)
    assert made[0, 0].tolist() == near([0, -1, 0.9])
    assert made[0, UNISIGN.index("left_shoulder")].tolist() == near([0.5, 0, 0.9], abs=1e-6)
    assert made[0, UNISIGN.index("left_wrist"), :2].tolist() == near([1, 1])
    assert made[1, UNISIGN.index("left_wrist"), :2].tolist() == near([-1, 1])
    # Other parts without the 2, from wrist and nose.
    tip = made[0, UNISIGN.index("left_hand_index_tip")].tolist()
    assert tip == near([0.1, -0.2, 0.8])
    assert made[0, 9].tolist() == near([0, 0, 0.9])
    assert made[0, UNISIGN.index("face_16")].tolist() == near([0.05, 0.125, 0.6])
    assert made[0, -1].tolist() == near([0, 0, 0.7])
    # Not believed: no place and no score.
    assert (made[:, UNISIGN.index("right_elbow")] == 0).all()
    assert (made[:, list(UNISIGN.parts["right_hand"])] == 0).all()


def test_unisign_clips_and_gives_up() -> None:
    keypoints = np.zeros((1, 69, 3), np.float32)
    for number, xy in ((0, (0.4, 0.4)), (1, (0.5, 0.4)), (3, (0.4, 0.5)), (4, (0.5, 0.5))):
        keypoints[0, number] = (*xy, 0.9)
    keypoints[0, 30] = (0.5, 0.5, 0.2)  # a wrist that is not believed is an origin still
    keypoints[0, 31] = (0.52, 0.9, 1.08)
    made = unisign_normalised(keypoints)
    assert made[0, 31].tolist() == near([0.2, 1, 1])
    assert (made[0, 30] == 0).all()
    keypoints[0, 4, 2] = 0.3
    assert (unisign_normalised(keypoints) == 0).all()
    keypoints[0, :, 2] = 0.9
    keypoints[..., :2] = 0.5
    assert (unisign_normalised(keypoints) == 0).all()
    assert unisign_normalised(keypoints[:0]).shape == (0, 69, 3)


def test_unisign_without_an_origin() -> None:
    keypoints = signer(WHOLE, SIZE, 1)
    keypoints[:, [91, 112]] = (0.5, 0.5, 0.9)
    keypoints[0, 91] = (np.nan, np.nan, 0)
    made = unisign_normalised(keypoints, "coco-wholebody-133")
    assert (made[0, list(UNISIGN.parts["left_hand"])] == 0).all()
    assert made[0, list(UNISIGN.parts["right_hand"])].any()
    assert made[1, list(UNISIGN.parts["left_hand"])].any()


@given(seed=seeds, scale=scales, shift=shifts)
def test_unisign_does_not_see_the_camera(seed: int, scale: float, shift: tuple[int, int]) -> None:
    keypoints = signer(WHOLE, SIZE, seed)
    moved = filmed(keypoints, WHOLE, SIZE, scale, shift)
    for size in (None, SIZE):
        one = unisign_normalised(keypoints, "coco-wholebody-133", size=size)
        assert same(one, unisign_normalised(moved, "coco-wholebody-133", size=size), 1e-3)
    assert np.abs(one).max() <= 1


@given(seed=seeds)
def test_unisign_and_flips_commute(seed: int) -> None:
    keypoints = signer(WHOLE, SIZE, seed)
    made = unisign_normalised(keypoints, "coco-wholebody-133")
    flipped = unisign_normalised(mirrored(keypoints, WHOLE), "coco-wholebody-133")
    assert same(flipped, mirrored(made, UNISIGN, axis=0))


@given(seed=seeds)
def test_unisign_does_not_change_its_input(seed: int) -> None:
    keypoints = convert(signer(WHOLE, SIZE, seed), "coco-wholebody-133", "unisign-69")
    before = keypoints.copy()
    made = unisign_normalised(keypoints)
    assert np.array_equal(keypoints, before, equal_nan=True)
    assert np.isfinite(made).all()
