"""The model zoo of rtmlib: person detectors and whole-body nets as ONNX, by mode and by name.

Addresses, input sizes and modes are those of rtmlib 0.0.16. The zoo itself publishes no digests.
`archive_sha256` and `sha256` stand here where at least two independent projects that took the file
from it report the same value; the others are pinned at the first fetch, see `pose.pins`.

Names: `rtmw-l` is what rtmlib's file names call `rtmw-dw-x-l`, the large net distilled from the
extra large one. RTMW-x itself is left out: its only published export has a known training error.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from sign_etl.core.errors import ConfigError

OFFICIAL = "https://download.openmmlab.com/mmpose/v1/projects"
MIRROR = "https://huggingface.co/Tau-J/RTMPose/resolve/main"
"""The author's own mirror, which rtmlib falls back to: same paths, same bytes."""

MEMBER = "end2end.onnx"
SUFFIX = ".onnx"

Kind = Literal["yolox", "rtmpose"]
ChannelOrder = Literal["rgb", "bgr"]
Mode = Literal["performance", "balanced", "lightweight"]


@dataclass(frozen=True, slots=True)
class Model:
    """An ONNX model.

    Attributes:
        name: of the zoo, or the stem of a local file.
        kind: how its input is made and its output read.
        input_size: (height, width) in pixels; None for a local file: its graph says so.
        channel_order: of the pixels that it was trained on.
        address: path of the archive below `OFFICIAL` and `MIRROR`; empty for a local file.
        archive_sha256: of the archive, None where it is not known.
        sha256: of the ONNX file, None where it is not known.
        licence: SPDX id of the weights as their publisher declares it.
        local: a file of the user's, which is read where it is.
    """

    name: str
    kind: Kind
    input_size: tuple[int, int] | None
    channel_order: ChannelOrder
    address: str
    archive_sha256: str | None = None
    sha256: str | None = None
    licence: str = "Apache-2.0"
    local: Path | None = None

    @property
    def file(self) -> str:
        """Name of the ONNX file in the weights folder; of a local file, what a build calls it."""
        if self.local is not None:
            # Unpacked by hand, all of them are called end2end.onnx.
            return f"local-{self.kind}-{self.local.name}"
        return self.address.rpartition("/")[2].removesuffix(".zip") + SUFFIX

    def path(self, folder: Path) -> Path:
        """Where the ONNX file is, if the weights folder is `folder`."""
        return self.local if self.local is not None else folder / self.file


@dataclass(frozen=True, slots=True)
class Chosen:
    """What one set of options asks for."""

    detector: Model
    pose: Model

    @property
    def models(self) -> tuple[Model, Model]:
        """Both."""
        return self.detector, self.pose


class ModelChoice(Protocol):
    """The options that decide which models are used."""

    @property
    def mode(self) -> Mode:
        """A pair of the zoo."""

    @property
    def detector(self) -> str | None:
        """Another detector: a name of the zoo or the path of an ONNX file."""

    @property
    def pose(self) -> str | None:
        """Another whole-body net, likewise."""


def _detector(
    name: str, side: int, file: str, archive: str | None = None, sha256: str | None = None
) -> Model:
    address = f"rtmposev1/onnx_sdk/{file}.zip"
    return Model(name, "yolox", (side, side), "bgr", address, archive, sha256)


def _pose(
    name: str, size: tuple[int, int], file: str, archive: str | None = None, sha: str | None = None
) -> Model:
    return Model(name, "rtmpose", size, "rgb", f"{file}.zip", archive, sha)


DETECTORS = {
    model.name: model
    for model in (
        _detector(
            "yolox-tiny",
            416,
            "yolox_tiny_8xb8-300e_humanart-6f3252f9",
            sha256="ceb11c07298f95c50d7c5abeb906d03340c85f23aa79e3e66966e7fb6c307250",
        ),
        _detector(
            "yolox-m",
            640,
            "yolox_m_8xb8-300e_humanart-c2c7a14a",
            "a000224fd8ba283202bc62d4a5fcdfe353adb9f468777dbac1ea2ada2093adde",
            "3dea6513388889f0fff4b77bf7a26013600321b9eb9ceb0e9a400a82572f5f23",
        ),
        _detector(
            "yolox-x",
            640,
            "yolox_x_8xb8-300e_humanart-a39d44ed",
            sha256="8e9ea96a176bd48501eaaa77216e49ee30794d2f8ba80c7b9862beca4ea972da",
        ),
        _detector("yolox-nano", 416, "yolox_nano_8xb8-300e_humanart-40f6f0d0"),
        _detector("yolox-s", 640, "yolox_s_8xb8-300e_humanart-3ef259a7"),
        _detector("yolox-l", 640, "yolox_l_8xb8-300e_humanart-ce1d7a62"),
    )
}
"""Person detectors, trained on HumanArt and COCO."""

POSES = {
    model.name: model
    for model in (
        _pose(
            "rtmw-l-384x288",
            (384, 288),
            "rtmw/onnx_sdk/rtmw-dw-x-l_simcc-cocktail14_270e-384x288_20231122",
            "a87e1af41a0a067776dba7d46e1c21c8f6e9f18e247e0e606718dd1f31e96ffd",
            "bd033156e5104c4f5d2edfe0453e02661e30a2f3da453ec93c8764d561b83054",
        ),
        _pose(
            "rtmw-l-256x192",
            (256, 192),
            "rtmw/onnx_sdk/rtmw-dw-x-l_simcc-cocktail14_270e-256x192_20231122",
            "1e3e77558dfc199129bfff1c583e51b4ee190914de6ae30688243c20163c148c",
        ),
        _pose(
            "rtmw-m-256x192",
            (256, 192),
            "rtmw/onnx_sdk/rtmw-dw-l-m_simcc-cocktail14_270e-256x192_20231122",
        ),
        _pose(
            "rtmw-s-256x192",
            (256, 192),
            "rtmw/onnx_sdk/rtmw-dw-m-s_simcc-cocktail14_270e-256x192_20231122",
        ),
        _pose(
            "dwpose-l-384x288",
            (384, 288),
            "rtmposev1/onnx_sdk/rtmpose-l_simcc-ucoco_dw-ucoco_270e-384x288-2438fd99_20230728",
        ),
        _pose(
            "dwpose-l-256x192",
            (256, 192),
            "rtmposev1/onnx_sdk/rtmpose-l_simcc-ucoco_dw-ucoco_270e-256x192-4d6dfc62_20230728",
        ),
        _pose(
            "dwpose-m-256x192",
            (256, 192),
            "rtmposev1/onnx_sdk/rtmpose-m_simcc-ucoco_dw-ucoco_270e-256x192-c8b76419_20230728",
        ),
        _pose(
            "dwpose-s-256x192",
            (256, 192),
            "rtmposev1/onnx_sdk/rtmpose-s_simcc-ucoco_dw-ucoco_270e-256x192-3fd922c8_20230728",
        ),
        _pose(
            "dwpose-t-256x192",
            (256, 192),
            "rtmposev1/onnx_sdk/rtmpose-t_simcc-ucoco_dw-ucoco_270e-256x192-dcf277bf_20230728",
        ),
    )
}
"""Whole-body nets, all with the 133 points of COCO-WholeBody."""

MODES: dict[Mode, tuple[str, str]] = {
    "performance": ("yolox-m", "rtmw-l-384x288"),
    "balanced": ("yolox-m", "rtmw-l-256x192"),
    "lightweight": ("yolox-tiny", "rtmw-m-256x192"),
}
"""Detector and whole-body net of each mode, as in rtmlib's `Wholebody`."""


def chosen(options: ModelChoice) -> Chosen:
    """The models that `options` ask for; nothing is read or fetched.

    Raises:
        ConfigError: a name that the zoo does not have.
    """
    detector, pose = MODES[options.mode]
    return Chosen(
        _named(options.detector or detector, DETECTORS, "yolox", "detector"),
        _named(options.pose or pose, POSES, "rtmpose", "pose"),
    )


def _named(value: str, zoo: dict[str, Model], kind: Kind, option: str) -> Model:
    if value in zoo:
        return zoo[value]
    if not value.endswith(SUFFIX):
        raise ConfigError(
            f"`{option}: {value}` is neither a model of the zoo nor an .onnx file",
            hint=f"choose one of {', '.join(zoo)}, or give the path of an ONNX file",
        )
    path = Path(value).expanduser()
    # Exports keep the order of the training code, which is the same for all of a family.
    order: ChannelOrder = "bgr" if kind == "yolox" else "rgb"
    return Model(path.stem, kind, None, order, "", local=path)
