"""Feature backends: which frames, which pictures, which model files; the child's contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from media import VideoSpec, write_video
from numpy.typing import NDArray
from pydantic import ValidationError

from sign_etl.core.errors import AccessError, ConfigError
from sign_etl.features.base import BACKENDS, FeatureOptions, frame_numbers
from sign_etl.features.child import AT_ONCE, compute
from sign_etl.features.folders import model_files
from sign_etl.features.weights import same_here
from sign_etl.schema.backend_options import feature_identity
from sign_etl.stream.pictures import Frame
from sign_etl.stream.video import Video

EVERY = pytest.mark.parametrize("name", BACKENDS.names())


def requested(name: str, options: dict[str, Any], out: Path, *videos: Path) -> dict[str, Any]:
    clips = []
    for number, path in enumerate(videos):
        with Video(path.read_bytes()) as video:
            frames = video.frames
        clip = {"video": str(path), "frames": frames, "fps": 25.0}
        clips.append(clip | {"out": str(out / f"{number}-{path.stem}.npy")})
    return {"backend": name, "options": options, "clips": clips}


def arrays(request: dict[str, Any]) -> list[NDArray[Any]]:
    replies = compute(request)["clips"]
    found = [np.load(clip["out"], allow_pickle=False) for clip in request["clips"]]
    assert [reply["shape"] for reply in replies] == [list(array.shape) for array in found]
    return found


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("videos")
    return [
        write_video(folder / f"{count}.mp4", VideoSpec(count=count, width=96, height=64))
        for count in (1, 7, AT_ONCE + 3)
    ]


@EVERY
def test_it_says_what_it_is(name: str) -> None:
    backend = BACKENDS.get(name)
    assert (backend.name, bool(backend.version), bool(backend.title)) == (name, True, True)
    with pytest.raises(ValidationError, match="no_such"):
        backend.options({"no_such": 1, "model": "x"} if backend.extra else {"no_such": 1})


@pytest.mark.parametrize(
    ("frames", "fps", "options", "numbers"),
    [
        (5, 25.0, {}, [0, 1, 2, 3, 4]),
        (5, 25.0, {"stride": 2}, [0, 2, 4]),
        (1, 25.0, {"stride": 9}, [0]),
        (6, 25.0, {"fps": 12.5}, [0, 2, 4]),
        (6, 25.0, {"fps": 10.0}, [0, 3, 5]),
        (3, 25.0, {"fps": 30.0}, [0, 1, 2]),
        (4, 25.0, {"fps": 0.1}, [0]),
    ],
    ids=["all", "stride", "one", "half", "nearest", "faster", "slow"],
)
def test_which_frames(frames: int, fps: float, options: dict[str, Any], numbers: list[int]) -> None:
    assert frame_numbers(frames, fps, FeatureOptions.model_validate(options)) == numbers


def test_frames_are_said_once() -> None:
    with pytest.raises(ConfigError, match="both say which frames"):
        BACKENDS.get("pixels").options({"stride": 2, "fps": 10})


def test_small_grey_pictures(videos: list[Path], tmp_path: Path) -> None:
    _, short, long = videos
    [found] = arrays(requested("pixels", {"side": 8}, tmp_path, short))
    assert (found.shape, found.dtype) == ((7, 64), np.float16)
    # Frame 5 shows the bars of 5: bright, dark, bright, dark ... from the left; the middle is cut
    # out, so bars 1 to 6 of 8 are left of it.
    rows = found.reshape(7, 8, 8).astype(np.float32)
    assert np.ptp(rows[5], axis=0).max() < 0.05
    assert rows[5, 0, 1:3].max() > 0.6 > 0.4 > rows[5, 0, 4:].max()
    [whole] = arrays(requested("pixels", {"side": 8, "dtype": "float32"}, tmp_path, long))
    [some] = arrays(
        requested("pixels", {"side": 8, "dtype": "float32", "stride": 3}, tmp_path, long)
    )
    np.testing.assert_array_equal(some, whole[::3])
    [stretched] = arrays(requested("pixels", {"side": 8, "resize": "stretch"}, tmp_path, short))
    assert not np.array_equal(stretched, found)


def test_what_is_no_such_video(videos: list[Path], tmp_path: Path) -> None:
    request = requested("pixels", {}, tmp_path, videos[1])
    [clip] = request["clips"]
    with pytest.raises(ValueError, match="has 7 frames"):
        compute(request | {"clips": [clip | {"frames": 8}]})
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    with pytest.raises(ValueError, match="cannot be decoded"):
        compute(request | {"clips": [clip | {"video": str(broken)}]})


def test_where_a_model_lies_is_no_part_of_it(tmp_path: Path) -> None:
    one = {"model": "/here/clip-b16", "tokens": "cls", "device": "cuda"}
    assert feature_identity(one) == {"model": "clip-b16", "tokens": "cls"}
    assert feature_identity(one) == feature_identity(one | {"model": "there/clip-b16/"})


def test_model_folders(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match=r"has no config\.json"):
        model_files(str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({"vision_config": {"hidden_size": 8}}))
    (tmp_path / "pytorch_model.bin").write_bytes(b"a pickle")
    with pytest.raises(AccessError, match=r"has no model\.safetensors"):
        model_files(str(tmp_path))
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "../outside"}}))
    with pytest.raises(AccessError, match="names no parts"):
        model_files(str(tmp_path))
    index.write_text(json.dumps({"weight_map": {"a": "part-2", "b": "part-1", "c": "part-2"}}))
    for name in ("part-1", "part-2"):
        (tmp_path / name).write_bytes(name.encode())
    files = model_files(str(tmp_path))
    assert [file.name for file in files] == ["config.json", index.name, "part-1", "part-2"]
    assert len({file.sha256 for file in files}) == 4


def test_another_model_on_this_machine_is_told(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    backend = BACKENDS.get("clip")
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_text("{}")
    options = backend.options({"model": str(tmp_path)})
    known = {file.name: file.sha256 or "" for file in backend.weights(options)}
    same_here(backend, options, known)
    with pytest.raises(AccessError, match=r"another model of `clip`.*\(model\.safetensors\)"):
        same_here(backend, options, known | {"model.safetensors": "ab" * 32})


def test_clip_features_are_those_of_the_frames_and_of_nobody_else(
    videos: list[Path], tmp_path: Path
) -> None:
    pytest.importorskip("transformers")
    from tiny_clip import write_tiny_clip

    model = str(write_tiny_clip(tmp_path / "clip", ["a"]))
    backend = BACKENDS.get("clip")
    sizes = {"pooled": 32, "cls": 2 * 32, "stem": 5 * 32}
    for tokens, size in sizes.items():
        options = {"model": model, "tokens": tokens, "layers": 2, "device": "cpu"}
        assert backend.size(backend.options(options)) == size
        together = arrays(requested("clip", options, tmp_path, *videos))
        assert [array.shape for array in together] == [(1, size), (7, size), (AT_ONCE + 3, size)]
        alone = [arrays(requested("clip", options, tmp_path, video))[0] for video in videos]
        for one, other in zip(together, alone, strict=True):
            np.testing.assert_array_equal(one, other)
        _compare_with_tower(model, tokens, videos[2], together[2])


def no_draw() -> Any:
    raise AssertionError("an evaluation draws lots")


def _compare_with_tower(model: str, tokens: str, path: Path, found: NDArray[Any]) -> None:
    """What the trainer's own view, normalisation and tower make of the same frames."""
    import torch

    from sign_etl.models.clip_loading import picture_tower
    from sign_etl.stream.base import SampleFacts
    from sign_etl.stream.clip_view import ClipView
    from sign_etl.stream.pictures import NORMS
    from sign_etl.stream.samplers import sampler
    from sign_etl.tasks.model_input import normalised

    view = ClipView(sampler({"name": "stride"}), 32, normalise="clip", use="select")
    facts = SampleFacts(id=0, key="a", source=0, fps=25.0, frames=len(found), width=96, height=64)
    pictures = view.read(path.read_bytes(), facts, no_draw)
    tower = picture_tower(model, None, 2)
    values = normalised(torch.from_numpy(pictures), *NORMS["clip"])
    stem = tower.stem(values)
    wanted = {
        "stem": lambda: stem.flatten(1),
        "cls": lambda: torch.cat([b.tokens[:, 0] for b in tower.last_blocks(stem)], 1),
        "pooled": lambda: tower.frozen(pixel_values=values).pooler_output,
    }[tokens]()
    np.testing.assert_allclose(found, wanted.detach().numpy(), rtol=2e-3, atol=2e-3)


def test_scores_from_features_are_those_from_frames(tmp_path: Path) -> None:
    """SignVLM on what the stage wrote, and on the pictures themselves, at a size that is cut."""
    pytest.importorskip("transformers")
    import torch
    from tiny_clip import write_tiny_clip

    from sign_etl.models.base import Features, Frames, Inputs
    from sign_etl.models.signvlm import MODEL
    from sign_etl.stream.base import SampleFacts
    from sign_etl.stream.clip_view import ClipView
    from sign_etl.stream.feat_view import FeatView
    from sign_etl.stream.pictures import NORMS
    from sign_etl.stream.samplers import sampler
    from sign_etl.tasks.model_input import normalised

    clip = str(write_tiny_clip(tmp_path / "clip", ["a"]))
    film = write_video(tmp_path / "film.mp4", VideoSpec(count=9, width=94, height=62))
    with Video(film.read_bytes()) as video:
        facts = SampleFacts(
            id=0, key="a", source=0, fps=25.0, frames=video.frames,
            width=video.width, height=video.height,
        )  # fmt: skip
    options = {"model": clip, "tokens": "stem", "layers": 2, "dtype": "float32", "device": "cpu"}
    arrays(request := requested("clip", options, tmp_path, film))
    rule = sampler({"name": "uniform", "frames": 4, "stride": 2})
    read = FeatView("stem", rule, use="select").read
    features = read(Path(request["clips"][0]["out"]).read_bytes(), facts, no_draw)
    view = ClipView(rule, 32, normalise="clip", use="select", scaler="pillow")
    pictures = view.read(film.read_bytes(), facts, no_draw)

    def model_of(inputs: Inputs, **chosen: Any) -> torch.nn.Module:
        options = MODEL.options({"clip": clip, "layers": 2, "frames": 4, **chosen})
        return MODEL.build(options, inputs=inputs, outputs=5).eval()

    model = model_of(Frames(4, 32, 32))
    cached = model_of(Features(features.shape[1]), input="stem")
    mask = torch.ones(1, 4, dtype=torch.bool)
    with torch.no_grad():
        for block in model.blocks:
            for parameter in (block.position, block.neighbours.before, block.neighbours.after):
                parameter.normal_()
        cached.load_state_dict(model.state_dict())
        seen = model(normalised(torch.from_numpy(pictures), *NORMS["clip"])[None], mask)
        kept = cached(torch.from_numpy(features)[None], mask)
    np.testing.assert_allclose(kept, seen, atol=1e-4)


def test_a_network_of_timm(videos: list[Path], tmp_path: Path) -> None:
    pytest.importorskip("timm")
    from sign_etl.models.vision import guard_torchvision

    guard_torchvision()
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    net = timm.create_model("resnet10t", num_classes=3)
    save_file(net.state_dict(), tmp_path / "model.safetensors")
    told = {"input_size": [3, 32, 32], "mean": [0.5] * 3, "std": [0.25] * 3, "classifier": "fc"}
    config = {"architecture": "resnet10t", "num_classes": 3, "pretrained_cfg": told}
    (tmp_path / "config.json").write_text(json.dumps(config))
    options = {"model": str(tmp_path), "resize": "stretch", "device": "cpu", "stride": 3}
    [found] = arrays(requested("timm", options, tmp_path, videos[1]))
    assert (found.shape, found.dtype) == ((3, 512), np.float16)
    with Video(videos[1].read_bytes()) as video:
        taken = video.take([0, 3, 6])
    frame = Frame((32, 32), "stretch", 32)
    pictures = np.stack([frame.picture(taken[n], (0.0, 0.0, 96.0, 64.0)) for n in (0, 3, 6)])
    values = (torch.from_numpy(pictures).movedim(-1, 1) / 255 - 0.5) / 0.25
    with torch.no_grad():
        pooled = net.eval().forward_head(net.forward_features(values), pre_logits=True)
    np.testing.assert_allclose(found, pooled.numpy(), rtol=2e-3, atol=2e-3)
    (tmp_path / "config.json").write_text(json.dumps(config | {"architecture": "no_such_net"}))
    with pytest.raises(AccessError, match="timm cannot load"):
        BACKENDS.get("timm").open(BACKENDS.get("timm").options(options))
