"""Files on hubs, through the hubs' own libraries: optional extras, and one person's login.

    hf://datasets/OWNER/NAME[@REVISION]/PATH     huggingface_hub, `hf auth login` or HF_TOKEN
    gdrive://ID                                  gdown, public files only
    kaggle://OWNER/NAME[/versions/N]             kagglehub, KAGGLE_API_TOKEN; it unpacks by itself

These libraries connect by themselves, past our address check. So they only ever get names that a
recipe spells, never an address from an annotation file.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sign_etl.core.errors import AccessError, ConfigError, MissingExtraError, Stopped
from sign_etl.media.politeness import check_stop

_HF = re.compile(r"hf://datasets/([\w.-]+/[\w.-]+)(?:@([\w.-]+))?/(\S+)")
_GDRIVE = re.compile(r"gdrive://([\w-]{10,})")
_KAGGLE = re.compile(r"kaggle://([\w-]+/[\w.-]+(?:/versions/\d+)?)")
_BY_HAND = "or download it in a browser, unpack it and name the folder with --media"
IDLE_TIMEOUT_S = 60.0
RETRIES = 3


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What a hub's library has unpacked already.

    Attributes:
        path: folder with the files.
    """

    path: Path

    def facts(self) -> dict[str, int]:
        """Number and size of the files."""
        sizes = [path.lstat().st_size for path in self.path.rglob("*") if path.is_file()]
        return {"files": len(sizes), "size_bytes": sum(sizes)}


def is_hub(url: str) -> bool:
    """True for an address of this module's."""
    return url.startswith(("hf://", "gdrive://", "kaggle://"))


def is_unpacked_hub(url: str) -> bool:
    """True where the hub's library gives a folder and no archive."""
    return url.startswith("kaggle://")


def download(url: str, into: Path, *, stop: threading.Event | None = None) -> Path:
    """Download one file; what was there of it is built upon.

    Args:
        url: `hf://` or `gdrive://`.
        into: private folder, created.
        stop: ends a download from Google Drive at once, others after the file in hand.

    Returns:
        The file, somewhere in `into`.

    Raises:
        AccessError: it cannot be had; says what to do.
        ConfigError: a malformed address.
        MissingExtraError: the hub's library is not installed.
        Stopped: `stop` was set.
    """
    check_stop(stop)
    into.mkdir(parents=True, exist_ok=True)
    if found := _HF.fullmatch(url):
        return _hugging_face(found[1], found[2], found[3], into)
    if found := _GDRIVE.fullmatch(url):
        return _google_drive(found[1], into / "file", stop)
    raise ConfigError(
        f"`{url}` is no address of a hub", hint="write hf://datasets/OWNER/NAME/PATH or gdrive://ID"
    )


def download_unpacked(url: str, into: Path) -> Unpacked:
    """Download a data set of Kaggle.

    Raises:
        AccessError, ConfigError, MissingExtraError: see `download`.
    """
    found = _KAGGLE.fullmatch(url)
    if found is None:
        raise ConfigError(f"`{url}` is no address of a hub", hint="write kaggle://OWNER/NAME")
    into.parent.mkdir(parents=True, exist_ok=True)
    return Unpacked(_kaggle(found[1], into))


def _hugging_face(name: str, revision: str | None, path: str, into: Path) -> Path:
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import (
            EntryNotFoundError,
            GatedRepoError,
            HfHubHTTPError,
            HFValidationError,
            LocalEntryNotFoundError,
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )
    except ImportError:
        raise MissingExtraError("a download from Hugging Face", "huggingface") from None
    page = f"https://huggingface.co/datasets/{name}"
    try:
        return Path(
            hf_hub_download(name, path, repo_type="dataset", revision=revision, local_dir=into)
        )
    except GatedRepoError:
        raise AccessError(
            f"Hugging Face gives `{name}` only to people who accepted its terms",
            hint=f"accept them at {page}, then log in: `hf auth login` (or set HF_TOKEN)",
        ) from None
    except RepositoryNotFoundError:
        raise AccessError(
            f"Hugging Face has no data set `{name}`, or not for you",
            hint=f"look at {page}; if it is private, log in: `hf auth login` (or set HF_TOKEN)",
        ) from None
    except LocalEntryNotFoundError as error:  # over every answer that gives no file
        raise _refused(name, page, error.__cause__) from None
    except (EntryNotFoundError, RevisionNotFoundError, HFValidationError):
        raise AccessError(
            f"the data set `{name}` of Hugging Face holds no `{path}`",
            hint=f"look at {page}, {_BY_HAND}",
        ) from None
    except HfHubHTTPError as error:
        raise _refused(name, page, error) from None


def _refused(name: str, page: str, error: BaseException | None) -> AccessError:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return AccessError(
            f"Hugging Face refuses `{name}` with status {status}",
            hint=f"look at {page} and log in: `hf auth login` (or set HF_TOKEN)",
        )
    return _unreachable("Hugging Face", name)


def _google_drive(file_id: str, path: Path, stop: threading.Event | None) -> Path:
    try:
        from gdown import download
        from gdown.exceptions import DownloadCancelled, DownloadError, FileURLRetrievalError
        from requests import RequestException
    except ImportError:
        raise MissingExtraError("a download from Google Drive", "gdrive") from None
    page = f"https://drive.google.com/file/d/{file_id}"
    try:
        download(
            id=file_id,
            output=str(path),
            quiet=True,
            resume=True,
            use_cookies=False,
            timeout=IDLE_TIMEOUT_S,
            retries=RETRIES,
            cancel=stop,
        )
    except DownloadCancelled:
        raise Stopped(
            "stopped while downloading", hint="run the same command again: it goes on from here"
        ) from None
    except FileURLRetrievalError:
        raise AccessError(
            f"Google Drive does not give the file `{file_id}` to a program: it is not public, or "
            "too many people have downloaded it today",
            hint=f"try again tomorrow, {_BY_HAND}: {page}",
        ) from None
    except (DownloadError, RequestException):
        raise _unreachable("Google Drive", file_id) from None
    return path


def _kaggle(handle: str, into: Path) -> Path:
    try:
        import kagglehub
        from kagglehub.exceptions import (
            DataCorruptionError,
            KaggleApiHTTPError,
            UnauthenticatedError,
        )
        from requests import RequestException
    except ImportError:
        raise MissingExtraError("a download from Kaggle", "kaggle") from None
    name = "/".join(handle.split("/")[:2])
    page = f"https://www.kaggle.com/datasets/{name}"
    login = AccessError(
        f"Kaggle does not give `{name}` without a login",
        hint=f"make a token at https://www.kaggle.com/settings, set KAGGLE_API_TOKEN to it, and "
        f"accept the terms at {page}",
    )
    with _quiet("kagglehub"):
        try:
            return Path(kagglehub.dataset_download(handle, output_dir=str(into)))
        except UnauthenticatedError:
            raise login from None
        except KaggleApiHTTPError as error:
            status = getattr(error.response, "status_code", None)
            if status in (401, 403):
                raise login from None
            if status == 404:
                raise AccessError(
                    f"Kaggle has no data set `{name}`, or not for you", hint=f"look at {page}"
                ) from None
            raise _unreachable("Kaggle", name) from None
        except (DataCorruptionError, RequestException):
            raise _unreachable("Kaggle", name) from None


def _unreachable(hub: str, name: str) -> AccessError:
    return AccessError(
        f"{hub} cannot be reached or breaks off for `{name}`",
        hint="run the same command again later: it goes on where it was",
    )


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """While the block runs, a library's log is not for our users' screens."""
    library = logging.getLogger(name)
    level = library.level
    library.setLevel(logging.ERROR)
    try:
        yield
    finally:
        library.setLevel(level)
