"""The real WLASL index with its addresses pointed at a server of ours: real clips, every trouble.

Which trouble an address gets follows from the `video_id` alone, so two runs of a test suite plan
the same mixture, whatever the port.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

EXPECTED: Mapping[str, tuple[str, str] | None] = {
    # trouble: (stage, reason) in the ledger, None where the clip is built after all
    "missing": ("fetch", "link-dead"),
    "gone": ("fetch", "link-dead"),
    "forbidden": ("fetch", "http-forbidden"),
    "teapot": ("fetch", "http-error"),
    "busy": None,
    "flaky": None,
    "broken": ("fetch", "server-error"),
    "hang": ("fetch", "timeout"),
    "cut": ("fetch", "truncated"),
    "cut-once": None,
    "html": ("fetch", "not-media"),
    "playlist": ("fetch", "not-media"),
    "concat": ("fetch", "not-media"),
    "short": ("normalise", ""),
    "redirect": None,
    "redirect-loop": ("fetch", "redirect-loop"),
    "redirect-private": ("fetch", "address-refused"),
    "redirect-metadata": ("fetch", "address-refused"),
    "redirect-file": ("fetch", "address-refused"),
    "swf": ("normalise", ""),
    "reset": ("fetch", "connection-failed"),
}
"""What becomes of a clip behind each trouble."""

OK_SHARE = 0.55


@dataclass(frozen=True)
class World:
    """A running server with the index that points at it.

    Attributes:
        index_url: address of the index.
        log: the server's own log, JSON lines.
        process: the server.
    """

    index_url: str
    log: Path
    process: subprocess.Popen[str]

    def requests(self) -> list[dict[str, object]]:
        """All requests so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def media_requests(self, since: int = 0) -> Counter[str]:
        """How often each clip address was asked for, the index itself left out."""
        paths = [str(entry["path"]) for entry in self.requests()[since:]]
        return Counter(path for path in paths if "?v=" in path)


def trouble_of(url: str) -> str:
    """The trouble that an address stands for."""
    return url.split("/")[3]


@contextmanager
def wlasl_world(shared_data: Path, folder: Path, clips: Mapping[str, bytes]) -> Iterator[World]:
    """Serve the real index and `clips` (file names and bytes) with trouble.

    Args:
        shared_data: holds the real index.
        folder: for the served files and the log.
        clips: good media; an address gets one of them by its `video_id`.
    """
    media = folder / "served"
    media.mkdir(parents=True)
    for name, content in clips.items():
        (media / name).write_bytes(content)
    log = folder / "requests.jsonl"
    log.touch()
    server = Path(__file__).with_name("trouble_server.py")
    process = subprocess.Popen(
        [sys.executable, str(server), "--media", str(media), "--log", str(log)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        base = f"http://127.0.0.1:{port}"
        index = json.loads(
            gzip.decompress((shared_data / "annotations/wlasl/WLASL_v0.3.json.gz").read_bytes())
        )
        addresses: dict[str, str] = {}
        for gloss in index:
            for instance in gloss["instances"]:
                old = instance["url"]
                if old not in addresses:
                    addresses[old] = _address(base, instance["video_id"], sorted(clips))
                instance["url"] = addresses[old]
        (media / "index.json").write_text(json.dumps(index))
        yield World(f"{base}/ok/index.json", log, process)
    finally:
        process.kill()
        process.wait()


def _address(base: str, video_id: str, names: list[str]) -> str:
    draw = int(hashlib.sha256(video_id.encode()).hexdigest()[:8], 16) / 0x1_0000_0000
    troubles = list(EXPECTED)
    if draw < OK_SHARE:
        trouble = "ok"
    else:
        trouble = troubles[int((draw - OK_SHARE) / (1 - OK_SHARE) * len(troubles))]
    name = names[int(hashlib.md5(video_id.encode()).hexdigest(), 16) % len(names)]
    return f"{base}/{trouble}/{name}?v={video_id}"
