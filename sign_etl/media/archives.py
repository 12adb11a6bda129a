"""Packed data sets: downloaded once, unpacked safely into a media folder of the cache.

    cache/media/RECIPE/DIGEST/            the files, as a person would have unpacked them
    cache/media/RECIPE/DIGEST/.sign-etl/  one note for each archive that is done, downloads in hand

A kill at any time costs little: downloads go on where they were, an archive that was not unpacked
to its end is unpacked again, and one that was is never touched again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sign_etl.core.canonical import CHUNK_BYTES, digest, sha256_file
from sign_etl.core.errors import AccessError, DiskError, UsageError
from sign_etl.core.files import disk_errors, scratch, sweep, write_json
from sign_etl.core.seams import seam
from sign_etl.media import hubs
from sign_etl.media.fetch import Fetcher
from sign_etl.media.joined import open_joined
from sign_etl.media.members import UnpackLimits, safe_parts
from sign_etl.media.unpacking import BY_HAND, ArchiveError, unpack
from sign_etl.media.watching import watched
from sign_etl.schema.archive import Archive

NOTES = ".sign-etl"
Tell = Callable[[str], None]
"""Takes a line for people."""


def media_folder(cache: Path, recipe: str, archives: Sequence[Archive]) -> Path:
    """Where these archives of a recipe are unpacked: other archives, another folder."""
    identity = [[archive.urls, archive.into, archive.sha256, archive.md5] for archive in archives]
    return cache / "media" / recipe / digest(identity)[:12]


def outstanding(folder: Path, archives: Sequence[Archive]) -> tuple[Archive, ...]:
    """Those that are not yet unpacked in `folder`."""
    return tuple(archive for archive in archives if not _note(folder, archive).is_file())


def bring(
    archives: Sequence[Archive],
    folder: Path,
    *,
    fetcher: Fetcher,
    keep: bool = False,
    limits: UnpackLimits | None = None,
    stop: threading.Event | None = None,
    tell: Tell | None = None,
) -> None:
    """Download and unpack what is outstanding.

    Args:
        archives: all of them.
        folder: of `media_folder`.
        fetcher: for http(s).
        keep: leave the archives beside the files.
        limits: how much one may hold.
        stop: ends downloading and unpacking when set.
        tell: hears what is going on.

    Raises:
        AccessError: one cannot be had, is not what it has to be, or is not safe to unpack.
        MissingExtraError: a hub or format needs a package that is not installed.
        UsageError: another process is doing the same.
        DiskError: no space left.
        Stopped: `stop` was set; the same call goes on.
    """
    tell = tell or _nothing
    for archive in archives:
        _into(folder, archive)  # a slip of the recipe shows before gigabytes are downloaded
    with disk_errors(folder), _owned(folder):
        for archive in archives:
            downloads = _downloads(folder, archive)
            if not _note(folder, archive).is_file():
                _bring(archive, folder, downloads, fetcher, limits or UnpackLimits(), stop, tell)
            if not keep:
                shutil.rmtree(downloads, ignore_errors=True)


def name_of(archive: Archive) -> str:
    """What people call it: the last part of its address, without a query that may hold a key."""
    last = archive.urls[0].partition("?")[0].rstrip("/").rpartition("/")[2]
    return last if len(archive.urls) == 1 else f"{last} and {len(archive.urls) - 1} more parts"


def _bring(
    archive: Archive,
    folder: Path,
    downloads: Path,
    fetcher: Fetcher,
    limits: UnpackLimits,
    stop: threading.Event | None,
    tell: Tell,
) -> None:
    name = name_of(archive)
    password = _password(archive, name)
    _check_room(archive, folder, downloads)
    with watched(downloads, name, archive.size_bytes, tell):
        got = _download(archive, downloads, fetcher, stop)
    seam("archives.before-unpack", name)
    with scratch(folder / NOTES) as fresh:
        if isinstance(got, hubs.Unpacked):
            _refuse_links(got.path, name)
            facts = got.facts()
            os.rename(got.path, fresh / "files")
        else:
            _check(archive, name, got, downloads)
            tell(f"Unpacking {name}")
            (fresh / "files").mkdir()
            try:
                facts = unpack(
                    got, fresh / "files", name=name, password=password, limits=limits, stop=stop
                )
            except ArchiveError as error:
                if error.kind in ("damaged", "no-archive"):  # the next run downloads it anew
                    shutil.rmtree(downloads, ignore_errors=True)
                raise
        into = _into(folder, archive)
        into.mkdir(parents=True, exist_ok=True)
        seam("archives.before-merge", name)
        _merge(fresh / "files", into, name)
    seam("archives.before-note", name)
    write_json(_note(folder, archive), facts)


def _download(
    archive: Archive, downloads: Path, fetcher: Fetcher, stop: threading.Event | None
) -> list[Path] | hubs.Unpacked:
    paths = []
    for number, url in enumerate(archive.urls):
        part = downloads / f"{number:03}"
        if hubs.is_unpacked_hub(url):
            return hubs.download_unpacked(url, part)
        if hubs.is_hub(url):
            paths.append(hubs.download(url, part, stop=stop))
        else:
            paths.append(fetcher.download(url, part, stop=stop))
    return paths


def _check(archive: Archive, name: str, paths: list[Path], downloads: Path) -> None:
    """Size and digest, where the recipe knows them."""
    wrong = None
    size_bytes = sum(path.stat().st_size for path in paths)
    if archive.size_bytes is not None and size_bytes != archive.size_bytes:
        wrong = f"{size_bytes:,} bytes instead of {archive.size_bytes:,}"
    elif archive.sha256 is not None and _digest(paths, "sha256") != archive.sha256:
        wrong = "another sha256"
    elif archive.md5 is not None and _digest(paths, "md5") != archive.md5:
        wrong = "another md5"
    if wrong is not None:
        shutil.rmtree(downloads, ignore_errors=True)
        raise AccessError(
            f"`{name}` is not the file that this version knows: {wrong}",
            hint=f"bring the known version, {BY_HAND}",
        )


def _digest(paths: list[Path], kind: str) -> str:
    if kind == "sha256" and len(paths) == 1:
        return sha256_file(paths[0])
    hasher = hashlib.new(kind, usedforsecurity=False)
    with open_joined(paths) as file:
        while chunk := file.read(CHUNK_BYTES):
            hasher.update(chunk)
    return hasher.hexdigest()


def _password(archive: Archive, name: str) -> str | None:
    if archive.password_env is None:
        return None
    password = os.environ.get(archive.password_env)
    if not password:
        raise AccessError(
            f"`{name}` needs the password that its authors give to registered users",
            hint=f"put it into the environment variable {archive.password_env}",
        )
    return password


def _check_room(archive: Archive, folder: Path, downloads: Path) -> None:
    """Both the archive and at least as much of its content must find room."""
    if archive.size_bytes is None:
        return
    here = sum(path.stat().st_size for path in downloads.rglob("*") if path.is_file())
    needed = 2 * archive.size_bytes - here
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DiskError(
            f"`{name_of(archive)}` needs about {needed / 1e9:.1f} GB on the disk of {folder}, "
            f"{free / 1e9:.1f} GB are free",
            hint="free some space, or move the cache with SIGN_ETL_CACHE=DIR",
        )


def _merge(source: Path, target: Path, name: str) -> None:
    """Move files to their place; what a killed merge moved before is there already, and equal."""
    with os.scandir(source) as entries:
        for entry in entries:
            place = target / entry.name
            if not os.path.lexists(place):
                os.rename(entry.path, place)
                seam("archives.merging", place)
            elif entry.is_dir() and place.is_dir() and not place.is_symlink():
                _merge(Path(entry.path), place, name)
            elif not (entry.is_file() and place.is_file() and _equal(Path(entry.path), place)):
                raise AccessError(
                    f"`{name}` holds another `{place.name}` than an archive before it",
                    hint=BY_HAND,
                )


def _refuse_links(folder: Path, name: str) -> None:
    # Ours holds none; a hub's own unpacking is not ours.
    for root, folders, files in os.walk(folder):
        for entry in (*folders, *files):
            if os.path.islink(os.path.join(root, entry)):
                raise ArchiveError(name, "unsafe", "it holds a link or device")


def _equal(one: Path, other: Path) -> bool:
    same_size = one.stat().st_size == other.stat().st_size
    return same_size and sha256_file(one) == sha256_file(other)


def _into(folder: Path, archive: Archive) -> Path:
    return folder.joinpath(*safe_parts(archive.into))


def _identity(archive: Archive) -> str:
    return digest([archive.urls, archive.into])[:16]


def _note(folder: Path, archive: Archive) -> Path:
    return folder / NOTES / f"{_identity(archive)}.json"


def _downloads(folder: Path, archive: Archive) -> Path:
    return folder / NOTES / _identity(archive)


@contextmanager
def _owned(folder: Path) -> Iterator[None]:
    notes = folder / NOTES
    notes.mkdir(parents=True, exist_ok=True)
    with (notes / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                "another run is downloading the same data set",
                hint="wait for it, then run the same command again",
            ) from None
        sweep(notes)
        yield


def _nothing(line: str) -> None:
    pass
