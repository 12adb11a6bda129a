"""Uni-Sign's published weights: their names, and that each arrives under ours."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny_mt5 import write_tiny_mt5  # noqa: E402

from sign_etl.core.errors import ConfigError  # noqa: E402
from sign_etl.models.base import Keypoints  # noqa: E402
from sign_etl.models.hand_pictures import HandPictures  # noqa: E402
from sign_etl.models.published import from_published  # noqa: E402
from sign_etl.models.unisign import (  # noqa: E402
    MODEL,
    UniSign,
    language_model,
    published_name,
)

SENTENCES = ["il treno parte alle otto", "domani piove a Roma"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_mt5(tmp_path_factory.mktemp("mt5"), SENTENCES, width=32)


def published(model: UniSign) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes as a published checkpoint has them, written down from its architecture."""
    width = 256
    for part in ("body", "left", "right", "face_all"):
        points = {"body": 9, "left": 21, "right": 21, "face_all": 18}[part]
        yield f"proj_linear.{part}.weight", (64, 3)
        yield f"proj_linear.{part}.bias", (64,)
        chains = (
            ("gcn_modules", [(64, 64), (64, 128), (128, width)], ["0_0", "1_0", "2_0"], 1),
            ("fusion_gcn_modules", [(width, width)] * 3, ["0_0", "0_1", "0_2"], 5),
        )
        for chain, sizes, layers, frames in chains:
            for (inputs, outputs), layer in zip(sizes, layers, strict=True):
                at = f"{chain}.{part}.layer{layer}"
                yield f"{at}.gcn.A", (2, points, points)
                yield f"{at}.gcn.conv.weight", (outputs * 2, inputs, 1, 1)
                yield f"{at}.gcn.conv.bias", (outputs * 2,)
                yield from norm(f"{at}.gcn.bn", outputs)
                if frames > 1:
                    yield f"{at}.tcn.0.weight", (outputs, outputs, frames, 1)
                    yield f"{at}.tcn.0.bias", (outputs,)
                    yield from norm(f"{at}.tcn.1", outputs)
                if inputs != outputs:
                    yield f"{at}.residual.0.weight", (outputs, inputs, 1, 1)
                    yield f"{at}.residual.0.bias", (outputs,)
                    yield from norm(f"{at}.residual.1", outputs)
    yield "part_para", (width * 4,)
    yield "pose_proj.weight", (model.poses.project.out_features, width * 4)
    yield "pose_proj.bias", (model.poses.project.out_features,)
    for name, tensor in model.language.state_dict().items():
        yield f"mt5_model.{name}", tuple(tensor.shape)


def norm(name: str, channels: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    for part in ("weight", "bias", "running_mean", "running_var"):
        yield f"{name}.{part}", (channels,)
    yield f"{name}.num_batches_tracked", ()


def test_published_names_are_complete_in_both_directions(folder: Path) -> None:
    model = UniSign(language_model(MODEL.options({"language_model": str(folder)})))
    ours = dict(model.state_dict().items())
    met: Counter[str] = Counter()
    for theirs, shape in published(model):
        name = published_name(theirs)
        assert name in ours, theirs
        assert [n for n in shape if n != 1] == [n for n in ours[name].shape if n != 1], theirs
        met[name] += 1
    assert met.keys() == ours.keys()
    # Both hands are one network here and two names there.
    assert {count for name, count in met.items() if ".hand." in name} == {2}
    assert {count for name, count in met.items() if ".hand." not in name} == {1}


@pytest.mark.parametrize(
    "theirs", ["gcn_modules.feet.layer0_0.gcn.A", "rgb.conv.weight", "proj_linear.feet.weight"]
)
def test_names_that_have_no_place(theirs: str) -> None:
    assert published_name(theirs) is None


def test_published_weights_arrive(folder: Path) -> None:
    """Every tensor of a checkpoint with the real names is found again under ours."""
    model = UniSign(language_model(MODEL.options({"language_model": str(folder)})))
    ours = model.state_dict()
    torch.manual_seed(1)
    drawn = {name: torch.randn(tensor.shape).to(tensor.dtype) for name, tensor in ours.items()}
    state = {
        theirs: drawn[published_name(theirs)].reshape(shape) for theirs, shape in published(model)
    }
    found = from_published(state, ours)
    assert found.keys() == ours.keys()
    assert all(torch.equal(found[name], drawn[name]) for name in ours)
    model.load_state_dict(found)

    other = dict(state)
    other["proj_linear.right.weight"] = other["proj_linear.right.weight"] + 1
    with pytest.raises(ConfigError, match="twin"):
        from_published(other, ours)
    del state["pose_proj.bias"]
    with pytest.raises(ConfigError, match=r"lack 1 .*pose|lack 1 .*project"):
        from_published(state, ours)


def test_the_stage_with_pictures_goes_on_from_published_poses(folder: Path) -> None:
    """The hands begin anew; of weights that have some hands, all are wanted."""
    options = MODEL.options({"language_model": str(folder)})
    poses = UniSign(language_model(options))
    torch.manual_seed(1)
    state = {name: torch.randn(shape) for name, shape in published(poses)}
    for name in state:
        if ".right." in name:
            state[name] = state[name.replace(".right.", ".left.")]
    ours = UniSign(language_model(options), hands=HandPictures(256)).state_dict()
    found = from_published(state, ours)
    assert found.keys() == ours.keys()
    anew = {name for name in ours if found[name] is ours[name]}
    assert anew == {name for name in ours if name.startswith("hands.")}
    assert anew
    state["rgb_proj.bias"] = torch.zeros(256)
    with pytest.raises(ConfigError, match=r"weights lack \d+ parts, the first is `hands\."):
        from_published(state, ours)


def test_an_output_layer_of_its_own_arrives(tmp_path: Path) -> None:
    """mT5's is not its table of tokens, though transformers ties what it makes from scratch."""
    folder = write_tiny_mt5(tmp_path, SENTENCES, width=32)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": False}))
    options = {"language_model": str(folder), "random_language_model": True, "graph_width": 256}
    model = MODEL.build(MODEL.options(options), inputs=Keypoints(69, 2), outputs=0)
    assert isinstance(model, UniSign)
    torch.manual_seed(1)
    ours = model.state_dict()
    drawn = {name: torch.randn(tensor.shape).to(tensor.dtype) for name, tensor in ours.items()}
    drawn["language.encoder.embed_tokens.weight"] = drawn["language.shared.weight"]
    drawn["language.decoder.embed_tokens.weight"] = drawn["language.shared.weight"]
    state = {
        theirs: drawn[published_name(theirs)].reshape(shape) for theirs, shape in published(model)
    }
    model.load_state_dict(from_published(state, ours))
    arrived = model.state_dict()
    for name in ("language.shared.weight", "language.lm_head.weight"):
        assert torch.equal(arrived[name], drawn[name]), name
