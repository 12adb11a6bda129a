"""Archives over real HTTP into a media folder: resumed, checked, unpacked once, cleaned up."""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from archives import FILES, found, tar_of, zip_of
from fetching import make_fetcher
from trouble_server import TroubleServer

from sign_etl.core.errors import AccessError, Stopped, UsageError
from sign_etl.media.archives import NOTES, bring, media_folder, name_of, outstanding
from sign_etl.schema.archive import Archive


@pytest.fixture
def served(tmp_path: Path) -> dict[str, bytes]:
    """What the server has, by name."""
    whole = zip_of(tmp_path / "a.zip").read_bytes()
    half = len(whole) // 2
    return {
        "a.zip": whole,
        "a.zip.001": whole[:half],
        "a.zip.002": whole[half:],
        "b.tgz": tar_of(tmp_path / "b.tgz", {"more/b.mp4": b"b"}).read_bytes(),
    }


@pytest.fixture
def server(served: Mapping[str, bytes]) -> Iterator[TroubleServer]:
    with TroubleServer(served) as server:
        yield server


def get(folder: Path, *archives: Archive, **more: Any) -> None:
    fetcher = more.pop("fetcher", None) or make_fetcher(attempts=2)
    bring(archives, folder, fetcher=fetcher, **more)


def test_unpacked_once_and_removed(server: TroubleServer, tmp_path: Path) -> None:
    folder = tmp_path / "media"
    archives = (Archive((server.url("ok/a.zip"),)), Archive((server.url("ok/b.tgz"),), into="sub"))
    lines: list[str] = []
    assert outstanding(folder, archives) == archives
    get(folder, *archives, tell=lines.append)
    assert found(folder) == {**FILES, "sub/more/b.mp4": b"b"}
    assert outstanding(folder, archives) == ()
    assert lines == [
        "Downloading a.zip", "Unpacking a.zip", "Downloading b.tgz", "Unpacking b.tgz",
    ]  # fmt: skip
    assert not [path for path in (folder / NOTES).rglob("*") if path.stat().st_size > 1000]
    get(folder, *archives)
    assert server.statuses("ok/a.zip") == [200], "asked for again"


def test_what_is_there_is_not_looked_at_again(server: TroubleServer, tmp_path: Path) -> None:
    """A user may have removed what they do not need; that is theirs to decide."""
    archive = Archive((server.url("ok/a.zip"),))
    get(tmp_path / "media", archive)
    (tmp_path / "media/set/labels.csv").unlink()
    get(tmp_path / "media", archive)
    assert "set/labels.csv" not in found(tmp_path / "media")


def test_parts_are_joined_and_the_digest_is_of_the_whole(
    server: TroubleServer, served: Mapping[str, bytes], tmp_path: Path
) -> None:
    whole = served["a.zip"]
    urls = server.url("ok/a.zip.001"), server.url("cut-once/a.zip.002")
    archive = Archive(
        urls, sha256=hashlib.sha256(whole).hexdigest(), md5=hashlib.md5(whole).hexdigest(),
        size_bytes=len(whole),
    )  # fmt: skip
    get(tmp_path / "media", archive)
    assert found(tmp_path / "media") == FILES
    assert server.statuses("cut-once/a.zip.002") == [200, 206]
    assert name_of(archive) == "a.zip.001 and 1 more parts"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"sha256": "0" * 64}, "another sha256"),
        ({"md5": "0" * 32}, "another md5"),
        ({"size_bytes": 7}, "bytes instead of 7"),
    ],
)
def test_another_file_than_known(
    server: TroubleServer, tmp_path: Path, wrong: dict[str, Any], words: str
) -> None:
    folder = tmp_path / "media"
    with pytest.raises(AccessError, match=words) as caught:
        get(folder, Archive((server.url("ok/a.zip"),), **wrong))
    assert "--media" in (caught.value.hint or "")
    assert not found(folder)
    assert not list(folder.rglob("*.media")), "the wrong file stays"


def test_an_archive_is_resumed_by_the_next_process(server: TroubleServer, tmp_path: Path) -> None:
    folder = tmp_path / "media"
    archive = Archive((server.url("creep/a.zip"),))
    with pytest.raises(AccessError, match="truncated"):
        get(folder, archive, fetcher=make_fetcher(attempts=1))
    get(folder, archive, fetcher=make_fetcher(attempts=9))
    assert found(folder) == FILES
    assert server.statuses("creep/a.zip")[:2] == [200, 206]


def test_long_downloads_may_be_cut_more_often_than_attempts(tmp_path: Path) -> None:
    """Each attempt brings over 8 MiB, so the third and fourth are not the last."""
    content = zip_of(tmp_path / "a.zip", {"a.bin": os.urandom(26 << 20)}).read_bytes()
    with TroubleServer({"a.zip": content}) as server:
        get(
            tmp_path / "media", Archive((server.url("creep/a.zip"),)),
            fetcher=make_fetcher(attempts=2),
        )  # fmt: skip
        assert server.statuses("creep/a.zip") == [200, 206, 206]
    assert len(found(tmp_path / "media")["a.bin"]) == 26 << 20


def test_limits_of_archives_are_their_own(server: TroubleServer, tmp_path: Path) -> None:
    archive = Archive((server.url("ok/a.zip"),))
    with pytest.raises(AccessError, match="too-large"):
        get(tmp_path / "one", archive, fetcher=make_fetcher(max_archive_bytes=10))
    get(tmp_path / "two", archive, fetcher=make_fetcher(max_bytes=10))


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("missing", r"link-dead \(status 404\)"),
        ("forbidden", r"http-forbidden \(status 403\)"),
        ("html", "cannot unpack `a.zip`: html"),
        ("short", "cannot unpack `a.zip`"),
    ],
)
def test_what_cannot_be_had(
    server: TroubleServer, tmp_path: Path, trouble: str, words: str
) -> None:
    folder = tmp_path / "media"
    address = server.url(f"{trouble}/a.zip?token=secret")
    with pytest.raises(AccessError, match=words) as caught:
        get(folder, Archive((address,)))
    assert caught.value.exit_code == 3
    assert caught.value.hint
    assert "secret" not in f"{caught.value} {caught.value.hint}"
    assert not found(folder)
    if trouble == "forbidden":
        assert "machine HOST login USER" in (caught.value.hint or "")
    with pytest.raises(AccessError):
        get(folder, Archive((address,)))
    again = server.requests(f"{trouble}/a.zip?token=secret")
    assert len(again) == 2, "a bad archive must not be kept for the next run"


def test_the_same_file_in_two_archives(
    server: TroubleServer, served: dict[str, bytes], tmp_path: Path
) -> None:
    same = {"set/labels.csv": FILES["set/labels.csv"], "set/train/c.mp4": b"c"}
    served["c.zip"] = zip_of(tmp_path / "c.zip", same).read_bytes()
    served["d.zip"] = zip_of(tmp_path / "d.zip", {"set/labels.csv": b"other"}).read_bytes()
    served["e.zip"] = zip_of(tmp_path / "e.zip", {"set/labels.csv/x": b"other"}).read_bytes()
    folder = tmp_path / "media"
    get(folder, Archive((server.url("ok/a.zip"),)), Archive((server.url("ok/c.zip"),)))
    assert found(folder) == {**FILES, **same}
    for name in ("d", "e"):
        with pytest.raises(AccessError, match=r"holds another `labels\.csv`"):
            get(folder, Archive((server.url(f"ok/{name}.zip"),)))
    assert found(folder) == {**FILES, **same}


def test_passwords_come_from_the_environment(
    served: dict[str, bytes], server: TroubleServer, tmp_path: Path, monkeypatch: Any
) -> None:
    from archives import CRYPTO_ZIP

    served["p.zip"] = CRYPTO_ZIP
    archive = Archive((server.url("ok/p.zip"),), password_env="TEST_SET_PASSWORD")
    monkeypatch.delenv("TEST_SET_PASSWORD", raising=False)
    with pytest.raises(AccessError, match="needs the password") as caught:
        get(tmp_path / "media", archive)
    assert "TEST_SET_PASSWORD" in (caught.value.hint or "")
    assert not server.requests("ok/p.zip"), "downloaded, though it cannot be unpacked"
    monkeypatch.setenv("TEST_SET_PASSWORD", "wrong-one")
    with pytest.raises(AccessError, match="password is wrong") as caught:
        get(tmp_path / "media", archive)
    assert "wrong-one" not in f"{caught.value} {caught.value.hint}"
    monkeypatch.setenv("TEST_SET_PASSWORD", "right")
    get(tmp_path / "media", archive)
    assert found(tmp_path / "media") == {"a.txt": b"secret" * 100}
    assert server.statuses("ok/p.zip") == [200], "downloaded anew because of a wrong password"
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*.json"))
    assert b"right" not in kept


def test_archives_can_be_kept(server: TroubleServer, tmp_path: Path) -> None:
    folder = tmp_path / "media"
    get(folder, Archive((server.url("ok/a.zip"),)), keep=True)
    assert [path.stat().st_size for path in folder.rglob("*.media")]
    assert found(folder) == FILES


def test_only_one_process_at_a_time(server: TroubleServer, tmp_path: Path) -> None:
    folder = tmp_path / "media"
    (folder / NOTES).mkdir(parents=True)
    with (folder / NOTES / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="another run"):
            get(folder, Archive((server.url("ok/a.zip"),)))


def test_a_stop_keeps_what_has_come(server: TroubleServer, tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        get(tmp_path / "media", Archive((server.url("ok/a.zip"),)), stop=stop)
    get(tmp_path / "media", Archive((server.url("ok/a.zip"),)))
    assert found(tmp_path / "media") == FILES


KILLED = """
import os, signal, sys
from pathlib import Path
from sign_etl.core import files
from sign_etl.media import archives
from sign_etl.media.fetch import Fetcher
from sign_etl.schema.archive import Archive
from sign_etl.schema.pipeline import FetchConfig

if sys.argv[3] == "unpacked":
    archives._merge = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
elif sys.argv[3] == "half-merged":
    real, calls = os.rename, []
    def rename(source, target):
        calls.append(target)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        real(source, target)
    archives.os.rename = rename
elif sys.argv[3] == "noted":
    archives.write_json = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
fetcher = Fetcher(FetchConfig(allow_private_hosts=("127.0.0.1",)))
archives.bring([Archive((sys.argv[1],))], Path(sys.argv[2]), fetcher=fetcher)
"""


@pytest.mark.parametrize("moment", ["unpacked", "half-merged", "noted"])
def test_a_kill_at_any_moment_costs_no_second_download(
    served: dict[str, bytes], server: TroubleServer, tmp_path: Path, moment: str
) -> None:
    files = {"one.mp4": b"1", "two.mp4": b"2", "three.mp4": b"3"}
    served["k.zip"] = zip_of(tmp_path / "k.zip", files).read_bytes()
    folder, url = tmp_path / "media", server.url("ok/k.zip")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, url, str(folder), moment], timeout=1100, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert outstanding(folder, [Archive((url,))])
    get(folder, Archive((url,)))
    assert found(folder) == files
    assert server.statuses("ok/k.zip") == [200]
    assert not list((folder / NOTES).glob(".tmp-*"))


def test_other_archives_have_another_folder(tmp_path: Path) -> None:
    one, two = Archive(("http://a/x",)), Archive(("http://a/y",))
    assert media_folder(tmp_path, "slovo", [one]).parent == tmp_path / "media" / "slovo"
    assert media_folder(tmp_path, "slovo", [one]) != media_folder(tmp_path, "slovo", [two])
    assert media_folder(tmp_path, "slovo", [one]) == media_folder(tmp_path, "slovo", [one])


def test_a_recipe_cannot_unpack_elsewhere(server: TroubleServer, tmp_path: Path) -> None:
    from sign_etl.media.members import ArchiveRefused

    with pytest.raises(ArchiveRefused):
        get(tmp_path / "media", Archive((server.url("ok/a.zip"),), into="../elsewhere"))
    assert not server.log
