"""The WLASL recipe: spans, sources, copies of both kinds, and an index that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from wlasl_rows import WATCH, clips_of, index_of, one, row

from sign_etl.core.errors import AnnotationError, UsageError
from sign_etl.recipes.addresses import canonical_address, youtube_id
from sign_etl.recipes.wlasl import ASLPRO_REFERER, RECIPE


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
