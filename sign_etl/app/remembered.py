"""What a build remembers of the request that made it, for `retry`, `revoke` and `lock check`.

Paths of this machine stand in it (store, media), so it lies in `.sign-etl/` and is not published.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sign_etl.app.prepare import Prepared
from sign_etl.core.errors import UsageError
from sign_etl.core.files import write_json
from sign_etl.reader.manifest import MANIFEST
from sign_etl.recipes.base import RECIPES, DatasetCard
from sign_etl.run.plan import PLAN_FILE, Plan
from sign_etl.schema.records import STATE_FOLDER
from sign_etl.stages.setup import Setup, setup_from_json

SETUP_FILE = "setup.json"


@dataclass(frozen=True, slots=True)
class Remembered:
    """A build's own request, resolved.

    Attributes:
        plan: every requested clip.
        setup: what its stages need.
        recipe_version: of its recipe.
        licence_accepted: see `ManifestRecord`.
        synonyms: raw label -> the data set's own canonical word.
    """

    plan: Plan
    setup: Setup
    recipe_version: str
    licence_accepted: bool | None
    synonyms: Mapping[str, str]

    @property
    def card(self) -> DatasetCard:
        """Of its data set."""
        return RECIPES.get(self.setup.recipe).card


def remember(prepared: Prepared) -> None:
    """Write down what a run of this build needs; the plan is saved by itself."""
    setup = asdict(prepared.setup)
    # Whose cookies were used is nobody's business.
    setup["pipeline"] = setup["pipeline"] | {
        "fetch": setup["pipeline"]["fetch"] | {"cookies_file": None}
    }
    value = {
        "setup": setup,
        "recipe_version": prepared.recipe.version,
        "licence_accepted": prepared.access.licence_accepted,
        "synonyms": dict(prepared.synonyms),
    }
    path = prepared.build / STATE_FOLDER / SETUP_FILE
    if _read(path) != value:
        write_json(path, value)


def recall(build: Path) -> Remembered:
    """Read it back.

    Raises:
        UsageError: the folder is no build, or one of another version.
    """
    state = build / STATE_FOLDER
    if not state.is_dir():
        published = (build / MANIFEST).exists()
        raise UsageError(
            f"{build} has no {STATE_FOLDER}: it was made elsewhere"
            if published
            else f"{build} is no build of sign-etl",
            hint="do it where the build was made"
            if published
            else "`sign-etl ingest NAME --out DIR` makes one",
        )
    value = _read(state / SETUP_FILE)
    try:
        plan = Plan.load(state / PLAN_FILE)
        # Builds of before there was a choice have clips without.
        value["setup"]["pipeline"]["normalise"].setdefault("tune", "none")
        setup = setup_from_json(value["setup"])
        setup.choices()  # a setting may be gone
        return Remembered(
            plan,
            # The folder may have been moved since.
            replace(setup, sources=str((state / "sources").absolute())),
            value["recipe_version"],
            value["licence_accepted"],
            value["synonyms"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(
            f"{build} was made by another version of sign-etl",
            hint="run its `sign-etl ingest` once more, which repeats nothing that is done",
        ) from None


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
