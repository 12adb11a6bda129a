"""Sections of the report's page about where the data came from: dead links, licence, citation."""

from __future__ import annotations

from urllib.parse import urlsplit

from sign_etl.schema.records import ManifestRecord
from sign_etl.schema.report_parts import LinksPart
from sign_etl.schema.report_reply import Report
from sign_etl.viz.page_elements import (
    Html,
    bar,
    escaped,
    facts,
    foreign,
    number,
    paragraph,
    percent,
    section,
    table,
)


def links(found: LinksPart | None) -> Html:
    """Dead links by host and year."""
    title = "Dead links"
    if found is None:
        words = paragraph(
            "The clips have no addresses on the web, or the lock, which knows them, is missing."
        )
        return section("links", title, words)
    years = sorted({year for host in found.hosts for year in host.years})
    rows = [
        (
            foreign(host.host),
            number(host.clips),
            number(host.dead),
            percent(host.dead / max(host.clips, 1)),
            bar(host.dead / max(host.clips, 1), 2),
            *(number(host.years.get(year, 0)) for year in years),
            ", ".join(f"{reason} {count:,}" for reason, count in host.failed.items()),
        )
        for host in found.hosts
    ]
    more = f" {found.other_hosts:,} more hosts are not shown." if found.other_hosts else ""
    return section(
        "links",
        title,
        paragraph(
            f"{found.dead:,} of {found.clips:,} addresses are gone for good. The columns of years "
            f"count the dead ones by when that was found.{more}"
        ),
        table(
            "Addresses by host",
            ("Host", "Clips", "Dead", "Share", "", *years, "Other failures"),
            rows,
            numeric=(1, 2, 3, *range(5, 5 + len(years))),
        ),
    )


def rights(reply: Report, manifest: ManifestRecord) -> Html:
    """Licence, citation and what the build was made with."""
    accepted = {True: "yes", False: "no: the files were brought", None: "not asked for"}
    poses = [
        (
            f"Keypoints of {name}",
            f"{pose.layout}, version {pose.version}"
            + "".join(f"; {file} {digest[:12]}" for file, digest in pose.weights.items()),
        )
        for name, pose in manifest.poses.items()
    ]
    return section(
        "rights",
        "Licence, citation and making",
        facts(
            [
                ("Licence", foreign(reply.licence or "not stated")),
                ("Terms accepted", accepted[manifest.licence_accepted]),
                ("Please cite", foreign(reply.citation or "nothing stated")),
                ("Homepage", _link(reply.homepage)),
                ("Language", foreign("not stated" if reply.language == "und" else reply.language)),
                ("Recipe", foreign(f"{reply.recipe} {reply.recipe_version}")),
                ("Plan", foreign(manifest.plan)),
                *poses,
                (
                    "Stages",
                    ", ".join(f"{name} {version}" for name, version in manifest.stages.items()),
                ),
            ]
        ),
        paragraph(
            "Signers can be recognised. Whoever passes pictures of them on needs to be allowed to "
            "by the licence and by the people shown."
        ),
    )


def _link(address: str) -> Html:
    try:
        web = urlsplit(address).scheme in ("http", "https")
    except ValueError:
        web = False
    if not web:
        return foreign(address or "–")
    return Html(f'<a href="{escaped(address)}" rel="noreferrer noopener">{foreign(address)}</a>')
