"""Croissant: what a build is, in the JSON-LD that search engines and hubs read (version 1.0).

    croissant.json      index.parquet, ledger.parquet, labels.json: copies of those of the build

Every file of the build stands in it with its sha256; the shards are named by their places in the
build, so the two belong together: every build has the same `croissant.json` in its folder. The
records are the rows of the index.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from sign_etl.core.files import write_json
from sign_etl.export.base import Selection, VideoUse, Written
from sign_etl.export.card_arrays import network
from sign_etl.reader.tables import INDEX_FILE
from sign_etl.schema.feature_set import feature_member
from sign_etl.schema.records import FeatureSetRecord, ManifestRecord
from sign_etl.schema.tables import INDEX

FILE: Final = "croissant.json"
CONFORMS: Final = "http://mlcommons.org/croissant/1.0"
_CR: Final = "http://mlcommons.org/croissant/"
_CONTEXT: Final[dict[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": _CR,
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The names that version 1.0 of the format prescribes."""

_MEANING: Final = {
    "key": "Name of the sample in its shard",
    "annotation_id": "What the data set calls the clip",
    "source_id": "The source video",
    "split": "Part of the data set",
    "label": "Class as annotated",
    "label_id": "Number of the class in labels.json",
    "gloss": "Gloss or sequence of glosses",
    "text": "Sentence in the spoken language",
    "language": "ISO 639-3 code of the sign language",
    "signer": "Who signs",
    "start_s": "Begin of the span in seconds of the source",
    "end_s": "End of the span in seconds of the source",
    "fps": "Frames per second",
    "frames": "Number of frames",
    "width": "Width of the picture in pixels",
    "height": "Height of the picture in pixels",
    "shard": "The tar that holds the sample",
}
_TYPES: Final = {
    pa.string(): "sc:Text",
    pa.float64(): "sc:Float",
    pa.int32(): "sc:Integer",
}


@dataclass(frozen=True, slots=True)
class Croissant:
    """The format."""

    name: str = "croissant"
    title: str = "Croissant description (JSON-LD)"
    read_by: str = (
        '`mlcroissant.Dataset("croissant.json").records("clips")` gives the rows of the index. The '
        "shards that it names are those of the build: put `croissant.json` beside them."
    )
    video: VideoUse = "none"
    poses: bool = False
    layout: str | None = None
    lost: str = ""

    def write(self, selection: Selection, folder: Path) -> Written:
        """See `Exporter`."""
        build = selection.build
        for name in sorted(build.manifest.files):
            shutil.copyfile(build.path / name, folder / name)
        write_json(folder / FILE, describe(build.manifest, selection.rights.licence))
        notes: tuple[str, ...] = ()
        if set(selection.splits) != {split for split, count in build.splits.items() if count}:
            notes = ("it describes the whole build, whatever splits are asked for",)
        return Written(len(build), notes=notes)


FORMAT = Croissant()


def describe(manifest: ManifestRecord, licence: str) -> dict[str, Any]:
    """The description of a build, from its manifest alone.

    Args:
        manifest: of the build.
        licence: as people should read it.
    """
    clips = sum(manifest.splits.values())
    layouts = ", ".join(f"{name} ({pose.layout})" for name, pose in manifest.poses.items())
    held = [
        *([f"keypoints of {layouts}"] if layouts else []),
        *([f"features {', '.join(manifest.features)}"] if manifest.features else []),
    ]
    files = [
        *(
            _file(name, "application/x-parquet" if name.endswith(".parquet") else _JSON, record)
            for name, record in sorted(manifest.files.items())
        ),
        *(_file(shard.path, "application/x-tar", shard) for shard in manifest.shards),
        *(_features(name, one, manifest) for name, one in manifest.features.items()),
    ]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS,
        "name": manifest.name,
        "description": (
            f"{clips:,} clip{'' if clips == 1 else 's'} of the data set {manifest.dataset} as "
            "WebDataset shards"
            + (f" with {' and '.join(held)}" if held else "")
            + ", built by sign-etl."
        ),
        "version": _version(manifest.recipe_version),
        "license": licence,
        "inLanguage": manifest.language,
        **({"url": manifest.homepage} if manifest.homepage else {}),
        **({"citeAs": manifest.citation} if manifest.citation else {}),
        "distribution": files,
        "recordSet": [_records()],
    }


_JSON: Final = "application/json"


def _version(recipe: str) -> str:
    """Of the annotations, as MAJOR.MINOR.PATCH: `0.3+1` (our first reading of 0.3) is `0.3.0+1`."""
    numbers, plus, rest = recipe.partition("+")
    parts = [part for part in numbers.split(".") if part.isdigit()]
    return ".".join([*parts, "0", "0", "0"][:3]) + plus + rest


def _file(path: str, kind: str, record: Any) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "contentUrl": path,
        "contentSize": f"{record.size_bytes} B",
        "encodingFormat": kind,
        "sha256": record.sha256,
    }


def _features(name: str, one: FeatureSetRecord, manifest: ManifestRecord) -> dict[str, Any]:
    """A set of features: which members of which tars, and which network made them."""
    shape = f"(T, {one.size})" if one.size else "(T, D)"
    files = ", ".join(f"{file} sha256 {digest}" for file, digest in one.weights.items())
    return {
        "@type": "cr:FileSet",
        "@id": f"features/{name}",
        "name": name,
        "description": (
            f"Features of the frozen network {network(one)}: {shape} "
            f"{one.options.get('dtype', 'float16')}, a time step for each frame that it saw"
            + (f"; {files}" if files else "")
        ),
        "containedIn": [{"@id": shard.path} for shard in manifest.shards],
        "encodingFormat": "application/octet-stream",
        "includes": f"*.{feature_member(name)}",
    }


def _records() -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "clips",
        "name": "clips",
        "description": "One row for each clip, as in index.parquet.",
        "key": {"@id": "clips/key"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"clips/{name}",
                "name": name,
                "description": said,
                "dataType": _TYPES[INDEX.field(name).type],
                "source": {
                    "fileObject": {"@id": INDEX_FILE},
                    "extract": {"column": name},
                },
            }
            for name, said in _MEANING.items()
        ],
    }
