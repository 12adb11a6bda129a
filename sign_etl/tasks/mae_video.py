"""Masked video modelling: hide most tubes of a clip and draw their pixels from the few others.

Tong et al., "VideoMAE" (NeurIPS 2022): the same places are hidden at all times, so that nothing can
be copied from a neighbouring frame. No labels are needed, so builds of any kind may be mixed. The
error is the mean square over hidden tubes, whose pixels are normalised tube by tube and channel by
channel. Masks are keyed by seed, epoch and clip, so they depend on no rank and no worker.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from torch import Tensor, nn

from sign_etl.core.errors import ConfigError
from sign_etl.models.base import Frames, ModelPlugin, expect
from sign_etl.models.clips import of_length
from sign_etl.models.video_mae import CHANNELS, VideoMaeOptions
from sign_etl.schema.pipeline import Settings
from sign_etl.stream.base import Batch, Filled, SampleRng
from sign_etl.tasks.base import DataFacts, Exportable, Losses, ModelTask, Rows, Task

FIXED_VISIT = 0
"""Evaluations always hide the same."""
TINY = 1e-6
"""Added to the deviation of a tube, which may be of one colour."""


class MaeVideoOptions(Settings):
    """Options of the task `mae-video`."""

    hidden: float = Field(default=0.9, gt=0, lt=1)
    """Share of the tubes that the encoder does not see."""


class MaeVideo(ModelTask):
    """The task, see `Task`."""

    metric, mode = "error", "min"
    options: MaeVideoOptions = MaeVideoOptions()

    @property
    def needs(self) -> Filled:
        """See `Task`."""
        return ""

    @property
    def net(self) -> VideoMaeOptions:
        """Sizes of the model."""
        return VideoMaeOptions.model_validate(self.model_options)

    def step(self, model: nn.Module, batch: Batch) -> Losses:
        """Mean square error of each clip, summed."""
        each = self._errors(model, batch, batch.epoch)
        return Losses((each * batch.weight).sum(), float(batch.weight.sum()))

    def predict(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Mean square error of each clip."""
        return {"error": self._errors(model, batch, FIXED_VISIT)}

    def metrics(self, rows: Rows, gallery: Rows | None = None) -> dict[str, float]:
        """`error`: mean square over hidden tubes; a grey picture would have nearly 1."""
        return {"error": float(rows["error"].mean())}

    def export(self, model: nn.Module) -> Exportable:
        """Refused: nobody has a use for drawings of what was hidden from the model.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(
            "a model of the task `mae-video` draws what is hidden from it, and names nothing",
            hint="fine-tune from it (`init.run`), and export that run",
        )

    def _errors(self, model: nn.Module, batch: Batch, visit: int) -> Tensor:
        net = self.net
        frames, mask = self.inputs(batch)
        # An evaluation with several clips a video draws the first one.
        frames, mask = frames[:, : net.frames], mask[:, : net.frames]
        hidden = self._hidden(batch, visit).to(frames.device)
        given = expect(self.facts.inputs, Frames, self.model.name)
        pixels = of_length(frames.float(), mask, net.frames)
        mean, std = (pixels.new_tensor(each)[:, None, None] for each in (given.mean, given.std))
        wanted = tubes(pixels * std + mean, net.tubelet, net.patch)[hidden]
        drawn = model(frames, mask, hidden).float()
        error: Tensor = (drawn - wanted.reshape(drawn.shape)).square().mean((1, 2))
        return error

    def _hidden(self, batch: Batch, visit: int) -> Tensor:
        """(B, N) bool; a clip that stands in the batch twice has two masks."""
        net, seen = self.net, Counter[str]()
        rows = []
        for key in batch.key:
            name = f"mae-video/{seen[key]}" if seen[key] else "mae-video"
            seen[key] += 1
            rng = SampleRng(self.facts.seed, visit, key, name)()
            rows.append(tube_mask(rng, net.slots, net.places, self.options.hidden))
        return torch.from_numpy(np.stack(rows))


def tube_mask(rng: np.random.Generator, slots: int, places: int, share: float) -> NDArray[np.bool_]:
    """Choose the places that are hidden in a clip, the same ones at all times.

    Args:
        rng: of the clip and visit.
        slots: tubes along time.
        places: tubes of a slot.
        share: of the places that are hidden, rounded down.

    Returns:
        (slots * places,), True for hidden; one at least is hidden and one is not.
    """
    count = min(max(int(share * places), 1), places - 1)
    hidden = np.zeros(places, bool)
    hidden[rng.permutation(places)[:count]] = True
    return np.tile(hidden, slots)


def tubes(pixels: Tensor, tubelet: int, patch: int) -> Tensor:
    """What is to be drawn: pixels of every tube, less their mean, by their deviation.

    Args:
        pixels: (B, T, 3, H, W) in [0, 1].
        tubelet: frames of a tube.
        patch: height and width of a tube.

    Returns:
        (B, N, tubelet * patch * patch * 3): frames, then rows, then columns, then colours. Mean and
        deviation (of a sample, N - 1) are those of one colour in one tube.
    """
    batch, frames, _, height, width = pixels.shape
    cut = pixels.reshape(
        *(batch, frames // tubelet, tubelet, CHANNELS),
        *(height // patch, patch, width // patch, patch),
    )
    cut = cut.permute(0, 1, 4, 6, 2, 5, 7, 3).reshape(batch, -1, tubelet * patch**2, CHANNELS)
    flat = (cut - cut.mean(2, keepdim=True)) / (cut.var(2, keepdim=True).sqrt() + TINY)
    return flat.flatten(2)


class MaeVideoPlugin:
    """The plug-in, see `TaskPlugin`."""

    name = "mae-video"
    title = "Masked video modelling, for pre-training without labels"

    def options(self, raw: Mapping[str, Any]) -> MaeVideoOptions:
        """See `TaskPlugin`."""
        return MaeVideoOptions.model_validate(dict(raw))

    def open(
        self, options: BaseModel, model: ModelPlugin, model_options: BaseModel, facts: DataFacts
    ) -> Task:
        """See `TaskPlugin`."""
        if model.name != "video-mae":
            raise ConfigError(
                f"the task `{self.name}` cannot train the model `{model.name}`",
                hint="set `model.name: video-mae`",
            )
        expect(facts.inputs, Frames, model.name)
        task = MaeVideo(model, model_options, facts, outputs=0)
        task.options = MaeVideoOptions.model_validate(options)
        return task


TASK = MaeVideoPlugin()
