"""Reading annotation files of any kind, and what is said where one cannot be read."""

from __future__ import annotations

from pathlib import Path

from sign_etl.core.errors import AnnotationError

CHECK = "check the path given with --annotations"


def unreadable(path: Path, error: OSError, hint: str = CHECK) -> AnnotationError:
    """The error over a file that the system does not give."""
    reason = (error.strerror or "unreadable").lower()
    return AnnotationError(f"cannot read `{path}`: {reason}", hint=hint)


def read_utf8(path: Path, hint: str = CHECK) -> str:
    """The text of a file, its line ends as they are.

    Args:
        path: the file.
        hint: what helps where it cannot be read.

    Raises:
        AnnotationError: it cannot be read, or is no UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise unreadable(path, error, hint) from error
    except UnicodeDecodeError as error:
        raise AnnotationError(
            f"{path.name}: is no UTF-8",
            hint=f"iconv -f WINDOWS-1252 -t UTF-8 {path.name} > utf8-{path.name}",
        ) from error
