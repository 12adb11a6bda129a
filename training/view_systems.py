"""The systems of `front_to_side.py`: recipes of `sign-etl train`, in small, and their settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Steps = list[dict[str, Any]]
"""Transforms with their options, as a recipe lists them."""

FRAMES = 24
"""Of a clip that a model of poses sees, evenly spaced."""
SPACED: Steps = [{"name": "temporal", "method": "linspace", "frames": FRAMES}]
YAW: Steps = [{"name": "rotate-yaw", "degrees": 45}]
JOINTS: Steps = [{"name": "layout", "to": "spoter-54"}]
BENT: Steps = [{"name": "spoter-augment", "probability": 0.75}, {"name": "time-warp"}]
SMALL = {"model.encoder_layers": 2, "model.decoder_layers": 2, "model.feedforward": 256}
PLAIN = {"model.dropout": 0.0, "optimizer.lr": 7e-4, "optimizer.warmup": 0.1, "batch.samples": 16}
CLIP = {
    "data.view.sampler": {"name": "uniform", "frames": 8, "stride": 4},
    "data.view.size": 64,
    "data.augment": [{"name": "random-resized-crop", "scale": [0.6, 1]}],
}
"""The sampler `uniform` spreads over the whole clip."""


class System(NamedTuple):
    """What is trained.

    Attributes:
        name: in the table.
        recipe: of `sign-etl train`.
        takes: `keypoints`, `films` or `both`; copies have one of them.
        epochs: over one clip of each sign.
        settings: over the recipe.
        before: a recipe for pre-training on the same clips, and its settings.
        before_epochs: of it.
        top1: name of the accuracy in the metrics.
    """

    name: str
    recipe: str
    takes: str
    epochs: int
    settings: Mapping[str, Any]
    before: tuple[str, Mapping[str, Any]] | None = None
    before_epochs: int = 0
    top1: str = "top1"


def poses(*, yaw: bool, normalise: str = "spoter-normalise") -> dict[str, Any]:
    """Settings of the view `pose`: evenly spaced frames, turned or not, bent, normalised."""
    joints = JOINTS if normalise == "spoter-normalise" else []
    return {
        "data.view": {"name": "pose", "transforms": [*SPACED, *joints, {"name": normalise}]},
        "data.augment": [*SPACED, *(YAW if yaw else []), *joints, *BENT],
        "batch.frames": 0,
    }


def systems(language_model: str | None = None) -> list[System]:
    """All systems; those that write text need the folder of a language model."""
    found = []
    for yaw in (False, True):
        mark, seen = " + yaw" if yaw else "", poses(yaw=yaw)
        learned = {**seen, **PLAIN, "task.label_smoothing": 0.0, "init": {}}
        spoter = System(f"spoter{mark}", "spoter/wlasl100", "keypoints", 60, {**learned, **SMALL})
        fine = {**SMALL, **PLAIN, **seen, "task.label_smoothing": 0.0}
        drawn = {**seen, "model.layers": 2, "model.feedforward": 256}
        margin = {**learned, "task.margin": 0.5, "batch.classes": 0, "batch.repeat": 2}
        found += [
            spoter,
            System(
                f"mae_pose, spoter{mark}",
                "mae_pose/svk_clips_finetune",
                *("keypoints", 60, fine),
                before=("mae_pose/svk_clips", drawn),
                before_epochs=60,
            ),
            spoter._replace(
                name=f"spoter_embeddings{mark}",
                recipe="spoter_embeddings/fosshack",
                settings={k: v for k, v in margin.items() if k != "task.label_smoothing"}
                | {**SMALL, "model.width": 108, "data.left_out": [], "data.noise": 0.0, "ema": 0.0},
                top1="knn1",
            ),
        ]
        if language_model:
            text = {
                **poses(yaw=yaw, normalise="unisign-normalise"),
                "model.language_model": language_model,
                "model.graph_width": 32,
                "optimizer.lr": 3e-3,
                "optimizer.warmup": 0.1,
                "precision": "fp32",
                "data.workers": 0,
                "batch.samples": 16,
                "batch.micro_batches": 1,
                "task.max_new_tokens": 16,
                "task.beams": 1,
                "checkpoint": {},
            }
            found.append(System(f"unisign{mark}", "unisign/isolated", "keypoints", 60, text))
    if language_model:
        pictures = {"model.language_model": language_model, "batch.samples": 8, "checkpoint": {}}
        small = ("unisign/svk_clips_small", {"model.language_model": language_model})
        rgb = "unisign/svk_clips_small_rgb"
        found.append(System("unisign, pictures", rgb, "both", 10, pictures, small, 60))
    tubes = {**CLIP, "batch.samples": 16}
    found += [
        System("slovo mvitv2-tiny", "slovo/svk_clips_small", "films", 40, CLIP),
        System("signvlm, random tower", "signvlm/svk_clips_small", "films", 40, CLIP),
        System(
            "slt_mae",
            *("slt_mae/svk_clips_small_finetune", "films", 40),
            {**CLIP, "data.view.views": 1, "data.view.crops": 1, "task.mixup": 0, "task.cutmix": 0},
            before=("slt_mae/svk_clips_small", tubes),
            before_epochs=30,
        ),
    ]
    return found
