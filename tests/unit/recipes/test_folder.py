"""The folder recipe: tables as people write them, and folders without one."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from sign_etl.core.errors import AnnotationError, UsageError
from sign_etl.recipes.folder import RECIPE
from sign_etl.schema.clip import KEY_PATTERN, Clip


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(b"x")
    return folder


def clips_of(
    media: Path, table: str | bytes | None = None, name: str = "t.csv", **options: Any
) -> list[Clip]:
    if table is not None:
        path = media.parent / name
        path.write_bytes(table.encode("utf-8") if isinstance(table, str) else table)
        options["annotations"] = path
    return list(RECIPE.clips(media.parent, RECIPE.options({"media": media, **options}), "folder"))


def one(media: Path, *table: Any, **options: Any) -> Clip:
    clips = clips_of(media, *table, **options)
    assert len(clips) == 1
    return clips[0]


# Tables


def test_every_known_column(media: Path) -> None:
    clip = one(
        media,
        "file,id,label,gloss,text,split,signer,language,start,end,fps,view\n"
        "a.mp4,007,wave,WAVE IX,he waves,Test,s1,svk,1.5,00:00:03.250,29.97,front\n",
    )
    assert (clip.annotation_id, clip.label, clip.gloss, clip.text) == (
        "007",
        "wave",
        "WAVE IX",
        "he waves",
    )
    assert (clip.split, clip.signer, clip.language) == ("test", "s1", "svk")
    assert (clip.start_s, clip.end_s, clip.declared_fps) == (1.5, 3.25, 29.97)
    assert (clip.source.id, clip.source.names, clip.source.url) == ("a.mp4", ("a.mp4",), None)
    assert clip.extra == {"view": "front", "split": "Test"}


def test_only_file_and_label(media: Path) -> None:
    clip = one(media, "file,label\na.mp4,wave\n", language="ase")
    assert (clip.annotation_id, clip.split, clip.signer, clip.language) == (
        "a.mp4",
        "",
        None,
        "ase",
    )
    assert (clip.start_s, clip.end_s, clip.declared_fps) == (0.0, None, None)


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("t.csv", "file;label;view\na.mp4;eins, zwei;x\n"),
        ("t.csv", "file\tlabel\tview\na.mp4\teins, zwei\tx\n"),
        ("t.tsv", "file\tlabel\tview\na.mp4\teins, zwei\tx\n"),
        ("t.csv", 'file,label,view\r\n\r\n"a.mp4","eins, zwei", x \r\n,,\r\n'),
        ("t.csv", '\ufefffile,label,view\na.mp4,"eins, zwei",x\n'),
        ("t.csv", ',file,label,view\n0,a.mp4,"eins, zwei",x\n'),
        ("t.jsonl", '{"file": "a.mp4", "label": "eins, zwei", "view": "x"}\n\n'),
        ("t.json", '[{"file": "a.mp4", "label": "eins, zwei", "view": "x", "id": null}]'),
        ("table", '{"file": "a.mp4", "label": "eins, zwei", "view": "x", "start": NaN}'),
        ("table", 'file,label,view\na.mp4,"eins, zwei",x\n'),
    ],
)
def test_dialects(media: Path, name: str, table: str) -> None:
    clip = one(media, table, name)
    assert (clip.annotation_id, clip.label, clip.extra) == ("a.mp4", "eins, zwei", {"view": "x"})


def test_parquet_with_the_gaps_of_a_data_frame(media: Path) -> None:
    table = pa.table(
        {
            "file": ["a.mp4", "b.mp4"],
            "label": pa.array([7, None], pa.int64()),
            "start": pa.array([0.5, float("nan")]),
            "end": pa.array([1.25, None]),
            "nested": [[1, 2], []],
            "__index_level_0__": [4, 5],
        }
    )
    pq.write_table(table, media.parent / "t.parquet")
    annotations = media.parent / "t.parquet"
    first, second = clips_of(media, annotations=annotations)
    assert (first.label, first.start_s, first.end_s) == ("7", 0.5, 1.25)
    assert (second.label, second.start_s, second.end_s) == (None, 0.0, None)
    assert first.extra == {"nested": "[1, 2]"}
    renamed = annotations.rename(media.parent / "table.bin")  # found by its content
    assert [clip.key for clip in clips_of(media, annotations=renamed)] == [first.key, second.key]


def test_numbers_stay_as_they_were_written(media: Path) -> None:
    table = '{"file": "a.mp4", "id": 0.10, "label": 1e3, "deep": {"b": [1.50], "a": true}}'
    clip = one(media, table, "t.jsonl")
    assert (clip.annotation_id, clip.label) == ("0.10", "1e3")
    assert json.loads(clip.extra["deep"]) == {"a": True, "b": ["1.50"]}


def test_a_hyphen_greek_letters_and_accents(media: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "é.mp4")
    first, second = clips_of(media, f"file,label\n-x.mp4,ΓΕΙΑ\n{decomposed},é\n")
    assert first.label == "ΓΕΙΑ"
    assert second.source.id == unicodedata.normalize("NFC", "é.mp4")
    assert all(KEY_PATTERN.fullmatch(clip.key) for clip in (first, second))


def test_one_file_may_hold_many_clips(media: Path) -> None:
    first, second = clips_of(media, "file,label,start,end\na.mp4,x,0,1\na.mp4,y,1,\n")
    assert first.source == second.source
    assert first.annotation_id != second.annotation_id
    assert (second.start_s, second.end_s) == (1.0, None)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("12.5", 12.5), ("00:00:12.500", 12.5), ("1:02", 62.0), ("01:00:00", 3600.0), ("2", 2.0)],
)
def test_times(media: Path, written: str, seconds: float) -> None:
    assert one(media, f"file,label,end\na.mp4,x,{written}\n").end_s == seconds


@pytest.mark.parametrize(
    ("word", "split"),
    [("dev", "val"), ("Validation", "val"), ("valid", "val"), ("TRAIN", "train"), ("fold-3",) * 2],
)
def test_words_for_splits(media: Path, word: str, split: str) -> None:
    clip = one(media, f"file,label,split\na.mp4,x,{word}\n")
    assert clip.split == split
    assert clip.extra == ({"split": word} if word != split else {})


def test_a_file_that_is_not_there_is_no_error(media: Path) -> None:
    assert one(media, "file,label\nabsent.mp4,x\n").source.names == ("absent.mp4",)


def test_paths_from_windows(media: Path) -> None:
    assert one(media, "file,label\nsub\\a.mp4,x\n").source.names == ("sub\\a.mp4", "sub/a.mp4")


def test_trimmed_files_keep_their_span_as_a_fact(media: Path) -> None:
    clip = one(media, "file,label,start,end\na.mp4,x,3,4\n", media_kind="trimmed")
    assert clip.source.trimmed
    assert (clip.start_s, clip.end_s) == (3.0, 4.0)
    with pytest.raises(AnnotationError, match=r"row 3: `a\.mp4` holds two spans"):
        clips_of(media, "file,label,start,end\na.mp4,x,3,4\na.mp4,y,4,5\n", media_kind="trimmed")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("path,label\na.mp4,x\n", r"no column `file` \(columns found: path, label\)"),
        ("file,view\na.mp4,x\n", "no column `label`, `gloss` or `text`"),
        ("file,label,file\na.mp4,x,b.mp4\n", "`file` stands in the header twice"),
        ("file,label\n,x\n", "row 2: `file` is empty"),
        ("file,label\na.mp4\n", "row 2 has 1 cells, the header 2"),
        ("file,label\n\na.mp4,x,y\n", "row 3 has 3 cells, the header 2"),
        ("file,label\n/etc/passwd,x\n", "outside of the folder"),
        ("file,label\nsub/../../b.mp4,x\n", "outside of the folder"),
        ("file,label\n..\\b.mp4,x\n", "outside of the folder"),
        ("file,label\nC:\\b.mp4,x\n", "outside of the folder"),
        ("file,label\n.,x\n", "outside of the folder"),
        ("file,label,start\na.mp4,x,-1\n", "row 2: `start` is `-1`"),
        ("file,label,start\na.mp4,x,inf\n", "row 2: `start` is `inf`"),
        ("file,label,start\na.mp4,x,00:75:00\n", "row 2: `start` is `00:75:00`"),
        ("file,label,start,end\na.mp4,x,2,2\n", "row 2: ends at 2 s and begins at 2 s"),
        ("file,label,fps\na.mp4,x,0\n", "row 2: `fps` is `0`"),
        ("file,label,language\na.mp4,x,asl!\n", "no ISO 639-3 code"),
        ("file,label,split\na.mp4,x,../etc\n", "`split` is `../etc`"),
        ("file,label\na.mp4,x\na.mp4,y\n", "duplicate clip id `a.mp4` in rows 2 and 3"),
        ("file,label,id\na.mp4,x,1\nb.mp4,y,1\n", "duplicate clip id `1` in rows 2 and 3"),
        ("file,label,id\na.mp4,x,b.mp4\nb.mp4,y,\n", "duplicate clip id `b.mp4` in rows 2 and 3"),
        ("file,label\n", "holds no rows"),
        ("", "row 1 is no header"),
        ("\n\nfile,label\n", "row 1 is no header"),
        ('file,label\na.mp4,"never closed\n', "row 2 is broken"),
        (f"file,label\na.mp4,{'x' * 200_000}\n", "row 2 (is broken|holds a cell of more)"),
        ("file,label\na.mp4,x\0y\n", "line 2 holds a null byte"),
        (b"file,label\na.mp4,\xe9\n", "line 2 is no UTF-8"),
        ("file,label\n".encode("utf-16"), "is UTF-16"),
    ],
)
def test_a_wrong_table_is_named(media: Path, table: str | bytes, message: str) -> None:
    with pytest.raises(AnnotationError, match=message) as caught:
        clips_of(media, table)
    assert caught.value.message.startswith("t.csv: ")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "table", "message"),
    [
        ("t.jsonl", '{"file": "a.mp4", "label": "x"}\n{"file"', "row 2 is no JSON"),
        ("t.jsonl", '{"file": "a.mp4", "label": "x"}\n3\n', "row 2 is no mapping"),
        ("t.jsonl", '{"file": "a", "file": "b"}', "row 1 holds `file` twice"),
        ("t.jsonl", '{"file": "a", "label": "\\ud800"}', "row 1 is no JSON"),
        ("t.json", "[[1]]", "row 1 is no mapping"),
        ("t.jsonl", json.dumps({"file": "a", "label": "x" * 200_000}), "more than 131072"),
        ("t.parquet", "PAR1 and nothing else", "no readable Parquet"),
    ],
)
def test_a_wrong_json_or_parquet_table(media: Path, name: str, table: str, message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        clips_of(media, table, name)


def test_near_misses_are_suggested(media: Path) -> None:
    with pytest.raises(AnnotationError) as caught:
        clips_of(media, "Files,label\na.mp4,x\n")
    assert caught.value.hint == "rename the column `Files` to `file`"
    with pytest.raises(AnnotationError) as caught:
        clips_of(media, "file,Lable\na.mp4,x\n")
    assert caught.value.hint == "rename the column `Lable` to `label`"


def test_a_missing_table(media: Path) -> None:
    with pytest.raises(AnnotationError, match="no such file") as caught:
        clips_of(media, annotations=media / "absent.csv")
    assert "--annotations" in (caught.value.hint or "")


# Without a table


def test_folders_are_splits_and_labels(media: Path) -> None:
    files = ["b.MOV", "train/c.mp4", "dev/Γεια/d.mp4", "test/x/y/e.webm", "hello/f.mp4", "n.txt"]
    for file in files:
        (media / file).parent.mkdir(parents=True, exist_ok=True)
        (media / file).write_bytes(b"x")
    found = {clip.source.id: (clip.split, clip.label) for clip in clips_of(media)}
    assert found == {
        "a.mp4": ("", None),
        "b.MOV": ("", None),
        "train/c.mp4": ("train", None),
        "dev/Γεια/d.mp4": ("val", "Γεια"),
        "test/x/y/e.webm": ("test", "y"),
        "hello/f.mp4": ("", "hello"),
    }


def test_ids_do_not_depend_on_the_file_system(media: Path) -> None:
    (media / unicodedata.normalize("NFD", "ž.mp4")).write_bytes(b"x")
    clip = clips_of(media)[-1]
    assert clip.annotation_id == unicodedata.normalize("NFC", "ž.mp4")
    assert (media / clip.source.names[0]).is_file()


def test_no_folder_no_video(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs a folder") as caught:
        list(RECIPE.clips(tmp_path, RECIPE.options({}), "folder"))
    assert caught.value.hint == "add --media DIR"
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("x")
    with pytest.raises(UsageError, match="no video below"):
        clips_of(tmp_path / "empty")
    with pytest.raises(UsageError, match="no folder"):
        clips_of(tmp_path / "absent", "file,label\na.mp4,x\n")


@pytest.mark.parametrize("language", ["asl1", "ASE", "en-US", ""])
def test_language_is_a_code(language: str) -> None:
    with pytest.raises(ValidationError, match="language"):
        RECIPE.options({"language": language})


@pytest.mark.shared_data
def test_real_clips(shared_data: Path) -> None:
    folder = shared_data / "svk-clips"
    options = RECIPE.options({"media": folder, "annotations": folder / "clips.csv"})
    clips = list(RECIPE.clips(folder, options, "folder"))
    assert len(clips) == len({clip.key for clip in clips}) == 112
    assert len({clip.label for clip in clips}) == 56
    assert {clip.extra["view"] for clip in clips} == {"front", "side"}
    assert all((folder / clip.source.names[0]).is_file() for clip in clips)
