"""`fetch`: bytes from the user's folder or from the net, what is remembered, what is released."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny_run import make_pipeline, make_setup, write_videos
from trouble_server import TroubleServer

from sign_etl.core.canonical import sha256_file
from sign_etl.core.errors import Stopped
from sign_etl.schema.clip import Source
from sign_etl.schema.outcome import Reason, Reject
from sign_etl.stages.fetch import FetchStage, release
from sign_etl.stages.item import SourceRef

NEVER = threading.Event()
QUICK = {"rate_per_s": 1000, "burst": 1000, "backoff_s": 0.01, "attempts": 2}


@pytest.fixture
def media(tmp_path: Path) -> Path:
    return write_videos(tmp_path / "media", ["a.mp4", "b.mp4"])


@pytest.fixture
def server(media: Path) -> Iterator[TroubleServer]:
    with TroubleServer(media) as running:
        yield running


def local(folder: Path, media: Path) -> FetchStage:
    return FetchStage(make_setup(folder, media=media))


def online(folder: Path, **settings: Any) -> FetchStage:
    fetch = QUICK | {"allow_private_hosts": ("127.0.0.1",)} | settings
    return FetchStage(make_setup(folder, make_pipeline(fetch=fetch)))


def got(found: SourceRef | Reject | None) -> SourceRef:
    assert isinstance(found, SourceRef), found
    return found


# ---- files that are there


def test_a_local_file_is_used_where_it_lies(tmp_path: Path, media: Path) -> None:
    stage, source = local(tmp_path, media), Source("a", names=("a.mp4",))
    assert stage.look(source) is None
    found = got(stage.run(source, NEVER))
    path = media / "a.mp4"
    assert found == SourceRef(sha256_file(path), path.stat().st_size, "mp4", str(path), owned=False)
    assert stage.look(source) == found
    assert found.present
    release(found)
    assert path.exists(), "a file of the user's is never removed"


def test_a_local_file_that_changed_is_looked_at_again(tmp_path: Path, media: Path) -> None:
    stage, source = local(tmp_path, media), Source("a", names=("a.mp4",))
    first = got(stage.run(source, NEVER))
    facts = (media / "a.mp4").stat()
    os.utime(media / "a.mp4", ns=(facts.st_atime_ns, facts.st_mtime_ns + 1))
    assert stage.look(source) is None
    assert got(stage.run(source, NEVER)).sha256 == first.sha256
    (media / "a.mp4").write_bytes((media / "b.mp4").read_bytes())
    assert stage.look(source) is None
    assert got(stage.run(source, NEVER)).sha256 == sha256_file(media / "b.mp4") != first.sha256


@pytest.mark.parametrize(
    ("names", "reason"), [(("c.mp4",), Reason.MEDIA_MISSING), (("page",), Reason.NOT_MEDIA)]
)
def test_local_trouble(tmp_path: Path, media: Path, names: tuple[str, ...], reason: Reason) -> None:
    (media / "page.mp4").write_text("<!DOCTYPE html><p>gone")
    stage, source = local(tmp_path, media), Source("x", names=names)
    found = stage.run(source, NEVER)
    assert isinstance(found, Reject)
    assert found.reason is reason
    assert stage.look(source) is None


def test_a_local_file_goes_before_its_address(
    tmp_path: Path, media: Path, server: TroubleServer
) -> None:
    source = Source("a", server.url("ok/a.mp4"), names=("a.mp4",))
    found = got(local(tmp_path, media).run(source, NEVER))
    assert found.path == str(media / "a.mp4")
    assert server.requests("/ok/a.mp4") == []


# ---- downloads


def test_a_download_is_remembered_and_released(
    tmp_path: Path, media: Path, server: TroubleServer
) -> None:
    stage, source = online(tmp_path), Source("a", server.url("ok/a.mp4"))
    assert stage.look(source) is None
    found = got(stage.run(source, NEVER))
    assert found.owned
    assert Path(found.path).read_bytes() == (media / "a.mp4").read_bytes()
    assert Path(found.path).is_relative_to(tmp_path / "build")
    assert stage.look(source) == found
    release(found)
    assert not found.present
    assert not Path(found.path).parent.exists()
    release(found)  # harmless
    # What it was is still known, so that the store can be asked for the clips.
    assert stage.look(source) == found
    again = got(stage.run(source, NEVER))
    assert again == found
    assert again.present
    stage.close()


def test_two_addresses_with_equal_bytes_are_released_one_by_one(
    tmp_path: Path, server: TroubleServer
) -> None:
    stage = online(tmp_path)
    one = got(stage.run(Source("1", server.url("ok/a.mp4")), NEVER))
    two = got(stage.run(Source("2", server.url("ok/a.mp4?again")), NEVER))
    assert one.sha256 == two.sha256
    assert one.path != two.path
    release(one)
    assert not one.present
    assert two.present
    stage.close()


def test_two_sources_at_one_address_do_not_take_each_others_bytes_away(
    tmp_path: Path, server: TroubleServer
) -> None:
    stage = online(tmp_path)
    url = server.url("ok/a.mp4")
    one = got(stage.run(Source("1", url), NEVER))
    two = got(stage.run(Source("2", url), NEVER))
    assert one.path != two.path
    release(one)
    assert not one.present
    assert two.present
    assert sha256_file(Path(two.path)) == two.sha256
    assert got(stage.look(Source("2", url))) == two
    assert len(server.requests("/ok/a.mp4")) == 1
    # Who comes when nobody holds them any more asks again.
    release(two)
    assert got(stage.run(Source("3", url), NEVER)).present
    assert len(server.requests("/ok/a.mp4")) == 2
    stage.close()


def test_an_address_is_asked_once_however_many_sources_want_it(
    tmp_path: Path, server: TroubleServer
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    stage = online(tmp_path)
    sources = [Source(str(number), server.url("ok/a.mp4")) for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        found = [got(ref) for ref in pool.map(lambda source: stage.run(source, NEVER), sources)]
    assert len({ref.path for ref in found}) == 6
    assert all(ref.present for ref in found)
    assert len(server.requests("/ok/a.mp4")) == 1
    stage.close()


def test_another_build_does_not_lose_its_source(tmp_path: Path, server: TroubleServer) -> None:
    source = Source("a", server.url("ok/a.mp4"))
    setups = []
    for name in ("one", "two"):
        fetch = QUICK | {"allow_private_hosts": True}
        made = make_setup(tmp_path / name, make_pipeline(fetch=fetch))
        setups.append(made)
    first, second = (got(FetchStage(made).run(source, NEVER)) for made in setups)
    release(first)
    assert second.present


def test_sources_that_are_kept_lie_in_the_store(tmp_path: Path, server: TroubleServer) -> None:
    stage, source = online(tmp_path, keep_sources=True), Source("a", server.url("ok/a.mp4"))
    found = got(stage.run(source, NEVER))
    assert not found.owned
    assert Path(found.path).is_relative_to(tmp_path / "store")
    release(found)
    assert found.present
    assert stage.look(source) == found
    sources = tmp_path / "build" / ".sign-etl" / "sources"
    assert not [path for path in sources.rglob("*") if path.is_file()]
    stage.close()


def test_a_dead_link_leaves_nothing(tmp_path: Path, server: TroubleServer) -> None:
    stage, source = online(tmp_path), Source("x", server.url("gone/a.mp4"))
    found = stage.run(source, NEVER)
    assert isinstance(found, Reject)
    assert found.reason is Reason.LINK_DEAD
    assert stage.look(source) is None
    assert not list((tmp_path / "build").rglob("*.media"))
    stage.close()


def test_a_source_without_address_and_folder(tmp_path: Path) -> None:
    stage = online(tmp_path)
    found = stage.run(Source("x"), NEVER)
    assert isinstance(found, Reject)
    assert found.reason is Reason.NO_ADDRESS
    assert stage.look(Source("x")) is None


def test_a_stop_is_no_reject(tmp_path: Path, server: TroubleServer) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        online(tmp_path).run(Source("a", server.url("ok/a.mp4")), stop)


def test_many_downloads_at_once(tmp_path: Path, server: TroubleServer) -> None:
    from concurrent.futures import ThreadPoolExecutor

    stage = online(tmp_path)
    sources = [Source(str(n), server.url(f"ok/{'ab'[n % 2]}.mp4?{n}")) for n in range(12)]
    with ThreadPoolExecutor(6) as pool:
        found = [got(ref) for ref in pool.map(lambda source: stage.run(source, NEVER), sources)]
    assert len({ref.path for ref in found}) == 12
    assert len({ref.sha256 for ref in found}) == 2
    assert all(ref.present for ref in found)
    stage.close()
