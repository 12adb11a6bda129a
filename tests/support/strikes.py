"""Where `tests/faults` strikes: every seam, and every file that gets its name by a rename."""

from __future__ import annotations

from dataclasses import dataclass

from fault_world import Scenario


@dataclass(frozen=True)
class Strike:
    """Where a run is struck.

    Attributes:
        seam: name of the seam.
        scenario: which run.
        pattern: of the subject, such as the final name of a file.
        turn: which pass.
        modes: how: `kill`, `full` (no space left), `term` (SIGTERM, with grace).
    """

    seam: str
    scenario: Scenario
    pattern: str = "*"
    turn: int = 1
    modes: tuple[str, ...] = ("kill",)


FILES: dict[tuple[Scenario, str], str] = {
    ("fresh", "index of the data set"): "*/index/*/WLASL_v0.3.json",
    ("fresh", "plan"): "*/.sign-etl/plan.parquet",
    ("fresh", "setup"): "*/.sign-etl/setup.json",
    ("fresh", "note of a download"): "*.part.json",
    ("fresh", "action of fetch"): "*/actions/fetch/*",
    ("fresh", "object"): "*/objects/*",
    ("fresh", "action of normalise"): "*/actions/normalise/*",
    ("fresh", "action of quality"): "*/actions/quality/*",
    ("fresh", "shard"): "*-000000.tar",
    ("fresh", "record of a shard"): "*/shards/*-000000.json",
    ("fresh", "index"): "*/index.parquet",
    ("fresh", "ledger"): "*/ledger.parquet",
    ("fresh", "labels"): "*/labels.json",
    ("fresh", "lock"): "*/build.lock",
    ("fresh", "card"): "*/README.md",
    ("fresh", "croissant"): "*/croissant.json",
    ("fresh", "manifest"): "*/manifest.json",
    ("update", "journal"): "*/.sign-etl/journal.jsonl",
    ("update", "plan"): "*/.sign-etl/plan.parquet",
    ("update", "shard"): "*-000000.tar",
    ("update", "void record of a shard"): "*/shards/*-000000.json",
    ("update", "index"): "*/index.parquet",
    ("update", "ledger"): "*/ledger.parquet",
    ("update", "card"): "*/README.md",
    ("update", "manifest"): "*/manifest.json",
    ("archive", "note of an archive"): "*/media/autsl/*/.sign-etl/*.json",
}
"""Files that get their name by a rename in `core/files.py`, by the run that writes them."""

OTHER_RENAMES = ("*/sources/*/*.media", "*/sources/*/source", "*/media/autsl/*", "*/.tmp-*/*")
"""Renames that have seams of their own: downloads, and files out of an archive."""

STRIKES = (
    *(
        Strike(name, scenario, pattern)
        for name in ("files.before-rename", "files.after-rename")
        for (scenario, _), pattern in FILES.items()
    ),
    *(
        Strike("files.opened", scenario, pattern, modes=("full",))
        for (scenario, role), pattern in FILES.items()
        if role != "object"  # written in a scratch folder, then moved
    ),
    Strike("files.opened", "fresh", "*.tar"),
    Strike("store.before-action", "fresh", "*/normalise/*", modes=("kill", "full", "term")),
    Strike("store.before-action", "fresh", "*/quality/*", turn=5),
    Strike("fetch.receiving", "fresh", "*/sources/*", modes=("kill", "full", "term")),
    Strike("fetch.before-rename", "fresh", "*/sources/*", turn=3),
    Strike("fetch.before-move", "fresh", modes=("kill", "full")),
    Strike("fetch.before-action", "fresh", turn=2),
    Strike("journal.before-append", "fresh", turn=2, modes=("kill", "full", "term")),
    Strike("journal.after-append", "fresh", turn=4, modes=("kill", "term")),
    Strike("journal.before-drop", "parts"),
    Strike("journal.before-sync", "fresh", modes=("kill", "full")),
    Strike("engine.before-release", "fresh", turn=3),
    Strike("engine.before-pack", "fresh", turn=8),
    Strike("shards.withdrawn", "fresh"),
    Strike("shards.withdrawn", "update"),
    Strike("pack.writing", "fresh", turn=2, modes=("kill", "full", "term")),
    Strike("pack.writing", "update"),
    Strike("pack.before-rename", "fresh"),
    Strike("pack.before-rename", "update"),
    Strike("pack.before-record", "fresh", turn=2),
    Strike("pack.before-record", "update"),
    Strike("pack.removing", "update"),
    Strike("finish.before-tables", "fresh", modes=("kill", "full")),
    Strike("finish.before-tables", "update"),
    Strike("finish.before-manifest", "fresh", modes=("kill", "full")),
    Strike("finish.before-manifest", "update"),
    Strike("archives.before-unpack", "archive", turn=2),
    Strike("archives.before-merge", "archive"),
    Strike("archives.merging", "archive", modes=("kill", "full")),
    Strike("archives.before-note", "archive"),
)
