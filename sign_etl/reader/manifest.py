"""`manifest.json`: the only thing that makes a folder a build."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any, get_args

from pydantic import ValidationError

from sign_etl.core.errors import UsageError, VerifyError
from sign_etl.schema.records import STATE_FOLDER, ManifestRecord

MANIFEST = "manifest.json"
SCHEMA = str(get_args(ManifestRecord.model_fields["schema_"].annotation)[0])


def read_manifest(path: Path) -> ManifestRecord:
    """The manifest of the build in folder `path`.

    Raises:
        UsageError: there is no build.
        VerifyError: a build that did not finish, of another version, or with a damaged manifest.
    """
    try:
        text = (path / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise _no_manifest(path) from None
    try:
        value = json.loads(text)
    except ValueError:
        raise _damaged("it is not JSON") from None
    _check_version(value)
    try:
        manifest = ManifestRecord.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise _damaged(f"{where}: {first['msg']}") from None
    shards = (shard.path for shard in manifest.shards)
    for name in (*shards, *manifest.files, *manifest.documents):
        if not _inside(name):
            raise _damaged(f"`{name}` is not a path inside of the build")
    return manifest


def _no_manifest(path: Path) -> UsageError | VerifyError:
    if (path / STATE_FOLDER).is_dir():
        return VerifyError(
            f"{path} has no manifest: the run did not finish",
            hint=f"run the same ingest again, or look with `sign-etl status {path}`",
        )
    if not path.exists():
        return UsageError(
            f"there is no folder `{path}`", hint="give the folder that `ingest --out` wrote"
        )
    return UsageError(
        f"{path} is not a build: it has no {MANIFEST}",
        hint="give the folder that `ingest --out` wrote",
    )


def _check_version(value: Any) -> None:
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema == SCHEMA:
        return
    family, _, known = SCHEMA.rpartition("/")
    found_family, _, found = str(schema).rpartition("/")
    if found_family != family or not found.isdecimal():
        raise _damaged(f"its schema is not `{SCHEMA}`")
    newer = int(found) > int(known)
    raise VerifyError(
        f"the build has a manifest of version {found}, this sign-etl reads version {known}",
        hint="pip install --upgrade sign-etl" if newer else "build it again with `sign-etl ingest`",
    )


def _damaged(why: str) -> VerifyError:
    return VerifyError(
        f"{MANIFEST} is damaged: {why}", hint="the same `sign-etl ingest` writes it anew"
    )


def _inside(name: str) -> bool:
    # A build may come from somebody else: its manifest must not lead out of its folder.
    pure = PurePosixPath(name)
    return bool(pure.parts) and not pure.is_absolute() and ".." not in pure.parts
