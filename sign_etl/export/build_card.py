"""README.md of a build, its data card: counts, licence, layouts, how to load it, known limits.

Made of manifest, index and labels alone, so equal builds have equal cards. No clip is named in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sign_etl.export.build_counts import Counts, Group, counts_of
from sign_etl.export.card import cell, table
from sign_etl.export.card_arrays import features, keypoints
from sign_etl.export.hub_head import hub_head, hub_splits
from sign_etl.export.rights import Rights
from sign_etl.schema.records import ManifestRecord

SHOWN: Final = 40
"""So many classes or signers have rows of their own; the others are summed up."""


def build_card(manifest: ManifestRecord, index: Any, labels: Sequence[str], rights: Rights) -> str:
    """The text of the card.

    Args:
        manifest: of the build.
        index: its `pyarrow.Table`, one row a written sample.
        labels: names of the classes.
        rights: what the licence says about videos.
    """
    counts = counts_of(index)
    lines = [
        f"# {manifest.name}",
        "",
        _summary(manifest, counts),
        "",
        *table(("", ""), _facts(manifest, counts, labels, rights)),
        *_splits(counts),
        *_groups("Classes", "class", counts, counts.labels),
        *_groups("Signers", "signer", counts, counts.signers),
        *keypoints(manifest),
        *features(manifest),
        *_loading(manifest, counts),
        "## Known limits",
        "",
        *(f"* {one[0].upper()}{one[1:]}." for one in _limits(manifest, counts, labels)),
        "",
        "## Passing it on",
        "",
        "Signers are people who can be recognised, in keypoints less easily than in videos.",
        f"Videos: {rights.why}.",
        "For keypoints read the licence too: it may bind whatever is derived from the videos.",
        *(
            [
                "Features hold some of what the pictures show: pass them on like videos, and read "
                "the licence of the network."
            ]
            if manifest.features
            else []
        ),
        "",
    ]
    return _head(manifest, counts, rights) + "\n".join(lines)


def _head(manifest: ManifestRecord, counts: Counts, rights: Rights) -> str:
    folders = {shard.split: shard.path.rpartition("/")[0] for shard in manifest.shards}
    files = {name: f"{folders[split]}/*.tar" for split, name in hub_splits(tuple(folders)).items()}
    return hub_head(manifest, rights.licence, counts.clips, files)


def _summary(manifest: ManifestRecord, counts: Counts) -> str:
    poses = ", ".join(f"{name} ({pose.layout})" for name, pose in manifest.poses.items())
    seen = ", ".join(manifest.features)
    held = [
        *(["videos"] if counts.videos else []),
        *([f"keypoints of {poses}"] if poses else []),
        *([f"features {seen}"] if seen else []),
    ]
    *others, last = held or [""]
    holding = f"{', '.join(others)} and {last}" if others else last
    return (
        f"{_number(counts.clips, 'clip')} of the data set {cell(manifest.dataset)} as WebDataset "
        "shards"
        + (f", with {holding}" if holding else "")
        + ". Built by sign-etl, which wrote this page from the build itself."
    )


def _facts(
    manifest: ManifestRecord, counts: Counts, labels: Sequence[str], rights: Rights
) -> Iterator[tuple[str, str]]:
    requested = sum(manifest.counts.values())
    spoken = ", ".join(f"{name} {count:,}" for name, count in counts.languages.items())
    facts = {
        "Data set": manifest.dataset,
        "Homepage": manifest.homepage,
        "Licence": rights.licence,
        "Citation": manifest.citation,
        "Sign language": spoken if len(counts.languages) > 1 else manifest.language,
        "Clips": f"{counts.clips:,} of {requested:,} requested",
        "Classes": f"{len(labels):,}" if labels else "",
        "Signers": f"{len(counts.signers):,}" if counts.signers else "",
        "Length": _length(counts),
        "Pictures": _pictures(counts),
        "Recipe": f"{manifest.recipe} {manifest.recipe_version}",
        "Plan": f"`{manifest.plan[:12]}`",
    }
    return ((name, cell(value)) for name, value in facts.items() if value)


def _length(counts: Counts) -> str:
    if not counts.clips:
        return ""
    shortest, middle, longest = counts.lengths_s
    return (
        f"{_clock(counts.total_s)} in all; a clip has {shortest:.1f} to {longest:.1f} s, "
        f"median {middle:.1f} s"
    )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def _pictures(counts: Counts) -> str:
    if not counts.clips:
        return ""
    rates = " and ".join(f"{fps:g}" for fps in counts.fps[:3]) + (" ..." * (len(counts.fps) > 3))
    (low, high), kept = counts.short_side, "kept" if counts.videos else "not kept"
    side = f"{low}" if low == high else f"{low} to {high}"
    return f"{rates} frames a second, {side} pixels on the short side, videos {kept}"


def _splits(counts: Counts) -> Iterator[str]:
    yield from ("## Splits", "")
    yield from table(
        ("split", "clips", "sources", "classes", "signers", "length"),
        (
            (
                cell(split),
                f"{one.clips:,}",
                f"{one.sources:,}",
                f"{one.classes:,}",
                f"{one.signers:,}" if one.signers else "unknown",
                _clock(one.total_s),
            )
            for split, one in counts.splits.items()
        ),
        numbers=True,
    )


def _groups(title: str, what: str, counts: Counts, groups: Mapping[str, Group]) -> Iterator[str]:
    """Clips of each class, or each signer, by split: the largest ones, and the rest in a line."""
    if not groups:
        return
    yield from (f"## {title}", "")
    most = sorted(groups.items(), key=lambda item: (-item[1].clips, item[0]))
    splits = tuple(counts.splits)
    yield from table(
        (what, *map(cell, splits), "all"),
        (
            (cell(name), *(f"{one.splits.get(split, 0):,}" for split in splits), f"{one.clips:,}")
            for name, one in most[:SHOWN]
        ),
        numbers=True,
    )
    rest = [one.clips for _, one in most[SHOWN:]]
    if rest:
        span = f"{rest[-1]:,}" if rest[-1] == rest[0] else f"{rest[-1]:,} to {rest[0]:,}"
        yield from (
            f"And {len(rest):,} more, of {span} clips each; `index.parquet` has them all.",
            "",
        )


def _loading(manifest: ManifestRecord, counts: Counts) -> Iterator[str]:
    read = "build.keypoints(sample).shape" if manifest.poses else "sample.frames"
    sets = tuple(manifest.features)[:1]
    yield from (
        "## Loading it",
        "",
        "In this folder:",
        "",
        "```python",
        "from sign_etl.reader import open_build",
        *(["from sign_etl.reader.features import features"] if sets else []),
        "",
        'build = open_build(".")',
        "for sample in build:",
        f"    print(sample.key, sample.label, {read})",
        *(f'    print(features(build, sample, "{name}").shape)' for name in sets),
        "```",
        "",
    )
    if counts.clips:
        decoded = " (its videos want torchcodec, or `.decode(False)`)" if counts.videos else ""
        yield (
            "Without sign-etl: any WebDataset reader takes the tars, "
            f"`datasets.load_dataset(FOLDER, streaming=True)` the folder{decoded}, and "
            '`mlcroissant.Dataset("croissant.json")` the index.'
        )
    yield "`sign-etl verify FOLDER` checks every byte, this page included."
    yield ""


def _limits(manifest: ManifestRecord, counts: Counts, labels: Sequence[str]) -> Iterator[str]:
    missing = sum(manifest.counts.values()) - counts.clips
    if missing:
        why = sorted(manifest.reasons.items(), key=lambda item: (-item[1], item[0]))
        named = ", ".join(f"{reason} {count:,}" for reason, count in why) or "not tried yet"
        yield (
            f"{missing:,} of the requested clips {_are(missing)} not in it ({named}); "
            "`ledger.parquet` says why for each"
        )
    empty = len(labels) - len(counts.labels)
    if empty > 0:
        yield f"{empty:,} of {len(labels):,} classes {'has' if empty == 1 else 'have'} no clip"
    for split, one in counts.splits.items():
        absent = len(counts.labels) - one.classes
        if one.classes and absent:
            classes = "class" if absent == 1 else "classes"
            yield f"`{cell(split)}` has no clip of {absent:,} {classes}"
    if counts.clips and not counts.signers:
        yield "who signs is not known, so the same person may stand in several splits"
    elif counts.nameless:
        yield f"who signs is not known for {_number(counts.nameless, 'clip')}"
    for what, shared in (("signer", counts.shared_signers), ("source", counts.shared_sources)):
        if shared:
            stand = "stands" if shared == 1 else "stand"
            yield f"{_number(shared, what)} {stand} in more than one split"
    for flag, count in counts.flags.items():
        yield f"{_number(count, 'clip')} {_are(count)} flagged `{cell(flag)}`"
    if manifest.poses:
        yield "keypoints are estimates of a model, checked by nobody" + _seen(counts)
    if manifest.pipeline.get("pack", {}).get("dtype") == "float16":
        yield "float16 rounds places by up to 0.03 % of the picture: 0.2 px at 852, 0.5 px at 1920"
    yield "what annotators got wrong is still wrong; sign-etl changes no label"


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _seen(counts: Counts) -> str:
    found = [
        f"{part.replace('_', ' ')} in {share:.0%}"
        for part, share in counts.seen.items()
        if share is not None
    ]
    return f"; of the frames of a clip they have, on average, {', '.join(found)}" if found else ""
