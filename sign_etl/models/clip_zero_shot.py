"""CLIP without any training: the class whose name its text tower puts nearest to the frames.

Nothing is learned, so the recipe has `epochs: 0`; its run is evaluated like every other one.
Radford et al., ICML 2021 (arXiv 2103.00020); the frames of a clip by the mean of their vectors.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from pydantic import BaseModel, Field, field_validator
from torch import Tensor, nn

from sign_etl.core.errors import ConfigError, UsageError
from sign_etl.models.base import Frames, Inputs, ModelPlugin, expect
from sign_etl.models.clip_loading import text_vectors, whole_clip
from sign_etl.models.clip_tower import Frozen, some_at_once
from sign_etl.schema.pipeline import Settings

_WORDS: Final = "`model.words` names a CSV file with the columns label and word, a line a class"


class ZeroShotOptions(Settings):
    """Options of the model `clip-zero-shot`."""

    clip: str = "openai/clip-vit-large-patch14"
    """Folder or hub name of a CLIP with its tokenizer."""
    prompts: tuple[str, ...] = Field(
        default=(
            "a photo of a person signing the word {label}",
            "a video of the sign for {label} in sign language",
        ),
        min_length=1,
    )
    """What the text tower reads for each class; the mean of several counts."""
    words: str | None = None
    """A CSV table with the columns `label` and `word`: what a class is called in the prompts, where
    its label is a number or of another language. Default the labels."""

    @field_validator("prompts")
    @classmethod
    def _with_a_place(cls, prompts: tuple[str, ...]) -> tuple[str, ...]:
        for prompt in prompts:
            if "{label}" not in prompt:
                raise ValueError(f"`{prompt}` has no place for the class: write {{label}}")
        return prompts


class ClipZeroShot(nn.Module):
    """The network.

    Args:
        options: see `ZeroShotOptions`.
        clip: both towers.
        classes: C.
    """

    class_vectors: Tensor

    def __init__(self, options: ZeroShotOptions, clip: Any, classes: int) -> None:
        super().__init__()
        self.options = options
        self.scale = nn.Parameter(clip.logit_scale.detach().clone())
        self.clip = Frozen(clip)
        size = int(clip.config.projection_dim)
        self.register_buffer("class_vectors", torch.zeros(classes, size))

    def name_classes(self, labels: Sequence[str]) -> None:
        """Tell the classes' names: what the text tower makes of them is what a clip is compared to.

        Args:
            labels: C names.

        Raises:
            ConfigError: `words` lack a class, or two classes are one to the tokenizer.
            UsageError: there is no such table.
        """
        if self.class_vectors.device.type == "meta":
            return
        name, each = self.options.clip, []
        words = labels if self.options.words is None else read_words(self.options.words, labels)
        for prompt in self.options.prompts:
            texts = [prompt.replace("{label}", word) for word in words]
            each.append(text_vectors(self.clip.frozen, name, texts))
        self.class_vectors = nn.functional.normalize(torch.stack(each).mean(0), dim=-1)

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        """Scores (B, C) of frames (B, T, 3, S, S), normalised as CLIP's, with a mask (B, T)."""
        clip = self.clip.frozen
        with torch.no_grad():
            parts = [
                clip.visual_projection(clip.vision_model(pixel_values=part).pooler_output)
                for part in some_at_once(frames.flatten(0, 1))
            ]
        each = nn.functional.normalize(torch.cat(parts), dim=-1).reshape(*mask.shape, -1)
        seen = nn.functional.normalize((each * mask[..., None]).sum(1), dim=-1)
        return self.scale.exp() * seen @ self.class_vectors.T


def read_words(path: str, labels: Sequence[str]) -> list[str]:
    """What classes are called, in their order.

    Args:
        path: of a table with the columns `label` and `word`.
        labels: C names.

    Raises:
        UsageError: there is no such table.
        ConfigError: it has other columns, or lacks the word of a class.
    """
    file = Path(path).expanduser()
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            rows = list(csv.DictReader(opened))
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{file}: no table in UTF-8", hint=_WORDS) from None
    known = {row.get("label"): (row.get("word") or "").strip() for row in rows}
    lacking = [label for label in labels if not known.get(label)]
    if lacking:
        raise ConfigError(
            f"{file.name} has no word for {len(lacking)} of {len(labels)} classes, "
            f"for one `{lacking[0]}`",
            hint=_WORDS,
        )
    return [known[label] for label in labels]


class ZeroShotModel:
    """The plug-in, see `ModelPlugin`."""

    name = "clip-zero-shot"
    title = "CLIP's text tower names the classes; nothing is learned"
    takes: tuple[str, ...] = ("clip",)

    def options(self, raw: Mapping[str, Any]) -> ZeroShotOptions:
        """See `ModelPlugin`."""
        return ZeroShotOptions.model_validate(dict(raw))

    def build(self, options: BaseModel, *, inputs: Inputs, outputs: int) -> nn.Module:
        """See `ModelPlugin`."""
        chosen = ZeroShotOptions.model_validate(options)
        given, clip = expect(inputs, Frames, self.name), whole_clip(chosen.clip)
        size = int(clip.config.vision_config.image_size)
        if (given.height, given.width) != (size, size):
            raise ConfigError(
                f"this CLIP reads pictures of {size} x {size}, "
                f"the view gives {given.height} x {given.width}",
                hint=f"set `data.view.size: {size}`",
            )
        return ClipZeroShot(chosen, clip, outputs)

    def depth(self, parameter: str, options: BaseModel) -> int:
        """See `ModelPlugin`."""
        return 0


MODEL: ModelPlugin = ZeroShotModel()
