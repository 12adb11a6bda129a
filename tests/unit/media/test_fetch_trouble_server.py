"""The server of the tests, as the tests of the command line use it: as a process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from fetching import make_fetcher, words
from trouble_server import __file__ as script

from sign_etl.media.fetched import Fetched
from sign_etl.schema.clip import Source

CLIP = b"\x00\x00\x00\x18ftypisom" + bytes(range(256)) * 40


def test_the_server_runs_as_a_process(tmp_path: Path) -> None:
    media, log = tmp_path / "media", tmp_path / "log.jsonl"
    media.mkdir()
    (media / "a b.mp4").write_bytes(CLIP)
    command = [sys.executable, script, "--media", str(media), "--log", str(log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            fetcher = make_fetcher()
            address = f"http://127.0.0.1:{port}"
            good = fetcher.fetch(Source("1", f"{address}/flaky/a b.mp4"), tmp_path)
            gone = fetcher.fetch(Source("2", f"{address}/ok/../../log.jsonl"), tmp_path)
        finally:
            process.kill()
    assert isinstance(good, Fetched)
    assert good.path.read_bytes() == CLIP
    assert words(gone) == ("link-dead", "status 404")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["status"] for line in lines] == [500, 500, 200, 404]
    assert [line["number"] for line in lines] == [1, 2, 3, 4]
    assert lines[0]["path"] == "/flaky/a%20b.mp4"
    assert lines[0]["headers"]["host"] == f"127.0.0.1:{port}"
