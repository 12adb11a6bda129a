"""Reading one file of keypoints in a named format, or seeing it refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sign_etl.keypoints.base import FORMATS, Imported, Refused
from sign_etl.schema.keypoint_set import FORMAT_LAYOUTS, KeypointSet


def read(name: str, path: Path, part: str | None = None, **wanted: Any) -> Imported:
    kind = wanted.pop("layout", None) or FORMAT_LAYOUTS[name]
    return FORMATS.get(name).read(path, part, KeypointSet(str(kind), **wanted))


def refused(name: str, path: Path, part: str | None = None, **wanted: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        read(name, path, part, **wanted)
    return caught.value
