"""Captions with times: WebVTT and SubRip as they are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from sign_etl.core.errors import AnnotationError
from sign_etl.recipes.captions import Cue, clock_s, read_captions


def cues(folder: Path, text: str) -> list[Cue]:
    path = folder / "x.vtt"
    path.write_bytes(text.encode("utf-8"))
    return read_captions(path)


def test_webvtt(tmp_path: Path) -> None:
    text = (
        "\ufeffWEBVTT\nKind: captions\nLanguage: en\n\nSTYLE\n::cue { color: lime }\n\n"
        "NOTE not 00:00 --> a time\n\nfirst\n00:00:01.000 --> 00:00:02.500 align:start line:0%\n"
        "It's <i>one</i>\n<00:00:01.500><c>line</c> &amp; more\n\n00:03.000 --> 00:04.000\nTwo\n"
    )
    assert cues(tmp_path, text) == [Cue(1.0, 2.5, "It's one line & more"), Cue(3.0, 4.0, "Two")]


def test_subrip_with_windows_line_ends(tmp_path: Path) -> None:
    text = (
        "1\r\n00:00:01,000 --> 00:00:02,500\r\nOne\r\n\r\n2\r\n01:00:00,000 --> 01:00:01,000\r\nTwo"
    )
    assert cues(tmp_path, text) == [Cue(1.0, 2.5, "One"), Cue(3600.0, 3601.0, "Two")]


@pytest.mark.parametrize(
    "block",
    [
        "00:01.000 --> 00:02.000\n",
        "00:01.000 --> 00:02.000\n<c></c> \n",
        "00:01.000 --> 00:01.000\nfor no time\n",
        "00:02.000 --> 00:01.000\nbackwards\n",
    ],
)
def test_cues_that_show_nothing_are_left_out(tmp_path: Path, block: str) -> None:
    assert cues(tmp_path, f"WEBVTT\n\n{block}\n00:03.000 --> 00:04.000\nTwo\n") == [
        Cue(3.0, 4.0, "Two")
    ]


def test_times_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"x\.vtt: `soon --> later`"):
        cues(tmp_path, "WEBVTT\n\nsoon --> later\nOne\n")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="cannot read"):
        read_captions(tmp_path / "none.vtt")
    (tmp_path / "latin.vtt").write_bytes(b"WEBVTT\n\n00:01.000 --> 00:02.000\nna\xefve\n")
    with pytest.raises(AnnotationError, match="UTF-8"):
        read_captions(tmp_path / "latin.vtt")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:00:14.100", 14.1),
        ("01:02:03,5", 3723.5),
        ("02:03", 123.0),
        ("14.1", None),
        ("00:61:00", None),
        ("", None),
    ],
)
def test_clock(text: str, seconds: float | None) -> None:
    assert clock_s(text) == seconds
