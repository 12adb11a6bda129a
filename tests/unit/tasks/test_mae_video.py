"""Masked video modelling: how much is hidden, what is to be drawn, and that masks are fixed."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sign_etl.core.errors import ConfigError  # noqa: E402
from sign_etl.models.base import MODELS, Frames, Keypoints  # noqa: E402
from sign_etl.stream.base import Batch  # noqa: E402
from sign_etl.tasks.base import TASKS, DataFacts  # noqa: E402
from sign_etl.tasks.mae_video import MaeVideo, tube_mask, tubes  # noqa: E402

TINY = {
    "size": "tiny",
    "frames": 4,
    "picture": 64,
    "decoder_width": 24,
    "decoder_layers": 1,
    "decoder_heads": 3,
}


def opened() -> MaeVideo:
    plugin, model = TASKS.get("mae-video"), MODELS.get("video-mae")
    facts = DataFacts(inputs=Frames(4, 64, 64), labels=(), view="clip")
    task = plugin.open(plugin.options({}), model, model.options(TINY), facts)
    assert isinstance(task, MaeVideo)
    return task


def batch(keys: list[str], epoch: int = 0) -> Batch:
    count = len(keys)
    draw = torch.Generator().manual_seed(1)
    pictures = torch.randint(0, 256, (count, 4, 64, 64, 3), dtype=torch.uint8, generator=draw)
    words = [""] * count
    return Batch(
        step=0,
        slot=0,
        epoch=epoch,
        ids=torch.arange(count),
        views={"clip": pictures},
        masks={"clip": torch.ones(count, 4, dtype=torch.bool)},
        label_id=torch.full((count,), -1),
        weight=torch.ones(count),
        text=words,
        gloss=words,
        language=words,
        signer=words,
        key=keys,
        build=words,
        shard=words,
    )


def test_a_tenth_is_seen() -> None:
    """Of 8 x 196 tokens 176 a slot are hidden: 1408, and 160 are seen; the same places always."""
    hidden = tube_mask(np.random.default_rng(0), 8, 196, 0.9)
    assert (hidden.sum(), (~hidden).sum()) == (1408, 160)
    slots = hidden.reshape(8, 196)
    assert (slots == slots[0]).all()
    assert slots[0].sum() == 176
    assert tube_mask(np.random.default_rng(0), 2, 4, 0.999).sum() == 6


def test_tubes_are_normalised_by_colour() -> None:
    """Each against numpy, in the order of the published heads: frame, row, column, colour."""
    pixels = torch.rand(2, 4, 3, 8, 12)
    found = tubes(pixels, tubelet=2, patch=4)
    assert found.shape == (2, 2 * 2 * 3, 2 * 4 * 4 * 3)
    # Second slot, second row, third column.
    one = pixels[1, 2:4, :, 4:8, 8:12].permute(0, 2, 3, 1).reshape(-1, 3).numpy()
    wanted = (one - one.mean(0)) / (one.std(0, ddof=1) + 1e-6)
    np.testing.assert_allclose(found[1, 11].reshape(-1, 3).numpy(), wanted, rtol=1e-4, atol=1e-5)
    assert torch.equal(tubes(torch.full((1, 2, 3, 4, 4), 0.5), 2, 4), torch.zeros(1, 1, 96))


def test_masks_belong_to_clip_and_epoch() -> None:
    task = opened()
    hide = task._hidden
    first = hide(batch(["a", "b", "a"]), 0)
    assert first.shape == (3, 32)
    assert torch.equal(first[1], hide(batch(["b"]), 0)[0])
    assert not torch.equal(first[0], first[2]), "a repeated clip has a mask of its own"
    assert not torch.equal(first[0], hide(batch(["a"]), 1)[0])


def test_evaluations_repeat_and_losses_fall() -> None:
    torch.manual_seed(0)
    task = opened()
    model = task.build()
    data = batch(["a", "b"])
    with torch.no_grad():
        before = task.predict(model, data)["error"]
        again = task.predict(model, batch(["a", "b"], epoch=3))["error"]
    assert torch.equal(before, again)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(20):
        found = task.step(model, data)
        optimizer.zero_grad()
        (found.loss_sum / found.weight).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        after = task.metrics({"error": task.predict(model, data)["error"].numpy()})
    assert after["error"] < 0.95 * float(before.mean())


def test_it_wants_its_model_and_pictures() -> None:
    plugin = TASKS.get("mae-video")
    pose, video = MODELS.get("pose-mae"), MODELS.get("video-mae")
    points = DataFacts(inputs=Keypoints(54, 2), labels=())
    with pytest.raises(ConfigError, match="cannot train the model"):
        plugin.open(plugin.options({}), pose, pose.options({}), points)
    with pytest.raises(ConfigError, match="takes Frames"):
        plugin.open(plugin.options({}), video, video.options(TINY), points)


def test_it_is_not_exported_but_what_is_fine_tuned_from_it() -> None:
    task = opened()
    with pytest.raises(ConfigError, match="draws what is hidden") as caught:
        task.export(task.build())
    assert "init.run" in (caught.value.hint or "")
