"""The YAML that stands before a card: what a hub reads of licence, language and files by split."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sign_etl.export.base import renamed
from sign_etl.schema.records import ManifestRecord

SPLITS: Final = {"val": "validation", "dev": "validation"}
_NO_WORD: Final = re.compile(r"\W")
"""What the names of splits may not hold there."""
_LICENCES: Final = frozenset(
    {
        *("apache-2.0", "cc0-1.0", "mit", "odbl", "pddl"),
        *(
            f"cc-by{rest}-{version}"
            for rest in ("", "-sa", "-nc", "-nc-sa", "-nd", "-nc-nd")
            for version in ("2.0", "3.0", "4.0")
        ),
    }
)
"""Names that the hub knows; any other licence is `other`, with its name and address beside it."""
_SIZES: Final = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))


def hub_splits(splits: Sequence[str]) -> dict[str, str]:
    """What the splits of a build are called on a hub, where they are words: `val` is `validation`.

    Args:
        splits: as the build calls them.
    """
    return renamed(splits, {split: _NO_WORD.sub("_", split) for split in splits} | SPLITS)


def hub_head(manifest: ManifestRecord, licence: str, clips: int, files: Mapping[str, str]) -> str:
    """The head, with the lines around it and an empty one below.

    Args:
        manifest: of the build.
        licence: as people should read it.
        clips: their number.
        files: a pattern of files by split, as `hub_splits` calls it.
    """
    import yaml

    said = {
        **_licence(licence, manifest.homepage),
        **({"language": [manifest.language]} if manifest.language != "und" else {}),
        "pretty_name": manifest.name,
        "tags": ["sign-language", "pose", "keypoints"],
        "size_categories": [next((name for limit, name in _SIZES if clips < limit), "100K<n<1M")],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": name, "path": path} for name, path in files.items()],
            }
        ],
    }
    text = yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{text}---\n\n"


def _licence(licence: str, homepage: str) -> dict[str, Any]:
    known = licence.lower().replace(" ", "-")
    if known in _LICENCES:
        return {"license": known}
    link = {"license_link": homepage} if homepage else {}
    return {"license": "other", "license_name": licence, **link}
