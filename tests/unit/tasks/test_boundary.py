"""SignFlow's second head: losses by hand, what is refused, and that a small network learns it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")

from sign_etl.core.errors import ConfigError  # noqa: E402
from sign_etl.models.base import MODELS, Frames  # noqa: E402
from sign_etl.models.boundary import BoundaryHead  # noqa: E402
from sign_etl.stream.base import Batch  # noqa: E402
from sign_etl.stream.spans import SPAN  # noqa: E402
from sign_etl.tasks.base import DataFacts  # noqa: E402
from sign_etl.tasks.boundary import (  # noqa: E402
    boundary_loss,
    boundary_metrics,
    mixed_with_shares,
    smoothed,
)
from sign_etl.tasks.islr import TASK, Islr  # noqa: E402
from sign_etl.tasks.mixing import Mixing  # noqa: E402
from sign_etl.tasks.outside_video import drawn, frames_face, said  # noqa: E402

CLASSES, SIDE, LENGTH = 3, 32, 4
SPANS = torch.tensor([[[0.25, 0.75, 0.5, 1]], [[0, 1, 0.75, 1]], [[0, 0, 1, 0]], [[1, 1, 0, 0]]])
"""Half of a window; all of it; nobody knows; apart."""


class Told(torch.nn.Module):  # type: ignore[misc]
    """Says what it was told, and remembers whether it was asked for boundaries."""

    def __init__(self, scores: Any, boundary: Any) -> None:
        super().__init__()
        self.scores, self.boundary = scores, boundary

    def forward(self, frames: Any, mask: Any, boundary: bool = False) -> Any:
        return (self.scores, self.boundary) if boundary else self.scores


class Lines(torch.nn.Module):  # type: ignore[misc]
    """A line from all pixels to the classes, and one to begin and end."""

    def __init__(self) -> None:
        super().__init__()
        self.classes = torch.nn.Linear(LENGTH * 3 * SIDE * SIDE, CLASSES)
        self.head = BoundaryHead(LENGTH * 3 * SIDE * SIDE)

    def forward(self, frames: Any, mask: Any, boundary: bool = False) -> Any:
        features = frames.flatten(1)
        scores = self.classes(features)
        return (scores, self.head(features)) if boundary else scores


def task(spans: bool = True, clips: int = 1, head: bool = True, **options: Any) -> Islr:
    given = Frames(LENGTH, SIDE, SIDE, clips, spans=spans)
    plugin = MODELS.get("slovo")
    size = {"network": "mvitv2-tiny", "frames": LENGTH, "picture": SIDE, "boundary": head}
    model = plugin.options({**size, "dropout": 0.0, "drop_path": 0.0})
    facts = DataFacts(inputs=given, view="clip", labels=("a", "b", "c"))
    made = TASK.open(TASK.options(options), plugin, model, facts)
    assert isinstance(made, Islr)
    return made


def batch(clips: int = 4) -> Batch:
    texts = [""] * clips
    return Batch(
        step=0, slot=0, epoch=0, ids=torch.arange(clips),
        views={
            "clip": torch.randint(0, 256, (clips, LENGTH, SIDE, SIDE, 3), dtype=torch.uint8),
            SPAN: SPANS[:clips],
        },
        masks={"clip": torch.ones(clips, LENGTH, dtype=torch.bool)},
        label_id=torch.arange(clips) % CLASSES, weight=torch.ones(clips), text=texts, gloss=texts,
        language=texts, signer=texts, key=texts, build=texts, shard=texts,
    )  # fmt: skip


def test_clips_count_as_much_as_they_show() -> None:
    """Equal scores cost log 3 each, so the sum of IoUs 0.5 + 0.75 + 1 + 0 is what is left.

    Begin and end by hand: (0.5, 0.5) is 0.25 and 0.25 off the first, 0.5 and 0.5 off the second;
    Huber's loss is half of the square: 0.03125 and 0.125; the other two do not count.
    """
    model = Told(torch.zeros(4, CLASSES), torch.full((4, 2), 0.5))
    found = task().step(model, batch())
    assert found.weight == 4
    assert found.sums["boundary_loss"] == pytest.approx(0.03125 + 0.125)
    assert float(found.loss_sum) == pytest.approx(2.25 * np.log(3) + 0.15625)
    assert float(task(boundary=2.0).step(model, batch()).loss_sum) == pytest.approx(
        2.25 * np.log(3) + 0.3125
    )
    assert float(task(iou_balanced=False).step(model, batch()).loss_sum) == pytest.approx(
        4 * np.log(3) + 0.15625
    )
    # Without a head, the balance alone; with neither, the plain loss.
    alone = task(head=False)
    assert float(alone.step(model, batch()).loss_sum) == pytest.approx(2.25 * np.log(3))
    assert "boundary_loss" not in alone.step(model, batch()).sums
    plain = task(head=False, iou_balanced=False)
    assert float(plain.step(model, batch()).loss_sum) == pytest.approx(4 * np.log(3))


def test_smoothing_is_that_of_torch() -> None:
    torch.manual_seed(0)
    scores, target = torch.randn(4, CLASSES), torch.eye(CLASSES)[[0, 1, 2, 0]]
    wanted = torch.nn.functional.cross_entropy(scores, target, label_smoothing=0.2)
    found = -(smoothed(target, 0.2) * scores.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(found, wanted)
    # And so a task whose windows are full of their signs says what it would say without spans.
    full = replace(batch(), views={**batch().views, SPAN: torch.tensor([[[0, 1, 1.0, 1]]] * 4)})
    balanced = task(head=False, label_smoothing=0.2).step(Told(scores, None), full)
    plain = task(spans=False, head=False, label_smoothing=0.2).step(Told(scores, None), full)
    torch.testing.assert_close(balanced.loss_sum, plain.loss_sum)
    assert balanced.sums == plain.sums


def test_mixed_clips_have_shares_of_both() -> None:
    """Mixup pairs the first with the last: their losses are mixed as the clips are."""
    values = torch.arange(4.0)[:, None, None].expand(4, LENGTH, 2)
    mask, target = torch.ones(4, LENGTH, dtype=torch.bool), torch.eye(CLASSES)[[0, 1, 2, 0]]
    torch.manual_seed(3)
    mixed, _, soft, shares = mixed_with_shares(Mixing(mixup=1.0), values, mask, target)
    part = float(shares[0, 0])
    assert 0 < part < 1
    wanted = part * torch.eye(4) + (1 - part) * torch.eye(4).flip(0)
    torch.testing.assert_close(shares, wanted)
    torch.testing.assert_close(soft, shares @ target)
    torch.testing.assert_close(mixed[:, 0, 0], shares @ torch.arange(4.0))
    half = boundary_loss(torch.full((4, 2), 0.5), SPANS[:, 0], shares)
    # Clip 0 has `part` of its own 0.03125 and nothing of clip 3, which shows no sign.
    assert float(half[0]) == pytest.approx(part * 0.03125)
    assert float(half[3]) == pytest.approx((1 - part) * 0.03125)
    assert float(half[1]) == pytest.approx(part * 0.125)


def test_errors_are_those_of_clips_that_show_something() -> None:
    guess = torch.tensor([[0.25, 0.5], [0.5, 1.5], [0.9, 0.9], [0.9, 0.9]])
    found = boundary_metrics(guess, SPANS[:, 0])
    assert found["boundary_error"] == pytest.approx((0 + 0.25 + 0.5 + 0.5) / 4)
    # 0.25 of 0.5, and 0.5 of 1.5.
    assert found["boundary_iou"] == pytest.approx((0.5 + 1 / 3) / 2)
    assert boundary_metrics(guess[2:], SPANS[2:, 0]) == {}


def test_what_does_not_go_together() -> None:
    with pytest.raises(ConfigError, match="the view does not tell") as caught:
        task(spans=False)
    assert "data.view.spans" in (caught.value.hint or "")
    net = task(head=False).build()
    with pytest.raises(ConfigError, match="draws no boundaries"):
        net(torch.zeros(1, LENGTH, 3, SIDE, SIDE), torch.ones(1, LENGTH).bool(), boundary=True)


def test_both_are_learned() -> None:
    torch.manual_seed(0)
    ready, given, net = task(), batch(2), Lines()
    rule = torch.optim.Adam(net.parameters(), lr=1e-4)
    for _ in range(100):
        rule.zero_grad()
        ready.step(net, given).loss_sum.backward()
        rule.step()
    net.eval()
    with torch.no_grad():
        rows = {name: each.numpy() for name, each in ready.predict(net, given).items()}
    found = ready.metrics(rows)
    assert found["top1"] == 1
    assert found["boundary_error"] < 0.1
    # Several views have several windows: only the classes are told.
    several = task(clips=2)
    twice = {**given.views, "clip": given.views["clip"].repeat(1, 2, 1, 1, 1)}
    masks = {"clip": given.masks["clip"].repeat(1, 2)}
    with torch.no_grad():
        told = several.predict(net, replace(given, views=twice, masks=masks))
    assert set(told) == {"logits", "label_id"}


@pytest.mark.filterwarnings("ignore")
def test_an_exported_model_has_both_outputs() -> None:
    torch.manual_seed(0)
    ready = task()
    net = ready.build().eval()
    given = Frames(LENGTH, SIDE, SIDE, spans=True)
    face = frames_face(ready.export(net), given, "clip", "islr")
    assert face.outputs == ("output", "boundary")
    trace: Any = torch.jit.trace
    with torch.no_grad():
        script = trace(face.module, tuple(drawn(face, 2).values()), check_trace=False)
        fed = drawn(face, 3)
        for mine, theirs in zip(script(*fed.values()), said(net, fed, face.outputs), strict=True):
            torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-4)
        # The published signature has one output.
        views = frames_face(ready.export(net), given, "views", "islr")
        assert views.outputs == ("output",)
        fed = drawn(views, 2)
        torch.testing.assert_close(views.module(fed["input"]), said(net, fed, views.outputs))
