"""Backend `rtmpose`: YOLOX and an RTMPose-like whole-body net, layout coco-wholebody-133.

Coordinates: x / W and y / H, which may leave [0, 1]. Score: as the net gives it and rtmlib reports
it, the mean of the two maxima of a SimCC head; it is no probability and may exceed 1. Where nobody
is found, and where a point's score is not above 0, there is NaN with score 0.

With the same files, `det_interval: 1`, one person and the reference's channel order (see
`channel_order`) this is what rtmlib 0.0.16 gives; the tests hold it to that. Deliberate
differences: nobody is nobody (there, the whole picture is taken for a person); only persons count
(there, any class of the detector); one signer and not everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, Field, model_validator

from sign_etl.core.errors import ConfigError
from sign_etl.pose import zoo, zoo_weights
from sign_etl.pose.base import Estimator, PoseBackend, WeightsFile
from sign_etl.pose.clock import SILENT, Clock
from sign_etl.pose.onnx import (
    Net,
    Precision,
    ProviderName,
    Runtime,
    builds,
    open_net,
    refuse_impossible,
    resolved,
)
from sign_etl.pose.rtmpose_estimator import RtmPoseEstimator
from sign_etl.pose.signer_options import DEFAULT, SignerOptions
from sign_etl.pose.topdown import PoseNet
from sign_etl.pose.yolox import MIN_SCORE, PersonDetector
from sign_etl.pose.zoo import ChannelOrder, Mode, Model
from sign_etl.schema.layouts import layout
from sign_etl.schema.pipeline import Settings, Share

LAYOUT = "coco-wholebody-133"
CPU_BATCH = 8
GPU_BATCH = 64
Size = tuple[int, int]


class RtmPoseOptions(Settings):
    """Options of the backend `rtmpose`."""

    mode: Mode = "balanced"
    """Pair of detector and whole-body net, as rtmlib names them: `performance` (YOLOX-m, RTMW-l at
    384x288), `balanced` (YOLOX-m, RTMW-l at 256x192), `lightweight` (YOLOX-tiny, RTMW-m)."""
    detector: str | None = None
    """Another detector: a name of the zoo, or the path of an ONNX file."""
    pose: str | None = None
    """Another whole-body net: a name of the zoo, or the path of an ONNX file."""
    det_input_size: Size | None = None
    """Height and width of the detector's input, for a file that does not say so."""
    pose_input_size: Size | None = None
    """Height and width of the whole-body net's input, for a file that does not say so."""
    channel_order: ChannelOrder | None = None
    """Force the channel order of the whole-body net. Default: what it was trained on, `rgb` for all
    of the zoo. `bgr` gives what rtmlib gives, which feeds these nets the wrong way round."""
    det_channel_order: ChannelOrder | None = None
    """The same for the detector; trained on `bgr`, where rtmlib agrees."""
    det_interval: int = Field(default=10, ge=1, le=300)
    """Frames from one key frame to the next. The detector looks at these, at both sides of cuts,
    and where the signer was lost."""
    det_score: Share = MIN_SCORE
    """Least confidence of a detected person."""
    # Left out where nothing is set, so that results from before this option keep their keys.
    signer: SignerOptions = Field(default=DEFAULT, exclude_if=lambda given: given == DEFAULT)
    """Whose keypoints: how people are followed and who comes into question."""
    provider: ProviderName = "auto"
    """What runs the nets. `auto` is CUDA where onnxruntime-gpu and a driver are installed, else the
    CPU."""
    precision: Precision = "fp32"
    """Of the whole-body net: fp16 on CUDA and TensorRT, bf16 on OpenVINO. Keypoints drift. An int8
    net is another file: give its path as `pose`."""
    det_precision: Precision = "fp32"
    """Of the detector."""
    threads: int = Field(default=1, ge=1, le=64)
    """Threads of a worker's nets. Leave 1 where there are as many workers as cores."""
    batch: int | None = Field(default=None, ge=1, le=512)
    """Frames per call of the whole-body net; default 8 on a CPU and 64 on a GPU."""
    decoders: int = Field(default=1, ge=1, le=16)
    """Threads that decode ahead; more than one helps a GPU only."""
    device: int = Field(default=0, ge=0)
    """Number of the GPU."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        try:
            zoo.chosen(self)
            refuse_impossible(self.provider, self.precision)
            refuse_impossible(self.provider, self.det_precision)
        except ConfigError as error:
            raise ValueError(f"{error.message}; {error.hint}") from None
        return self


class RtmPose:
    """The backend, see `sign_etl.pose.base.PoseBackend`."""

    name = "rtmpose"
    title = "RTMPose whole-body nets with YOLOX: body 23, face 68, hands 21 + 21"
    extra: str | None = "rtmpose"
    modules: tuple[str, ...] = ("onnxruntime", "cv2")
    annotation_bound = False
    uses_bbox = True

    def __init__(self) -> None:
        # The libraries make the numbers, and so does the kind of machine.
        parts = ["1", *builds(), _opencv()]
        if resolved("auto") != "cpu":
            parts.append(resolved("auto"))
        self.version = "+".join(part for part in parts if part)

    def options(self, raw: Mapping[str, Any]) -> RtmPoseOptions:
        """See `PoseBackend`."""
        return RtmPoseOptions.model_validate(raw)

    def layout(self, options: BaseModel) -> str:
        """See `PoseBackend`."""
        return LAYOUT

    def weights(self, options: BaseModel, folder: Path) -> tuple[WeightsFile, ...]:
        """See `PoseBackend`."""
        assert isinstance(options, RtmPoseOptions)
        return tuple(zoo_weights.weights_file(one, folder) for one in zoo.chosen(options).models)

    def check(self) -> None:
        """Nothing of the system is needed."""

    def fetch(self, options: BaseModel, folder: Path) -> None:
        """See `PoseBackend`."""
        assert isinstance(options, RtmPoseOptions)
        zoo_weights.fetch(zoo.chosen(options).models, folder)

    def open(self, options: BaseModel, folder: Path, clock: Clock = SILENT) -> Estimator:
        """See `PoseBackend`.

        Args:
            options: validated.
            folder: the weights folder, verified.
            clock: measures the stages.

        Raises:
            ConfigError: a file does not fit, or the provider cannot run here.
        """
        assert isinstance(options, RtmPoseOptions)
        import cv2

        # Its own threads would fight with those of the nets for the worker's core.
        cv2.setNumThreads(1)
        chosen = zoo.chosen(options)
        provider = resolved(options.provider)
        points = layout(LAYOUT)

        def opened(model: Model, precision: Precision) -> Net:
            runtime = Runtime(provider, precision, options.threads, options.device)
            return open_net(model.path(folder), runtime)

        detector = opened(chosen.detector, options.det_precision)
        pose = opened(chosen.pose, options.precision)
        on_gpu = provider in ("cuda", "tensorrt")
        return RtmPoseEstimator(
            PersonDetector(
                detector,
                _size(chosen.detector, detector, options.det_input_size, "det_input_size"),
                options.det_channel_order or chosen.detector.channel_order,
                min_score=options.det_score,
            ),
            PoseNet(
                pose,
                _size(chosen.pose, pose, options.pose_input_size, "pose_input_size"),
                points.size,
                options.channel_order or chosen.pose.channel_order,
                batch=options.batch or (GPU_BATCH if on_gpu else CPU_BATCH),
                pad=on_gpu,
                clock=clock,
            ),
            points,
            det_interval=options.det_interval,
            signer=options.signer,
            decoders=options.decoders,
            facts={"provider": provider, "precision": options.precision},
            clock=clock,
        )


def _size(model: Model, net: Net, forced: Size | None, option: str) -> Size:
    """Height and width of a net's input: the graph knows, or the zoo, or the user."""
    height, width = net.shape[2:]
    said = forced or model.input_size
    if height is None or width is None:
        if said is None:
            raise ConfigError(
                f"the file of `{model.name}` does not say the size of its input",
                hint=f"set `{option}: [height, width]`",
            )
        return said
    if said not in (None, (height, width)):
        raise ConfigError(
            f"the input of `{model.name}` is {height} x {width}, not {said[0]} x {said[1]}",
            hint=f"leave `{option}` out",
        )
    return height, width


def _opencv() -> str:
    """The version of OpenCV, which warps the crops; its wheels have four names."""
    for suffix in ("contrib-python-headless", "contrib-python", "python-headless", "python"):
        try:
            return f"opencv-{version(f'opencv-{suffix}')}"
        except PackageNotFoundError:
            continue
    return ""


BACKEND: PoseBackend = RtmPose()
