"""From a decoded frame to an output picture: orientation, crop, square pixels, size, yuv420p.

Colours: the matrix of the source stays, with its tags (RGB becomes BT.601), and the range becomes
limited. Nothing is re-matrixed: that would blur the chroma for no gain to a pose network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.frame import VideoFrame
from numpy.typing import NDArray

SCALE_FLAGS: Final = "bicubic+accurate_rnd+full_chroma_int+bitexact"
"""Without the last three, swscale's bytes differ between types of CPU."""

MIN_CROP_PX: Final = 16
"""A box smaller than this is an error of the annotations."""

_SMPTE170M = 6
_LIMITED = 1
_WIDEST_PIXEL = 4


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a frame must be turned to stand upright.

    Attributes:
        degrees: clockwise rotation, one of 0, 90, 180, 270.
        mirrored: True where it is also mirrored.
        filters: libavfilter steps that do it.
        ignored: True for an angle that is no multiple of 90 degrees; then nothing is turned.
    """

    degrees: int
    mirrored: bool
    filters: tuple[tuple[str, str | None], ...]
    ignored: bool = False

    @property
    def swaps_sides(self) -> bool:
        """True where width becomes height."""
        return self.degrees % 180 == 90


UPRIGHT: Final = Orientation(0, False, ())
_TURNS: Final = {
    90: Orientation(90, False, (("transpose", "clock"),)),
    180: Orientation(180, False, (("hflip", None), ("vflip", None))),
    270: Orientation(270, False, (("transpose", "cclock"),)),
}


def orientation(frame: VideoFrame) -> Orientation:
    """What the display matrix of `frame` asks for (signs as in ffmpeg's own autorotation)."""
    try:
        side_data: Any = frame.side_data  # its annotations know motion vectors only
        raw = bytes(side_data["DISPLAYMATRIX"])
    except KeyError:
        return UPRIGHT
    except ValueError:  # side data of a kind that PyAV does not list, such as Exif
        return _TURNS.get(-frame.rotation % 360, UPRIGHT)
    a, b, _, c, d = (int(value) for value in np.frombuffer(raw[:20], dtype=np.int32))
    if max(abs(b), abs(c)) * 50 < min(abs(a), abs(d)):
        flips = (("hflip", None),) * (a < 0) + (("vflip", None),) * (d < 0)
        # Upside down and mirrored is the same as flipped once along the other axis.
        return Orientation(180 if d < 0 else 0, (a < 0) != (d < 0), flips)
    if max(abs(a), abs(d)) * 50 < min(abs(b), abs(c)):
        if b > 0:
            mirrored = c > 0
            return Orientation(90, mirrored, (("transpose", "cclock_flip" if c > 0 else "clock"),))
        mirrored = c < 0
        return Orientation(270, mirrored, (("transpose", "clock_flip" if c < 0 else "cclock"),))
    return Orientation(0, False, (), ignored=True)


@dataclass(frozen=True, slots=True)
class Picture:
    """Geometry of the output.

    Attributes:
        crop: (x0, y0, x1, y1) in pixels of the upright source.
        width: output width in pixels, even.
        height: output height in pixels, even.
        flags: what was not as it should be.
    """

    crop: tuple[int, int, int, int]
    width: int
    height: int
    flags: tuple[str, ...] = ()


def plan_picture(
    width: int,
    height: int,
    pixel_aspect: Fraction,
    *,
    short_side: int,
    bbox: tuple[float, float, float, float] | None = None,
    margin: float = 0.0,
) -> Picture:
    """Crop and size of the output.

    The short side becomes `short_side`, never enlarged; pixels become square by shrinking the
    longer direction. Sides are even; where nothing is scaled, an odd row or column is cut off.

    Args:
        width: of the upright source, pixels.
        height: of the upright source, pixels.
        pixel_aspect: width / height of one pixel of the upright source.
        short_side: wanted short side, pixels.
        bbox: (x0, y0, x1, y1) to crop to, pixels of the upright source; clamped to the picture.
        margin: share of the box that is added on each side.
    """
    flags: list[str] = []
    box = (0, 0, width, height)
    if bbox is not None:
        cropped = _crop_box(width, height, bbox, margin)
        if cropped is None:
            flags.append("bbox-ignored")
        else:
            box = cropped
            if min(bbox[0], bbox[1]) < -1 or bbox[2] > width + 1 or bbox[3] > height + 1:
                flags.append("bbox-clamped")
    if not Fraction(1, _WIDEST_PIXEL) <= pixel_aspect <= _WIDEST_PIXEL:
        flags.append("pixel-aspect-ignored")
        pixel_aspect = Fraction(1)
    x0, y0, x1, y1 = box
    square_w = (x1 - x0) * min(pixel_aspect, Fraction(1))
    square_h = (y1 - y0) / max(pixel_aspect, Fraction(1))
    shrink = min(Fraction(1), short_side / min(square_w, square_h))
    if shrink == 1 and pixel_aspect == 1:
        x1 -= (x1 - x0) % 2 if x1 - x0 > 1 else 0
        y1 -= (y1 - y0) % 2 if y1 - y0 > 1 else 0
    return Picture(
        (x0, y0, x1, y1), _even(square_w * shrink), _even(square_h * shrink), tuple(flags)
    )


def _even(value: Fraction) -> int:
    # To the nearest even number; ties go down, so that nothing unscaled is ever enlarged.
    return max(2, 2 * math.ceil(value / 2 - Fraction(1, 2)))


def _crop_box(
    width: int, height: int, bbox: tuple[float, float, float, float], margin: float
) -> tuple[int, int, int, int] | None:
    x0, y0, x1, y1 = bbox
    if not all(map(math.isfinite, bbox)):
        return None
    grow_x, grow_y = (x1 - x0) * margin, (y1 - y0) * margin
    # Even corners: the chroma of yuv420p has no odd positions.
    left = int(max(0.0, x0 - grow_x)) // 2 * 2
    top = int(max(0.0, y0 - grow_y)) // 2 * 2
    right = min(width, round(x1 + grow_x))
    bottom = min(height, round(y1 + grow_y))
    if min(x1 - x0, y1 - y0, right - left, bottom - top) < MIN_CROP_PX:
        return None
    return left, top, right, bottom


class Pictures:
    """Turns decoded frames of one size and format into output pictures.

    Args:
        frame: a frame of the source; later ones must have its size and format.
        turn: how frames are turned upright.
        picture: crop and size.
    """

    def __init__(self, frame: VideoFrame, turn: Orientation, picture: Picture) -> None:
        self.kind = kind(frame)
        self._buffer: FilterContext | None = None
        self._graph = Graph()
        self._graph.threads = 1
        steps: list[tuple[str, str | None]] = list(turn.filters)
        x0, y0, x1, y1 = picture.crop
        width, height = frame.width, frame.height
        if turn.swaps_sides:
            width, height = height, width
        if (x0, y0, x1, y1) != (0, 0, width, height):
            steps.append(("crop", f"w={x1 - x0}:h={y1 - y0}:x={x0}:y={y0}:exact=1"))
        rgb = frame.format.is_rgb
        limited = frame.color_range in (0, _LIMITED) and not frame.format.name.startswith("yuvj")
        sized = (x1 - x0, y1 - y0) == (picture.width, picture.height)
        if not (sized and limited and frame.format.name == "yuv420p"):
            matrix = ":out_color_matrix=smpte170m" if rgb else ""
            size = f"w={picture.width}:h={picture.height}"
            steps.append(("scale", f"{size}:flags={SCALE_FLAGS}:out_range=tv{matrix}"))
            steps.append(("format", "pix_fmts=yuv420p"))
        self.colour = _colour(frame, rgb=rgb)
        if not steps:
            return  # pixels pass as they are
        self._buffer = self._graph.add(
            "buffer",
            video_size=f"{frame.width}x{frame.height}",
            pix_fmt=frame.format.name,
            time_base="1/1000000",
            pixel_aspect="1/1",
            colorspace=str(int(frame.colorspace)),
            range=str(int(frame.color_range)),
        )
        nodes = [self._buffer, *(self._graph.add(name, args) for name, args in steps)]
        self._sink = self._graph.add("buffersink")
        self._graph.link_nodes(*nodes, self._sink).configure()

    def make(self, frame: VideoFrame) -> VideoFrame:
        """The output picture of `frame`."""
        if self._buffer is None:
            return frame
        frame.pts = 0
        frame.time_base = Fraction(1, 1_000_000)
        self._buffer.push(frame)
        made = self._sink.pull()
        assert isinstance(made, VideoFrame)
        return made


def kind(frame: VideoFrame) -> tuple[int, int, str, int, int]:
    """What must not change between frames of one `Pictures`."""
    return (
        frame.width,
        frame.height,
        frame.format.name,
        int(frame.colorspace),
        int(frame.color_range),
    )


@dataclass(frozen=True, slots=True)
class Colour:
    """Colour tags by their numbers in ITU-T H.273; 2 is unspecified."""

    matrix: int
    primaries: int
    transfer: int

    @property
    def high_dynamic_range(self) -> bool:
        """True for the PQ and HLG curves, whose 8-bit pictures look washed out."""
        return self.transfer in (16, 18)


def _colour(frame: VideoFrame, *, rgb: bool) -> Colour:
    matrix = _SMPTE170M if rgb else int(frame.colorspace)
    return Colour(matrix, int(frame.color_primaries), int(frame.color_trc))


def luma(frame: VideoFrame) -> NDArray[np.uint8]:
    """The brightness plane of a planar YUV frame, (height, width) uint8, limited range; a view."""
    plane: Any = frame.planes[0]  # a buffer, which its annotations do not say
    flat: NDArray[np.uint8] = np.frombuffer(plane, dtype=np.uint8)
    return flat.reshape(plane.height, plane.line_size)[:, : plane.width]
