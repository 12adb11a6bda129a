"""Annotation files by name, and what is said where they are broken."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from sign_etl.core.errors import AnnotationError
from sign_etl.recipes.annotation_files import find_annotation, load_json, numbered


def put(path: Path, data: bytes = b"[]") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("place", ["a.csv", "a.csv.gz", "SET/a.csv", "SET/tables/a.csv.gz"])
def test_a_name_is_found_up_to_two_folders_below(tmp_path: Path, place: str) -> None:
    path = put(tmp_path / place)
    assert find_annotation(tmp_path, "b.csv", "a.csv") == path


def test_the_nearest_one_counts(tmp_path: Path) -> None:
    put(tmp_path / "old" / "a.csv")
    nearest = put(tmp_path / "a.csv")
    assert find_annotation(tmp_path, "a.csv") == nearest


def test_two_of_a_name_are_not_chosen_from(tmp_path: Path) -> None:
    put(tmp_path / "one" / "a.csv")
    put(tmp_path / "two" / "a.csv")
    with pytest.raises(AnnotationError, match="more than once"):
        find_annotation(tmp_path, "a.csv")


def test_a_file_is_the_answer_and_nothing_is_none(tmp_path: Path) -> None:
    assert find_annotation(tmp_path, "a.csv") is None
    other = put(tmp_path / "other.csv")
    assert find_annotation(other, "a.csv") == other


def test_json_plain_and_gzipped(tmp_path: Path) -> None:
    assert load_json(put(tmp_path / "a.json", b"\xef\xbb\xbf[1]")) == [1]
    assert load_json(put(tmp_path / "a.json.gz", gzip.compress(b"[1]"))) == [1]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<html>", "a.json: is no JSON"),
        (b"\xff\xfe", "a.json: is no JSON"),
        (b"[" * 100_000, "a.json: is no JSON"),
        (gzip.compress(b"[]" * 99, mtime=0)[:20], "a.json: is a broken gzip file"),
    ],
)
def test_a_file_that_is_no_json(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        load_json(put(tmp_path / "a.json", data))


def test_repeated_ids_are_numbered() -> None:
    assert numbered(["a", "b", "a", "a"]) == ["a", "b", "a#2", "a#3"]
