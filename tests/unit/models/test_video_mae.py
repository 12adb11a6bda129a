"""VideoMAE: sizes at full scale, hidden tubes, padding, and the names of published weights."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from sign_etl.core.errors import ConfigError  # noqa: E402
from sign_etl.models.base import MODELS, Frames  # noqa: E402
from sign_etl.models.published import from_published  # noqa: E402
from sign_etl.models.video_mae import (  # noqa: E402
    VideoEncoder,
    VideoMae,
    VideoMaeClassifier,
    VideoMaeOptions,
)
from sign_etl.models.video_mae_names import to_video_mae  # noqa: E402

TINY = {
    "size": "tiny",
    "frames": 4,
    "picture": 32,
    "decoder_width": 24,
    "decoder_layers": 2,
    "decoder_heads": 3,
}
FORMS = ["pre-training", "fine-tuning"]


def net(form: str, outputs: int = 5, **options: Any) -> Any:
    torch.manual_seed(0)
    plugin = MODELS.get("video-mae")
    return plugin.build(
        plugin.options({**TINY, **options}),
        inputs=Frames(4, 32, 32),
        outputs=outputs if form == "fine-tuning" else 0,
    ).eval()


def half_hidden(rows: int = 2) -> Any:
    """Every other place, in both slots of 4 places."""
    return torch.tensor([True, False, True, False] * 2).repeat(rows, 1)


def arguments(form: str, frames: Any, mask: Any) -> tuple[Any, ...]:
    return (frames, mask, half_hidden()) if form == "pre-training" else (frames, mask)


def test_sizes_of_the_published_model() -> None:
    """ViT-L: 303.9 M parameters; 8 x 14 x 14 tokens; a tube has 2 x 16 x 16 x 3 numbers."""
    options = VideoMaeOptions()
    assert (options.slots, options.places, options.tube) == (8, 196, 1536)
    with torch.device("meta"):
        encoder = VideoEncoder(options, norm=False)
        pretrained, tuned = VideoMae(options), VideoMaeClassifier(options, 2000)
        clip = torch.empty(1, 16, 3, 224, 224)
        hidden = torch.empty(1, 1568, dtype=torch.bool)
        assert encoder.patches(clip.transpose(1, 2)).shape == (1, 1024, 8, 14, 14)
    assert hidden.shape[1] == encoder.count == 1568
    count = [sum(p.numel() for p in model.parameters()) for model in (encoder, pretrained, tuned)]
    patches, width = 1536 * 1024 + 1024, 1024
    # Norms, biases of queries and values but not of keys, projection, and the layers inside.
    block = 4 * width + 3 * width**2 + 2 * width + width**2 + width + 8 * width**2 + 5 * width
    assert count[0] == patches + 24 * block == 303_858_688
    assert count[1] == 342_996_992
    assert count[2] == count[0] + 2 * width + width * 2000 + 2000
    assert (len(pretrained.decoder.layers), pretrained.draw.out_features) == (12, 1536)


@pytest.mark.parametrize("form", FORMS)
def test_padding_changes_nothing(form: str) -> None:
    model = net(form)
    frames, mask = torch.rand(2, 4, 3, 32, 32), torch.ones(2, 4, dtype=torch.bool)
    mask[:, 3] = False
    other = frames.clone()
    other[:, 3] = 9.0
    with torch.no_grad():
        found = model(*arguments(form, frames, mask))
        padded = model(*arguments(form, other, mask))
        short = model(*arguments(form, frames[:, :3], mask[:, :3]))
    torch.testing.assert_close(padded, found, rtol=0, atol=0)
    torch.testing.assert_close(short, found, rtol=0, atol=0)


def test_hidden_tubes_are_not_seen() -> None:
    model, hidden = net("pre-training"), half_hidden()
    frames, mask = torch.rand(2, 4, 3, 32, 32), torch.ones(2, 4, dtype=torch.bool)
    other = frames.clone()
    other[..., :16] = torch.rand(2, 4, 3, 32, 16)  # the left places, which are hidden
    with torch.no_grad():
        drawn = model(frames, mask, hidden)
        assert drawn.shape == (2, 4, 2 * 16 * 16 * 3)
        torch.testing.assert_close(model(other, mask, hidden), drawn, rtol=0, atol=0)
        assert (model(other, mask, ~hidden) - drawn).abs().max() > 1e-4


def test_a_head_starts_small_and_blocks_are_skipped_in_training_only() -> None:
    model = net("fine-tuning", drop_path=0.9)
    assert model.head.weight.std() < 1e-4
    frames, mask = torch.rand(2, 4, 3, 32, 32), torch.ones(2, 4, dtype=torch.bool)
    with torch.no_grad():
        torch.testing.assert_close(model(frames, mask), model(frames, mask), rtol=0, atol=0)
        model.train()
        drawn = {tuple(model.features(frames, mask)[0, :2].tolist()) for _ in range(12)}
    assert len(drawn) > 1


def test_eight_clips_are_learned_by_heart() -> None:
    model = net("fine-tuning", outputs=8).train()
    frames, mask = torch.rand(8, 4, 3, 32, 32), torch.ones(8, 4, dtype=torch.bool)
    target = torch.arange(8)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(40):
        loss = torch.nn.functional.cross_entropy(model(frames, mask), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        assert torch.equal(model.eval()(frames, mask).argmax(1), target)


def test_depth_grows_from_the_tubes_to_the_head() -> None:
    """Block N has depth N + 1, so its rate is decay^(25 - N - 1) of the head's with 24 blocks."""
    plugin = MODELS.get("video-mae")
    large = plugin.options({})
    names = ["encoder.patches.weight", "encoder.blocks.layers.0.query.weight"]
    names += ["encoder.blocks.layers.23.outer.bias", "norm.weight", "head.weight"]
    assert [plugin.depth(name, large) for name in names] == [0, 1, 24, 25, 25]


def test_other_pictures_are_refused() -> None:
    plugin = MODELS.get("video-mae")
    with pytest.raises(ConfigError, match="takes 16 frames of 224 x 224"):
        plugin.build(plugin.options({}), inputs=Frames(16, 112, 112), outputs=3)


def block_names(lead: str, layers: int) -> set[str]:
    inside = ["attn.q_bias", "attn.v_bias", "attn.qkv.weight"]
    for part in ("norm1", "norm2", "attn.proj", "mlp.fc1", "mlp.fc2"):
        inside += [f"{part}.weight", f"{part}.bias"]
    return {f"{lead}blocks.{layer}.{name}" for layer in range(layers) for name in inside}


@pytest.mark.parametrize("form", FORMS)
def test_published_names_of_vit_l_are_all_known(form: str) -> None:
    """As the state dicts of VideoMAE's code have them: every name, and no other."""
    both = ("weight", "bias")
    with torch.device("meta"):
        if form == "pre-training":
            model: Any = VideoMae(VideoMaeOptions())
            wanted = block_names("encoder.", 24) | block_names("decoder.", 12)
            wanted |= {f"encoder.patch_embed.proj.{kind}" for kind in both}
            wanted |= {f"{part}.norm.{kind}" for part in ("encoder", "decoder") for kind in both}
            wanted |= {f"decoder.head.{kind}" for kind in both}
            wanted |= {"mask_token", "encoder_to_decoder.weight"}
        else:
            model = VideoMaeClassifier(VideoMaeOptions(), 7)
            wanted = block_names("", 24)
            parts = ("patch_embed.proj", "fc_norm", "head")
            wanted |= {f"{part}.{kind}" for part in parts for kind in both}
        state = model.state_dict()
        told = to_video_mae(state)
        back = from_published(told, state)
    assert set(told) == wanted
    assert {name: each.shape for name, each in back.items()} == {
        name: each.shape for name, each in state.items()
    }


@pytest.mark.parametrize("library", [False, True], ids=["videomae", "transformers"])
@pytest.mark.parametrize("form", FORMS)
def test_published_weights_there_and_back(form: str, library: bool) -> None:
    state = net(form).state_dict()
    told = to_video_mae(state, transformers=library)
    back = from_published({f"module.{n}": each for n, each in told.items()}, state)
    assert set(back) == set(state)
    assert all(torch.equal(back[name], each) for name, each in state.items())


def test_a_classifier_takes_the_encoder_of_a_pre_training_and_keeps_its_head() -> None:
    first, second = net("pre-training"), net("fine-tuning")
    for library in (False, True):
        told = to_video_mae(first.state_dict(), transformers=library)
        taken = from_published(told, second.state_dict())
        assert torch.equal(taken["encoder.patches.weight"], first.encoder.patches.weight)
        assert torch.equal(taken["head.weight"], second.head.weight)
    other = to_video_mae(net("fine-tuning", outputs=9).state_dict())
    assert torch.equal(
        from_published(other, second.state_dict())["head.weight"], second.head.weight
    )


def test_foreign_names_and_sizes_are_refused() -> None:
    model = net("fine-tuning")
    told = to_video_mae(model.state_dict())
    with pytest.raises(ConfigError, match=r"`extra\.weight`"):
        from_published({**told, "extra.weight": torch.zeros(1)}, model.state_dict())
    lacking = {name: each for name, each in told.items() if name != "blocks.1.mlp.fc2.bias"}
    with pytest.raises(ConfigError, match=r"lack `blocks\.1\.mlp\.fc2\.bias`"):
        from_published(lacking, model.state_dict())
    wide = {**told, "blocks.0.norm1.bias": torch.zeros(7)}
    with pytest.raises(ConfigError, match=r"shape \(7,\)"):
        from_published(wide, model.state_dict())


def test_transformers_says_the_same() -> None:
    """Its models take our weights, all of them, and compute the same."""
    transformers = pytest.importorskip("transformers")
    config = transformers.VideoMAEConfig(
        image_size=32,
        num_frames=4,
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=192,
        layer_norm_eps=1e-6,
        decoder_hidden_size=24,
        decoder_num_hidden_layers=2,
        decoder_num_attention_heads=3,
        decoder_intermediate_size=96,
        num_labels=5,
    )
    frames, mask, hidden = torch.rand(2, 4, 3, 32, 32), torch.ones(2, 4).bool(), half_hidden()
    tuned = net("fine-tuning")
    theirs = transformers.VideoMAEForVideoClassification(config).eval()
    theirs.load_state_dict(to_video_mae(tuned.state_dict(), transformers=True))
    with torch.no_grad():
        torch.testing.assert_close(tuned(frames, mask), theirs(frames).logits)
    config.use_mean_pooling = False
    pretrained = net("pre-training")
    drawing = transformers.VideoMAEForPreTraining(config).eval()
    drawing.load_state_dict(to_video_mae(pretrained.state_dict(), transformers=True))
    with torch.no_grad():
        found = pretrained(frames, mask, hidden)
        torch.testing.assert_close(found, drawing(frames, hidden).logits, atol=1e-4, rtol=1e-3)
