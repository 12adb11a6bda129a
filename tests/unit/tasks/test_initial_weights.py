"""Where weights come from: another run's encoder, or a published state dict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sign_etl.core.errors import ConfigError, UsageError
from sign_etl.models.base import MODELS, Keypoints
from sign_etl.schema.training import InitConfig
from sign_etl.tasks.checkpoint import BUILD, CONFIG, write_checkpoint
from sign_etl.tasks.initial_weights import initialise

SMALL: dict[str, Any] = {"encoder_layers": 1, "decoder_layers": 1, "feedforward": 2048}


def spoter(**options: Any) -> nn.Module:
    plugin = MODELS.get("spoter")
    chosen = plugin.options({**SMALL, **options})
    return plugin.build(chosen, inputs=Keypoints(54, 2), outputs=5)


@pytest.fixture
def pretrained(tmp_path: Path) -> tuple[Path, nn.Module]:
    plugin = MODELS.get("pose-mae")
    options = plugin.options({"layers": 1, "feedforward": 2048})
    torch.manual_seed(3)
    net = plugin.build(options, inputs=Keypoints(54, 2), outputs=0)
    (tmp_path / CONFIG).write_text("")
    (tmp_path / BUILD).write_text("{}")
    write_checkpoint(tmp_path, 1, weights=net.state_dict(), ema=None, state={}, cursor={})
    return tmp_path, net


def test_the_encoder_of_a_run_is_taken_and_nothing_else(pretrained: tuple[Path, nn.Module]) -> None:
    run, first = pretrained
    torch.manual_seed(4)
    net = spoter()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    said: list[str] = []
    initialise(net, InitConfig(run=str(run), part="encoder."), said.append)
    for name, tensor in net.state_dict().items():
        wanted = first.state_dict()[name] if name.startswith("encoder.") else before[name]
        assert torch.equal(tensor, wanted), name
    assert len(said) == 1


def test_an_encoder_that_does_not_fit_is_refused(pretrained: tuple[Path, nn.Module]) -> None:
    run, _ = pretrained
    with pytest.raises(ConfigError, match="parameters do not fit, first `encoder"):
        initialise(
            spoter(encoder_layers=2), InitConfig(run=str(run), part="encoder."), lambda _: None
        )
    with pytest.raises(ConfigError, match="none of its weights fits"):
        initialise(nn.Linear(2, 2), InitConfig(run=str(run)), lambda _: None)


@pytest.mark.parametrize("kind", ["pth", "checkpoint.pth", "safetensors"])
def test_published_weights_are_read(tmp_path: Path, kind: str) -> None:
    from safetensors.torch import save_file

    donor = nn.Transformer(108, 9, 1, 1, 2048)
    state = {
        f"transformer.{name}": tensor
        for name, tensor in donor.state_dict().items()
        if not name.startswith("decoder") or ".self_attn." not in name
    }
    state |= {"pos_encoding": torch.rand(1, 1, 108), "class_query": torch.rand(1, 1, 108)}
    state |= {"linear_embed.weight": torch.rand(5, 108), "linear_embed.bias": torch.rand(5)}
    path = tmp_path / f"weights.{kind}"
    if kind == "safetensors":
        save_file(state, path)
    else:
        torch.save(state if kind == "pth" else {"name": "x", "state_dict": state}, path)
    net = spoter(compat="published")
    initialise(net, InitConfig(published=str(path)), lambda _: None)
    assert torch.equal(net.state_dict()["head.bias"], state["linear_embed.bias"])


def test_what_is_no_state_dict_is_refused(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(ConfigError, match="no state dict"):
        initialise(spoter(), InitConfig(published=str(tmp_path / "list.pth")), lambda _: None)
    with pytest.raises(UsageError, match="no such file"):
        initialise(spoter(), InitConfig(published=str(tmp_path / "none.pth")), lambda _: None)
