"""The engine over several runs: what is tried again, what is not, and what it asks of the net."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from media import VideoSpec, write_video
from process import tree
from tiny_run import (
    TinyRun,
    make_clip,
    make_pipeline,
    make_setup,
    plan_of,
    tiny_run,
    write_videos,
)
from trouble_server import TroubleServer

from sign_etl.core.errors import DiskError
from sign_etl.core.store import Store
from sign_etl.run.journal import Result
from sign_etl.schema.clip import Source
from sign_etl.schema.outcome import Reason, Reject, StageName
from sign_etl.stages.item import is_cut

QUICK = {"rate_per_s": 1000, "burst": 1000, "backoff_s": 0.01, "attempts": 2}


def outcomes(run: TinyRun) -> dict[str, str]:
    """What became of each clip, by annotation id."""
    ids = dict(
        zip(
            run.plan.table["key"].to_pylist(),
            run.plan.table["annotation_id"].to_pylist(),
            strict=True,
        )
    )
    return {
        ids[key]: result.reject.reason.value if result.reject else "written"
        for key, result in run.journal.latest().items()
    }


def online(folder: Path, addresses: dict[str, str], **fetch: Any) -> TinyRun:
    """A run whose sources are at addresses."""
    clips = [make_clip(name, media=Source(name, url)) for name, url in addresses.items()]
    pipeline = make_pipeline(fetch=QUICK | {"allow_private_hosts": ("127.0.0.1",)} | fetch)
    return TinyRun(plan_of(clips, pipeline), make_setup(folder, pipeline), folder / "build")


@pytest.fixture
def media(tmp_path: Path) -> Path:
    return write_videos(tmp_path / "media", ["a.mp4", "b.mp4"])


@pytest.fixture
def run(tmp_path: Path, media: Path) -> TinyRun:
    return tiny_run(tmp_path, [make_clip("a"), make_clip("b"), make_clip("c")], media)


def test_a_second_run_appends_nothing(run: TinyRun) -> None:
    run.run()
    run.publish()
    journal = run.build / ".sign-etl" / "journal.jsonl"
    before = journal.read_bytes(), tree(run.build), tree(run.store.root)
    assert outcomes(run) == {"a": "written", "b": "written", "c": "media-missing"}
    run.run()
    run.publish()
    assert (journal.read_bytes(), tree(run.build), tree(run.store.root)) == before


def test_a_file_that_came_is_built(run: TinyRun, media: Path) -> None:
    run.run()
    write_video(media / "c.mp4", VideoSpec(count=9, width=96, height=64))
    run.run()
    assert set(outcomes(run).values()) == {"written"}


@pytest.mark.parametrize("bad", [b"<html>no video</html>", b"\0\0\0\x18ftypisom\0\0\0\0isomiso2"])
def test_a_bad_file_that_was_replaced_is_built(run: TinyRun, media: Path, bad: bytes) -> None:
    (media / "c.mp4").write_bytes(bad)
    run.run()
    assert outcomes(run)["c"] in ("not-media", "corrupt")
    write_video(media / "c.mp4", VideoSpec(count=9, width=96, height=64))
    run.run()
    assert outcomes(run)["c"] == "written"


def test_a_file_with_other_bytes_is_built_anew(run: TinyRun, media: Path) -> None:
    run.run()
    run.publish()
    before = tree(run.build)
    write_video(media / "b.mp4", VideoSpec(count=17, width=96, height=64))
    run.run()
    run.publish()
    after = tree(run.build)
    assert set(after) == set(before)
    assert after["index.parquet"] != before["index.parquet"]
    os.utime(media / "a.mp4")  # touched, not changed: hashed again and built no more
    objects = tree(run.store.root / "objects")
    run.run()
    run.publish()
    assert tree(run.build) == after
    assert tree(run.store.root / "objects") == objects


def test_a_crash_stays_with_its_bytes(run: TinyRun, media: Path) -> None:
    run.run()
    crashed = Reject(StageName.NORMALISE, Reason.CRASHED, "SIGSEGV")
    [a] = [r for r in run.journal.latest().values() if r.source == source_digest(media / "a.mp4")]
    journal = run.journal
    journal.append(Result(a.key, crashed, a.source, a.size_bytes))
    journal.close()
    run.run()
    assert outcomes(run)["a"] == "crashed"
    write_video(media / "a.mp4", VideoSpec(count=21, width=96, height=64))
    run.run()
    assert outcomes(run)["a"] == "written"


def source_digest(path: Path) -> str:
    from sign_etl.core.canonical import sha256_file

    return sha256_file(path)


def test_dead_links_are_asked_once_and_refused_ones_when_they_are_allowed(
    tmp_path: Path, media: Path
) -> None:
    with TroubleServer(media) as server:
        addresses = {
            "gone": server.url("gone/a.mp4"),
            "good": server.url("ok/a.mp4"),
            "broken": server.url("broken/a.mp4"),
        }
        refused = online(tmp_path, addresses, allow_private_hosts=False)
        refused.run()
        assert set(outcomes(refused).values()) == {"address-refused"}
        assert server.requests("/ok/a.mp4") == []
        allowed = online(tmp_path, addresses)
        assert allowed.plan.digest == refused.plan.digest
        for _ in range(2):
            allowed.run()
            assert outcomes(allowed) == {
                "gone": "link-dead",
                "good": "written",
                "broken": "server-error",
            }
        assert len(server.requests("/gone/a.mp4")) == 1
        assert len(server.requests("/ok/a.mp4")) == 1
        assert len(server.requests("/broken/a.mp4")) == 2 * QUICK["attempts"]


def test_sources_are_released_and_shared_ones_fetched_once(tmp_path: Path, media: Path) -> None:
    with TroubleServer(media) as server:
        source = Source("a", server.url("ok/a.mp4"))
        clips = [
            make_clip(f"a{number}", media=source, start_s=0.04 * number, end_s=0.2)
            for number in range(3)
        ]
        # Another address with equal bytes.
        clips.append(make_clip("twin", media=Source("twin", server.url("redirect/a.mp4"))))
        pipeline = make_pipeline(fetch=QUICK | {"allow_private_hosts": ("127.0.0.1",)})
        run = TinyRun(plan_of(clips, pipeline), make_setup(tmp_path, pipeline), tmp_path / "build")
        run.run(jobs=2)
        assert set(outcomes(run).values()) == {"written"}
        assert Counter(logged.path for logged in server.requests("/ok/a.mp4"))["/ok/a.mp4"] <= 2
    left = [path for path in Path(run.setup.sources).rglob("*") if path.is_file()]
    assert left == []


def test_a_store_that_is_deleted_meanwhile_costs_no_clip(
    tmp_path: Path, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the engine's look (nobody needs the source) and the work on the clip."""
    with TroubleServer(media) as server:
        run = online(tmp_path, {"a": server.url("ok/a.mp4")})
        run.run()
        run.publish()
        before = tree(run.build)
        store = run.store.root
        for path in (store / "actions" / "quality").rglob("*.json"):
            path.unlink()  # so that something is left to do

        def pruned(stages: Any, clip: Any, source: Any) -> bool:
            found = is_cut(stages, clip, source)
            shutil.rmtree(store / "actions" / "normalise")
            return found

        with monkeypatch.context() as patch:
            patch.setattr("sign_etl.run.engine.is_cut", pruned)
            with pytest.raises(DiskError, match="deleted meanwhile"):
                run.run()
        assert "crashed" not in outcomes(run).values()
        run.stop.clear()
        run.run()
        run.publish()
    assert outcomes(run) == {"a": "written"}
    assert tree(run.build) == before


def test_another_build_takes_everything_from_the_store(run: TinyRun, tmp_path: Path) -> None:
    run.run()
    run.publish()
    before = tree(run.store.root)
    other = TinyRun(run.plan, run.setup, tmp_path / "other")
    other.run()
    other.publish()
    assert tree(other.build) == tree(run.build)
    assert tree(run.store.root) == before


def test_a_stop_before_the_begin_does_nothing(run: TinyRun) -> None:
    run.stop.set()
    run.run()
    assert dict(run.journal.latest()) == {}
    assert not list(run.build.rglob("*.tar"))


def test_a_broken_store_is_told_and_nobody_is_blamed(
    run: TinyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Store.put

    def full(self: Store, stage: str, *args: Any, **kwargs: Any) -> Any:
        if stage == "quality":
            raise DiskError("no space left on the disk of it")
        return real(self, stage, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "put", full)
        with pytest.raises(DiskError):
            run.run()
    assert run.stop.is_set()
    assert "written" not in outcomes(run).values()
    assert not {"crashed", "hung"} & set(outcomes(run).values())
    run.stop.clear()
    run.run()
    assert outcomes(run) == {"a": "written", "b": "written", "c": "media-missing"}
