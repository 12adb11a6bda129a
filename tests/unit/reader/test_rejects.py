"""Rejected clips by names that help: files, not addresses, and nobody who was taken out."""

from __future__ import annotations

import pyarrow as pa

from sign_etl.reader.rejects import Rejected, in_words, named_rejects
from sign_etl.schema.outcome import Reason
from sign_etl.viz.meanings import MEANINGS, meaning

COLUMNS = ("source_id", "annotation_id", "stage", "reason", "detail")


def test_files_and_annotations_are_named() -> None:
    rows = [
        ("a.mp4", "1", None, None, None),
        ("b c.mp4", "2", "fetch", "not-media", "html"),
        ("b c.mp4", "3", "fetch", "not-media", "html"),
        ("https://example.org/x?y=1", "07069", "fetch", "not-media", "text " * 30),
        ("d.mp4", "4", "fetch", "not-media", ""),
        ("e.mp4", "5", "fetch", "not-media", None),
        ("e.mp4", "5", "normalise", "corrupt", None),
        ("f.mp4", "6", "fetch", "revoked", None),
    ]
    table = pa.Table.from_pylist([dict(zip(COLUMNS, row, strict=True)) for row in rows])
    assert named_rejects(table) == {
        ("fetch", "not-media"): (
            Rejected("b c.mp4", "html"),
            Rejected("07069", ""),
            Rejected("d.mp4", ""),
        ),
        ("normalise", "corrupt"): (Rejected("e.mp4", ""),),
    }


def test_in_words() -> None:
    gone = [Rejected("1", "status 404"), Rejected("2", "status 404")]
    assert in_words(gone, 9) == "1, 2, ... (status 404)"
    assert in_words(gone[:1], 1) == "1 (status 404)"
    assert in_words([*gone[:1], Rejected("3", "")], 2) == "1 (status 404), 3"
    assert in_words([], 4) == ""


def test_every_reason_has_a_meaning() -> None:
    for reason in Reason:
        assert MEANINGS[reason] == meaning(reason.value) != ""


def test_a_reason_of_a_later_version_has_none() -> None:
    assert meaning("not-yet-invented") == ""
