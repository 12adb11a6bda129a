"""The WLASL recipe: spans, sources, copies of both kinds, and an index that is wrong."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sign_etl.core.errors import AnnotationError, UsageError
from sign_etl.recipes.addresses import canonical_address, youtube_id
from sign_etl.recipes.wlasl import ASLPRO_REFERER, INDEX_SHA256, INDEX_URL, RECIPE
from sign_etl.schema.clip import Clip

WATCH = "https://www.youtube.com/watch?v=-aBcDeFgH_0"


def row(video_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "bbox": [385, 37, 885, 720],
        "fps": 25,
        "frame_end": -1,
        "frame_start": 1,
        "instance_id": 0,
        "signer_id": 118,
        "source": "aslbrick",
        "split": "train",
        "url": f"http://video.example/{video_id}.mp4",
        "variation_id": 0,
        "video_id": video_id,
    } | changes


def index_of(folder: Path, **glosses: list[Any]) -> Path:
    path = folder / "WLASL_v0.3.json"
    entries = [{"gloss": gloss, "instances": rows} for gloss, rows in glosses.items()]
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


def clips_of(path: Path, **options: Any) -> list[Clip]:
    return list(
        RECIPE.clips(path.parent, RECIPE.options({"annotations": path, **options}), "wlasl")
    )


def one(path: Path, **options: Any) -> Clip:
    clips = clips_of(path, **options)
    assert len(clips) == 1
    return clips[0]


def media(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / "media" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder / "media"


# Spans


def test_a_whole_source_has_an_open_span(tmp_path: Path) -> None:
    clip = one(index_of(tmp_path, book=[row("69241")]))
    assert (clip.start_s, clip.end_s, clip.declared_fps) == (0.0, None, 25.0)
    assert (clip.label, clip.gloss, clip.split, clip.signer) == ("book", "book", "train", "118")
    assert (clip.language, clip.bbox) == ("ase", (385.0, 37.0, 885.0, 720.0))
    assert clip.extra == {"instance_id": "0", "source": "aslbrick", "variation_id": "0"}


def test_frames_are_counted_from_one_and_the_last_is_included(tmp_path: Path) -> None:
    clip = one(index_of(tmp_path, book=[row("1", frame_start=26, frame_end=50)]))
    assert (clip.start_s, clip.end_s) == (1.0, 2.0)
    single = one(index_of(tmp_path, book=[row("1", frame_start=1, frame_end=1)]))
    assert (single.start_s, single.end_s) == (0.0, 1 / 25)


def test_one_clip_may_be_several_words(tmp_path: Path) -> None:
    same = {"url": WATCH, "frame_start": 26, "frame_end": 50}
    past, ago = clips_of(
        index_of(tmp_path, past=[row("1", **same)], ago=[row("2", split="val", **same)])
    )
    assert past.source is ago.source
    assert past.key != ago.key
    assert (past.split, ago.split) == ("train", "val")


def test_subset_is_the_first_entries_of_the_list(tmp_path: Path) -> None:
    glosses = {f"word{number}": [row(str(number))] for number in range(150)}
    path = index_of(tmp_path, **glosses)
    assert len(clips_of(path)) == 150
    assert [clip.label for clip in clips_of(path, subset=100)] == list(glosses)[:100]
    options = RECIPE.options({"annotations": path, "subset": 100})
    assert RECIPE.labels(tmp_path, options) == list(glosses)[:100]


def test_blanks_around_words_go_and_are_remembered(tmp_path: Path) -> None:
    clip = one(index_of(tmp_path, **{"thank you ": [row("1", url=f" {WATCH} ", split="val ")]}))
    assert (clip.label, clip.split, clip.source.id) == ("thank you", "val", WATCH)
    assert clip.extra["gloss_raw"] == "thank you "
    assert clip.extra["url"] == f" {WATCH} "


# Sources


@pytest.mark.parametrize(
    "address",
    [
        WATCH,
        "https://youtu.be/-aBcDeFgH_0",
        "http://www.youtube.com/watch?feature=x&v=-aBcDeFgH_0&t=3",
        "www.youtube.com/embed/-aBcDeFgH_0?rel=0",
        "https://m.youtube.com/shorts/-aBcDeFgH_0",
    ],
)
def test_all_spellings_of_a_youtube_video_are_one(address: str) -> None:
    assert youtube_id(address) == "-aBcDeFgH_0"
    assert canonical_address(address) == WATCH


def test_other_addresses_keep_their_case_and_escapes() -> None:
    assert youtube_id("https://notyoutube.com/watch?v=-aBcDeFgH_0") is None
    assert youtube_id("https://www.youtube.com/watch?v=short") is None
    address = "HTTPS://Signs.Example/A%20b/C.mp4?Q=1#t=2"
    assert canonical_address(address) == "https://signs.example/A%20b/C.mp4?Q=1"
    assert canonical_address("signs.example/a.mp4") == "http://signs.example/a.mp4"
    assert canonical_address("http://U:Pa@Host.example/a") == "http://U:Pa@host.example/a"


@pytest.mark.parametrize("address", ["ftp://a.example/b.mp4", "file:///etc/passwd", "http://"])
def test_only_http_addresses(tmp_path: Path, address: str) -> None:
    path = index_of(tmp_path, book=[row("69241", url=address)])
    with pytest.raises(AnnotationError, match=r"gloss `book`, instance 0: `url`"):
        clips_of(path)


def test_aslpro_wants_a_referer(tmp_path: Path) -> None:
    path = index_of(
        tmp_path,
        real=[
            row("1", url="http://www.aslpro.com/main/r/real.swf"),
            row("2", url="http://www.aslbricks.org/real.mp4"),
        ],
    )
    flash, other = clips_of(path)
    assert flash.source.headers == (("Referer", ASLPRO_REFERER),)
    assert other.source.headers == ()


# Copies on disk: whole or cut


def test_names_are_those_of_the_start_kit(tmp_path: Path) -> None:
    path = index_of(
        tmp_path,
        book=[row("69241"), row("07069", url=WATCH, frame_start=26, frame_end=50)],
    )
    direct, youtube = clips_of(path)
    assert direct.source.names == ("raw_videos_mp4/69241", "raw_videos/69241", "69241")
    assert youtube.source.names[-1] == "-aBcDeFgH_0"
    assert not youtube.source.trimmed


def test_instances_of_one_address_share_a_source_with_all_their_files(tmp_path: Path) -> None:
    url = "http://video.example/a.mp4"
    path = index_of(tmp_path, past=[row("1", url=url)], ago=[row("2", url=url)])
    past, ago = clips_of(path)
    assert past.source is ago.source
    assert {"1", "2"} <= set(past.source.names)


def test_a_youtube_clip_by_video_id_is_cut_already(tmp_path: Path) -> None:
    path = index_of(tmp_path, book=[row("07069", url=WATCH, frame_start=26, frame_end=50)])
    raw = one(path)
    trimmed = one(path, media=media(tmp_path, "videos/07069.mp4"))
    assert trimmed.source.trimmed
    assert (trimmed.source.url, trimmed.source.names) == (None, ("videos/07069", "07069"))
    assert (trimmed.start_s, trimmed.end_s) == (1.0, 2.0)
    assert trimmed.key == raw.key, "labs compare keys, whatever copy they hold"


def test_a_youtube_id_as_name_is_whole(tmp_path: Path) -> None:
    path = index_of(tmp_path, book=[row("07069", url=WATCH, frame_start=26, frame_end=50)])
    clip = one(path, media=media(tmp_path, "-aBcDeFgH_0.mkv"))
    assert not clip.source.trimmed
    assert clip.source.id == WATCH


def test_a_whole_span_is_never_undecidable(tmp_path: Path) -> None:
    path = index_of(tmp_path, book=[row("69241")])
    clip = one(path, media=media(tmp_path, "69241.mp4"))
    assert not clip.source.trimmed
    assert clip.source.url == "http://video.example/69241.mp4"


def test_a_copy_that_may_be_whole_or_cut_is_a_question(tmp_path: Path) -> None:
    path = index_of(tmp_path, real=[row("45959", frame_start=2)])
    folder = media(tmp_path, "raw_videos_mp4/45959.mp4", "videos/45959.mp4")
    with pytest.raises(UsageError, match="`45959`") as caught:
        clips_of(path, media=folder)
    assert "--media-kind raw or --media-kind trimmed" in (caught.value.hint or "")
    assert caught.value.exit_code == 2
    assert not one(path, media=folder, media_kind="raw").source.trimmed
    assert one(path, media=folder, media_kind="trimmed").source.trimmed
    assert not one(path, media=media(tmp_path / "other", "else.mp4")).source.trimmed


def test_the_users_word_decides(tmp_path: Path) -> None:
    path = index_of(tmp_path, book=[row("07069", url=WATCH, frame_start=26, frame_end=50)])
    folder = media(tmp_path, "07069.mp4")
    raw = one(path, media=folder, media_kind="raw")
    assert not raw.source.trimmed
    assert raw.source.names[-1] == "07069"
    # Said to be trimmed, so a missing file is missing: its address would serve the whole video.
    missing = one(path, media=media(tmp_path / "other", "else.mp4"), media_kind="trimmed")
    assert missing.source.trimmed
    assert missing.source.url is None


def test_media_kind_needs_media(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--media"):
        clips_of(index_of(tmp_path, book=[row("1")]), media_kind="trimmed")


# The index


class Download:
    """Serves an index and counts how often it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str | None]] = []

    def __call__(self, url: str, path: Path, *, sha256: str | None = None) -> None:
        self.calls.append((url, sha256))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([{"gloss": "book", "instances": [row("69241")]}]))


def test_the_index_is_downloaded_once_and_checked(tmp_path: Path) -> None:
    get, options = Download(), RECIPE.options({})
    RECIPE.fetch_index(tmp_path, options, get)
    RECIPE.fetch_index(tmp_path, options, get)
    assert get.calls == [(INDEX_URL, INDEX_SHA256)]
    assert [clip.label for clip in RECIPE.clips(tmp_path, options, "wlasl")] == ["book"]


def test_a_mirror_has_a_place_of_its_own(tmp_path: Path) -> None:
    get = Download()
    RECIPE.fetch_index(tmp_path, RECIPE.options({}), get)
    mirror = RECIPE.options({"index_url": "http://mirror.example/index.json"})
    RECIPE.fetch_index(tmp_path, mirror, get)
    assert get.calls[1] == ("http://mirror.example/index.json", None)
    assert RECIPE.labels(tmp_path, mirror) == ["book"]


def test_given_annotations_are_not_downloaded(tmp_path: Path) -> None:
    get = Download()
    path = index_of(tmp_path, book=[row("1")])
    RECIPE.fetch_index(tmp_path, RECIPE.options({"annotations": path}), get)
    assert get.calls == []


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"video_id": 69241}, "video_id"),
        ({"url": None}, "url"),
        ({"split": "dev"}, "split"),
        ({"frame_start": 0}, "frame_start"),
        ({"frame_start": 20, "frame_end": 10}, "ends at frame 10"),
        ({"fps": 0}, "fps"),
        ({"bbox": [1, 2, 3]}, "bbox"),
        ({"note": "\ud800"}, "surrogate"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, changes: dict[str, Any], column: str) -> None:
    path = index_of(tmp_path, book=[row("1")], drink=[row("2"), row("3") | changes])
    with pytest.raises(AnnotationError, match=column) as caught:
        clips_of(path)
    assert caught.value.message.startswith("WLASL_v0.3.json: gloss `drink`, instance 1")


def test_a_missing_column_and_a_row_that_is_none(tmp_path: Path) -> None:
    cut = row("1")
    del cut["signer_id"]
    with pytest.raises(AnnotationError, match="`signer_id`: field required"):
        clips_of(index_of(tmp_path, book=[cut]))
    with pytest.raises(AnnotationError, match="instance 0"):
        clips_of(index_of(tmp_path, book=["nothing"]))


def test_duplicate_ids_name_both_rows(tmp_path: Path) -> None:
    path = index_of(tmp_path, book=[row("1")], drink=[row("2"), row("1")])
    with pytest.raises(
        AnnotationError,
        match=r"duplicate clip id `1`: gloss `book`, instance 0 and gloss `drink`, instance 1",
    ):
        clips_of(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no JSON"),
        (b"{}", "no list of glosses"),
        (b"[]", "no list of glosses"),
        (b'[{"gloss": "a", "instances": []}]', "no instances"),
        (b'[{"gloss": "", "instances": []}]', "entry 0 has no `gloss`"),
        (b'[{"gloss": "a"}]', "no list of `instances`"),
        (b"<!DOCTYPE html>", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b'[{"gloss": NaN}]', "is no JSON"),
        (b"\xff\xfe[]", "is no JSON"),
        (gzip.compress(b"[]" * 999, mtime=0)[:30], "broken gzip"),
        (b"\x1f\x8bno gzip at all", "broken gzip"),
    ],
)
def test_a_file_that_is_no_index(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "index.json"
    path.write_bytes(content)
    with pytest.raises(AnnotationError, match=message):
        clips_of(path)


def test_a_missing_index(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="no such file") as caught:
        clips_of(tmp_path / "absent.json")
    assert "--annotations" in (caught.value.hint or "")


# The real index


@pytest.fixture(scope="module")
def wlasl_folder(shared_data: Path) -> Path:
    return shared_data / "annotations" / "wlasl"


@pytest.fixture(scope="module")
def real_clips(wlasl_folder: Path) -> list[Clip]:
    return clips_of(wlasl_folder / "WLASL_v0.3.json.gz")


@pytest.mark.shared_data
def test_real_counts(real_clips: list[Clip]) -> None:
    assert len(real_clips) == 21_083
    assert Counter(clip.split for clip in real_clips) == {
        "train": 14_289,
        "val": 3_916,
        "test": 2_878,
    }
    assert len({clip.key for clip in real_clips}) == 21_083
    assert len({clip.source.id for clip in real_clips}) == 18_187
    spans = {(clip.source.id, clip.start_s, clip.end_s) for clip in real_clips}
    assert len(spans) == 20_002
    assert len({clip.signer for clip in real_clips}) == RECIPE.card.signers
    assert len(real_clips) == RECIPE.card.clips
    assert sum(youtube_id(clip.source.id) is not None for clip in real_clips) == 5_135
    flash = [clip for clip in real_clips if clip.source.id.endswith(".swf")]
    assert len(flash) == 1_736
    assert all(clip.source.headers for clip in flash)


@pytest.mark.shared_data
def test_real_subset_100_is_that_of_the_authors(real_clips: list[Clip], wlasl_folder: Path) -> None:
    theirs = json.loads((wlasl_folder / "nslt_100.json").read_text())
    index = wlasl_folder / "WLASL_v0.3.json.gz"
    labels = RECIPE.labels(wlasl_folder, RECIPE.options({"annotations": index, "subset": 100}))
    assert labels is not None
    class_id = {label: number for number, label in enumerate(labels)}
    ours = {
        clip.annotation_id: {"subset": clip.split, "action": class_id[clip.label]}
        for clip in real_clips
        if clip.label in class_id
    }
    assert ours == {
        video_id: {"subset": entry["subset"], "action": entry["action"][0]}
        for video_id, entry in theirs.items()
    }
    assert Counter(entry["subset"] for entry in ours.values()) == {
        "train": 1_442,
        "val": 338,
        "test": 258,
    }


@pytest.mark.shared_data
def test_real_labels_are_the_authors_class_list(wlasl_folder: Path) -> None:
    lines = (wlasl_folder / "wlasl_class_list.txt").read_text().splitlines()
    index = RECIPE.options({"annotations": wlasl_folder / "WLASL_v0.3.json.gz"})
    ours = RECIPE.labels(wlasl_folder, index)
    assert ours is not None
    assert len(ours) == len(lines) == 2_000
    differing = [
        (number, label, line.split("\t")[1])
        for number, (label, line) in enumerate(zip(ours, lines, strict=True))
        if line != f"{number}\t{label}"
    ]
    assert differing == [(163, "lose", "losear")], "one slip in the authors' own list"
