"""Groups of parameters, and the learning rate as a function of progress."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from sign_etl.core.content import content_dir
from sign_etl.models.base import MODELS, Frames, Keypoints
from sign_etl.schema.training import OptimizerConfig
from sign_etl.tasks.optimise import Rate, better, make_optimizer, moving_average, parameter_groups
from sign_etl.tasks.setup import load_recipe


def test_layers_below_the_head_learn_slower_and_norms_do_not_decay() -> None:
    plugin = MODELS.get("spoter")
    options = plugin.options({"encoder_layers": 1, "decoder_layers": 1, "position": "learned"})
    net = plugin.build(options, inputs=Keypoints(54, 2), outputs=3)
    config = OptimizerConfig(lr=1.0, layer_decay=0.5, weight_decay=0.1)
    named = dict(net.named_parameters())
    groups = parameter_groups(named.items(), lambda name: plugin.depth(name, options), config)
    names = {id(parameter): name for name, parameter in named.items()}
    found = {
        names[id(parameter)]: (group["lr"], group["weight_decay"])
        for group in groups
        for parameter in group["params"]
    }
    assert found.keys() == named.keys()
    assert found["head.weight"] == (1.0, 0.1)
    assert found["head.bias"] == (1.0, 0.0)
    assert found["query"] == (1.0, 0.0)
    assert found["decoder.0.linear1.weight"] == (0.5, 0.1)
    assert found["encoder.blocks.layers.0.linear1.weight"] == (0.25, 0.1)
    assert found["encoder.position.vectors"] == (0.125, 0.0)


def test_the_rate_rises_and_falls() -> None:
    rate = Rate(OptimizerConfig(warmup=0.1, schedule="cosine", min_lr=0.1))
    shares = [rate.at(step / 100) for step in range(101)]
    assert 0 < shares[0] < 0.05
    assert shares[10] == pytest.approx(1.0)
    assert shares[55] == pytest.approx(0.55)
    assert shares[100] == pytest.approx(0.1)
    assert all(a > b for a, b in pairwise(shares[10:]))
    linear = Rate(OptimizerConfig(warmup=0.0, schedule="linear", min_lr=0.0))
    assert [round(linear.at(p), 6) for p in (0, 0.25, 1)] == [1, 0.75, 0]
    assert Rate(OptimizerConfig(warmup=0.0, schedule="constant")).at(0.9) == 1.0


@pytest.mark.parametrize("name", ["pretrain", "wlasl", "autsl", "gsl", "slovo"])
def test_slt_mae_moves_its_weights_as_published(name: str) -> None:
    """Rates by total batch over 256, no limit on gradients, five epochs of warm-up."""
    config = load_recipe(content_dir("training") / "slt_mae" / f"{name}.yaml")
    moving, clips = config.optimizer.for_steps(config.batch.clips), config.batch.clips
    assert moving.clip_norm == 0
    if name == "pretrain":
        assert (clips, config.epochs, moving.warmup) == (200, 1600, 0)
        assert moving.lr == pytest.approx(1.5e-4 * 200 / 256)
        assert moving.lr * moving.min_lr == pytest.approx(1e-5 * 200 / 256, rel=1e-3)
        return
    assert (clips, config.batch.repeat, moving.layer_decay) == (16, 2, 0.75)
    assert moving.lr == pytest.approx(6.25e-5)
    assert moving.lr * moving.min_lr == pytest.approx(1e-6 * 16 / 256)
    assert moving.warmup * config.epochs == 5
    plugin = MODELS.get("video-mae")
    options = plugin.options(config.model.options)
    with torch.device("meta"):
        net = plugin.build(options, inputs=Frames(16, 224, 224), outputs=7)
    names = {id(each): name for name, each in net.named_parameters()}
    groups = parameter_groups(
        net.named_parameters(), lambda each: plugin.depth(each, options), moving
    )
    scale = {names[id(each)]: group["lr"] / 6.25e-5 for group in groups for each in group["params"]}
    assert scale["encoder.patches.weight"] == pytest.approx(0.75**25)
    assert scale["encoder.blocks.layers.0.query.weight"] == pytest.approx(0.75**24)
    assert scale["encoder.blocks.layers.23.before.bias"] == pytest.approx(0.75)
    assert scale["norm.weight"] == scale["head.weight"] == pytest.approx(1)


def test_a_plateau_halves_the_rate_and_is_remembered() -> None:
    config = OptimizerConfig(warmup=0.0, schedule="plateau", plateau_patience=2, min_lr=0.2)
    rate = Rate(config, mode="max")
    for value in (0.5, 0.6, 0.6, 0.55):
        rate.judge(value)
    assert rate.at(0.5) == 0.5
    again = Rate(config, mode="max")
    again.load(rate.state())
    for each in (rate, again):
        for _ in range(2):
            each.judge(0.1)
    assert rate.at(0.9) == again.at(0.9) == 0.25
    rate.judge(0.1)
    rate.judge(0.1)
    assert rate.at(0.9) == 0.2  # not below the least


def test_nan_is_never_better() -> None:
    assert better(1.0, 0.5, "max")
    assert better(0.5, 1.0, "min")
    assert not better(float("nan"), 0.5, "max")
    assert not better(float("nan"), 0.5, "min")
    assert better(0.5, float("nan"), "max")
    assert not better(float("nan"), float("nan"), "max")


def test_the_rate_reaches_every_group() -> None:
    weight = torch.nn.Parameter(torch.ones(2, 2))
    config = OptimizerConfig(
        name="sgd", lr=0.4, weight_decay=0.0, warmup=0.0, schedule="linear", min_lr=0.0
    )
    groups = parameter_groups([("a", weight)], lambda _: 0, config)
    optimizer = make_optimizer(groups, config)
    Rate(config).apply(optimizer, 0.5)
    weight.grad = torch.ones(2, 2)
    optimizer.step()
    torch.testing.assert_close(weight.detach(), torch.full((2, 2), 0.8))


def test_the_average_follows_slowly() -> None:
    layer = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        layer.weight.fill_(0.0)
    average = moving_average(layer, 0.9)
    average.update_parameters(layer)
    with torch.no_grad():
        layer.weight.fill_(1.0)
    average.update_parameters(layer)
    torch.testing.assert_close(average.module.weight.detach(), torch.tensor([[0.1]]))
