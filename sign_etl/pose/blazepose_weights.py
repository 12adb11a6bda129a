"""The weights of the `blazepose` backend: four TFLite files of MediaPipe, in two bundles.

There are two official sets: the float16 bundles of the model zoo, whose addresses have no
published digest, and the TFLite files that MediaPipe is built and tested with, for which its
`third_party/external_files.bzl` lists addresses with a generation number (so their content never
changes) and sha256. The same four files, byte for byte, lie in the mediapipe 0.10.21 wheel. We use
this set alone: one digest for all laboratories, two independent ways to get it, whatever network
stands between. Both bundles are made here, deterministically, and pinned as well.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from sign_etl.core.canonical import sha256_bytes
from sign_etl.core.errors import AccessError
from sign_etl.core.files import write_bytes
from sign_etl.pose.base import WeightsFile
from sign_etl.pose.bundles import bundle, unbundle, with_normalisation, without_output
from sign_etl.pose.download import Unreachable, download
from sign_etl.pose.weights import is_right

OFFICIAL = "https://storage.googleapis.com/mediapipe-assets"
WHEEL = "mediapipe==0.10.21"
PIP_TIMEOUT_S = 900.0
BODY_NET = "pose_landmarks_detector.tflite"
PRESENCE, MASK = 1, 2
"""Numbers of outputs of the body's landmark net."""


@dataclass(frozen=True, slots=True)
class Part:
    """A TFLite file inside a bundle.

    Attributes:
        member: its name in the bundle, which MediaPipe prescribes.
        address: official address, under `OFFICIAL`.
        in_wheel: path in the wheel.
        sha256: of its bytes.
        size_bytes: their number.
        normalisation: (mean, std) of its input in pixel values, where the file does not say so.
    """

    member: str
    address: str
    in_wheel: str
    sha256: str
    size_bytes: int
    normalisation: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Bundle:
    """A `.task` file: its parts in order, and what must come out."""

    file: WeightsFile
    parts: tuple[Part, ...]


def _bundle(name: str, sha256: str, size_bytes: int, *parts: Part) -> Bundle:
    origin = " ".join(f"{OFFICIAL}/{part.address}" for part in parts)
    return Bundle(WeightsFile(name, sha256, size_bytes, "Apache-2.0", origin), parts)


POSE = _bundle(
    "blazepose_body_full.task",
    "73376cc9eb414de5a9fc82e5cd185e4c8489c41e1cda248a04594c136fb9aeaa",
    9_401_712,
    Part(
        member="pose_detector.tflite",
        address="pose_detection.tflite?generation=1678737489600422",
        in_wheel="mediapipe/modules/pose_detection/pose_detection.tflite",
        sha256="9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        size_bytes=2_959_046,
    ),
    Part(
        member=BODY_NET,
        address="pose_landmark_full.tflite?generation=1661875894245786",
        in_wheel="mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
        sha256="e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        size_bytes=6_440_512,
        normalisation=(0.0, 255.0),
    ),
)
HANDS = _bundle(
    "blazepose_hands_full.task",
    "5bd51efffa7545acea5bb0fc04a8b1ddfa4f28298d953af49959266f65fad5ce",
    7_819_061,
    Part(
        member="hand_detector.tflite",
        address="palm_detection_full.tflite?generation=1662745358034050",
        in_wheel="mediapipe/modules/palm_detection/palm_detection_full.tflite",
        sha256="1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
        size_bytes=2_339_846,
    ),
    Part(
        member="hand_landmarks_detector.tflite",
        address="hand_landmark_full.tflite?generation=1661875760968579",
        in_wheel="mediapipe/modules/hand_landmark/hand_landmark_full.tflite",
        sha256="11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
        size_bytes=5_478_917,
    ),
)
BUNDLES = (POSE, HANDS)


def fetch(
    folder: Path,
    bundles: Sequence[Bundle] = BUNDLES,
    *,
    official: str = OFFICIAL,
    wheel: str = WHEEL,
) -> None:
    """Bring the missing bundles into `folder`, from the official address or out of the wheel.

    Safe beside another process that does the same: files appear whole, and equal.

    Args:
        folder: the weights folder; created if it is not there.
        bundles: which ones.
        official: base of the official addresses.
        wheel: requirement of the wheel, for pip.

    Raises:
        AccessError: neither way leads to the files; the hint says what a person can do.
    """
    missing = [entry for entry in bundles if not is_right(entry.file, folder)]
    if not missing:
        return
    parts = [part for entry in missing for part in entry.parts]
    try:
        models = from_official(parts, official)
    except Unreachable as no_address:
        try:
            models = from_wheel(parts, wheel)
        except Unreachable as no_wheel:
            raise AccessError(
                f"the weights of `blazepose` cannot be had: {no_address}; {no_wheel}",
                hint="run `sign-etl pose fetch blazepose` on a machine with a network and copy "
                f"its weights folder to {folder}",
            ) from None
    for entry in missing:
        data = assemble(entry, models)
        write_bytes(folder / entry.file.name, data)


def without_mask(data: bytes) -> bytes:
    """The bundle of the body, its landmark net without the branch that draws a mask of the person.

    Nobody reads the mask, and MediaPipe computes it all the same: a third of the net's time. The
    points come out with the same bits. The file on disk stays the published one.

    Args:
        data: the bundle `POSE`.
    """
    parts = unbundle(data)
    parts[BODY_NET] = without_output(parts[BODY_NET], MASK, instead=PRESENCE)
    return bundle(parts)


def assemble(entry: Bundle, models: dict[str, bytes]) -> bytes:
    """The bytes of a bundle out of its verified parts, themselves verified.

    Args:
        entry: which bundle.
        models: TFLite files by sha256.

    Raises:
        AccessError: the result is not the pinned one; only an error of ours can cause that.
    """
    members = {}
    for part in entry.parts:
        model = models[part.sha256]
        if part.normalisation is not None:
            mean, std = part.normalisation
            model = with_normalisation(model, mean=mean, std=std)
        members[part.member] = model
    data = bundle(members)
    if sha256_bytes(data) != entry.file.sha256:
        raise AccessError(
            f"{entry.file.name} came out with another sha256 than the pinned one",
            hint="this is an error in sign-etl; please report it with your Python version",
        )
    return data


def from_official(parts: Sequence[Part], official: str = OFFICIAL) -> dict[str, bytes]:
    """The TFLite files by sha256, downloaded from their official addresses.

    Raises:
        Unreachable: no network, an HTTP error, or other bytes than the pinned ones.
    """
    models = {}
    for part in parts:
        body = io.BytesIO()
        way = "the official address"
        download(f"{official}/{part.address}", body, limit_bytes=part.size_bytes, way=way)
        models[part.sha256] = _verified(part, body.getvalue(), way)
    return models


def from_wheel(parts: Sequence[Part], wheel: str = WHEEL) -> dict[str, bytes]:
    """The TFLite files by sha256, out of a wheel that pip downloads from its package index.

    Raises:
        Unreachable: pip is missing, finds no such wheel, or the wheel holds other bytes.
    """
    if find_spec("pip") is None:
        raise Unreachable("pip, for the second way, is not installed (python -m ensurepip)")
    with tempfile.TemporaryDirectory(prefix="sign-etl-") as temporary:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--disable-pip-version-check", "--only-binary=:all:"]
        # The wheel of this platform carries the models; it is read and never installed.
        command += ["--python-version", "3.11", "--platform", "manylinux_2_28_x86_64"]
        try:
            done = subprocess.run(
                [*command, "-d", temporary, wheel],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PIP_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Unreachable(f"pip took more than {PIP_TIMEOUT_S:g} s for {wheel}") from None
        wheels = sorted(Path(temporary).glob("*.whl"))
        if done.returncode != 0 or not wheels:
            raise Unreachable(f"pip cannot download {wheel}")
        return from_archive(parts, wheels[0])


def from_archive(parts: Sequence[Part], path: Path) -> dict[str, bytes]:
    """The TFLite files by sha256, out of a wheel on disk.

    Raises:
        Unreachable: it is no wheel, or it holds other bytes.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            models = {}
            for part in parts:
                with archive.open(part.in_wheel) as member:
                    data = member.read(part.size_bytes + 1)
                models[part.sha256] = _verified(part, data, "the wheel")
            return models
    except (zipfile.BadZipFile, KeyError, OSError):
        raise Unreachable("the wheel does not hold the models") from None


def _verified(part: Part, data: bytes, way: str) -> bytes:
    if len(data) != part.size_bytes or sha256_bytes(data) != part.sha256:
        raise Unreachable(f"{way} gives other bytes for {part.member}")
    return data
