"""Every commit point: killed there, left without disk there, stopped there; the next run goes on.

A file that a run renames and nobody strikes at fails this file; `test_seams.py` sees to it that no
seam and no rename in the code is left out.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from fault_world import Site, World, fault_world, outcome
from strikes import FILES, OTHER_RENAMES, STRIKES, Strike

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def strikes() -> Iterator[Any]:
    """Each strike in each mode."""
    roles = {(scenario, pattern): role for (scenario, role), pattern in FILES.items()}
    for strike in STRIKES:
        role = roles.get((strike.scenario, strike.pattern), "")
        place = f"{role.replace(' ', '-')}" if role else f"{strike.turn}"
        for mode in strike.modes:
            yield pytest.param(strike, mode, id=f"{strike.scenario}-{strike.seam}-{place}-{mode}")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with fault_world(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.mark.parametrize(("strike", "mode"), [*strikes()])
def test_struck_and_run_again(world: World, tmp_path: Path, strike: Strike, mode: str) -> None:
    site = world.site(tmp_path / "site", strike.scenario)
    fault = f"{strike.seam}@{strike.pattern}#{strike.turn}:{mode}"
    done = world.run(site, fault, expect=None)
    if mode == "kill":
        assert done.code == -signal.SIGKILL, f"{fault} did not strike: {done.output}"
    else:
        assert done.code == 75, f"exit {done.code}: {done.output}"
        assert "Traceback" not in done.output
        assert ("no space left" if mode == "full" else "stopped before the end") in done.output
        assert not list(site.build.rglob(".tmp-*"))
        assert blamed(site) <= {"html", "cut", "missing"}
    check_what_readers_see(world, site)
    world.run(site)
    assert outcome(site.build) == world.quiet[strike.scenario]
    assert not list(site.build.rglob(".tmp-*"))


def test_a_torn_line_is_no_line(world: World, tmp_path: Path) -> None:
    site = world.site(tmp_path / "site", "fresh")
    world.run(site, "journal.after-append#4:kill", expect=-signal.SIGKILL)
    site.journal.write_bytes(site.journal.read_bytes()[:-20])
    world.run(site)
    assert outcome(site.build) == world.quiet["fresh"]


def test_a_run_that_dies_again_and_again_arrives(world: World, tmp_path: Path) -> None:
    """The n-th run dies at its n-th rename, whatever that is, until there are fewer."""
    site = world.site(tmp_path / "site", "fresh")
    deaths = 0
    while world.run(site, f"files.after-rename#{deaths + 1}:kill", expect=None).code:
        deaths += 1
        check_what_readers_see(world, site)
        assert deaths < 100
    assert deaths > 3
    assert outcome(site.build) == world.quiet["fresh"]


def check_what_readers_see(world: World, site: Site) -> None:
    """Where there is a manifest, the whole of a build stands beside it: the old one or the new."""
    if not (site.build / "manifest.json").exists():
        return
    seen = {name: digest for name, digest in outcome(site.build).items() if ".tmp-" not in name}
    assert without_lock(seen) in [
        without_lock(build) for build in (world.old(site.scenario), world.quiet[site.scenario])
    ]


def without_lock(files: Mapping[str, str]) -> dict[str, str]:
    """The lock is for people and other laboratories: no reader looks at it."""
    return {name: digest for name, digest in files.items() if name != "build.lock"}


def blamed(site: Site) -> set[str]:
    """The troubles of all clips that have a reject in the journal."""
    if not site.journal.exists():
        return set()
    rows = [json.loads(line) for line in site.journal.read_bytes().splitlines()]
    keys = {row["key"].split("-")[1] for row in rows if "reject" in row}
    fates = {"word5": "html", "word6": "cut", "word7": "missing"}
    return {fates.get(key, key) for key in keys}


def test_every_file_that_a_run_renames_is_struck_at(world: World) -> None:
    known = [*FILES.values(), *OTHER_RENAMES, "*-00000[1-9].tar", "*/shards/*.json"]
    renamed = {path for paths in world.renamed.values() for path in paths}
    assert [path for path in sorted(renamed) if not any(fnmatchcase(path, p) for p in known)] == []
    for (scenario, role), pattern in FILES.items():
        if role != "note of a download":  # written only where a server cuts a download
            assert any(fnmatchcase(path, pattern) for path in world.renamed[scenario]), role
