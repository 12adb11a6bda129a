"""The files beside the shards: read when first asked for, checked against the manifest."""

from __future__ import annotations

from bisect import bisect_left
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sign_etl.core.canonical import sha256_file
from sign_etl.core.errors import VerifyError
from sign_etl.reader.shards import VERIFY_HINT
from sign_etl.schema.records import LabelsRecord, ManifestRecord

INDEX_FILE = "index.parquet"
LEDGER_FILE = "ledger.parquet"
LABELS_FILE = "labels.json"


def load_table(build: Path, manifest: ManifestRecord, name: str) -> Any:
    """The index or the ledger as a `pyarrow.Table`.

    Raises:
        VerifyError: the file is not the one that the manifest names.
    """
    import pyarrow as pa

    from sign_etl.schema.tables import INDEX, LEDGER, read_table

    path = _published(build, manifest, name)
    try:
        return read_table(path, INDEX if name == INDEX_FILE else LEDGER)
    except (ValueError, OSError, pa.ArrowException):
        raise VerifyError(f"{name} is damaged or of another version", hint=VERIFY_HINT) from None


def load_labels(build: Path, manifest: ManifestRecord) -> LabelsRecord:
    """`labels.json`: class names in the order of their ids, with their normal labels.

    Raises:
        VerifyError: the file is not the one that the manifest names.
    """
    path = _published(build, manifest, LABELS_FILE)
    try:
        return LabelsRecord.model_validate_json(path.read_bytes())
    except ValidationError:
        raise VerifyError(f"{LABELS_FILE} is damaged", hint=VERIFY_HINT) from None


class KeyLookup:
    """Row numbers by key: a binary search, 8 bytes a sample where a dict would take 150.

    Args:
        keys: the key column of the index.
    """

    def __init__(self, keys: Any) -> None:
        import pyarrow.compute as pc

        from sign_etl.schema.tables import numbers

        self._keys = keys
        self._order = numbers(pc.sort_indices(keys))

    def row(self, key: str) -> int | None:
        """Number of the row with this key, None where there is none."""
        place = bisect_left(range(len(self._order)), key, key=self._key)
        if place < len(self._order) and self._key(place) == key:
            return int(self._order[place])
        return None

    def _key(self, place: int) -> str:
        return str(self._keys[int(self._order[place])].as_py())


def _published(build: Path, manifest: ManifestRecord, name: str) -> Path:
    path = build / name
    record = manifest.files.get(name)
    if record is None:
        raise VerifyError(f"the manifest names no {name}", hint=VERIFY_HINT)
    try:
        same = path.stat().st_size == record.size_bytes and sha256_file(path) == record.sha256
    except FileNotFoundError:
        raise VerifyError(f"{name} is missing", hint=VERIFY_HINT) from None
    if not same:
        raise VerifyError(f"{name} is not the file that the manifest names", hint=VERIFY_HINT)
    return path
