"""What became of the addresses of a build: dead links by host and year."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from sign_etl.reader import Build
from sign_etl.reader.lock import lock_lines
from sign_etl.schema.outcome import Reason, StageName
from sign_etl.schema.report_parts import HostPart, LinksPart

HOSTS = 30
"""So many hosts are named."""
DEAD = frozenset({Reason.LINK_DEAD.value, Reason.VIDEO_UNAVAILABLE.value})
"""Reasons that say that an address is gone for good."""
UNDATED = "unknown"


@dataclass
class _Host:
    clips: int = 0
    dead: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    years: Counter[str] = field(default_factory=Counter)


def links(build: Build) -> LinksPart | None:
    """Addresses by host, from the lock.

    Args:
        build: an open build.

    Returns:
        None where the lock, which knows the addresses, is missing or of another plan, and where
        no clip has an address.
    """
    hosts: dict[str, _Host] = {}
    for line in lock_lines(build.path, plan=build.manifest.plan) or ():
        url = line.get("url")
        if not isinstance(url, str) or not url:
            continue
        host = hosts.setdefault(_host(url), _Host())
        host.clips += 1
        if line.get("stage") != StageName.FETCH.value:
            continue
        reason = str(line.get("reason"))
        if reason in DEAD:
            host.dead += 1
            host.years[_year(line.get("notes"))] += 1
        else:
            host.failed[reason] += 1
    if not hosts:
        return None
    ranked = sorted(hosts.items(), key=lambda pair: (-pair[1].dead, -pair[1].clips, pair[0]))
    return LinksPart(
        clips=sum(host.clips for host in hosts.values()),
        dead=sum(host.dead for host in hosts.values()),
        hosts=tuple(
            HostPart(
                host=name,
                clips=host.clips,
                dead=host.dead,
                failed=dict(sorted(host.failed.items())),
                years=dict(sorted(host.years.items())),
            )
            for name, host in ranked[:HOSTS]
        ),
        other_hosts=max(len(hosts) - HOSTS, 0),
    )


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "no host"
    except ValueError:
        return "no host"


def _year(notes: object) -> str:
    tried = notes.get("tried_at") if isinstance(notes, dict) else None
    year = str(tried or "")[:4]
    return year if year.isdecimal() else UNDATED
