"""Sources that are already on this disk: the folder given by --media."""

from __future__ import annotations

from pathlib import Path

from sign_etl.core.folder_index import FolderIndex
from sign_etl.media.fetched import Fetched, fetch_reject, inspect_file
from sign_etl.media.pictures import inspect_folder
from sign_etl.schema.clip import Source
from sign_etl.schema.outcome import Reason, Reject


class MediaFolder:
    """The files of a folder, found by the names that a recipe gives its sources. Nothing is copied.

    Thread-safe once made.

    Args:
        root: the folder; it is scanned once, here.

    Raises:
        UsageError: it cannot be read, see `FolderIndex`.
    """

    def __init__(self, root: Path) -> None:
        # Absolute, because a relative name that begins with `-` is an option to other programs.
        self._index = FolderIndex(root.expanduser().absolute())

    def find(self, source: Source) -> Path | None:
        """The file (or folder of pictures) that one of the source's names stands for, or None.

        See `FolderIndex.find` for the order in which names are tried.
        """
        if source.frames_fps is not None:
            return self._index.find_folder(source.names)
        return self._index.find(source.names)

    def fetch(self, source: Source) -> Fetched | Reject:
        """Find, sniff and hash the file (or the pictures) of `source`; they stay where they are."""
        path = self.find(source)
        if path is None:
            return fetch_reject(Reason.MEDIA_MISSING)
        try:
            if source.frames_fps is not None:
                return inspect_folder(path)
            return inspect_file(path, expect=source.keypoints)
        except FileNotFoundError:
            return fetch_reject(Reason.MEDIA_MISSING)
        except OSError:
            return fetch_reject(Reason.MEDIA_MISSING, "file cannot be read")
