"""README.md and croissant.json of a build: what it is, for people and for machines.

The manifest names both with their digests, so `verify` knows them; the digest of the build leaves
them out, since they describe its bytes and are none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sign_etl.core.canonical import canonical_json, sha256_bytes
from sign_etl.core.files import write_bytes
from sign_etl.export.build_card import build_card
from sign_etl.export.card import CARD
from sign_etl.export.croissant import FILE, describe
from sign_etl.export.rights import rights_of
from sign_etl.schema.records import FileRecord, LabelsRecord, ManifestRecord

DOCUMENTS = (CARD, FILE)


def render(
    manifest: ManifestRecord, index: Any, labels: LabelsRecord, access: str
) -> dict[str, bytes]:
    """The documents by name; equal builds have equal ones.

    Args:
        manifest: of the build, whose `documents` are not looked at.
        index: its `pyarrow.Table`.
        labels: its classes.
        access: how the media of the data set are had, see `DatasetCard`.
    """
    rights = rights_of(manifest.licence, access)
    return {
        CARD: build_card(manifest, index, labels.labels, rights).encode("utf-8"),
        FILE: (canonical_json(describe(manifest, rights.licence)) + "\n").encode("utf-8"),
    }


def stand(build: Path, documents: Mapping[str, bytes]) -> bool:
    """Whether these very documents stand in the build already."""
    try:
        return all((build / name).read_bytes() == text for name, text in documents.items())
    except OSError:
        return False


def write(build: Path, documents: Mapping[str, bytes]) -> dict[str, FileRecord]:
    """Write them; returns what the manifest says of them."""
    for name, text in documents.items():
        write_bytes(build / name, text)
    return {
        name: FileRecord(sha256=sha256_bytes(text), size_bytes=len(text))
        for name, text in documents.items()
    }


def withdraw(build: Path) -> None:
    """Take them away: the card names signers, and one may want to be named no more."""
    for name in DOCUMENTS:
        (build / name).unlink(missing_ok=True)
