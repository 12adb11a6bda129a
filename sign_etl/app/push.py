"""`push`: a build onto object storage, in the order in which readers trust it.

The manifest is withdrawn there before anything it names changes, and comes last. So whoever reads
while a push is at work, or after one that was killed, finds the old build, none, or the new one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sign_etl.core.errors import VerifyError
from sign_etl.core.remote import Remote
from sign_etl.reader.manifest import MANIFEST, read_manifest
from sign_etl.schema.records import REPORT_PAGE, ManifestRecord

UNSIGNED = ("build.lock", "README.md", REPORT_PAGE, "croissant.json")
"""Files of a build that the manifest need not name; pushed where they are there."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did.

    Attributes:
        url: where the build is now.
        sent: files that were written there.
        kept: files that were there already.
        removed: shards of an earlier build that are gone.
        size_bytes: of the files that were written.
    """

    url: str
    sent: int
    kept: int
    removed: int
    size_bytes: int


def push(build: Path, url: str, *, tell: Callable[[str], None] | None = None) -> Pushed:
    """Put a build onto storage behind fsspec, or bring the one there up to date.

    Args:
        build: its folder.
        url: of the folder that it becomes (`s3://bucket/wlasl100`).
        tell: hears of each file.

    Raises:
        UsageError, VerifyError: `build` is no finished build, or not what its manifest says.
        StorageError: the storage does not answer; the same call goes on.
        MissingExtraError: fsspec needs a package for it.

    Example:
        >>> push(Path("demo-build"), "memory://signs/demo").sent
        7
    """
    manifest = read_manifest(build)
    remote = Remote(url)
    text = (build / MANIFEST).read_bytes()
    there = remote.get(MANIFEST)
    wanted = dict(_files(manifest))
    for name, (_, size_bytes) in wanted.items():
        if not (build / name).is_file() or (build / name).stat().st_size != size_bytes:
            raise VerifyError(
                f"{name} is not what the manifest says", hint=f"sign-etl verify {build}"
            )
    known = _known(there)
    # What a killed push had sent already is found by its size; digests are the manifest's matter.
    same = {
        name
        for name, (sha256, size_bytes) in wanted.items()
        if known.get(name) == (sha256, size_bytes) and remote.size(name) == size_bytes
    }
    sent = [name for name in wanted if name not in same]
    gone = [name for name in known if name not in wanted]
    if there is not None and (there != text or sent or gone):
        remote.remove(MANIFEST)
        there = None
    extra = [name for name in UNSIGNED if name not in wanted and (build / name).is_file()]
    for name in (*sent, *extra):
        if tell is not None:
            tell(name)
        remote.upload(build / name, name)
    for name in gone:
        remote.remove(name)
    if there is None:
        remote.put(MANIFEST, text)
    return Pushed(
        url=remote.url,
        sent=len(sent),
        kept=len(same),
        removed=len(gone),
        size_bytes=sum(wanted[name][1] for name in sent),
    )


def _files(manifest: ManifestRecord) -> Iterator[tuple[str, tuple[str, int]]]:
    for shard in manifest.shards:
        yield shard.path, (shard.sha256, shard.size_bytes)
    for name, file in {**manifest.files, **manifest.documents}.items():
        yield name, (file.sha256, file.size_bytes)


def _known(text: bytes | None) -> dict[str, tuple[str, int]]:
    """What the manifest there names; nothing where it is of another version or damaged."""
    if text is None:
        return {}
    try:
        return dict(_files(ManifestRecord.model_validate_json(text)))
    except ValueError:
        return {}
