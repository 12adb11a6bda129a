"""Pictures in a task: normalised, seen from several views, mixed; and one preprocessing for all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sign_etl.core.errors import ConfigError
from sign_etl.models.base import MODELS, Frames, Keypoints, expect
from sign_etl.stream.base import Batch
from sign_etl.stream.clip_view import ClipView
from sign_etl.tasks.base import DataFacts, Exportable, need_view
from sign_etl.tasks.embedding import _Reading
from sign_etl.tasks.islr import TASK, Islr
from sign_etl.tasks.mixing import Mixing, box
from sign_etl.tasks.model_input import example_of, inputs, normalised
from sign_etl.tasks.outside_video import drawn, frames_face, said
from sign_etl.tasks.seen import check_policy, frames_of, policy_of

CLASSES, SIDE, LENGTH = 3, 6, 2


class Colours(nn.Module):
    """Scores from the mean colour of the real frames."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, CLASSES)
        self.seen: list[int] = []

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        self.seen.append(frames.shape[1])
        each = self.head(frames.mean((-1, -2))) * mask[..., None]
        mean: Tensor = each.sum(1) / mask.sum(1, keepdim=True)
        return mean


class ColourModel:
    """A plug-in for pictures."""

    name, title, takes = "colours", "Mean colours", ("clip",)

    def build(self, options: Any, *, inputs: Any, outputs: int) -> nn.Module:
        expect(inputs, Frames, self.name)
        assert outputs == CLASSES
        return Colours()


def task(clips: int = 1, **options: Any) -> Islr:
    facts = DataFacts(inputs=Frames(LENGTH, SIDE, SIDE, clips), view="clip", labels=("a", "b", "c"))
    model: Any = ColourModel()
    made = TASK.open(TASK.options(options), model, model, facts)
    assert isinstance(made, Islr)
    return made


def batch(frames: int = LENGTH, clips: int = 4) -> Batch:
    pictures = torch.randint(0, 256, (clips, frames, SIDE, SIDE, 3), dtype=torch.uint8)
    texts = [""] * clips
    return Batch(
        step=0, slot=0, epoch=0, ids=torch.arange(clips), views={"clip": pictures},
        masks={"clip": torch.ones(clips, frames, dtype=torch.bool)},
        label_id=torch.arange(clips) % CLASSES, weight=torch.ones(clips), text=texts, gloss=texts,
        language=texts, signer=texts, key=texts, build=texts, shard=texts,
    )  # fmt: skip


def test_pictures_are_normalised_and_padding_is_nothing() -> None:
    torch.manual_seed(0)
    given, facts = batch(), task().facts
    given.masks["clip"][1, 1] = False
    values, mask = inputs(given, facts)
    assert values.shape == (4, LENGTH, 3, SIDE, SIDE)
    assert not values[1, 1].any()
    want = Frames(LENGTH, SIDE, SIDE)
    red = (given.views["clip"][0, 0, :, :, 0].float() / 255 - want.mean[0]) / want.std[0]
    torch.testing.assert_close(values[0, 0, 0], red)
    assert mask is given.masks["clip"]
    grey = torch.full((2, 2, 3), 255, dtype=torch.uint8)
    assert (normalised(grey, (0, 0, 0), (1, 1, 1)) == 1).all()


@pytest.mark.parametrize("average", ["probabilities", "scores"])
def test_an_evaluation_takes_the_mean_of_its_views(average: str) -> None:
    torch.manual_seed(0)
    ready, several = task(), task(clips=3, average=average)
    net = ready.build().eval()
    given = batch(3 * LENGTH)
    found = several.predict(net, given)["logits"]
    assert net.seen == [LENGTH] * 3
    apart = []
    for turn in range(3):
        part = given.views["clip"][:, turn * LENGTH : (turn + 1) * LENGTH]
        one = replace(given, views={"clip": part}, masks={"clip": given.masks["clip"][:, :LENGTH]})
        apart.append(ready.predict(net, one)["logits"])
    if average == "scores":
        torch.testing.assert_close(found, torch.stack(apart).mean(0))
    else:
        torch.testing.assert_close(found.exp(), torch.stack(apart).softmax(-1).mean(0))


def test_views_that_are_the_same_are_asked_for_once() -> None:
    """Windows of a short clip all show it whole; two and one here, the second one another."""
    torch.manual_seed(0)
    several, given = task(clips=3), batch(3 * LENGTH)
    net = several.build().eval()
    first, _, last = given.views["clip"].chunk(3, dim=1)
    given.views["clip"] = torch.cat([first, first, last], dim=1)
    found = several.predict(net, given)["logits"]
    assert net.seen == [LENGTH] * 2
    mask = given.masks["clip"][:, :LENGTH]
    clips = [replace(given, views={"clip": part}, masks={"clip": mask}) for part in (first, last)]
    apart = [net(*inputs(each, several.facts)) for each in clips]
    wanted = (2 * apart[0].softmax(-1) + apart[1].softmax(-1)) / 3
    torch.testing.assert_close(found.exp(), wanted)


def test_a_vector_is_the_mean_of_the_views() -> None:
    """What similarities are computed from sees every view, not the last one alone."""
    torch.manual_seed(0)
    several = task(clips=3)
    net = several.build().eval()
    given = batch(3 * LENGTH)
    reading: Any = _Reading(several, "features")
    found = reading.predict(net, given)["vector"]
    pictures = inputs(given, several.facts)[0].mean((-1, -2))
    torch.testing.assert_close(found, pictures.unflatten(1, (3, LENGTH)).mean(1))


def test_a_vector_does_not_depend_on_the_other_clips() -> None:
    """Two of three views are one where all clips of a batch say so; they count twice in any."""
    torch.manual_seed(0)
    several = task(clips=3)
    net, given = several.build().eval(), batch(3 * LENGTH)
    pictures = given.views["clip"]
    pictures[0, LENGTH : 2 * LENGTH] = pictures[0, :LENGTH]
    reading: Any = _Reading(several, "features")
    alike = replace(given, views={**given.views, "clip": pictures[:1].expand_as(pictures)})
    first, among = (reading.predict(net, each)["vector"][0] for each in (alike, given))
    assert net.seen == [LENGTH] * 5
    torch.testing.assert_close(first, among)


def test_a_sure_view_does_not_outvote_two_unsure_ones() -> None:
    """By hand: views say 8 against 0 for `a`, then 0 against 2 for `b`, twice, `c` far below."""
    views = torch.tensor([[[8.0, 0, -99]], [[0.0, 2, -99]], [[0.0, 2, -99]]])
    # Scores: 8 / 3 against 4 / 3. Probabilities of `a`: 0.99966, 0.11920, 0.11920.
    assert task(average="scores").joined(views).argmax(1).tolist() == [0]
    found = task().joined(views)
    assert found.argmax(1).tolist() == [1]
    wanted = [(0.999665 + 2 * 0.119203) / 3, (0.000335 + 2 * 0.880797) / 3, 0.0]
    torch.testing.assert_close(found.exp()[0], torch.tensor(wanted), atol=1e-5, rtol=0)
    with pytest.raises(ValueError, match="average"):
        TASK.options({"average": "votes"})


@pytest.mark.parametrize("options", [{"mixup": 0.8}, {"cutmix": 1.0}, {"mixup": 0.8, "cutmix": 1}])
def test_targets_are_mixed_as_the_pictures_are(options: dict[str, float]) -> None:
    mixing = Mixing(**options)
    values = torch.arange(4.0)[:, None, None, None, None].expand(4, LENGTH, 3, 8, 8).clone()
    mask = torch.ones(4, LENGTH, dtype=torch.bool)
    target = torch.eye(4)
    shares = []
    for seed in range(12):
        torch.manual_seed(seed)
        mixed, _, soft = mixing(values, mask, target)
        torch.testing.assert_close(soft.sum(1), torch.ones(4))
        # The mean of a clip's pictures is that of its targets: clip c is c everywhere.
        torch.testing.assert_close(mixed.mean((1, 2, 3, 4)), soft @ torch.arange(4.0))
        shares.append(float(soft[0, 0]))
        torch.manual_seed(seed)
        assert torch.equal(mixing(values, mask, target)[0], mixed)
    assert len(set(shares)) > 4


def test_what_is_not_mixed() -> None:
    values, mask, target = torch.rand(4, 2, 3), torch.ones(4, 2, dtype=torch.bool), torch.eye(4)
    assert Mixing()(values, mask, target)[0] is values
    assert Mixing(mixup=1, probability=0)(values, mask, target)[0] is values
    assert Mixing(mixup=1)(values[:1], mask[:1], target[:1])[0].equal(values[:1])
    with pytest.raises(ConfigError, match="areas"):
        Mixing(cutmix=1)(values, mask, target)
    torch.manual_seed(0)
    for _ in range(50):
        top, bottom, left, right = box(7, 9, 0.3)
        assert 0 <= top <= bottom <= 7
        assert 0 <= left <= right <= 9


def test_soft_targets_teach_what_they_say() -> None:
    torch.manual_seed(0)
    ready, given = task(label_smoothing=0.0), batch()
    net = ready.build()
    plain = float(ready.step(net, given).loss_sum.detach())
    values, mask = inputs(given, ready.facts)
    logits = net(values, mask)
    wanted = nn.functional.cross_entropy(logits, given.label_id, reduction="sum")
    assert plain == pytest.approx(float(wanted.detach()), rel=1e-5)
    ready.targets = torch.full((CLASSES, CLASSES), 0.1) + 0.7 * torch.eye(CLASSES)
    soft = ready.soft(torch.tensor([2, -1]))
    torch.testing.assert_close(soft, ready.targets[[2, 0]])
    by_hand = -(ready.targets[given.label_id] * logits.log_softmax(1)).sum()
    loss = float(ready.step(net, given).loss_sum.detach())
    assert loss == pytest.approx(float(by_hand.detach()), rel=1e-5)


def test_views_and_models_that_do_not_go_together() -> None:
    with pytest.raises(ConfigError, match="cannot read the view `clip`") as caught:
        need_view(MODELS.get("spoter"), task().facts)
    assert "data.view.name: pose" in (caught.value.hint or "")
    with pytest.raises(ConfigError, match="takes Frames, the view gives Keypoints"):
        ColourModel().build(None, inputs=Keypoints(5, 2), outputs=CLASSES)
    with pytest.raises(ConfigError, match="learns from keypoints"):
        task().facts.keypoints  # noqa: B018


def view(**options: Any) -> ClipView:
    rule = {"name": "circle", "frames": 4, "stride": 2}
    return ClipView.for_recipe(
        {"sampler": rule, "size": 32, **options}, augment=[], noise=0, use="evaluate"
    )


def test_another_preprocessing_is_refused() -> None:
    kept = policy_of(view(views=2, crops=3))
    assert frames_of(view(views=2, crops=3)) == Frames(4, 32, 32, 6)
    check_policy(view(views=2, crops=3), kept, "r")
    check_policy(view(views=2, crops=3), {}, "of an older version")
    for options, words in (
        ({"normalise": "clip"}, "`mean`, `std`"),
        ({"resize": "stretch"}, "`resize`"),
        ({"sampler": {"name": "last", "frames": 4, "stride": 2}}, "`sampler`"),
    ):
        with pytest.raises(ConfigError, match=words):
            check_policy(view(**{"views": 2, "crops": 3, **options}), kept, "r")


def test_exported_pictures_have_a_plain_and_the_published_face() -> None:
    torch.manual_seed(0)
    ready = task()
    net = ready.build().eval()
    name, example, steps = example_of(ready.facts.inputs)
    assert (name, example.shape, steps) == ("frames", (1, LENGTH, 3, SIDE, SIDE), LENGTH)
    face = ready.export(net)
    assert isinstance(face, Exportable)
    given = Frames(LENGTH, SIDE, SIDE)
    plain = frames_face(face, given, "clip", "islr")
    fed = drawn(plain, 3)
    assert fed["frames"].shape == (3, LENGTH, 3, SIDE, SIDE)
    with torch.no_grad():
        torch.testing.assert_close(plain.module(fed["frames"]), said(net, fed))
    views = frames_face(face, given, "views", "islr")
    fed = drawn(views, 2)
    assert fed["input"].shape == (2, 2, 3, LENGTH, SIDE, SIDE)
    with torch.no_grad():
        found = views.module(fed["input"])
    torch.testing.assert_close(found, said(net, fed))
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)
    for wanted, task_name in (("keypoints", "islr"), ("views", "metric")):
        with pytest.raises(ConfigError, match=r"has no input|gives no probabilities"):
            frames_face(face, given, wanted, task_name)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="any length"):
        frames_face(face, Frames(0, SIDE, SIDE), "clip", "islr")


def test_the_card_tells_about_mirrors(tmp_path: Path) -> None:
    from sign_etl.tasks.card import _preprocessing

    view_of = {"name": "clip", "size": 32}
    plain = "\n".join(_preprocessing({"data": {"view": view_of, "augment": []}}, {}))
    assert "No clip was mirrored" in plain
    flip = [{"name": "flip", "probability": 0.3}]
    known = {"preprocessing": {"resize": "stretch"}}
    told = "\n".join(_preprocessing({"data": {"view": view_of, "augment": flip}}, known))
    assert "mirrored with probability 0.3" in told
    assert "resize: stretch" in told
