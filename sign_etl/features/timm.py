"""Backend `timm`: any picture network of timm, frozen, without its classifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from sign_etl.core.errors import AccessError
from sign_etl.features.base import Extractor, FeatureBackend, FeatureOptions, check_steps
from sign_etl.features.folders import HINT, absolute, model_files
from sign_etl.pose.base import WeightsFile


class TimmOptions(FeatureOptions):
    """Options of the backend `timm`."""

    model: str
    """Folder of a network as timm's hub has them: config.json and model.safetensors. Size, mean and
    deviation of its pictures are those of the configuration; pictures are square."""


class _Timm:
    """See `Extractor`."""

    def __init__(self, options: TimmOptions) -> None:
        from sign_etl.models.vision import guard_torchvision

        guard_torchvision()
        import timm
        import torch

        cuda = options.device == "cuda" or (options.device == "auto" and torch.cuda.is_available())
        if cuda and not torch.cuda.is_available():
            raise AccessError("no GPU is in reach of `timm`", hint="set its `device: cpu`")
        self.provider = "cuda" if cuda else "cpu"
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.benchmark = False
        try:
            net: Any = timm.create_model(
                f"local-dir:{options.model}", pretrained=True, num_classes=0
            )
            told = net.pretrained_cfg
            self.side = int(told["input_size"][-1])
            self._mean = torch.tensor(told["mean"], device=self.provider)[:, None, None]
            self._std = torch.tensor(told["std"], device=self.provider)[:, None, None]
        except (RuntimeError, OSError, ValueError, KeyError, TypeError) as error:
            raise AccessError("timm cannot load the network", hint=HINT) from error
        self._net = net.eval().requires_grad_(False).to(self.provider)
        self.size = int(self(np.zeros((1, self.side, self.side, 3), np.uint8)).shape[1])

    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `Extractor`."""
        import torch

        values = torch.from_numpy(pictures).to(self.provider).movedim(-1, 1).float()
        with torch.inference_mode():
            found = self._net((values - 255 * self._mean) / (255 * self._std))
        array: NDArray[np.float32] = found.flatten(1).float().cpu().numpy()
        return array


class TimmBackend:
    """The backend, see `sign_etl.features.base.FeatureBackend`."""

    name = "timm"
    version = "1"
    title = "A picture network of timm, frozen, without its classifier"
    extra: str | None = "train"
    modules: tuple[str, ...] = ("torch", "timm")

    def options(self, raw: Mapping[str, Any]) -> TimmOptions:
        """See `FeatureBackend`."""
        chosen = TimmOptions.model_validate(raw)
        check_steps(chosen)
        return chosen.model_copy(update={"model": absolute(chosen.model)})

    def weights(self, options: BaseModel) -> tuple[WeightsFile, ...]:
        """See `FeatureBackend`."""
        return model_files(TimmOptions.model_validate(options).model)

    def size(self, options: BaseModel) -> int:
        """See `FeatureBackend`."""
        return 0

    def open(self, options: BaseModel) -> Extractor:
        """See `FeatureBackend`."""
        return _Timm(TimmOptions.model_validate(options))


BACKEND: FeatureBackend = TimmBackend()
