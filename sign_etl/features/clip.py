"""Backend `clip`: CLIP's picture tower, frozen; what it gives the model `signvlm` reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from sign_etl.core.errors import AccessError
from sign_etl.features.base import Extractor, FeatureBackend, FeatureOptions, check_steps
from sign_etl.features.folders import HINT, absolute, configuration, model_files
from sign_etl.pose.base import WeightsFile
from sign_etl.stream.pictures import NORMS

Tokens = Literal["pooled", "cls", "stem"]
DEFAULTS: Final = {"hidden_size": 768, "image_size": 224, "patch_size": 32}
"""What transformers' `CLIPVisionConfig` says where a configuration is silent."""


class ClipOptions(FeatureOptions):
    """Options of the backend `clip`."""

    model: str
    """Folder of a CLIP in the Hugging Face format, with safetensors."""
    tokens: Tokens = "pooled"
    """`pooled`: the class token after the last norm, (T, C). `cls`: the class tokens of the last
    `layers` blocks, oldest first, (T, layers x C); `signvlm` reads them with `input: cls`. `stem`:
    all tokens that enter the last `layers` blocks, (T, L x C); `input: stem`."""
    layers: int = Field(default=4, ge=1)
    """Blocks at the tower's end that `cls` and `stem` speak of."""


class _Clip:
    """See `Extractor`."""

    def __init__(self, options: ClipOptions) -> None:
        from sign_etl.models.vision import guard_torchvision

        guard_torchvision()
        import torch

        from sign_etl.models.clip_loading import picture_tower

        cuda = options.device == "cuda" or (options.device == "auto" and torch.cuda.is_available())
        if cuda and not torch.cuda.is_available():
            raise AccessError("no GPU is in reach of `clip`", hint="set its `device: cpu`")
        self.provider = "cuda" if cuda else "cpu"
        # 10 bits of a factor instead of 23 would be seen in float16.
        torch.backends.cudnn.allow_tf32 = False
        last = 1 if options.tokens == "pooled" else options.layers
        self._tower = picture_tower(options.model, None, last).to(self.provider)
        self._tokens = options.tokens
        self.side = self._tower.shape.size
        self.size = _size(self._tower.shape.width, self._tower.shape.grid, options)

    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `Extractor`."""
        import torch

        mean, std = (torch.tensor(three, device=self.provider) for three in NORMS["clip"])
        values = torch.from_numpy(pictures).to(self.provider).movedim(-1, 1).float()
        values = (values - 255 * mean[:, None, None]) / (255 * std[:, None, None])
        with torch.inference_mode():
            stem = self._tower.stem(values)
            if self._tokens == "stem":
                found = stem.flatten(1)
            else:
                classes = [block.tokens[:, 0] for block in self._tower.last_blocks(stem)]
                if self._tokens == "pooled":
                    found = self._tower.frozen.post_layernorm(classes[-1])
                else:
                    found = torch.cat(classes, dim=1)
        array: NDArray[np.float32] = found.float().cpu().numpy()
        return array


class ClipBackend:
    """The backend, see `sign_etl.features.base.FeatureBackend`."""

    name = "clip"
    version = "1"
    title = "CLIP's picture tower, frozen (transformers)"
    extra: str | None = "train"
    modules: tuple[str, ...] = ("torch", "transformers")

    def options(self, raw: Mapping[str, Any]) -> ClipOptions:
        """See `FeatureBackend`."""
        chosen = ClipOptions.model_validate(raw)
        check_steps(chosen)
        # Workers may have another working folder.
        return chosen.model_copy(update={"model": absolute(chosen.model)})

    def weights(self, options: BaseModel) -> tuple[WeightsFile, ...]:
        """See `FeatureBackend`."""
        return model_files(ClipOptions.model_validate(options).model)

    def size(self, options: BaseModel) -> int:
        """See `FeatureBackend`."""
        chosen = ClipOptions.model_validate(options)
        whole = configuration(chosen.model)
        vision = whole.get("vision_config", whole)
        try:
            width, side, patch = (int(vision.get(name, DEFAULTS[name])) for name in DEFAULTS)
            return _size(width, side // patch, chosen)
        except (AttributeError, TypeError, ValueError, ZeroDivisionError):
            raise AccessError("the configuration is no CLIP's", hint=HINT) from None

    def open(self, options: BaseModel) -> Extractor:
        """See `FeatureBackend`."""
        return _Clip(ClipOptions.model_validate(options))


def _size(width: int, grid: int, options: ClipOptions) -> int:
    if options.tokens == "stem":
        return (grid * grid + 1) * width
    return width * (options.layers if options.tokens == "cls" else 1)


BACKEND: FeatureBackend = ClipBackend()
