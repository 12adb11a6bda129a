"""Signs in a video or before a webcam, named as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sign_etl.app.train import need_packages
from sign_etl.core.errors import UsageError, near_miss
from sign_etl.core.files import publish, scratch
from sign_etl.schema.live_reply import Live, SignPart

if TYPE_CHECKING:
    from sign_etl.media.camera import Film
    from sign_etl.stream.pictures import Resize
    from sign_etl.tasks.sliding import Recogniser, Sign, Sliding
    from sign_etl.viz.window import Window

HELD_S = 1.5
"""A sign before the webcam stays in sight so long."""


@dataclass(frozen=True, slots=True)
class LiveRequest:
    """What the command line asks for.

    Attributes:
        what: a run, or an ONNX file.
        input: a video file, or the number of a webcam.
        out: the annotated video.
        labels: class names of a published file.
        threshold: least probability of a sign.
        hop: pictures between two looks; 0 for a quarter of the window.
        every: one of so many frames; 0 for what the model says.
        fps: frame rate that the model has learned with; 0 for what it says.
        frames: of a window, where the file leaves it free.
        resize: policy, for files that tell none.
        normalise: the same.
        no_event: labels that are never told, beside those that the model calls so.
        seconds: of the stream; 0 for all of a file, and until Ctrl-C for a webcam.
        show: open a window.
    """

    what: Path
    input: str
    out: Path | None = None
    labels: Path | None = None
    threshold: float = 0.5
    hop: int = 0
    every: int = 0
    fps: float = 0.0
    frames: int = 0
    resize: Resize | None = None
    normalise: str | None = None
    no_event: tuple[str, ...] = ()
    seconds: float = 0.0
    show: bool = False


def live(request: LiveRequest, tell: Callable[[SignPart], None]) -> Live:
    """Name the signs of a stream, and draw them into it where that is wanted.

    Args:
        request: see there.
        tell: called for each sign when it is recognised.

    Raises:
        UsageError: no model, no video.
        ConfigError: the model does not name signs from pictures.
        AccessError: the webcam or the screen cannot be opened.

    Example:
        >>> live(LiveRequest("runs/words", "clip.mp4"), tell=signs.append).frames
        87
    """
    need_packages()
    from sign_etl.media.camera import Footage, own_copy
    from sign_etl.tasks.recognisers import Choices, open_recogniser
    from sign_etl.tasks.sliding import Sliding
    from sign_etl.viz.window import Window

    chosen = Choices(
        labels=request.labels,
        every=request.every,
        frames=request.frames,
        resize=request.resize,
        normalise=request.normalise,
        fps=request.fps,
    )
    if request.out is not None:
        _check_out(request.out, request.input)
    with ExitStack() as stack:
        # What can be missing first: a screen, a model, a video.
        window = stack.enter_context(Window("sign-etl live")) if request.show else None
        recogniser = open_recogniser(request.what, chosen)
        # A webcam by its device, as other programs name it.
        number = request.input.removeprefix("/dev/video")
        where = number if number.isdigit() else request.input
        if not where.isdigit():
            folder = stack.enter_context(TemporaryDirectory(prefix="sign-etl-live-"))
            where = str(own_copy(Path(where), Path(folder)))
        footage = stack.enter_context(Footage(where))
        fps = footage.fps
        sliding = Sliding(
            recogniser,
            threshold=request.threshold,
            hop=request.hop,
            silent=_silent(recogniser, request.no_event),
            fps=fps,
        )
        if footage.live or window is not None:
            count = _as_it_comes(request, footage, sliding, tell, window)
        else:
            count = _at_leisure(request, footage, sliding, tell, where)
    return Live(
        model=recogniser.name,
        classes=len(recogniser.labels),
        frames=count,
        fps=round(fps, 3),
        window=recogniser.frames,
        every=recogniser.every,
        model_fps=round(recogniser.fps, 3),
        looks=sliding.looks,
        signs=tuple(map(_part, sliding.signs)),
        # A film without a frame is none.
        file=str(request.out) if request.out is not None and count else None,
    )


def _at_leisure(
    request: LiveRequest,
    footage: Any,
    sliding: Sliding,
    tell: Callable[[SignPart], None],
    where: str,
) -> int:
    """A file: recognised first and drawn afterwards, so that a sign stands where it is signed."""
    from sign_etl.media.camera import Footage
    from sign_etl.tasks.sliding import watch
    from sign_etl.viz.captioned import captioned

    count = -1  # the end of the stream is told once more
    for sign in watch(sliding, _first(footage, request.seconds)):
        count += 1
        if sign is not None:
            tell(_part(sign))
    if request.out is None:
        return count
    with Footage(where) as again, _film(request.out, footage.fps) as film:
        for time_s, frame in _first(again, request.seconds):
            now = next((s for s in sliding.signs if s.start_s <= time_s <= s.end_s), None)
            before = [s.label for s in sliding.signs if s.end_s < time_s]
            film.write(
                captioned(frame, now.label if now else "", now.probability if now else 0, before)
            )
    return count


def _as_it_comes(
    request: LiveRequest,
    footage: Any,
    sliding: Sliding,
    tell: Callable[[SignPart], None],
    window: Window | None,
) -> int:
    """A webcam, or a window: each frame is drawn with what is known by then."""
    from sign_etl.media.ahead import Ahead
    from sign_etl.viz.captioned import captioned

    count = 0
    with ExitStack() as stack:
        film = None
        if request.out is not None:
            film = stack.enter_context(_film(request.out, footage.fps))
        # A file waits until it is asked.
        ahead = stack.enter_context(Ahead(footage)) if footage.live else None
        try:
            for time_s, frame in _first(footage if ahead is None else ahead, request.seconds):
                count += 1
                behind = ahead is not None and ahead.behind
                looks = sliding.looks
                found = sliding.see(frame, time_s, behind=behind)
                if found is not None:
                    tell(_part(found))
                # A machine that never catches up shows what it has looked at, and can be ended.
                shown = window if not behind or sliding.looks > looks else None
                if film is None and shown is None:
                    continue
                last = sliding.signs[-1] if sliding.signs else None
                now = last if last is not None and time_s - last.end_s < HELD_S else None
                said = [sign.label for sign in sliding.signs if sign is not now]
                drawn = captioned(
                    frame, now.label if now else "", now.probability if now else 0, said
                )
                if film is not None:
                    film.write(drawn, time_s if footage.live else None)
                if shown is not None and not shown.show(drawn):
                    break
        except KeyboardInterrupt:
            pass  # the way to end a webcam; what was seen is told
    found = sliding.finish()
    if found is not None:
        tell(_part(found))
    return count


def _first(frames: Any, seconds: float) -> Iterator[tuple[float, Any]]:
    for time_s, frame in frames:
        if seconds and time_s >= seconds:
            return
        yield time_s, frame


@contextmanager
def _film(out: Path, fps: float) -> Iterator[Film]:
    """A film that has its name once it is whole."""
    from sign_etl.media.camera import Film

    with scratch(out.parent) as folder:
        with Film(folder / out.name, fps) as film:
            yield film
        if film.frames:
            publish(folder / out.name, out)


def _check_out(out: Path, source: str) -> None:
    if Path(source).resolve() == out.resolve():
        raise UsageError("--out would overwrite the input", hint="name another file with --out")
    if out.is_dir() or out.suffix.lower() != ".mp4":
        raise UsageError(
            f"--out {out}: it writes MP4 files", hint="name a file that ends in .mp4 with --out"
        )


def _silent(recogniser: Recogniser, more: Sequence[str]) -> frozenset[str]:
    for label in more:
        if label not in recogniser.labels:
            raise UsageError(
                f"--no-event {label}: the model has no such class",
                hint=near_miss(label, recogniser.labels)
                or f"it has {', '.join(recogniser.labels[:8])} ...; --labels names another list",
            )
    return recogniser.silent | set(more)


def _part(sign: Sign) -> SignPart:
    return SignPart(
        label=sign.label,
        probability=round(sign.probability, 4),
        start_s=round(sign.start_s, 3),
        end_s=round(sign.end_s, 3),
    )
