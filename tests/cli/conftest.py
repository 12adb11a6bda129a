"""Commands are tested as processes: exit code, stdout and stderr are what a user has of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def sign_etl(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs `sign-etl` with arguments; `cwd` and further environment by keyword."""
    elsewhere = tmp_path_factory.mktemp("cwd")

    def run(
        *arguments: object, cwd: Path = elsewhere, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("SIGN_ETL_") and name not in ("NO_COLOR", "COLUMNS")
        }
        return subprocess.run(
            [sys.executable, "-m", "sign_etl", *map(str, arguments)],
            cwd=cwd,
            env={**inherited, "SIGN_ETL_CACHE": str(cache), **environment},
            capture_output=True,
            text=True,
            timeout=1100,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    return run


@pytest.fixture(scope="session")
def reply(sign_etl: Run) -> Callable[..., Any]:
    """Runs `sign-etl` with --json, holds stdout against its published schema, gives the data."""
    jsonschema = pytest.importorskip("jsonschema")
    from sign_etl.core.content import content_dir
    from sign_etl.schema.publish import file_name

    def run(*arguments: object, code: int = 0, **environment: str) -> Any:
        done = sign_etl(*arguments, "--json", **environment)
        assert done.returncode == code, done.stderr
        document = json.loads(done.stdout)
        schema = (content_dir("schemas") / file_name(document["schema"])).read_text("utf-8")
        jsonschema.Draft202012Validator(json.loads(schema)).validate(document)
        return document["data"]

    return run


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three small videos and a web page that calls itself .mp4."""
    from fractions import Fraction

    import av
    import numpy as np

    folder = tmp_path_factory.mktemp("videos")
    for number, name in enumerate(("a", "b", "c")):
        with av.open(str(folder / f"{name}.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=Fraction(25))
            stream.width = stream.height = 96
            stream.pix_fmt = "yuv420p"
            for shift in range(20):
                picture = np.full((96, 96, 3), 90, np.uint8)
                picture[10 + 2 * shift : 30 + 2 * shift, 20 + number : 60] = 200
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    (folder / "page.mp4").write_text("<!DOCTYPE html><html><body>gone</body></html>")
    return folder
