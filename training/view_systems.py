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
FILM_FRAMES = 8
"""Of a clip that a model of pictures sees, one of each of as many equal segments."""
CLIP: dict[str, Any] = {
    "data.view.sampler": {"name": "tsn", "frames": FILM_FRAMES},
    "data.view.size": 64,
    "data.view.resize": "stretch",
    "data.augment": [{"name": "random-resized-crop", "scale": [0.75, 1], "ratio": [1.5, 2.1]}],
    "optimizer.weight_decay": 0.05,
    "optimizer.warmup": 0.1,
}
"""Stretched, as the boxes of the augmentation are: all of a wide picture in a square one."""
GRAPH = 16
"""Channels of Uni-Sign's graph networks."""
WRITTEN: dict[str, Any] = {
    "task.prompt": "sign: ",
    "task.max_new_tokens": 16,
    "task.beams": 1,
    "task.label_smoothing": 0.0,
}
"""What is written is a short name; there is no other text to be ready for."""


class System(NamedTuple):
    """What is trained.

    Attributes:
        name: in the table, and of its runs.
        recipe: of `sign-etl train`.
        takes: `keypoints`, `films` or `both`; copies have one of them.
        epochs: over one clip of each sign.
        settings: over the recipe.
        before: what is trained first on the same clips, to begin from; its run is shared.
        top1: name of the accuracy in the metrics.
    """

    name: str
    recipe: str
    takes: str
    epochs: int
    settings: Mapping[str, Any]
    before: System | None = None
    top1: str = "top1"


def poses(*, yaw: bool, normalise: str = "spoter-normalise") -> dict[str, Any]:
    """Settings of the view `pose`: evenly spaced frames, turned or not, bent, normalised."""
    joints = JOINTS if normalise == "spoter-normalise" else []
    return {
        "data.view": {"name": "pose", "transforms": [*SPACED, *joints, {"name": normalise}]},
        "data.augment": [*SPACED, *(YAW if yaw else []), *joints, *BENT],
        "batch.frames": 0,
    }


def systems(language_model: str = "random") -> list[System]:
    """All systems; those that write text do it with this language model, see `UniSignOptions`."""
    found = []
    for yaw in (False, True):
        found += [*of_joints(yaw=yaw), unisign(language_model, yaw=yaw)]
    return [*found, with_pictures(language_model), *of_films()]


def of_joints(*, yaw: bool) -> list[System]:
    """SPOTER, the same pre-trained, and the same as an embedding."""
    mark, seen = " + yaw" if yaw else "", poses(yaw=yaw)
    learned = {**seen, **PLAIN, "task.label_smoothing": 0.0, "init": {}}
    spoter = System(f"spoter{mark}", "spoter/wlasl100", "keypoints", 60, {**learned, **SMALL})
    drawn = System(
        f"mae_pose{mark}",
        *("mae_pose/svk_clips", "keypoints", 60),
        {**seen, "model.layers": 2, "model.feedforward": 256},
    )
    fine = {**SMALL, **PLAIN, **seen, "task.label_smoothing": 0.0}
    margin = {
        **{key: value for key, value in learned.items() if key != "task.label_smoothing"},
        **SMALL,
        "task.margin": 0.5,
        "batch.classes": 0,
        "batch.repeat": 2,
        "model.width": 108,
        "data.left_out": [],
        "data.noise": 0.0,
        "ema": 0.0,
    }
    return [
        spoter,
        System(
            f"mae_pose, spoter{mark}",
            *("mae_pose/svk_clips_finetune", "keypoints", 60),
            fine,
            before=drawn,
        ),
        System(
            f"spoter_embeddings{mark}",
            *("spoter_embeddings/fosshack", "keypoints", 60),
            margin,
            top1="knn1",
        ),
    ]


def unisign(language_model: str, *, yaw: bool) -> System:
    """Uni-Sign's way from poses to a name, in small."""
    settings = {
        **poses(yaw=yaw, normalise="unisign-normalise"),
        **WRITTEN,
        "data.augment": [*SPACED, *(YAW if yaw else [])],
        "model.language_model": language_model,
        "model.graph_width": GRAPH,
        "optimizer.lr": 2e-3,
        "optimizer.warmup": 0.1,
        "precision": "fp32",
        "data.workers": 0,
        "batch.samples": 8,
        "batch.micro_batches": 1,
        "checkpoint": {},
    }
    name = "unisign + yaw" if yaw else "unisign"
    return System(name, "unisign/isolated", "keypoints", 480 if yaw else 240, settings)


def with_pictures(language_model: str) -> System:
    """The run of `unisign`, and then pictures of the hands too."""
    settings = {
        **WRITTEN,
        "model.language_model": language_model,
        "model.graph_width": GRAPH,
        "data.view.pose": {
            "layout": "unisign-69",
            "transforms": [{"name": "unisign-normalise"}],
        },
        "data.view.sampler": {"name": "linspace", "frames": FRAMES},
        "optimizer.lr": 5e-4,
        "batch.samples": 8,
        "checkpoint": {},
    }
    before = unisign(language_model, yaw=False)
    return System(
        "unisign, pictures", "unisign/svk_clips_small_rgb", "both", 24, settings, before=before
    )


def of_films() -> list[System]:
    """The systems that see nothing but pictures."""
    drawn = {**CLIP, "batch.samples": 8, "optimizer.lr": 2e-3}
    hard = {"task.label_smoothing": 0.0, "batch.repeat": 1, "batch.micro_batches": 1}
    return [
        System(
            "slovo mvitv2-tiny",
            *("slovo/svk_clips_small", "films", 180),
            {
                **CLIP,
                **hard,
                "batch.samples": 8,
                "optimizer.lr": 1.5e-3,
                "model.dropout": 0.0,
                "model.drop_path": 0.0,
            },
        ),
        System(
            "signvlm, random tower",
            *("signvlm/svk_clips_small", "films", 140),
            {
                **CLIP,
                **hard,
                "batch.samples": 8,
                "optimizer.lr": 3e-3,
                "model.dropout": 0.0,
                "model.mlp_dropout": 0.0,
            },
        ),
        System(
            "slt_mae",
            *("slt_mae/svk_clips_small_finetune", "films", 400),
            {
                **CLIP,
                **hard,
                "batch.samples": 8,
                "optimizer.lr": 3e-3,
                "optimizer.layer_decay": 1.0,
                "model.drop_path": 0.0,
                "data.view.views": 1,
                "data.view.crops": 1,
                "task.mixup": 0,
                "task.cutmix": 0,
            },
            before=System("slt_mae, drawing", "slt_mae/svk_clips_small", "films", 30, drawn),
        ),
    ]
