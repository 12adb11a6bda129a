"""The true joints of a posed signer as pixels, in the layout holistic-75.

Left is the signer's own left, which a frontal picture shows on its right: the left wrist has the
larger x.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sign_etl.recipes.signer.face import EAR_CM, EYE_CM, EYE_HALF_WIDTH_CM, MOUTH_CM, NOSE_TIP_CM
from sign_etl.recipes.signer.person import Signer
from sign_etl.recipes.signer.skeleton import HIP_CM, LEFT, Limb, Pose, place

BODY_POINTS, HAND_POINTS = 33, 21
_EYE_X, _EYE_Y = EYE_CM
# BlazePose numbers of the head's points, each pair (left, right), and where the face has them.
_FACE_CM: tuple[tuple[int, int, float, float], ...] = (
    (1, 4, _EYE_X - EYE_HALF_WIDTH_CM, _EYE_Y),
    (2, 5, _EYE_X, _EYE_Y),
    (3, 6, _EYE_X + EYE_HALF_WIDTH_CM, _EYE_Y),
    (7, 8, *EAR_CM),
    (9, 10, *MOUTH_CM),
)
_NOSE, _HIPS = 0, (23, 24)
# Shoulder, elbow, wrist; then the little finger's and the index finger's knuckle and the thumb's
# tip joint, which BlazePose's body repeats from the hand.
_ARM = ((11, 12), (13, 14), (15, 16))
_FROM_HAND = ((17, 18, 17), (19, 20, 5), (21, 22, 3))


def joints(signer: Signer, pose: Pose, *, width: int, height: int) -> NDArray[np.float64]:
    """Return true joint positions (75, 2) as x, y in pixels, in the layout holistic-75.

    33 BlazePose body points, then 21 points of the left and 21 of the right hand in MediaPipe's
    order. Pixel centres are whole numbers: with `landmark * (width, height)` MediaPipe's hands
    have no bias on these pictures. Positions may lie outside the picture. Hips are an estimate
    inside the torso and NaN below the picture; knees and feet are not drawn and always NaN.

    The body's points 17 to 22 are the hand joints that BlazePose documents for them; the real
    model puts them 10 to 25 px away at 512 x 512. Compare the hands' own 21 points instead.
    """
    figure = place(signer, pose, width, height)
    view = figure.camera
    points = np.full((BODY_POINTS + 2 * HAND_POINTS, 2), np.nan)
    face = np.array([view.middle_x, view.nose_y]) + np.array(figure.head_shift)
    points[_NOSE] = face + np.array([0.0, NOSE_TIP_CM * view.scale])
    for left, right, x_cm, y_cm in _FACE_CM:
        points[left] = face + np.array([x_cm, y_cm]) * view.scale
        points[right] = face + np.array([-x_cm, y_cm]) * view.scale
    hips_y = view.shoulders_y + HIP_CM[1] * view.scale
    if hips_y < height:
        half = HIP_CM[0] * signer.body_width * view.scale
        points[_HIPS[0]] = (view.middle_x + half, hips_y)
        points[_HIPS[1]] = (view.middle_x - half, hips_y)
    _fill_limb(points, figure.left)
    _fill_limb(points, figure.right)
    return points


def _fill_limb(points: NDArray[np.float64], limb: Limb) -> None:
    side = 0 if limb.side == LEFT else 1
    for numbers, joint in zip(_ARM, (limb.shoulder, limb.elbow, limb.wrist), strict=True):
        points[numbers[side]] = joint[:2]
    for left, right, joint_number in _FROM_HAND:
        points[(left, right)[side]] = limb.hand[joint_number, :2]
    first = BODY_POINTS + side * HAND_POINTS
    points[first : first + HAND_POINTS] = limb.hand[:, :2]
