"""The rendered signer: same arguments same bytes, joints on the drawing, left is left."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from sign_etl.recipes.signer import MOTIONS, Arm, Pose, Signer, clip_poses, joints, render, signer
from sign_etl.recipes.signer.hand_model import CLAW, OPEN, POINT, blend, hand_joints
from sign_etl.recipes.signer.light import develop
from sign_etl.recipes.signer.render import scenery
from sign_etl.recipes.signer.skeleton import (
    FOREARM_CM,
    LEFT,
    RIGHT,
    UPPER_ARM_CM,
    hand_axes,
    place,
    two_bone,
)

SIZE = 192
LEFT_WRIST, RIGHT_WRIST = 15, 16
LEFT_HAND, RIGHT_HAND = slice(33, 54), slice(54, 75)
GREEN_WALL = (0, 255, 0)

DIGEST_CODE = """
import hashlib
from sign_etl.recipes.signer import clip_poses, joints, render, signer
digest = hashlib.sha256()
for motion in ("wave", "pulse"):
    for pose in clip_poses(motion, frames=2, seed=3):
        digest.update(render(signer(2), pose, width=192, height=192).tobytes())
        digest.update(joints(signer(2), pose, width=192, height=192).tobytes())
print(digest.hexdigest())
"""


def first_pose(motion: str = "rise") -> Pose:
    return clip_poses(motion, frames=8, seed=1)[0]


def on_wall(picture: np.ndarray, point: np.ndarray) -> bool:
    x, y = np.round(point).astype(int)
    red, green, blue = picture[y, x].astype(int)
    return bool(green > red + 60 and green > blue + 60)


def test_a_picture_has_the_shape_asked_for() -> None:
    picture = render(signer(0), first_pose(), width=200, height=150)
    assert picture.shape == (150, 200, 3)
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous


def test_equal_arguments_give_equal_bytes() -> None:
    first = render(signer(1), first_pose(), width=SIZE, height=SIZE)
    render(signer(2), first_pose("cross"), width=SIZE, height=SIZE)
    assert np.array_equal(first, render(signer(1), first_pose(), width=SIZE, height=SIZE))


def test_a_changed_picture_does_not_reach_the_next_one() -> None:
    first = render(signer(1), first_pose(), width=SIZE, height=SIZE)
    kept = first.copy()
    first[:] = 0
    assert np.array_equal(kept, render(signer(1), first_pose(), width=SIZE, height=SIZE))


def test_bytes_do_not_depend_on_the_cpu_type() -> None:
    import numpy._core._multiarray_umath as umath

    features = [name for name in umath.__cpu_dispatch__ if umath.__cpu_features__.get(name)]
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    plain = dict(
        environment,
        NPY_DISABLE_CPU_FEATURES=",".join(features),
        GLIBC_TUNABLES="glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX512F",
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", DIGEST_CODE], env=env, capture_output=True, text=True, check=True
        ).stdout
        for env in (environment, plain)
    ]
    assert runs[0] == runs[1]


def test_a_partly_lit_picture_equals_the_wholly_lit_one() -> None:
    canvas = scenery(signer(0), SIZE, SIZE).canvas
    whole = develop(canvas, (slice(0, SIZE), slice(0, SIZE)))
    part = develop(canvas, (slice(41, 113), slice(30, 97)))
    assert np.array_equal(whole[:, 41:113, 30:97], part)


@pytest.mark.parametrize("motion", MOTIONS)
def test_every_motion_moves_and_its_joints_lie_on_the_figure(motion: str) -> None:
    person = replace(signer(3), backdrop=GREEN_WALL)
    poses = clip_poses(motion, frames=6, seed=5)
    # At this size a fingertip is wider than the softened outline.
    size = 2 * SIZE
    pictures = [render(person, pose, width=size, height=size) for pose in poses]
    assert len({hashlib.sha256(picture.tobytes()).digest() for picture in pictures}) == len(poses)
    for pose, picture in zip(poses, pictures, strict=True):
        points = joints(person, pose, width=size, height=size)
        known = points[np.isfinite(points).all(axis=1)]
        missed = [point for point in known if on_wall(picture, point)]
        assert not missed


def test_the_wall_is_told_from_the_figure() -> None:
    picture = render(Signer(backdrop=GREEN_WALL), first_pose(), width=SIZE, height=SIZE)
    assert on_wall(picture, np.array([4.0, 4.0]))


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("index", range(8))
def test_joints_stay_inside_the_picture(motion: str, index: int) -> None:
    for pose in clip_poses(motion, frames=10, seed=index):
        points = joints(signer(index), pose, width=640, height=480)
        assert points.shape == (75, 2)
        known = points[np.isfinite(points).all(axis=1)]
        assert (known >= 0).all()
        assert (known < (640, 480)).all()
        assert np.isfinite(points[33:]).all()
        assert np.isnan(points[25:33]).all()


@pytest.mark.parametrize("motion", [name for name in MOTIONS if name != "cross"])
def test_the_left_hand_is_on_the_pictures_right(motion: str) -> None:
    for pose in clip_poses(motion, frames=12, seed=2):
        points = joints(signer(0), pose, width=SIZE, height=SIZE)
        assert points[LEFT_WRIST, 0] > points[RIGHT_WRIST, 0]
        assert points[11, 0] > points[12, 0]
        assert points[7, 0] > points[8, 0]


def test_the_body_and_the_hands_agree_on_the_wrists() -> None:
    points = joints(signer(0), first_pose(), width=SIZE, height=SIZE)
    assert np.array_equal(points[LEFT_WRIST], points[LEFT_HAND][0])
    assert np.array_equal(points[RIGHT_WRIST], points[RIGHT_HAND][0])


def test_a_symmetric_pose_is_drawn_symmetrically() -> None:
    arm = Arm((20.0, 10.0, 22.0), roll_deg=12.0, turn_deg=20.0)
    points = joints(signer(0), Pose(arm, arm), width=SIZE, height=SIZE)
    mirrored = points[RIGHT_HAND] * (-1.0, 1.0) + (SIZE, 0.0)
    assert np.allclose(points[LEFT_HAND], mirrored, atol=0.01)


@pytest.mark.parametrize("roll_deg", [-170.0, -60.0, 0.0, 45.0, 180.0])
@pytest.mark.parametrize("turn_deg", [0.0, 80.0, 180.0])
def test_no_turn_makes_a_left_hand_a_right_one(roll_deg: float, turn_deg: float) -> None:
    arm = Arm((18.0, 10.0, 20.0), roll_deg=roll_deg, turn_deg=turn_deg)
    for side in (LEFT, RIGHT):
        axes = hand_axes(side, np.array([-8.0 * side, -20.0, 14.0]), arm)
        assert np.linalg.det(axes) == pytest.approx(side, abs=1e-4)
        assert np.allclose(axes.T @ axes, np.eye(3), atol=1e-4)


def test_with_the_palm_to_the_viewer_thumbs_point_to_the_middle() -> None:
    points = joints(signer(0), first_pose("rise"), width=SIZE, height=SIZE)
    left, right = points[LEFT_HAND], points[RIGHT_HAND]
    assert left[4, 0] < left[20, 0]
    assert right[4, 0] > right[20, 0]


def test_bones_keep_their_length() -> None:
    shoulder, hint = np.array([15.8, 1.0, -8.0]), np.array([0.5, 1.0, -0.2])
    for target in ([18.0, 4.0, 24.0], [90.0, 0.0, 0.0], [15.8, 2.0, -8.0]):
        elbow, wrist = two_bone(shoulder, np.array(target), UPPER_ARM_CM, FOREARM_CM, hint)
        assert np.linalg.norm(elbow - shoulder) == pytest.approx(UPPER_ARM_CM, abs=1e-6)
        assert np.linalg.norm(wrist - elbow) == pytest.approx(FOREARM_CM, abs=1e-6)


def test_a_closed_finger_ends_nearer_to_the_wrist() -> None:
    reach_open = np.linalg.norm(hand_joints(OPEN), axis=1)
    reach_point = np.linalg.norm(hand_joints(POINT), axis=1)
    assert reach_point[8] == pytest.approx(reach_open[8], rel=0.01)
    assert (reach_point[[12, 16, 20]] < 0.75 * reach_open[[12, 16, 20]]).all()
    assert blend(OPEN, CLAW, 0.0) == OPEN
    assert blend(OPEN, CLAW, 0.5).curl == pytest.approx([0.2] * 4)


@pytest.mark.parametrize("motion", MOTIONS)
def test_hands_never_jump(motion: str) -> None:
    for seed in range(6):
        poses = clip_poses(motion, frames=40, seed=seed)
        for arms in ([pose.left for pose in poses], [pose.right for pose in poses]):
            path = np.array([arm.wrist_cm for arm in arms])
            assert np.linalg.norm(np.diff(path, axis=0), axis=1).max() < 6.0


def test_takes_of_one_motion_differ_and_repeat() -> None:
    assert clip_poses("circle", frames=5, seed=1) == clip_poses("circle", frames=5, seed=1)
    assert clip_poses("circle", frames=5, seed=1) != clip_poses("circle", frames=5, seed=2)


def test_signers_differ_in_tone_and_build() -> None:
    people = [signer(index) for index in range(12)]
    assert len(set(people)) == 12
    lightness = [sum(person.skin) / 3 for person in people]
    assert min(lightness) < 70
    assert max(lightness) > 200
    pictures = {
        render(person, first_pose(), width=64, height=64).tobytes() for person in people[:6]
    }
    assert len(pictures) == 6


def test_size_scales_with_the_picture() -> None:
    small = place(signer(0), first_pose(), 256, 256)
    large = place(signer(0), first_pose(), 512, 512)
    assert large.camera.scale == pytest.approx(2 * small.camera.scale)
    assert np.allclose(large.left.hand, 2 * small.left.hand, atol=0.01)


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="circle, wave"):
        clip_poses("juggle", frames=3, seed=0)
    with pytest.raises(ValueError, match="at least one frame"):
        clip_poses("wave", frames=0, seed=0)
    with pytest.raises(ValueError, match="32 pixels"):
        render(signer(0), first_pose(), width=16, height=64)
    with pytest.raises(ValueError, match="negative"):
        signer(-1)
