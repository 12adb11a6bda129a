"""Section of the report's page about the features of frozen networks."""

from __future__ import annotations

from collections.abc import Sequence

from sign_etl.schema.report_parts import FeatureSetPart
from sign_etl.viz.page_elements import Html, facts, foreign, number, paragraph, section, table


def features(sets: Sequence[FeatureSetPart]) -> Html:
    """Which networks looked at the frames, and what they left in the shards."""
    return section(
        "features",
        "Features of frozen networks",
        paragraph(
            "KEY.NAME.feat.npy in a shard: (T, D), a time step for each frame that the network saw."
        ),
        table(
            "Sets of features",
            ("Set", "Network", "Type", "Numbers a step", "Clips", "Steps", "MB"),
            [
                (
                    foreign(one.name),
                    foreign(network(one)),
                    one.dtype,
                    number(one.size),
                    number(one.clips),
                    number(one.steps),
                    number(one.size_bytes / 1e6, 1),
                )
                for one in sets
            ],
            numeric=(3, 4, 5, 6),
        ),
        facts((f"Made by {one.name}", foreign(_made_by(one))) for one in sets),
    )


def network(one: FeatureSetPart) -> str:
    """The backend, its version and its model."""
    model = one.options.get("model")
    return f"{one.backend} {one.version}" + (f", {model}" if model else "")


def _made_by(one: FeatureSetPart) -> str:
    chosen = [
        f"{name} {value}"
        for name, value in one.options.items()
        if value is not None and name not in ("model", "dtype")
    ]
    files = [f"{file} {digest[:12]}" for file, digest in one.weights.items()]
    return "; ".join([", ".join(chosen), *files])
