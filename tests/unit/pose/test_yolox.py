"""The detector: known patches come out as boxes, whatever the format and the size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from marker_nets import DOG, OTHER, SIGNER, marker_detector
from marker_scenes import Person, picture
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError
from sign_etl.pose.onnx import Arrays, Runtime, open_net
from sign_etl.pose.yolox import PersonDetector, grid, suppressed

pytest.importorskip("onnxruntime")

SIDE = 128
PEOPLE = (Person(SIGNER, 100, 40), Person(OTHER, 200, 80, 40, 80), Person(DOG, 20, 60))


def detector(path: Path, *, order: str = "bgr", selected: bool = False) -> PersonDetector:
    marker_detector(path, side=SIDE, order="bgr", selected=selected)
    size = (SIDE, SIDE)
    return PersonDetector(open_net(path, Runtime()), size, order)  # type: ignore[arg-type]


@pytest.mark.parametrize("selected", [False, True], ids=["raw", "selected"])
@pytest.mark.parametrize("size", [(320, 240), (317, 243), (240, 320), (128, 128), (1920, 1080)])
def test_people_are_found_and_dogs_are_not(
    size: tuple[int, int], selected: bool, tmp_path: Path
) -> None:
    width, height = size
    scale = min(width / 320, height / 240)
    people = [
        Person(one.patch, *(scale * np.array([one.x, one.y, one.width, one.height])))
        for one in PEOPLE
    ]
    found = detector(tmp_path / "net.onnx", selected=selected)(picture(people, width, height))
    wanted = [(one.x, one.y, one.x + one.width, one.y + one.height) for one in people[:2]]
    assert found.scores == pytest.approx([SIGNER.score, OTHER.score])
    # Half a pixel of the net's input, in pixels of the picture.
    pixel = max(width, height) / SIDE
    assert np.abs(found.boxes - wanted).max() <= 1.0 * pixel
    assert found.boxes.dtype == found.scores.dtype == np.float32


def test_channels_in_the_wrong_order_find_nobody(tmp_path: Path) -> None:
    # This colour is no other when it is read backwards.
    wrong = picture([Person(OTHER, 100, 40)], 320, 240)[..., ::-1]
    right = detector(tmp_path / "net.onnx")
    assert len(right(wrong[..., ::-1]).boxes) == 1
    assert len(right(np.ascontiguousarray(wrong)).boxes) == 0
    assert len(detector(tmp_path / "net.onnx", order="rgb")(wrong).boxes) == 1


def test_the_second_picture_has_no_trace_of_the_first(tmp_path: Path) -> None:
    find = detector(tmp_path / "net.onnx")
    first = find(picture(PEOPLE, 320, 240))
    kept = first.boxes.copy()
    assert len(find(picture([], 200, 320)).boxes) == 0
    assert (first.boxes == kept).all()


def test_a_strip_of_a_picture_is_no_error(tmp_path: Path) -> None:
    assert len(detector(tmp_path / "net.onnx")(np.zeros((1, 1000, 3), np.uint8)).boxes) == 0


def test_another_input_size_is_refused(tmp_path: Path) -> None:
    class Wrong:
        shape = (1, 3, None, None)

        def run(self, blob: NDArray[np.float32]) -> Arrays:
            return [np.zeros((1, 99, 85), np.float32)]

    class NoDetector(Wrong):
        def run(self, blob: NDArray[np.float32]) -> Arrays:
            return [np.zeros((1, 133, 3), np.float32)]

    image = picture([], 64, 64)
    with pytest.raises(ConfigError, match="99 cells, its input size 128 x 128 makes 336"):
        PersonDetector(Wrong(), (SIDE, SIDE))(image)
    with pytest.raises(ConfigError, match=r"the shape \(1, 133, 3\), which is not YOLOX's"):
        PersonDetector(NoDetector(), (SIDE, SIDE))(image)


def test_cells_go_by_stride_row_and_column() -> None:
    cells, strides = grid((64, 32))
    assert len(cells) == len(strides) == 8 * 4 + 4 * 2 + 2 * 1
    assert cells[:5].tolist() == [[0, 0], [1, 0], [2, 0], [3, 0], [0, 1]]
    assert strides[[0, 31, 32, 39, 40, 41]].tolist() == [8, 8, 16, 16, 32, 32]


def test_suppression_keeps_the_best_of_each_heap() -> None:
    boxes = np.array(
        [[0, 0, 99, 99], [5, 5, 104, 104], [200, 0, 299, 99], [0, 0, 99, 98], [50, 0, 149, 99]],
        np.float32,
    )
    scores = np.array([0.8, 0.9, 0.5, 0.95, 0.7], np.float32)
    assert suppressed(boxes, scores, 0.45).tolist() == [3, 4, 2]
    assert suppressed(boxes[:0], scores[:0], 0.45).tolist() == []


def test_suppression_counts_pixels_inclusively() -> None:
    # Shared 60 x 100 of 140 x 100: IoU 0.4286; without the inclusive pixel it would be 0.4247.
    boxes = np.array([[0, 0, 99, 99], [40, 0, 139, 99]], np.float32)
    scores = np.array([0.9, 0.8], np.float32)
    assert suppressed(boxes, scores, 0.4290).tolist() == [0, 1]
    assert suppressed(boxes, scores, 0.4280).tolist() == [0]


def test_equal_scores_keep_their_order() -> None:
    boxes = np.array([[0, 0, 9, 9], [50, 0, 59, 9], [0, 0, 9, 9]], np.float32)
    assert suppressed(boxes, np.full(3, 0.5, np.float32), 0.45).tolist() == [0, 1]
