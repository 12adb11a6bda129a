"""Object storage behind fsspec: a few operations that survive errors, lost replies and rivals.

Only what every object store has: whole objects by name, no renames, no listing. A reply may be
lost after the work was done, so every operation may be repeated.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sign_etl.core.errors import AccessError, MissingExtraError, StorageError, UsageError
from sign_etl.core.files import scratch

T = TypeVar("T")

ATTEMPTS = 8
FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 20.0
"""Eight attempts take a minute: longer than a store's hiccup, shorter than a night."""
EXTRAS = {"s3": "s3", "s3a": "s3"}
"""Which extra installs the package of a scheme, where it is not called like the scheme."""
_FINAL = (PermissionError, NotImplementedError, ValueError)
_NO_CREDENTIALS = frozenset(
    {"NoCredentialsError", "PartialCredentialsError", "TokenRetrievalError"}
)
"""By name: the package of the storage need not be installed."""


class Remote:
    """A folder of objects.

    Args:
        url: as fsspec knows it (`s3://bucket/folder`, `memory://folder`). Credentials and the
            endpoint come from the environment, as for other tools of that storage.

    Raises:
        UsageError: fsspec does not know the scheme.
        MissingExtraError: its package is not installed.
    """

    def __init__(self, url: str) -> None:
        import fsspec

        scheme = url.partition("://")[0]
        self.url = url.rstrip("/")
        try:
            # Another run may have written an object since we looked: no caches of names.
            # Nor an earlier file system of this process, which may have other credentials.
            options: dict[str, Any] = {"skip_instance_cache": True}
            if scheme in EXTRAS:
                options["use_listings_cache"] = False
            elif scheme == "memory":
                options = {}
            self._fs, self._root = fsspec.core.url_to_fs(self.url, **options)
        except ImportError:
            raise MissingExtraError(f"storage `{scheme}://`", EXTRAS.get(scheme, scheme)) from None
        except ValueError as error:
            raise UsageError(
                f"storage `{scheme}://` is not known", hint="give a folder, or an s3:// address"
            ) from error

    def get(self, name: str) -> bytes | None:
        """The bytes of an object, None where there is none."""
        try:
            found: bytes = self._often(lambda: self._fs.cat_file(self._path(name)))
            return found
        except FileNotFoundError:
            return None

    def download(self, name: str, target: Path) -> bool:
        """Bring an object into a file of ours; False where there is none.

        `target` is written in place: give a file in a scratch folder.
        """
        try:
            self._often(lambda: self._fs.get_file(self._path(name), str(target)))
        except FileNotFoundError:
            return False
        return True

    def size(self, name: str) -> int | None:
        """Size of an object in bytes, None where there is none."""
        try:
            return int(self._often(lambda: self._fs.info(self._path(name)))["size"])
        except FileNotFoundError:
            return None

    def put(self, name: str, data: bytes) -> None:
        """Write an object, whatever was there."""
        self._often(lambda: self._fs.pipe_file(self._path(name), data))

    def create(self, name: str, data: bytes) -> bool:
        """Write an object unless there is one; False where there is.

        Two writers cannot both win where the storage knows conditional writes (S3 does).
        """
        try:
            self._often(lambda: self._fs.pipe_file(self._path(name), data, mode="create"))
        except FileExistsError:
            # It may be our own, its reply lost.
            return self.get(name) == data
        return True

    def upload(self, path: Path, name: str) -> None:
        """Write a file as an object, whatever was there."""
        self._often(lambda: self._fs.put_file(str(path), self._path(name)))

    def remove(self, name: str) -> None:
        """Remove an object, if there is one."""
        try:
            self._often(lambda: self._fs.rm_file(self._path(name)))
        except FileNotFoundError:
            pass

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _often(self, work: Callable[[], T]) -> T:
        """Repeat `work` while it fails for reasons that pass.

        Raises:
            StorageError: it failed to the end, or the storage does not let us.
            AccessError: there are no credentials.
            FileNotFoundError, FileExistsError: as the storage says.
        """
        for attempt in range(ATTEMPTS):
            try:
                return work()
            except (FileNotFoundError, FileExistsError):
                raise
            except _FINAL as error:
                raise StorageError(
                    f"{self.url} does not let us: {type(error).__name__}",
                    hint="check the credentials and the rights of the bucket",
                ) from error
            except Exception as error:
                # What libraries raise for a lost connection has no common class.
                if type(error).__name__ in _NO_CREDENTIALS:
                    raise AccessError(
                        f"there are no credentials for {self.url}",
                        hint="set them as for other tools, such as AWS_ACCESS_KEY_ID and "
                        "AWS_SECRET_ACCESS_KEY",
                    ) from error
                if attempt == ATTEMPTS - 1:
                    raise StorageError(
                        f"{self.url} does not answer: {type(error).__name__}",
                        hint="run the same command again once it does: what is done is kept",
                    ) from error
            wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**attempt)
            time.sleep(wait_s * random.uniform(0.5, 1.0))
        raise AssertionError("unreachable")


def fetched_whole(remote: Remote, name: str, folder: Path, keep: Callable[[Path], None]) -> bool:
    """Download an object beside its place and hand it to `keep`; False where there is none.

    Args:
        remote: where from.
        name: of the object.
        folder: on the disk where the file is to stay.
        keep: checks the file and moves it; the file is gone afterwards either way.
    """
    with scratch(folder) as private:
        path = private / "object"
        if not remote.download(name, path):
            return False
        keep(path)
    return True
