"""Small worlds in which runs are struck: the real commands over a server of ours.

fresh    the first build of a data set of links: index, downloads, store, shards, tables
update   a published build becomes one of other choices, with fewer shards
archive  a packed data set is downloaded, unpacked and built
parts    a build of which a run for some shards has made a part
"""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from media import VideoSpec, write_video
from process import tree
from trouble_server import TroubleServer
from zygote import Done, Zygote

from sign_etl.core.seams import VARIABLE
from sign_etl.recipes.autsl import PARTS, SPLIT_NAMES

Scenario = Literal["fresh", "update", "archive", "parts"]
SCENARIOS: tuple[Scenario, ...] = get_args(Scenario)

CLIPS = 5
FATES = ("html", "cut", "missing")
"""Clips that are dead on purpose: rejects have their place in ledger and lock too."""


def outcome(build: Path) -> dict[str, str]:
    """What a build is: digests of its files, and its lock without notes (times, for people)."""
    files = tree(build)
    if files.pop("build.lock", None) is not None:
        lines = (build / "build.lock").read_text(encoding="utf-8").splitlines()
        records = [json.loads(line) for line in lines]
        files["build.lock"] = json.dumps([{**record, "notes": None} for record in records])
    return files


@dataclass(frozen=True)
class Site:
    """Where one run works: nothing of it is shared with another.

    Attributes:
        root: its folder.
        scenario: what is done there.
    """

    root: Path
    scenario: Scenario

    @property
    def build(self) -> Path:
        """The build folder."""
        return self.root / "build"

    @property
    def journal(self) -> Path:
        """Its journal."""
        return self.build / ".sign-etl" / "journal.jsonl"


class World:
    """A server with a data set of links and one of archives, and what is asked of them."""

    def __init__(self, folder: Path, zygote: Zygote, server: TroubleServer) -> None:
        self._folder = folder
        self._zygote = zygote
        self._server = server
        self._prepared: dict[str, Path] = {}
        self.quiet: dict[str, dict[str, str]] = {}
        self.renamed: dict[str, tuple[str, ...]] = {}
        for scenario in SCENARIOS:
            site = self.site(folder / f"quiet-{scenario}", scenario)
            done = self.run(site)
            self.quiet[scenario] = outcome(site.build)
            self.renamed[scenario] = done.renamed

    def site(self, root: Path, scenario: Scenario) -> Site:
        """A place for one run, with what was there before it."""
        root.mkdir(parents=True)
        before = self._before(scenario)
        if before is not None:
            shutil.copytree(before, root, dirs_exist_ok=True)
        return Site(root, scenario)

    def run(self, site: Site, fault: str = "", expect: int | None = 0) -> Done:
        """Run the command of a site, struck where `fault` says so."""
        return self._command(site, self._arguments(site.scenario), fault, expect)

    def old(self, scenario: Scenario) -> dict[str, str]:
        """The tree before the run: what readers may still see of it."""
        before = self._before(scenario)
        return outcome(before / "build") if before is not None and scenario == "update" else {}

    def _before(self, scenario: Scenario) -> Path | None:
        """A folder as it is before the run of a scenario."""
        if scenario not in ("update", "parts"):
            return None
        if scenario not in self._prepared:
            root = self._folder / f"before-{scenario}"
            root.mkdir()
            more = ["--shards", "0-0"] if scenario == "parts" else []
            self._command(Site(root, scenario), self._arguments("fresh") + more)
            self._prepared[scenario] = root
        return self._prepared[scenario]

    def _arguments(self, scenario: Scenario) -> list[object]:
        if scenario == "archive":
            flags = _flags({"dataset.archive_url": self._server.url("ok").rstrip("/")})
            return ["ingest", "autsl", *flags]
        arguments = ["ingest", "wlasl", *_flags({"dataset.index_url": self._index_url})]
        if scenario == "update":
            changes = {"normalise.fps": 10, "pack.shard_clips": 3}
            return [*arguments, *_flags(changes), "--limit", "3", "--update"]
        return arguments

    @property
    def _index_url(self) -> str:
        return self._server.url("ok/index.json")

    def _command(
        self, site: Site, arguments: list[object], fault: str = "", expect: int | None = 0
    ) -> Done:
        settings = {
            "pose": "{}",
            "fetch.attempts": 2,
            "fetch.backoff_s": 0.01,
            "fetch.rate_per_s": 1000,
            "fetch.burst": 1000,
            "normalise.short_side": 64,
            "policy.max_failed": 1,
            "policy.max_fetch_failed": 1,
        }
        if "pack.shard_clips" not in " ".join(map(str, arguments)):
            settings["pack.shard_clips"] = 2
        places = ("--out", site.build, "--store", site.root / "store", "--jobs", "1")
        env = {
            "SIGN_ETL_CACHE": str(site.root / "cache"),
            VARIABLE: fault,
            **{variable: "secret" for _, _, variable in PARTS},
        }
        return self._zygote.run(
            *arguments,
            *places,
            *("--allow-private-host", "127.0.0.1"),
            *_flags(settings),
            env=env,
            expect=expect,
        )


@contextmanager
def fault_world(folder: Path) -> Iterator[World]:
    """A world in `folder`; the quiet run of each scenario is done first."""
    served: dict[str, bytes] = {}
    for number in range(CLIPS):
        path = write_video(folder / "clip.mp4", VideoSpec(count=6 + number, width=96, height=64))
        served[f"{number}.mp4"] = path.read_bytes()
    with TroubleServer(served) as server, Zygote() as zygote:
        served["index.json"] = json.dumps(_index(server)).encode()
        served.update(_archives(served))
        yield World(folder, zygote, server)


def _flags(settings: Mapping[str, object]) -> list[object]:
    return [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]


def _index(server: TroubleServer) -> list[dict[str, Any]]:
    """WLASL's index with a gloss for each clip; the last glosses are of dead links."""
    fates = ["ok"] * CLIPS + list(FATES)
    return [
        {
            "gloss": f"word{number}",
            "instances": [
                {
                    "bbox": [0, 0, 96, 64],
                    "fps": 25,
                    "frame_end": -1,
                    "frame_start": 1,
                    "instance_id": 0,
                    "signer_id": number % 2,
                    "source": "rendered",
                    "split": "val" if number == CLIPS - 1 else "train",
                    "url": server.url(f"{fate}/{number % CLIPS}.mp4"),
                    "variation_id": 0,
                    "video_id": f"{10000 + number}",
                }
            ],
        }
        for number, fate in enumerate(fates)
    ]


def _archives(served: Mapping[str, bytes]) -> dict[str, bytes]:
    """AUTSL's archives in their parts, with two clips; split files and classes in the first."""
    clips = {"train": ("signer0_sample1", "signer0_sample2"), "val": ("signer1_sample1",)}
    parts: dict[str, bytes] = {}
    for split, (path, count, _) in zip(("train", "val", "test"), PARTS, strict=True):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for number, sample in enumerate(clips.get(split, ())):
                member = zipfile.ZipInfo(f"{split}/{sample}_color.mp4")
                archive.writestr(member, served[f"{number + (split == 'val')}.mp4"])
            if split == "train":
                archive.writestr(
                    zipfile.ZipInfo("SignList_ClassId_TR_EN.csv"),
                    "ClassId,TR,EN\r\n0,abla,sister\r\n1,sen,you\r\n",
                )
                for name, samples in clips.items():
                    rows = "".join(f"{sample},{at}\r\n" for at, sample in enumerate(samples))
                    archive.writestr(zipfile.ZipInfo(SPLIT_NAMES[name][0]), rows)
            else:
                archive.writestr(zipfile.ZipInfo(f"{split}/readme.txt"), split * 100)
        whole = packed.getvalue()
        size = -(-len(whole) // count)
        for part in range(count):
            parts[f"{path}.{part + 1:03d}"] = whole[part * size : (part + 1) * size]
    return parts
