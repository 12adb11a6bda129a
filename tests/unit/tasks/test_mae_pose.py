"""Masked pose modelling: what is hidden, what counts, and the line it competes with."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sign_etl.models.base import MODELS, Keypoints
from sign_etl.schema.layouts import layout
from sign_etl.stream.base import Batch
from sign_etl.tasks.base import TASKS, DataFacts
from sign_etl.tasks.mae_pose import MaePose, MaePoseOptions, hide, interpolated

PARTS = tuple(part for part in layout("hands-42").parts.values() if part)


def task() -> MaePose:
    model = MODELS.get("pose-mae")
    options = model.options({"width": 126, "layers": 1, "feedforward": 16, "dropout": 0.0})
    facts = DataFacts(inputs=Keypoints(42, 3), layout="hands-42", labels=())
    plugin = TASKS.get("mae-pose")
    made = plugin.open(plugin.options({}), model, options, facts)
    assert isinstance(made, MaePose)
    return made


def batch(frames: int = 10, *, epoch: int = 0, order: tuple[int, ...] = (0, 1)) -> Batch:
    torch.manual_seed(0)
    views = torch.rand(2, frames, 42, 4)
    mask = torch.ones(2, frames, dtype=torch.bool)
    mask[1, 7:] = False
    views[1, 7:] = 0
    rows = list(order)
    return Batch(
        step=0, slot=0, epoch=epoch, ids=torch.tensor(rows), views={"pose": views[rows]},
        masks={"pose": mask[rows]}, label_id=torch.full((2,), -1), weight=torch.ones(2),
        text=[""] * 2, gloss=[""] * 2, language=[""] * 2, signer=[""] * 2,
        key=[f"clip-{row}" for row in rows], build=[""] * 2, shard=[""] * 2,
    )  # fmt: skip


def test_shares_are_about_what_was_asked() -> None:
    rng = np.random.default_rng(0)
    joints = MaePoseOptions(joints=0.3, times=0, parts=0)
    hidden = hide(rng, 200, 42, PARTS, joints)
    assert 0.27 < hidden.mean() < 0.33
    times = MaePoseOptions(joints=0, times=0.2, parts=0)
    hidden = hide(rng, 200, 42, PARTS, times)
    assert (hidden.all(axis=1) | ~hidden.any(axis=1)).all()
    assert 0.1 < hidden.mean() <= 0.2
    parts = [
        hide(rng, 9, 42, PARTS, MaePoseOptions(joints=0, times=0, parts=0.5)) for _ in range(99)
    ]
    assert {(bool(h[:, :21].all()), bool(h[:, 21:].all())) for h in parts} == {
        (False, False),
        (True, False),
        (False, True),
    }


def test_something_is_always_seen() -> None:
    options = MaePoseOptions(joints=0.99, times=0.99, time_run=1, parts=0.9)
    rng = np.random.default_rng(0)
    assert all(not hide(rng, 2, 42, PARTS, options).all() for _ in range(200))


def test_masks_belong_to_clip_and_epoch() -> None:
    made = task()
    torch.manual_seed(1)
    model = made.build()
    one, other = made.step(model, batch()), made.step(model, batch(order=(1, 0)))
    assert one.weight == pytest.approx(other.weight)
    torch.testing.assert_close(one.loss_sum, other.loss_sum)
    assert made.step(model, batch(epoch=1)).weight != pytest.approx(one.weight)
    again = made.predict(model, batch(epoch=5))
    torch.testing.assert_close(made.predict(model, batch())["error"], again["error"])


def test_only_hidden_points_count_by_their_confidence() -> None:
    made = task()
    model = made.build()
    given = batch()
    hidden = made._hidden(given, 0)
    scores = given.views["pose"][..., -1]
    assert made.step(model, given).weight == pytest.approx(float((scores * hidden).sum()))
    assert not hidden[1, 7:].any()
    given.weight[:] = 0
    nothing = made.step(model, given)
    assert (nothing.weight, float(nothing.loss_sum.detach())) == (0.0, 0.0)


def test_it_learns_to_draw() -> None:
    made = task()
    torch.manual_seed(2)
    model, given = made.build(), batch()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    first = None
    for _ in range(60):
        losses = made.step(model, given)
        (losses.loss_sum / losses.weight).backward()
        optimizer.step()
        optimizer.zero_grad()
        first = first or float(losses.loss_sum.detach())
    assert float(losses.loss_sum.detach()) < 0.5 * first


def test_straight_lines_pass_through_what_is_seen() -> None:
    points = np.arange(6, dtype=np.float32)[None, :, None, None] * np.ones((1, 6, 2, 1), np.float32)
    known = np.ones((1, 6, 2), bool)
    known[0, 2:4, 0] = False
    known[0, :, 1] = False
    drawn = interpolated(points, known)
    np.testing.assert_allclose(drawn[0, :, 0, 0], np.arange(6))
    assert not drawn[0, :, 1].any()
