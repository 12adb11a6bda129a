"""Final files appear whole or not at all, whatever happens to their writer."""

from __future__ import annotations

import errno
import os
import pickle
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sign_etl.core.errors import DiskError
from sign_etl.core.files import (
    OUTLIVED_S,
    TEMP_PREFIX,
    atomic_open,
    disk_errors,
    link,
    scratch,
    sweep,
    write_bytes,
    write_json,
)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_writes_into_a_new_folder(tmp_path: Path) -> None:
    path = tmp_path / "train" / "a.json"
    write_json(path, {"b": 1, "a": "ž"})
    assert path.read_bytes() == '{"a":"ž","b":1}\n'.encode()
    assert names(path.parent) == ["a.json"]


@pytest.mark.parametrize("durable", [True, False])
def test_a_failing_block_leaves_the_old_file(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "index"
    write_bytes(path, b"old")
    with pytest.raises(RuntimeError, match="midway"), atomic_open(path, durable=durable) as file:
        file.write(b"new, only hal")
        raise RuntimeError("midway")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["index"]


def test_readers_see_the_old_file_until_the_end(tmp_path: Path) -> None:
    path = tmp_path / "index"
    write_bytes(path, b"old")
    with atomic_open(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


def test_kill_9_leaves_the_old_file_and_sweep_the_folder_clean(tmp_path: Path) -> None:
    path = tmp_path / "index"
    write_bytes(path, b"old")
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from sign_etl.core.files import atomic_open\n"
        "with atomic_open(Path(sys.argv[1])) as file:\n"
        "    file.write(b'new'); file.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    assert len(names(tmp_path)) == 2, "the killed writer left its temporary file"
    (tmp_path / f"{TEMP_PREFIX}folder" / "inner").mkdir(parents=True)
    sweep(tmp_path)
    assert names(tmp_path) == ["index"]


def test_a_full_disk_is_told_and_the_old_file_kept(full_disk: Path) -> None:
    path = full_disk / "shard.tar"
    write_bytes(path, b"old")
    with pytest.raises(DiskError, match="no space left") as caught, atomic_open(path) as file:
        for _ in range(64):
            file.write(b"x" * 65_536)
    assert caught.value.exit_code == 75
    assert str(full_disk) in caught.value.message
    assert "run the same command again" in (caught.value.hint or "")
    assert pickle.loads(pickle.dumps(caught.value)).message == caught.value.message
    assert path.read_bytes() == b"old"
    assert names(full_disk) == ["shard.tar"]
    write_bytes(path, b"fits again")
    assert path.read_bytes() == b"fits again"


def test_other_system_errors_are_left_alone(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such device") as caught, disk_errors(tmp_path):
        raise OSError(errno.ENODEV, "No such device")
    assert not isinstance(caught.value, DiskError)


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_modes_follow_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    # In a process of its own: the umask is read once.
    program = (
        "import os, sys; from pathlib import Path\n"
        "os.umask(int(sys.argv[2]))\n"
        "from sign_etl.core.files import write_bytes\n"
        "write_bytes(Path(sys.argv[1]), b'x')\n"
        "assert os.umask(0) == int(sys.argv[2])\n"
    )
    path = tmp_path / "file"
    subprocess.run([sys.executable, "-c", program, str(path), str(umask)], check=True)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_link_replaces_what_was_there_and_outlives_the_first_name(tmp_path: Path) -> None:
    first, second = tmp_path / "a" / "source", tmp_path / "b" / "source"
    first.parent.mkdir()
    first.write_bytes(b"bytes")
    for _ in range(2):  # a second time it is there already
        link(first, second)
        assert second.samefile(first)
        assert [path.name for path in second.parent.iterdir()] == ["source"]
    first.unlink()
    assert second.read_bytes() == b"bytes"
    with pytest.raises(FileNotFoundError):
        link(first, second)
    assert [path.name for path in second.parent.iterdir()] == ["source"]
    assert second.read_bytes() == b"bytes"


def test_scratch_is_gone_afterwards(tmp_path: Path) -> None:
    with pytest.raises(KeyError), scratch(tmp_path / "work") as folder:
        (folder / "half.mp4").write_bytes(b"x")
        assert folder.name.startswith(TEMP_PREFIX)
        raise KeyError
    assert names(tmp_path / "work") == []


def test_the_last_of_many_writers_wins_whole(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from sign_etl.core.files import atomic_open\n"
        "for _ in range(50):\n"
        "    with atomic_open(Path(sys.argv[1]), durable=False) as file:\n"
        "        file.write(sys.argv[2].encode() * 100_000)\n"
    )
    path = tmp_path / "file"
    path.write_bytes(b"a" * 100_000)
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(path), letter]) for letter in "ab"
    ]
    while any(writer.poll() is None for writer in writers):
        data = path.read_bytes()
        assert data in (b"a" * 100_000, b"b" * 100_000)
    assert [writer.returncode for writer in writers] == [0, 0]
    assert names(tmp_path) == ["file"]


def test_sweep_may_leave_what_a_writer_still_has_in_hand(tmp_path: Path) -> None:
    old, young = tmp_path / f"{TEMP_PREFIX}old", tmp_path / f"{TEMP_PREFIX}young"
    for path in (old, young):
        path.mkdir()
    os.utime(old, (0, 0))
    sweep(tmp_path, older_than_s=OUTLIVED_S)
    assert not old.exists()
    assert young.exists()
