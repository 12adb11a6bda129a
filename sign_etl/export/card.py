"""README.md of an export: where the data come from, what may be done with them, how to read them.

Nothing in it depends on when or where the export was made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sign_etl.export.base import Exporter, Selection

CARD = "README.md"


def card(selection: Selection, exporter: Exporter, notes: Sequence[str]) -> str:
    """The text of the card.

    Args:
        selection: what was exported.
        exporter: as what.
        notes: what people should know, one sentence each, no full stop.
    """
    manifest = selection.build.manifest
    facts = {
        "Data set": manifest.dataset,
        "Homepage": manifest.homepage,
        "Sign language": manifest.language,
        "Licence": selection.rights.licence,
        "Citation": manifest.citation,
        "Clips": ", ".join(f"{name} {manifest.splits[name]:,}" for name in selection.splits),
        "Classes": f"{len(selection.build.labels):,}" if selection.build.labels else "",
        "Keypoints": _keypoints(selection),
        "Videos": "yes" if selection.video else "no",
        "Build": f"plan {manifest.plan[:12]}, recipe {manifest.recipe} {manifest.recipe_version}",
    }
    rows = [f"| {name} | {cell(value)} |" for name, value in facts.items() if value]
    said = [f"* {note}." for note in notes]
    lost = [f"* The format has no place for {exporter.lost}."] if exporter.lost else []
    return "\n".join(
        [
            f"# {manifest.name}",
            "",
            f"{exporter.title}, exported by sign-etl from the build `{manifest.name}`.",
            "",
            "| | |",
            "|---|---|",
            *rows,
            "",
            "## Reading it",
            "",
            exporter.read_by,
            *(["", *said, *lost] if said or lost else []),
            "",
            "## Passing it on",
            "",
            "Signers are people who can be recognised, in keypoints less easily than in videos.",
            f"Videos: {selection.rights.why}.",
            "For keypoints read the licence too: it may bind whatever is derived from the videos.",
            "",
        ]
    )


def _keypoints(selection: Selection) -> str:
    if selection.backend is None:
        return ""
    version = selection.build.manifest.poses[selection.backend].version
    return f"{selection.layout} of {selection.backend} {version}"


def cell(text: str) -> str:
    """A text of strangers as it may stand in a cell of a table: one line, no mark-up of its own."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = False
) -> Iterator[str]:
    """Lines of a table, with an empty one below; all but the first column to the right."""
    rule = ["---", *(["---:" if numbers else "---"] * (len(head) - 1))]
    for row in (head, rule, *rows):
        yield f"| {' | '.join(row)} |"
    yield ""
