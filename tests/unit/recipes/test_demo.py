"""The demo recipe: what it draws, what it draws again, and the joints that it knows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from sign_etl.core.canonical import sha256_file
from sign_etl.core.errors import AnnotationError
from sign_etl.recipes.base import RecipeOptions
from sign_etl.recipes.demo import MOTIONS, RECIPE, SIDE, DemoOptions, Take, planned, true_keypoints
from sign_etl.recipes.signer import signer

LEFT_WRIST, RIGHT_WRIST, LEFT_KNEE = 15, 16, 25
RIGHT_HAND = 54


@dataclass(frozen=True)
class Request:
    """A normalised clip as a pose backend sees it."""

    annotation_id: str
    frames: int
    fps: float = 25.0


def no_download(url: str, path: Path, *, sha256: str | None = None) -> None:
    raise AssertionError("the demo downloads nothing")


def digests(folder: Path) -> dict[str, str]:
    return {path.name: sha256_file(path) for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RecipeOptions]:
    root = tmp_path_factory.mktemp("demo")
    options = RECIPE.options(RECIPE.fixture(root))
    RECIPE.fetch_index(root, options, no_download)
    return root, options


def frames_of(path: Path) -> list[Any]:
    with av.open(str(path), format="mov") as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_the_whole_demo() -> None:
    takes = planned(DemoOptions())
    good = [take for take in takes if take.fate == "good"]
    assert len(takes) == len({take.id for take in takes}) == RECIPE.card.clips
    assert len(good) == 24
    assert {take.motion for take in good} == set(MOTIONS)
    assert len({take.seed for take in good}) == 24
    assert {40 <= take.frames <= 50 for take in takes} == {True}
    people = [signer(number) for number in sorted({take.signer for take in takes})]
    assert len({person.skin for person in people}) == RECIPE.card.signers == 4
    assert len({(person.body_scale, person.body_width) for person in people}) == 4


def test_videos_are_as_promised(drawn: tuple[Path, RecipeOptions]) -> None:
    root, options = drawn
    folder = RECIPE.media(root, options)
    assert folder is not None
    clips = {clip.annotation_id: clip for clip in RECIPE.clips(root, options, "demo")}
    frames = frames_of(folder / clips["wave-signer0"].source.names[0])
    assert len(frames) == Take("wave", 0).frames
    assert frames[0].shape == (SIDE, SIDE, 3)
    assert np.abs(frames[10].astype(int) - frames[0]).max() > 50, "nothing moves"


def test_two_clips_are_broken_on_purpose(drawn: tuple[Path, RecipeOptions]) -> None:
    root, options = drawn
    clips = list(RECIPE.clips(root, options, "demo"))
    truncated, page = clips[-2:]
    assert truncated.end_s is not None
    frames = 0
    path = root / "media" / truncated.source.names[0]
    with av.open(str(path), format="mov") as container, pytest.raises(av.FFmpegError):
        for _ in container.decode(video=0):
            frames += 1
    assert 0 < frames < truncated.end_s * 25
    assert (root / "media" / page.source.names[0]).read_bytes().startswith(b"<!DOCTYPE html>")
    assert all(clip.end_s is None for clip in clips if clip is not truncated)


def test_what_is_there_is_not_drawn_again(drawn: tuple[Path, RecipeOptions]) -> None:
    root, options = drawn
    paths = [*(root / "media").iterdir(), root / "index.json"]
    before = {path: path.stat().st_ino for path in paths}
    RECIPE.fetch_index(root, options, no_download)
    assert {path: path.stat().st_ino for path in paths} == before


def test_what_is_missing_or_damaged_comes_back_the_same(
    drawn: tuple[Path, RecipeOptions],
) -> None:
    root, options = drawn
    before = digests(root / "media") | digests_of_index(root)
    untouched = root / "media" / "circle-signer0.mp4"
    inode = untouched.stat().st_ino
    (root / "media" / "wave-signer0.mp4").write_bytes(b"damaged")
    (root / "media" / "wave-signer0-page.mp4").unlink()
    RECIPE.fetch_index(root, options, no_download)
    assert digests(root / "media") | digests_of_index(root) == before
    assert untouched.stat().st_ino == inode


def digests_of_index(root: Path) -> dict[str, str]:
    return {"index.json": sha256_file(root / "index.json")}


def test_a_smaller_demo_in_the_same_folder(drawn: tuple[Path, RecipeOptions]) -> None:
    root, options = drawn
    smaller = RECIPE.options({"motions": ("wave",), "signers": 1, "broken": False})
    RECIPE.fetch_index(root, smaller, no_download)
    assert [clip.annotation_id for clip in RECIPE.clips(root, smaller, "demo")] == ["wave-signer0"]
    assert RECIPE.labels(root, smaller) == ["wave"]
    RECIPE.fetch_index(root, options, no_download)
    assert len(list(RECIPE.clips(root, options, "demo"))) == 4


def test_clips_without_an_index(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"index\.json"):
        list(RECIPE.clips(tmp_path, RECIPE.options({}), "demo"))


def test_truth_has_the_shape_of_an_estimate() -> None:
    take = Take("swing", 2)
    truth = true_keypoints(Request(take.id, take.frames))
    assert truth.shape == (take.frames, 75, 4)
    assert truth.dtype == np.float32
    missing = truth[..., 3] == 0
    assert np.array_equal(missing, np.isnan(truth[..., :3]).all(axis=-1))
    assert np.array_equal(missing, np.isnan(truth[..., :3]).any(axis=-1))
    assert missing[:, LEFT_KNEE].all()
    assert not missing[:, [LEFT_WRIST, RIGHT_WRIST]].any()
    assert (truth[:, LEFT_WRIST, 0] > truth[:, RIGHT_WRIST, 0]).all(), "left is the signer's left"


def test_truth_is_where_the_picture_shows_the_hand(drawn: tuple[Path, RecipeOptions]) -> None:
    root, _ = drawn
    frames = frames_of(root / "media" / "circle-signer0.mp4")
    truth = true_keypoints(Request("circle-signer0", len(frames)))
    skin = np.array(signer(0).skin, float)
    palm = truth[:, [RIGHT_HAND, RIGHT_HAND + 5, RIGHT_HAND + 17], :2].mean(axis=1) * SIDE
    for number in (0, 13, 27):
        x, y = np.round(palm[number]).astype(int)
        shown = frames[number][y - 1 : y + 2, x - 1 : x + 2].mean(axis=(0, 1))
        # Light changes brightness, hardly the share of red: cloth and wall are bluish.
        assert abs(shown[0] / shown.sum() - skin[0] / skin.sum()) < 0.05
        assert shown[0] > shown[2] + 20


def test_truth_at_another_frame_rate_is_the_nearest_drawn_frame() -> None:
    take = Take("rise", 1)
    full = true_keypoints(Request(take.id, take.frames))
    half = true_keypoints(Request(take.id, take.frames // 2, fps=12.5))
    np.testing.assert_array_equal(half, full[0 : 2 * len(half) : 2])
    longer = true_keypoints(Request(take.id, take.frames + 3))
    np.testing.assert_array_equal(longer[-3:], np.repeat(full[-1:], 3, axis=0))


def test_truth_of_a_clip_that_is_none() -> None:
    with pytest.raises(ValueError, match="no clip `wave-signer9`"):
        true_keypoints(Request("wave-signer9", 40))
