"""Packed parts of a data set, as recipes name them and `sign_etl.media.archives` unpacks them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Archive:
    """A packed part of a data set: downloaded once, unpacked safely into its media folder.

    Attributes:
        urls: where it is; several are the parts of one file, in order. Besides http(s):
            `hf://datasets/OWNER/NAME/PATH` (`NAME@REVISION` for a fixed one), `gdrive://ID`,
            `kaggle://OWNER/NAME` (`/versions/N` for a fixed one; it comes unpacked).
        into: sub-folder of the media folder that it is unpacked into, empty for the folder itself.
        sha256: of the (joined) file, where it is known.
        md5: likewise, where its authors give only that.
        size_bytes: likewise.
        password_env: environment variable that holds the user's password for it.
    """

    urls: tuple[str, ...]
    into: str = ""
    sha256: str | None = None
    md5: str | None = None
    size_bytes: int | None = None
    password_env: str | None = None
