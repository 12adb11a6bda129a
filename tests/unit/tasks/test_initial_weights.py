"""Where weights come from: another run's encoder, or a published state dict."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sign_etl.core.errors import ConfigError, UsageError
from sign_etl.models.base import MODELS, Frames, Keypoints
from sign_etl.models.video_mae_names import to_video_mae
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


def test_pictures_of_other_colours_are_refused(pretrained: tuple[Path, nn.Module]) -> None:
    run, first = pretrained
    there = {"mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2], "resize": "stretch", "sampler": "a"}
    (run / BUILD).write_text(json.dumps({"preprocessing": there}))
    write_checkpoint(run, 2, weights=first.state_dict(), ema=None, state={}, cursor={})
    said: list[str] = []
    here = {**there, "resize": "letterbox", "sampler": "b"}
    init = InitConfig(run=str(run), part="encoder.")
    initialise(spoter(), init, said.append, here)
    assert said[0].endswith("another preprocessing: `resize`")
    with pytest.raises(ConfigError, match="another preprocessing: `std`, `resize`") as caught:
        initialise(spoter(), init, said.append, {**here, "std": [1.0, 1.0, 1.0]})
    assert "std: [0.2, 0.2, 0.2]" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "kind", ["pth", "checkpoint.pth", "training.pth", "old.pth", "safetensors"]
)
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
        whole: Any = {
            "pth": state,
            "checkpoint.pth": {"name": "x", "state_dict": state},
            # As trainings of others leave them: with their command line, optimizer and scaler.
            "training.pth": {"module": state, "args": Namespace(lr=1), "loss_scaler": Fraction(3)},
            "old.pth": {"model": state, "args": Namespace(lr=1), "epoch": 3},
        }[kind]
        torch.save(whole, path, _use_new_zipfile_serialization=kind != "old.pth")
    net = spoter(compat="published")
    initialise(net, InitConfig(published=str(path)), lambda _: None)
    assert torch.equal(net.state_dict()["head.bias"], state["linear_embed.bias"])


def test_a_run_that_is_not_there_is_told_with_the_ways_out(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"`init\.run`: .*none holds no checkpoint") as caught:
        initialise(spoter(), InitConfig(run=str(tmp_path / "none")), lambda _: None)
    assert "init.published=FILE" in (caught.value.hint or "")


def test_what_begins_anew_is_told(tmp_path: Path) -> None:
    """A head for other classes does not fit, and a training must not hide that it is random."""
    plugin = MODELS.get("video-mae")
    options = plugin.options({"size": "tiny", "frames": 4, "picture": 32})
    first, second = (
        plugin.build(options, inputs=Frames(4, 32, 32), outputs=outputs) for outputs in (7, 5)
    )
    path, said = tmp_path / "weights.pth", list[str]()
    torch.save({"model": to_video_mae(first.state_dict())}, path)
    initialise(second, InitConfig(published=str(path)), said.append)
    count = len(second.state_dict())
    assert said == [f"took {count - 2} of {count} tensors from {path}; begins anew: `head`"]
    initialise(first, InitConfig(published=str(path)), said.append)
    assert said[1] == f"took {count} of {count} tensors from {path}"


class Runs:
    """Would run a command where a pickle is trusted."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


def test_a_published_file_runs_nothing(tmp_path: Path) -> None:
    for number, zipped in enumerate((True, False)):
        path = tmp_path / f"{number}.pth"
        mark = Runs(tmp_path / "ran")
        torch.save({"model": {}, "args": mark}, path, _use_new_zipfile_serialization=zipped)
        with pytest.raises(ConfigError, match=r"\.pth cannot be read"):
            initialise(spoter(), InitConfig(published=str(path)), lambda _: None)
    assert not (tmp_path / "ran").exists()
    for number, data in enumerate((b"no weights at all", b"broken\n", b"", b"PK\x03\x04" * 9)):
        for kind in ("pth", "safetensors"):
            name = f"broken-{number}.{kind}"
            (tmp_path / name).write_bytes(data)
            with pytest.raises(ConfigError, match="cannot be read"):
                initialise(spoter(), InitConfig(published=str(tmp_path / name)), lambda _: None)


def test_what_is_no_state_dict_is_refused(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(ConfigError, match="no state dict"):
        initialise(spoter(), InitConfig(published=str(tmp_path / "list.pth")), lambda _: None)
    with pytest.raises(UsageError, match="no such file"):
        initialise(spoter(), InitConfig(published=str(tmp_path / "none.pth")), lambda _: None)
