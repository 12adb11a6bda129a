"""`policy.leaks` and `policy.shared_signers`: when an ingest ends with 1."""

from __future__ import annotations

from pathlib import Path

import pytest
from media import VideoSpec, write_video

from sign_etl.app.ingest import IngestRequest, IngestResult, ingest

TABLE = "file,label,split,signer\na.mp4,one,train,p\nb.mp4,one,test,q\ncopy of a.mp4,two,test,p\n"


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two videos and a copy of the first one under another name."""
    folder = tmp_path_factory.mktemp("media")
    for number, name in enumerate(("a.mp4", "b.mp4")):
        write_video(folder / name, VideoSpec(count=20 + number, width=96, height=64))
    (folder / "copy of a.mp4").write_bytes((folder / "a.mp4").read_bytes())
    (folder / "clips.csv").write_text(TABLE)
    return folder


def build(media: Path, folder: Path, *settings: str) -> IngestResult:
    return ingest(
        IngestRequest(
            pipeline="folder",
            media=media,
            annotations=media / "clips.csv",
            out=folder / "build",
            store=str(folder / "store"),
            jobs=1,
            settings=("pose={}", "normalise.short_side=64", *settings),
        )
    )


def test_leaks_are_a_problem_where_the_policy_says_so(media: Path, tmp_path: Path) -> None:
    result = build(media, tmp_path)
    assert (result.counts, result.problems) == ({"written": 3}, ())
    again = build(media, tmp_path, "policy.leaks=fail")  # the policy changes no bytes
    assert again.exit_code == 1
    [problem] = again.problems
    assert "splits share content: 1 source, 1 pair of identical clips" in problem
    assert f"sign-etl report {tmp_path / 'build'}" in problem
    both = build(media, tmp_path, "policy.leaks=fail", "policy.shared_signers=fail")
    assert len(both.problems) == 2
    assert "splits share 1 signer" in both.problems[1]


def test_a_clean_selection_is_no_problem(media: Path, tmp_path: Path) -> None:
    clean = build(media, tmp_path, "policy.leaks=fail", "select.splits=[test]")
    assert (clean.counts, clean.problems) == ({"written": 2}, ())
