"""What may be trained on, and how its index and its shards are had.

| input | index | shards |
|---|---|---|
| a build folder | `index.parquet`, checked against the manifest | beside it |
| a folder of foreign tars | `sign-etl-index.parquet`, written by `sign-etl index` | beside it |
| an fsspec address of either | fetched into the cache | fetched one by one, when needed |
| `clearml://PROJECT/NAME` | the data set's local copy, as a folder | in there |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sign_etl.core.canonical import digest
from sign_etl.core.errors import MissingExtraError, UsageError
from sign_etl.reader import open_build
from sign_etl.reader.manifest import MANIFEST
from sign_etl.schema.backend_options import PLACES

SIDECAR = "sign-etl-index.parquet"
_ADDRESS = re.compile(r"^([a-z][a-z0-9+.-]+)://")


@dataclass(frozen=True, slots=True)
class Source:
    """One data set of an index.

    Attributes:
        name: of the build, or of the foreign folder.
        root: local folder of its shards; for remote ones, that of the cache.
        digest: binds shards, index and labels; the same wherever the folder is.
        labels: class names, in the order of their ids.
        normal_labels: their normal labels, see `sign_etl.schema.labels`.
        layouts: keypoint layout by backend; empty for foreign data sets.
        networks: by set of features, a digest that binds backend, options and model files; empty
            for foreign data sets.
        array_shapes: inner shape (without time) of arrays by member, for foreign data sets.
        shard_sizes: size in bytes by path, in order.
        remote: fsspec address of the folder, empty where it is local.
        cache_bytes: limit of the cache for remote shards, None for no limit.
    """

    name: str
    root: Path
    digest: str
    labels: tuple[str, ...]
    normal_labels: tuple[str, ...]
    layouts: Mapping[str, str]
    shard_sizes: Mapping[str, int]
    array_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    remote: str = ""
    cache_bytes: int | None = None
    networks: Mapping[str, str] = field(default_factory=dict)


def open_source(
    where: str | Path, *, cache: Path | None = None, cache_bytes: int | None = None
) -> tuple[Source, Any]:
    """A data set and its index, an Arrow table with the columns of `schema.tables.INDEX`.

    Raises:
        UsageError: it is no data set.
        VerifyError: a build is unfinished or damaged.
        MissingExtraError: an address needs a package that is not installed.
    """
    address = _ADDRESS.match(str(where))
    if address is None or address[1] == "file":
        return _open_folder(Path(str(where).removeprefix("file://")))
    if address[1] == "clearml":
        return _open_folder(_clearml_copy(str(where)))
    from sign_etl.stream.remote import fetch_tables

    url = str(where).rstrip("/")
    folder = fetch_tables(url, cache)
    source, table = _open_folder(folder, here=False)
    return replace(source, remote=url, cache_bytes=cache_bytes), table


def _open_folder(folder: Path, *, here: bool = True) -> tuple[Source, Any]:
    folder = folder.absolute()
    if (folder / SIDECAR).is_file() and not (folder / MANIFEST).is_file():
        from sign_etl.stream.foreign import read_sidecar

        return read_sidecar(folder, here=here)
    if folder.is_dir() and not (folder / MANIFEST).exists() and any(folder.rglob("*.tar")):
        raise UsageError(
            f"{folder} has tars but no index", hint=f"run `sign-etl index {folder}` first"
        )
    build = open_build(folder)
    manifest = build.manifest
    sizes = {shard.path: shard.size_bytes for shard in manifest.shards}
    identity = [
        [[shard.path, shard.size_bytes, shard.sha256] for shard in manifest.shards],
        {name: record.sha256 for name, record in manifest.files.items()},
    ]
    source = Source(
        name=manifest.name,
        root=folder,
        digest=digest(identity),
        labels=build.labels,
        normal_labels=build.normal_labels,
        layouts={name: pose.layout for name, pose in manifest.poses.items()},
        shard_sizes=sizes,
        networks={
            name: digest(
                [
                    each.backend,
                    each.version,
                    {key: value for key, value in each.options.items() if key not in PLACES},
                    each.weights,
                ]
            )
            for name, each in manifest.features.items()
        },
    )
    return source, build.index


def _clearml_copy(address: str) -> Path:
    project, _, name = address.removeprefix("clearml://").rpartition("/")
    if not project or not name:
        raise UsageError(f"`{address}` names no data set", hint="write clearml://PROJECT/NAME")
    try:
        from clearml import Dataset
    except ImportError:
        raise MissingExtraError("a ClearML data set", "clearml") from None
    dataset = Dataset.get(dataset_project=project, dataset_name=name)
    return Path(dataset.get_local_copy())
