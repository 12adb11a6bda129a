"""The pose net in batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from marker_nets import SIGNER, marker_pose
from marker_scenes import Person, picture
from nets import whole_body
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError
from sign_etl.pose.onnx import Arrays, Runtime, open_net
from sign_etl.pose.topdown import PoseNet
from sign_etl.pose.zoo import ChannelOrder

pytest.importorskip("onnxruntime")

SIZE = (256, 192)
SIGNER_AT = Person(SIGNER, 101.5, 33.25, 80, 140)


def boxed(person: Person) -> NDArray[np.float32]:
    return np.array(
        [person.x, person.y, person.x + person.width, person.y + person.height], np.float32
    )


@pytest.mark.parametrize("trained", ["rgb", "bgr"])
@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_markers_are_found_to_the_pixel_in_the_right_order(
    order: ChannelOrder, trained: str, tmp_path: Path
) -> None:
    path = marker_pose(tmp_path / "net.onnx", order=trained)
    net = PoseNet(open_net(path, Runtime()), SIZE, 133, order)
    (points,) = net([picture([SIGNER_AT], 320, 240)], [boxed(SIGNER_AT)])
    wanted = SIGNER_AT.middles()[np.arange(133) % 6]
    far = np.linalg.norm(points[:, :2] - wanted, axis=1)
    if order == trained:
        assert far.max() < 1
    else:
        # Red and blue have changed places; green is green.
        assert far[0] > 20
        assert far[2] > 20
        assert far[1] < 1


@pytest.mark.parametrize("rtmw", [True, False], ids=["rtmw", "dwpose"])
def test_neighbours_and_batches_change_no_bit(rtmw: bool, tmp_path: Path) -> None:
    path = whole_body(tmp_path / "net.onnx", width=0.125, depth=0.2, rtmw=rtmw)
    rng = np.random.default_rng(4)
    pictures = [rng.integers(0, 256, (120 + n, 160, 3), np.uint8) for n in range(8)]
    boxes = [np.array([10 + n, 5, 90 + 3 * n, 110], np.float32) for n in range(8)]
    made = {}
    for batch in (1, 3, 8):
        net = PoseNet(open_net(path, Runtime()), SIZE, 133, batch=batch)
        assert net.batch == batch
        parts = [
            net(pictures[first : first + batch], boxes[first : first + batch])
            for first in range(0, 8, batch)
        ]
        made[batch] = np.concatenate(parts).tobytes()
    assert made[1] == made[3] == made[8]
    threaded = PoseNet(open_net(path, Runtime(threads=2)), SIZE, 133, batch=8)
    assert threaded(pictures, boxes).tobytes() == made[1]
    padded = PoseNet(open_net(path, Runtime()), SIZE, 133, batch=12, pad=True)
    assert padded(pictures, boxes).tobytes() == made[1]


def test_a_net_with_a_fixed_batch_gets_it(tmp_path: Path) -> None:
    path = marker_pose(tmp_path / "net.onnx", batch=4)
    net = PoseNet(open_net(path, Runtime()), SIZE, 133, batch=16)
    assert net.batch == 4
    points = net([picture([SIGNER_AT], 320, 240)], [boxed(SIGNER_AT)])
    assert points.shape == (1, 133, 3)
    assert np.isfinite(points).all()


class Leaky:
    """A net whose results depend on the batch, as some kernels' do in the last bit."""

    shape = (None, 3, *SIZE)

    def run(self, blob: NDArray[np.float32]) -> Arrays:
        number = len(blob)
        return [np.full((number, 133, side * 2), number, np.float32) for side in (192, 256)]


def test_a_net_that_sees_its_neighbours_runs_alone() -> None:
    assert PoseNet(Leaky(), SIZE, 133, batch=8).batch == 1


def test_other_outputs_are_refused(tmp_path: Path) -> None:
    body = marker_pose(tmp_path / "body.onnx", points=17)
    with pytest.raises(ConfigError, match="17, 384") as caught:
        PoseNet(open_net(body, Runtime()), SIZE, 133)
    assert caught.value.hint == "give an export of RTMPose, RTMW or DWPose with 133 points"
