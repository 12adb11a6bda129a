"""What every bundled training recipe and every task on keypoints promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from sign_etl.app.train import find_recipe, recipe_names, recipes
from sign_etl.models.base import MODELS, Keypoints
from sign_etl.stream.base import VIEWS, Batch
from sign_etl.tasks.base import TASKS, DataFacts, Task
from sign_etl.tasks.setup import load_recipe, make_view

SMALL: dict[str, dict[str, Any]] = {
    "spoter": {"width": 126, "encoder_layers": 1, "decoder_layers": 1, "feedforward": 8},
    "pose-mae": {"width": 126, "layers": 1, "feedforward": 8},
}
TASK_MODELS = [("islr", "spoter"), ("metric", "spoter"), ("mae-pose", "pose-mae")]


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_is_whole(name: str) -> None:
    config = load_recipe(find_recipe(name))
    assert config.description
    assert config.build
    assert config.name == name.replace("/", "-").replace("_", "-")
    assert config.data.view.name in VIEWS.names()
    assert make_view(config, train=True) is not make_view(config, train=False)
    head = find_recipe(name).read_text(encoding="utf-8").partition("\nschema:")[0]
    assert f"sign-etl train {name} --data" in head


def test_the_list_holds_them_all() -> None:
    assert [part.name for part in recipes()] == recipe_names()
    assert {part.task for part in recipes()} <= set(TASKS.names())


def opened(task: str, model: str) -> Task:
    plugin, family = TASKS.get(task), MODELS.get(model)
    facts = DataFacts(inputs=Keypoints(42, 3), layout="hands-42", labels=("a", "b", "c"))
    return plugin.open(plugin.options({}), family, family.options(SMALL[model]), facts)


def batch(clips: int, *, filler: bool = False) -> Batch:
    views = torch.zeros(clips, 4, 42, 4) if filler else torch.rand(clips, 4, 42, 4)
    texts = [""] * clips
    return Batch(
        step=0, slot=0, epoch=0, ids=torch.full((clips,), -1) if filler else torch.arange(clips),
        views={"pose": views}, masks={"pose": torch.ones(clips, 4, dtype=torch.bool)},
        label_id=torch.full((clips,), -1) if filler else torch.arange(clips) % 3,
        weight=torch.full((clips,), 0.0 if filler else 1.0), text=texts, gloss=texts,
        language=texts, signer=texts, key=[str(n) for n in range(clips)], build=texts, shard=texts,
    )  # fmt: skip


@pytest.mark.parametrize(("task", "model"), TASK_MODELS)
def test_filler_weighs_nothing(task: str, model: str) -> None:
    """A rank with fewer micro-batches computes filler, so that all ranks meet."""
    ready = opened(task, model)
    net = ready.build()
    losses = ready.step(net, batch(1, filler=True))
    losses.loss_sum.backward()
    assert losses.weight == 0
    assert float(losses.loss_sum.detach()) == 0
    assert not any(value for value in losses.sums.values())
    assert all(p.grad is None or not p.grad.abs().sum() for p in net.parameters())


@pytest.mark.parametrize(("task", "model"), TASK_MODELS)
def test_a_task_gives_its_metric(task: str, model: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    ready = opened(task, model)
    net = ready.build().eval()
    assert ready.step(net, batch(6)).loss_sum.requires_grad
    with torch.no_grad():
        found = ready.predict(net, batch(6))
    rows = {name: value.numpy() for name, value in found.items()} | {"id": torch.arange(6).numpy()}
    metrics = ready.metrics(rows, rows if ready.gallery else None)
    assert ready.metric in metrics
    assert ready.mode in ("max", "min")
    ready.draw(rows, tmp_path)
    depths = [ready.depth(name) for name, _ in net.named_parameters()]
    assert min(depths) >= 0


@pytest.mark.parametrize(("task", "model"), TASK_MODELS[:2])
def test_an_exporter_can_call_it(task: str, model: str) -> None:
    ready = opened(task, model)
    how = ready.export(ready.build().eval())
    with torch.no_grad():
        out = how.module(*how.example.values())
    assert out.shape[0] == 1
    assert set(how.dynamic) <= set(how.example)
